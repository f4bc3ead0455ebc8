/** Expressions as documents, with just the parentheses that the grammar needs. */
import type { Argument, BinaryExpr, Body, Expr, IndexItem, NumberExpr, PipeExpr } from './ast.js';
import { type Doc, group, indent, line, softline } from './doc.js';
import type { Margin } from './margin.js';
import { binary, power } from './operators.js';

/** Words that say what a line is when they stand second on it. */
const second: ReadonlySet<string> = new Set(['with', 'maximizes', 'minimizes']);

export class ExpressionPrinter {
  constructor(
    private readonly margin: Margin,
    private readonly printBody: (body: Body) => Doc,
  ) {}

  /** `least` is the power that the surroundings need; a looser expression gets parentheses. */
  expr(e: Expr, least: number = power.pipe): Doc {
    const doc = this.bare(e);
    return powerOf(e) < least ? parenthesised(doc) : doc;
  }

  /** An expression in front of the `{` of a body: a choice, which ends in a body, is set apart from it. */
  header(e: Expr): Doc {
    return e.kind === 'if' ? parenthesised(this.bare(e)) : this.expr(e);
  }

  /** An expression behind a word: there `{` begins a body, and some words make it a line of another kind. */
  behindWord(e: Expr): Doc {
    const first = leftmost(e);
    const hidden = first?.kind === 'record' || (first?.kind === 'name' && second.has(first.name));
    return hidden ? parenthesised(this.bare(e)) : this.expr(e);
  }

  /** Both: `phase warm steps n { ... }`. */
  between(e: Expr): Doc {
    return e.kind === 'if' ? parenthesised(this.bare(e)) : this.behindWord(e);
  }

  /** As a statement of its own: what would be read as part of the line before, or as another statement, gets parentheses. */
  statement(e: Expr): Doc {
    const first = leftmost(e);
    const hidden = (first?.kind === 'unary' && first.op === '-') || (first?.kind === 'name' && first.name === 'require');
    return hidden ? parenthesised(this.bare(e)) : this.expr(e);
  }

  private bare(e: Expr): Doc {
    switch (e.kind) {
      case 'number':
        return numberText(e);
      case 'string':
        return stringText(e.text);
      case 'bool':
        return String(e.value);
      case 'none':
        return 'none';
      case 'hole':
      case 'broken':
        return '_';
      case 'name':
        return e.name;
      case 'list':
        return this.bracketed(
          '[',
          e.items.map((item) => ({ start: item.span.start, doc: () => this.expr(item) })),
          ']',
          e.span.end,
        );
      case 'record':
        return this.bracketed(
          '{',
          e.fields.map((f) => ({ start: f.name.span.start, doc: () => [f.name.text, ': ', this.expr(f.value)] })),
          '}',
          e.span.end,
        );
      case 'unary':
        return e.op === '-' ? ['-', this.expr(e.value, power.minus)] : ['not ', this.expr(e.value, power.comparison)];
      case 'binary':
        return e.op === '^' ? [this.expr(e.left, power.postfix), '^', this.expr(e.right, power.minus)] : this.chain(e);
      case 'range':
        return [this.expr(e.from, power.range + 1), '..', this.expr(e.to, power.range + 1)];
      case 'call':
        return [this.target(e.callee), this.args(e.args, e.span.end), e.alias === undefined ? '' : ` as ${e.alias.text}`];
      case 'pipe':
        return this.pipe(e);
      case 'index':
        return [
          this.target(e.target),
          this.bracketed(
            '[',
            e.items.map((item) => ({ start: item.span.start, doc: () => this.indexItem(item) })),
            ']',
            e.span.end,
          ),
        ];
      case 'field':
        return [this.target(e.target), '.', e.name.text];
      case 'if': {
        const then: Doc = ['if ', this.header(e.condition), ' ', this.printBody(e.then)];
        if (e.otherwise === undefined) return then;
        const [only, ...more] = e.otherwise.statements;
        const chained = more.length === 0 && only?.kind === 'expr' && only.value.kind === 'if';
        return [then, ' else ', chained ? this.bare(only.value) : this.printBody(e.otherwise)];
      }
    }
  }

  /** What a call, an index or a field is taken of. */
  private target(e: Expr): Doc {
    const loose = e.kind === 'call' && e.alias !== undefined;
    return loose ? parenthesised(this.bare(e)) : this.expr(e, power.postfix);
  }

  private chain(e: BinaryExpr): Doc {
    const { power: strength, side } = binary[e.op];
    const row: BinaryExpr[] = [e];
    let first = e.left;
    while (side === 'left' && first.kind === 'binary' && powerOf(first) === strength) {
      row.unshift(first);
      first = first.left;
    }
    const start = this.expr(first, side === 'none' ? strength + 1 : strength);
    return filled(
      start,
      row.map(({ op, right }): Doc => [this.margin.inside(right.span.start), line, op, ' ', this.expr(right, strength + 1)]),
    );
  }

