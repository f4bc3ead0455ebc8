/** Looks at how the items of a text begin, before it is parsed: a misspelt word is read as the word that was meant, and a line that is no item is left out. */
import type { IToken, TokenType } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import type { LaidOut } from './layout.js';
import { messages, report } from './messages.js';
import type { Source } from './source.js';
import { suggest } from './suggest.js';
import * as t from './tokens.js';

const items: ReadonlyMap<string, TokenType> = new Map([
  ['extends', t.Extends],
  ['hyper', t.Hyper],
  ['data', t.Data],
  ['noise', t.Noise],
  ['net', t.Net],
  ['block', t.Block],
  ['set', t.SetWord],
  ['game', t.Game],
  ['train', t.Train],
  ['sample', t.Sample],
  ['judge', t.Judge],
  ['metric', t.Metric],
  ['variant', t.Variant],
]);
const itemTypes: ReadonlySet<TokenType> = new Set(items.values());

/** Words that begin a line elsewhere, and where. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ['player', 'game { ... }'],
  ['report', 'game { ... }'],
  ['shared', 'game { ... }'],
  ['batch', 'train { ... }'],
  ['steps', 'train { ... }'],
  ['phase', 'train { ... }'],
  ['accumulate', 'train { ... }'],
  ['state', 'the body of a net, block or game'],
  ['weight', 'the body of a net or block'],
  ['require', 'the body of a net, block or game'],
  ['for', 'the body of a net or block'],
  ['if', 'the body of a net or block'],
]);

/** `silent` where the braces of the text did not pair: what stands at the top level is then only a consequence. */
export function checkItems({ tokens, closers }: LaidOut, source: Source, diagnostics: Diagnostics, silent: boolean): LaidOut {
  const out: IToken[] = [];
  let moved = false;
  /** Lines in a row that belong to the same other place are one mistake: this place. */
  let run: string | undefined;
  for (let i = 0; i < tokens.length; ) {
    // Each item stands behind its newline.
    const first = tokens[i + 1];
    let end = i + 1;
    while (end < tokens.length && tokens[end].tokenType !== t.Newline) end = (closers.get(tokens[end]) ?? end) + 1;
    const second = tokens[i + 2];
    const head = itemTypes.has(first.tokenType) ? first : meant(first, second);
    if (head === first) {
      run = undefined;
    } else if (head !== undefined) {
      report(diagnostics, messages.unknownItem, { source, start: first.startOffset, end: t.endOf(first) }, [first.image, suggest(first.image, items.keys())]);
      run = undefined;
    } else {
      const place = placeOf(first, second);
      if (!silent && place !== run) explain(first, second, source, diagnostics, place);
      run = place;
    }
    if (head !== undefined) out.push(tokens[i], head, ...tokens.slice(i + 2, end));
    if (head !== first) moved = true;
    i = end;
  }
  return moved ? { tokens: out, closers: pairs(out) } : { tokens, closers };
}

function meant(first: IToken, second: IToken | undefined): IToken | undefined {
  if (first.tokenType !== t.Identifier || second === undefined) return undefined;
  const near = suggest(first.image, items.keys());
  const type = near === undefined ? undefined : (items.get(near) as TokenType);
  const name = t.isA(second.tokenType, t.Word);
  const fits = type === t.Game || type === t.Train ? second.tokenType === t.LCurly : type === t.Extends ? second.tokenType === t.StringLiteral : name;
  return type !== undefined && fits ? t.retype(first, type) : undefined;
}

/** Where a line that is no item belongs; empty where it cannot be told. */
function placeOf(first: IToken, second: IToken | undefined): string {
  const type = second?.tokenType;
  if (type === t.Equals) return '';
  if (type === t.Maximizes || type === t.Minimizes) return 'game { ... }';
  if (type === t.With) return 'train { ... }';
  return elsewhere.get(first.image) ?? '';
}

function explain(first: IToken, second: IToken | undefined, source: Source, diagnostics: Diagnostics, place: string): void {
  const span = { source, start: first.startOffset, end: t.endOf(first) };
  if (place !== '') report(diagnostics, messages.misplacedLine, span, [first.image, place]);
  else if (!t.isA(first.tokenType, t.Word)) report(diagnostics, messages.looseExpression, span, [`\`${first.image}\``]);
  else if (second?.tokenType === t.Equals) report(diagnostics, messages.looseStatement, span, [first.image]);
  else report(diagnostics, messages.unknownItem, span, [first.image, suggest(first.image, items.keys())]);
}

function pairs(tokens: readonly IToken[]): Map<IToken, number> {
  const found = new Map<IToken, number>();
  const stack: IToken[] = [];
  tokens.forEach((token, i) => {
    if (token.tokenType === t.LParen || token.tokenType === t.LSquare || token.tokenType === t.LCurly) stack.push(token);
    else if (token.tokenType === t.RParen || token.tokenType === t.RSquare || token.tokenType === t.RCurly) found.set(stack.pop() as IToken, i);
  });
  return found;
}
