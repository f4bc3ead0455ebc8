/** Syntax tree to text: the one layout of the language. */
import type {
  Body,
  CallExpr,
  DataField,
  DataItem,
  Expr,
  GameLine,
  Item,
  Name,
  Param,
  ResultType,
  Spec,
  Statement,
  TrainLine,
  TypeExpr,
  VariantItem,
} from './ast.js';
import { readComments } from './comments.js';
import { Diagnostics } from './diagnostics.js';
import { type Doc, either, group, hardline, indent, line, render } from './doc.js';
import { Margin, written } from './margin.js';
import { parse } from './parser.js';
import { ExpressionPrinter, filled, stringText } from './print-expressions.js';
import type { Source, Span } from './source.js';
import { tokenize } from './tokens.js';

const width = 120;

/** Canonical text of a tree, without its comments but with the docs of its nets and blocks. Reads back as the same tree, up to spans. */
export function print(spec: Spec): string {
  return new Printer(new Margin(), true).spec(spec);
}

/** An expression in rows of at most `columns` where that is possible. */
export function printExpression(expression: Expr, columns: number): string {
  return new Printer(new Margin(), false).expression(expression, columns);
}

/** A text in the one layout, its comments and single blank lines kept; undefined, with the reasons in `diagnostics`, where it does not parse. */
export function format(source: Source, diagnostics: Diagnostics): string | undefined {
  const found = new Diagnostics();
  const spec = parse(source, found);
  for (const d of found.list) diagnostics.add(d);
  if (found.failed) return undefined;
  return new Printer(new Margin(readComments(tokenize(source.text).comments, source), source), false).spec(spec);
}

/** Items that stand in rows without blank lines between. */
const short: ReadonlySet<Item['kind']> = new Set(['hyper', 'noise', 'set', 'sample', 'metric']);

interface Row {
  readonly span: Span;
  readonly doc: () => Doc;
  /** What stands between this row and the one before: a blank line, a new line, or space on the same line. */
  readonly lead?: 'blank' | 'beside';
}

class Printer {
  private readonly expressions: ExpressionPrinter;

  constructor(
    private readonly margin: Margin,
    /** Docs are printed from the tree; where comments are kept, they are among these. */
    private readonly docs: boolean,
  ) {
    this.expressions = new ExpressionPrinter(margin, (body) => this.body(body));
  }

  spec(spec: Spec): string {
    const rows = this.rows(
      spec.items.map((item, i) => this.itemRow(item, spec.items[i - 1])),
      0,
    );
    const end = this.margin.gap(Number.POSITIVE_INFINITY);
    const last = spec.items[spec.items.length - 1]?.span.end ?? 0;
    const tail = end.alone.map(
      (comment, i): Doc => [rows.length === 0 && i === 0 ? '' : hardline, i === 0 && this.margin.blank(last, comment.start) ? hardline : '', written(comment)],
    );
    const text = render([rows, end.tail, tail], width);
    return text === '' ? '' : `${text}\n`;
  }

  expression(expression: Expr, columns: number): string {
    return render(this.expressions.expr(expression), columns);
  }

  private itemRow(item: Item, before: Item | undefined): Row {
    const apart = before !== undefined && (before.kind !== item.kind || !short.has(item.kind));
    return { span: item.span, doc: () => this.item(item), ...(apart ? { lead: 'blank' as const } : {}) };
  }

  /** Statements, items or lines below one another, with the comments and blank lines between them. */
  private rows(rows: readonly Row[], from: number): Doc[] {
    let end = from;
    return rows.map(({ span, doc, lead }, i): Doc => {
      const { tail, alone } = this.margin.gap(span.start);
      const out: Doc[] = [tail];
      let separator: Doc = i === 0 ? '' : hardline;
      if (lead === 'beside' && alone.length === 0) separator = '   ';
      let wantsBlank = i > 0 && lead === 'blank';
      for (const comment of alone) {
        out.push(separator, (i > 0 || separator !== '') && (wantsBlank || this.margin.blank(end, comment.start)) ? hardline : '', written(comment));
        separator = hardline;
        wantsBlank = false;
        end = comment.end;
      }
      out.push(separator, separator !== '' && (wantsBlank || this.margin.blank(end, span.start)) ? hardline : '', doc(), this.margin.behind(span.end));
      end = span.end;
      return out;
    });
  }

