/** `ganc explain CODE`: what a message is about, with an example and its mend; `ganc explain NAME`: a block of the prelude, whole. */
import { builtins } from '../../compiler/elaborate/builtins.js';
import { type Explanation, explanations } from '../../compiler/elaborate/explanations.js';
import { type PreludeBlock, preludeFiles } from '../../compiler/prelude/blocks.js';
import { messages } from '../../grammar/messages.js';
import { suggest } from '../../grammar/suggest.js';
import { UsageError } from '../errors.js';
import { out, table, wrap } from '../terminal.js';

export interface ExplainOptions {
  readonly json?: boolean;
}

interface Entry extends Explanation {
  readonly code: string;
}

/** Longer lines are hard to read. */
const WIDEST = 100;
/** Only an example of what is too long has longer ones. */
const LONGEST_CODE = 160;

export function explain(topic: string | undefined, options: ExplainOptions): void {
  const entries = allCodes();
  const blocks = preludeFiles().flatMap((file) => file.blocks);
  const entry = entries.find(({ code }) => code === topic?.toUpperCase());
  const block = blocks.find(({ name }) => name === topic);
  if (topic === undefined) list(entries, options);
  else if (options.json && (entry ?? block)) out(`${JSON.stringify(entry ?? block, null, 2)}\n`);
  else if (entry) showEntry(entry);
  else if (block) showBlock(block);
  else
    throw unknown(
      topic,
      entries.map(({ code }) => code),
      blocks.map(({ name }) => name),
    );
}

function allCodes(): Entry[] {
  const syntax = Object.values(messages).map(({ code, about, wrong, right }) => ({ code, about, wrong, right }));
  const rest = Object.entries(explanations).map(([code, { about, wrong, right }]) => ({ code, about, wrong, right }));
  return [...syntax, ...rest].sort((a, b) => (a.code < b.code ? -1 : 1));
}

function unknown(topic: string, codes: readonly string[], blocks: readonly string[]): UsageError {
  if (builtins.has(topic)) return new UsageError(`\`${topic}\` is an operation of the language itself, not a block`, 'docs/language.md says what it does');
  const near = suggest(topic, /^gan\d/i.test(topic) ? codes : blocks);
  return new UsageError(
    `nothing to explain is called \`${topic}\``,
    near ? `did you mean ${near}?` : '`ganc explain` lists the codes, docs/prelude.md the blocks of the prelude',
  );
}

/** The first sentence. */
function summary(about: string): string {
  return /^.*?\.(?=\s|$)/s.exec(about)?.[0] ?? about;
}

function list(entries: readonly Entry[], options: ExplainOptions): void {
  const rows = entries.map(({ code, about }) => ({ code, summary: summary(about) }));
  if (options.json) out(`${JSON.stringify(rows, null, 2)}\n`);
  else out(table(rows.map((row) => [out.colors.bold(row.code), row.summary])));
}

function showEntry({ code, about, wrong, right }: Entry): void {
  const style = out.colors;
  out(`${style.bold(code)}\n\n${wrap(about, Math.min(out.width, WIDEST))}\n\n`);
  out(`${style.red('wrong:')}\n\n${indented(wrong)}\n${style.green('right:')}\n\n${indented(right)}`);
}

function showBlock({ subject, signature, comment, text }: PreludeBlock): void {
  const style = out.colors;
  out(`${style.bold(signature)}\n\n${wrap(comment.replace(/\n/g, ' '), Math.min(out.width, WIDEST))}\n\n`);
  out(`${style.dim(`compiler/prelude/${subject}.gan; a block of your own of that name takes its place`)}\n\n${indented(text)}`);
}

function indented(text: string): string {
  return `${text
    .split('\n')
    .map((line) => (line.length > LONGEST_CODE ? `    ${line.slice(0, LONGEST_CODE)} ...` : `    ${line}`.trimEnd()))
    .join('\n')}\n`;
}
