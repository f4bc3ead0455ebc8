/** Makes diagnostics of what Chevrotain's parser raises. */
import type { IRecognitionException, IToken } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import { messages, report } from './messages.js';
import type { Source } from './source.js';
import * as t from './tokens.js';

export function reportFaults(faults: readonly IRecognitionException[], source: Source, diagnostics: Diagnostics): void {
  for (const fault of faults) {
    const token = fault.token;
    const span = place(token, fault, source);
    report(diagnostics, messages.unexpected, span, [describe(token), `(${fault.message} in ${fault.context.ruleStack.join(' ')})`, undefined]);
  }
}

function place(token: IToken, fault: IRecognitionException, source: Source) {
  if (Number.isFinite(token.startOffset)) return { source, start: token.startOffset, end: t.endOf(token) };
  const before = (fault as unknown as { previousToken?: IToken }).previousToken;
  const end = before !== undefined && Number.isFinite(before.startOffset) ? t.endOf(before) : 0;
  return { source, start: end, end };
}

function describe(token: IToken): string {
  if (!Number.isFinite(token.startOffset)) return 'the end of the text';
  return `\`${token.image}\``;
}