  /** `{ ... }`: on one line where it holds one row, fits, and was not written on several. */
  private braces(rows: readonly Row[], span: Span, between: Doc = hardline): Doc {
    const first = rows[0];
    if (first === undefined && !this.margin.pending(span.end)) return '{}';
    const brace = span.source.text.indexOf('{', span.start);
    const spread = first !== undefined && brace >= 0 && brace < first.span.start && this.margin.apart(brace, first.span.start);
    if (first !== undefined && !spread && !this.margin.pending(span.end) && (rows.length === 1 || between !== hardline)) {
      return group(['{', indent([line, rows.map((row, i): Doc => [i === 0 ? '' : between, row.doc()])]), line, '}']);
    }
    const opening = first === undefined ? '' : this.margin.tail(first.span.start);
    const docs = this.rows(rows, brace < 0 ? 0 : brace);
    const { tail, alone } = this.margin.gap(span.end);
    const rest = alone.map((comment, i): Doc => [rows.length === 0 && i === 0 ? '' : hardline, written(comment)]);
    return ['{', opening, indent([hardline, docs, tail, rest]), hardline, '}'];
  }

  private body(body: Body): Doc {
    return this.braces(
      body.statements.map((s) => ({ span: s.span, doc: () => this.statement(s) })),
      body.span,
    );
  }

  // ---------------------------------------------------------------- statements

  private statement(s: Statement): Doc {
    const e = this.expressions;
    switch (s.kind) {
      case 'bind':
        return [s.name.text, ' = ', e.expr(s.value)];
      case 'advance':
        return [s.name.text, ' <- ', e.expr(s.value)];
      case 'state':
        return ['state ', s.name.text, ': ', e.expr(s.shape), ' = ', e.expr(s.initial)];
      case 'weight':
        return [
          'weight ',
          s.name.text,
          s.stored === undefined ? '' : [' as ', stringText(s.stored.text)],
          ': ',
          e.expr(s.shape),
          s.drawn ? ' ~ ' : ' = ',
          e.expr(s.initial),
        ];
      case 'require':
        return ['require ', e.behindWord(s.condition), s.message === undefined ? '' : [', ', stringText(s.message.text)]];
      case 'for':
        return ['for ', s.name.text, ' in ', e.header(s.over), ' ', this.body(s.body)];
      case 'expr':
        return e.statement(s.value);
      default:
        return this.item(s);
    }
  }

  // ---------------------------------------------------------------- items

  private item(item: Item): Doc {
    const e = this.expressions;
    switch (item.kind) {
      case 'extends':
        return ['extends ', stringText(item.path.text)];
      case 'hyper':
        return ['hyper ', item.name.text, ' = ', e.expr(item.value), item.choices === undefined ? '' : [' in ', e.expr(item.choices)]];
      case 'data':
        return this.data(item);
      case 'noise':
        return ['noise ', item.name.text, ': ', this.type(item.type), item.range === undefined ? '' : [' in ', e.expr(item.range)]];
      case 'net':
        return [
          this.doc(item.doc),
          'net ',
          item.name.text,
          this.params(item.params, item.body.span.start),
          this.result(item.result),
          ' ',
          this.body(item.body),
        ];
      case 'block':
        return [this.doc(item.doc), 'block ', item.name.text, this.params(item.params, item.body.span.start), ' ', this.body(item.body)];
      case 'judge':
        return ['judge ', item.name.text, this.params(item.params, item.body.span.start), this.result(item.result), ' ', this.body(item.body)];
      case 'set':
        return [
          'set ',
          filled(
            e.expr(item.calls[0]),
            item.calls.slice(1).map((call): Doc => [',', line, e.expr(call)]),
          ),
        ];
      case 'game':
        return [
          'game ',
          this.braces(
            item.lines.map((l) => ({ span: l.span, doc: () => this.gameLine(l) })),
            item.span,
          ),
        ];
      case 'train':
        return ['train ', this.schedule(item.lines, item.span)];
      case 'sample':
      case 'metric':
        return [item.kind, ' ', item.name.text, ' = ', e.expr(item.value)];
      case 'variant':
        return this.variant(item);
    }
  }