  private pipe(e: PipeExpr): Doc {
    const row: PipeExpr[] = [e];
    let first = e.left;
    while (first.kind === 'pipe') {
      row.unshift(first);
      first = first.left;
    }
    // The pipe binds loosest, which is easily forgotten: an operation on its left is set apart.
    const start = this.expr(first, power.postfix);
    const stage = ({ right, alias }: PipeExpr): Doc => [
      this.margin.inside(right.span.start),
      [line, '|> ', this.expr(right, power.postfix), alias === undefined ? '' : ` as ${alias.text}`],
    ];
    return filled(start, row.map(stage));
  }

  /** `(a, name: b | c)`. */
  args(args: readonly Argument[], end: number): Doc {
    return this.bracketed(
      '(',
      args.map((a) => this.argument(a)),
      ')',
      end,
    );
  }

  /** `[9, words: 32]`. */
  sizes(args: readonly Argument[], end: number): Doc {
    return this.bracketed(
      '[',
      args.map((a) => this.argument(a)),
      ']',
      end,
    );
  }

  private argument({ span, name, value, afterBar }: Argument): Element {
    return { start: span.start, bar: afterBar === true, doc: () => (name === undefined ? this.expr(value) : [name.text, ': ', this.expr(value)]) };
  }

  private indexItem(item: IndexItem): Doc {
    if (item.kind === 'at') return this.expr(item.value);
    const part = (e: Expr | undefined): Doc => (e === undefined ? '' : this.expr(e));
    return [part(item.from), ':', part(item.to), item.step === undefined ? '' : [':', this.expr(item.step)]];
  }

  /** A row in brackets; comments among its elements stay with them. */
  bracketed(open: string, elements: readonly Element[], close: string, end: number): Doc {
    if (elements.length === 0) return [open, this.margin.inside(end), close];
    const rows = elements.map(({ start, doc, bar }, i): Doc => {
      const separator = i === 0 ? '' : bar === true ? ' |' : ',';
      return [separator, this.margin.inside(start), i === 0 ? softline : line, doc()];
    });
    return group([open, indent([rows, this.margin.inside(end)]), softline, close]);
  }
}

/** `doc` is made when its turn comes, so that comments are handed out in order. */
interface Element {
  readonly start: number;
  readonly doc: () => Doc;
  readonly bar?: boolean;
}

function parenthesised(doc: Doc): Doc {
  return group(['(', indent([softline, doc]), softline, ')']);
}

/** As many parts on a line as there is room for. */
export function filled(start: Doc, parts: readonly Doc[]): Doc {
  return [start, indent(parts.map(group))];
}

export function powerOf(e: Expr): number {
  switch (e.kind) {
    case 'pipe':
      return power.pipe;
    case 'binary':
      return binary[e.op].power;
    case 'range':
      return power.range;
    case 'unary':
      return e.op === '-' ? power.minus : power.not;
    case 'if':
      return power.choice;
    default:
      return power.postfix;
  }
}

/** The expression whose text comes first; undefined where that is a parenthesis. */
function leftmost(e: Expr): Expr | undefined {
  const down = (inner: Expr, least: number): Expr | undefined => (powerOf(inner) < least ? undefined : leftmost(inner));
  switch (e.kind) {
    case 'pipe':
      return e.left.kind === 'pipe' ? leftmost(e.left) : down(e.left, power.postfix);
    case 'binary':
      return down(e.left, e.op === '^' ? power.postfix : binary[e.op].side === 'none' ? binary[e.op].power + 1 : binary[e.op].power);
    case 'range':
      return down(e.from, power.range + 1);
    case 'call':
      return down(e.callee, power.postfix);
    case 'index':
    case 'field':
      return down(e.target, power.postfix);
    default:
      return e;
  }
}

/** As the number was written, else the shortest text that reads back as it, with a point or exponent where it is not exact. */
export function numberText({ value, exact, span }: NumberExpr): string {
  const written = span.source.text.slice(span.start, span.end);
  if (/^[0-9][0-9.]*(e-?[0-9]+)?$/.test(written) && Number(written) === value && exact !== /[.e]/.test(written)) return written;
  if (exact) return BigInt(value).toString();
  const plain = String(value).replace('e+', 'e');
  const [digits, exponent] = value.toExponential().replace('e+', 'e').split('e');
  const short = `${digits}e${exponent}`;
  if (/[.e]/.test(plain)) return short.length + 1 < plain.length ? short : plain;
  return plain.length > 6 ? short : `${plain}.0`;
}

export function stringText(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