  private doc(text: string | undefined): Doc {
    return text === undefined || !this.docs ? '' : text.split('\n').map((row): Doc => [written({ text: row }), hardline]);
  }

  private params(params: readonly Param[], end: number): Doc {
    const one = (p: Param): Doc => (p.annotation === undefined ? p.name.text : [p.name.text, ': ', this.expressions.expr(p.annotation)]);
    return this.expressions.bracketed(
      '(',
      params.map((p) => ({ start: p.span.start, doc: () => one(p) })),
      ')',
      Math.min(end, params[params.length - 1]?.span.end ?? 0),
    );
  }

  private result(result: ResultType | undefined): Doc {
    if (result === undefined) return '';
    return result.kind === 'typed' ? [' -> ', this.type(result.type)] : ` -> {${names(result.names)}}`;
  }

  private type(type: TypeExpr): Doc {
    return [type.name?.text ?? '', this.expressions.sizes(type.args, type.span.end)];
  }

  private data(item: DataItem): Doc {
    const one = (f: DataField): Doc => [
      f.name.text,
      ': ',
      this.type(f.type),
      f.optional === undefined ? '' : [' optional ', this.expressions.behindWord(f.optional)],
    ];
    const rows = item.fields.map((f) => ({ span: f.span, doc: () => one(f) }));
    const place = { ...item.span, start: item.origin.span.end };
    return ['data ', item.name.text, ' = ', this.call(item.origin), ' ', this.braces(rows, place, [either('', ' '), line])];
  }

  private call(call: CallExpr): Doc {
    return this.expressions.expr(call);
  }

  private gameLine(l: GameLine): Doc {
    const e = this.expressions;
    switch (l.kind) {
      case 'player':
        return ['player ', l.name.text, ' = ', names(l.nets)];
      case 'binding':
        return [l.shared ? 'shared ' : '', l.name.text, ' = ', e.expr(l.value)];
      case 'objective':
        return [l.player.text, ' ', l.goal, ' ', l.value.kind === 'record' && l.value.fields.length > 0 ? e.expr(l.value) : e.behindWord(l.value)];
      case 'report':
        return ['report ', l.name.text, ' = ', e.expr(l.value), l.player === undefined ? '' : ` in ${l.player.text}`];
      default:
        return this.statement(l);
    }
  }

  private schedule(lines: readonly TrainLine[], span: Span): Doc {
    return this.braces(
      lines.map((l, i): Row => ({ span: l.span, doc: () => this.trainLine(l), ...(this.beside(lines[i - 1], l) ? { lead: 'beside' as const } : {}) })),
      span,
    );
  }

  /** Settings that share a line go on doing so. */
  private beside(before: TrainLine | undefined, l: TrainLine): boolean {
    return before?.kind === 'setting' && l.kind === 'setting' && this.margin.together(before.span.end, l.span.start);
  }

  private trainLine(l: TrainLine): Doc {
    const e = this.expressions;
    switch (l.kind) {
      case 'setting':
        return [l.name.text, ' ', e.behindWord(l.value)];
      case 'update':
        return [l.player.text, ' with ', this.call(l.optimizer), l.options.map((o): Doc => [', ', o.name.text, ' ', e.behindWord(o.value)])];
      case 'phase':
        return ['phase ', l.name.text, ' steps ', e.between(l.steps), ' ', this.schedule(l.lines, { ...l.span, start: l.steps.span.end })];
    }
  }

  private variant(item: VariantItem): Doc {
    const values = item.values.map(
      (v): Row => ({ span: { ...v.name.span, end: v.value.span.end }, doc: () => [v.name.text, ' = ', this.expressions.expr(v.value)] }),
    );
    const items = item.items.map((inner): Row => ({ span: inner.span, doc: () => this.item(inner) }));
    const rows = [...values, ...items].sort((a, b) => a.span.start - b.span.start);
    return ['variant ', item.name.text, ' ', this.braces(rows, item.span)];
  }
}

function names(list: readonly Name[]): string {
  return list.map((n) => n.text).join(', ');
}
