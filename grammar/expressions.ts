/** The grammar of expressions. Operators are read as a flat row and bound by `climb.ts`. */
import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import type { Argument, Body, Expr, IndexItem, Name, StringExpr } from './ast.js';
import { EOF } from './chevrotain.js';
import { climb, type Part } from './climb.js';
import { messages, report } from './messages.js';
import { GrammarParser } from './recovery.js';
import type { Span } from './source.js';
import * as t from './tokens.js';

const operandStarts: ReadonlySet<TokenType> = new Set([t.NumberLiteral, t.StringLiteral, t.True, t.False, t.None, t.Hole, t.If, t.LCurly]);

export interface PairItem {
  readonly name: Name;
  readonly value: Expr;
}

export abstract class ExpressionParser extends GrammarParser {
  /** `as` names that wait for the pipe that may take them. */
  protected readonly loose = new Map<Expr, Name>();

  abstract body: ParserMethod<[], Body>;

  private get operandNext(): boolean {
    return operandStarts.has(this.peek(1)) || this.wordAt(1);
  }

  // ---------------------------------------------------------------- expressions

  expression = this.RULE(
    'expression',
    (): Expr => {
      const first = this.LA(1);
      let left = this.SUBRULE(this.operation);
      this.MANY(() => {
        this.CONSUME(t.Pipe);
        const right = this.SUBRULE2(this.operation);
        left = this.ACTION(() => this.piped(left, right, this.from(first)));
      });
      return left;
    },
    { recoveryValueFunc: () => this.broken() },
  );

  private piped(left: Expr, right: Expr, span: Span): Expr {
    if (right.kind === 'binary' || right.kind === 'unary' || right.kind === 'range') this.say(messages.pipeTarget, right.span, 'operation');
    else if (right.kind !== 'call' && right.kind !== 'name' && right.kind !== 'field' && right.kind !== 'broken')
      this.say(messages.pipeTarget, right.span, 'other');
    const alias = this.loose.get(right);
    this.loose.delete(right);
    return { kind: 'pipe', span, left, right, ...(alias === undefined ? {} : { alias }) };
  }

  operation = this.RULE(
    'operation',
    (): Expr => {
      const parts: Part[] = [];
      this.SUBRULE(this.operand, { ARGS: [parts] });
      this.MANY(() => {
        parts.push({ kind: 'infix', token: this.CONSUME(t.BinaryOperator) });
        this.SUBRULE2(this.operand, { ARGS: [parts] });
      });
      return this.ACTION(() => climb(parts, this.source, (token) => this.say(messages.chainedComparison, this.spanOf(token), token.image)));
    },
    { recoveryValueFunc: () => this.broken() },
  );

  private operand = this.RULE('operand', (parts: Part[]): void => {
    this.MANY(() => {
      const token = this.OR([{ ALT: () => this.CONSUME(t.Minus) }, { ALT: () => this.CONSUME(t.Not) }]);
      this.ACTION(() => parts.push({ kind: 'prefix', token }));
    });
    const first = this.LA(1);
    let expr = this.broken();
    try {
      expr = this.SUBRULE(this.postfix);
    } finally {
      this.ACTION(() => {
        const { start, end } = this.from(first);
        parts.push({ kind: 'operand', expr, start, end });
      });
    }
  });

  private postfix = this.RULE(
    'postfix',
    (): Expr => {
      const first = this.LA(1);
      let expr = this.SUBRULE(this.atom);
      this.MANY(() => {
        const target = expr;
        expr = this.OR<Expr>([
          {
            ALT: () => {
              const args = this.SUBRULE(this.args);
              return { kind: 'call', span: this.from(first), callee: target, args };
            },
          },
          {
            ALT: () => {
              const items = this.SUBRULE(this.index);
              return { kind: 'index', span: this.from(first), target, items };
            },
          },
          {
            ALT: () => {
              this.CONSUME(t.Dot);
              const name = this.nameOf(this.CONSUME(t.Word));
              return { kind: 'field', span: this.from(first), target, name };
            },
          },
        ]);
      });
      this.OPTION(() => {
        const as = this.CONSUME(t.As);
        const name = this.nameOf(this.CONSUME2(t.Word));
        expr = this.ACTION(() => this.aliased(expr, name, first, as));
      });
      return expr;
    },
    { recoveryValueFunc: () => this.broken() },
  );

  private aliased(expr: Expr, alias: Name, first: IToken, as: IToken): Expr {
    if (expr.kind === 'call') return { ...expr, span: this.from(first), alias };
    const copy = { ...expr, span: expr.span };
    const span = this.from(as);
    this.loose.set(copy, { text: alias.text, span: alias.span });
    this.looseSpans.set(copy, span);
    return copy;
  }

  private readonly looseSpans = new Map<Expr, Span>();

  /** Reports the `as` names that no pipe took. */
  protected reportLoose(): void {
    for (const [expr, name] of this.loose) report(this.diagnostics, messages.looseAlias, this.looseSpans.get(expr) ?? name.span, [name.text]);
    this.loose.clear();
    this.looseSpans.clear();
  }

  private atom = this.RULE(
    'atom',
    (): Expr => {
      const first = this.LA(1);
      return this.OR<Expr>({
        DEF: [
          { ALT: () => this.SUBRULE(this.number) },
          { ALT: () => this.SUBRULE(this.text) },
          { ALT: () => this.given(this.CONSUME(t.True), { kind: 'bool', span: this.spanOf(first), value: true }) },
          { ALT: () => this.given(this.CONSUME(t.False), { kind: 'bool', span: this.spanOf(first), value: false }) },
          { ALT: () => this.given(this.CONSUME(t.None), { kind: 'none', span: this.spanOf(first) }) },
          { ALT: () => this.given(this.CONSUME(t.Hole), { kind: 'hole', span: this.spanOf(first) }) },
          { ALT: () => ({ kind: 'name', span: this.spanOf(first), name: this.CONSUME(t.Word).image }) },
          {
            ALT: () => {
              this.CONSUME(t.LParen);
              const inner = this.SUBRULE(this.expression);
              this.CONSUME(t.RParen);
              return inner;
            },
          },
          { ALT: () => this.SUBRULE(this.list) },
          { ALT: () => this.SUBRULE(this.record) },
          { ALT: () => this.SUBRULE(this.choice) },
        ],
        ERR_MSG: 'expression',
      });
    },
    { recoveryValueFunc: () => this.broken() },
  );

  private number = this.RULE('number', (): Expr => {
    const token = this.CONSUME(t.NumberLiteral);
    const span = this.spanOf(token);
    const value = Number(token.image);
    this.ACTION(() => {
      if (!Number.isFinite(value)) this.say(messages.hugeNumber, span, token.image);
    });
    return { kind: 'number', span, value, exact: !/[.eE]/.test(token.image) };
  });

  text = this.RULE('text', (): StringExpr => {
    const token = this.CONSUME(t.StringLiteral);
    const span = this.spanOf(token);
    const text = token.image.slice(1, -1).replace(/\\(.)/gs, (sequence: string, char: string) => {
      if (char === 'n') return '\n';
      if (char === '"' || char === '\\') return char;
      this.say(messages.badEscape, span, sequence);
      return sequence;
    });
    return { kind: 'string', span, text };
  });

  private list = this.RULE('list', (): Expr => {
    const first = this.CONSUME(t.LSquare);
    const items: Expr[] = [];
    this.OPTION(() => {
      items.push(this.SUBRULE(this.expression));
      this.MANY(() => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(t.Comma);
              this.OPTION2(() => items.push(this.SUBRULE2(this.expression)));
              this.extraComma('an item');
            },
          },
          {
            GATE: () => this.operandNext,
            ALT: () => {
              this.missingComma('items');
              items.push(this.SUBRULE3(this.expression));
            },
          },
        ]);
      });
    });
    this.CONSUME(t.RSquare);
    return { kind: 'list', span: this.from(first), items };
  });

  private record = this.RULE('record', (): Expr => {
    const first = this.CONSUME(t.LCurly);
    const fields: PairItem[] = [];
    this.OPTION(() => {
      fields.push(this.SUBRULE(this.pair));
      this.MANY(() => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(t.Comma);
              this.OPTION2(() => fields.push(this.SUBRULE2(this.pair)));
              this.extraComma('a field');
            },
          },
          {
            ALT: () => {
              this.missingComma('fields');
              fields.push(this.SUBRULE3(this.pair));
            },
          },
        ]);
      });
    });
    this.CONSUME(t.RCurly);
    return { kind: 'record', span: this.from(first), fields: fields.filter((f) => f !== undefined) };
  });

  private pair = this.RULE('pair', (): PairItem => {
    const name = this.nameOf(this.CONSUME(t.Word));
    this.SUBRULE(this.colon, { ARGS: [name.text] });
    const value = this.SUBRULE(this.expression);
    return { name, value };
  });

  /** The colon of a named argument, a field or a default; `=` is read as one, with a message. */
  protected colon = this.RULE('colon', (name: string): void => {
    this.OR([
      { ALT: () => this.CONSUME(t.Colon) },
      {
        ALT: () => {
          const token = this.CONSUME(t.Equals);
          this.say(messages.argumentEquals, this.spanOf(token), name);
        },
      },
    ]);
  });

  protected missingComma(what: string): void {
    this.ACTION(() => {
      const next = this.LA(1);
      this.say(messages.missingComma, this.spanOf(next), next.image, what);
    });
  }

  /** After a comma: refuses a second one. */
  protected extraComma(what: string): void {
    this.ACTION(() => {
      if (this.LA(0).tokenType === t.Comma && this.peek(1) === t.Comma) this.say(messages.emptyArgument, this.spanOf(this.LA(1)), what);
    });
  }

  /** `(a, name: b | c)`. */
  args = this.RULE(
    'args',
    (): Argument[] => {
      const list: Argument[] = [];
      let bars = 0;
      this.CONSUME(t.LParen);
      this.OPTION(() => {
        list.push(this.SUBRULE(this.argument, { ARGS: [false] }));
        this.MANY(() => {
          this.OR([
            {
              ALT: () => {
                this.CONSUME(t.Comma);
                this.OPTION2(() => list.push(this.SUBRULE2(this.argument, { ARGS: [false] })));
                this.extraComma('an argument');
              },
            },
            {
              ALT: () => {
                const bar = this.CONSUME(t.Bar);
                bars++;
                if (bars > 1) this.say(messages.barPlace, this.spanOf(bar), 'a call has one bar');
                list.push(this.SUBRULE3(this.argument, { ARGS: [bars === 1] }));
              },
            },
            {
              GATE: () => this.operandNext,
              ALT: () => {
                this.missingComma('arguments');
                list.push(this.SUBRULE4(this.argument, { ARGS: [false] }));
              },
            },
          ]);
        });
      });
      this.CONSUME(t.RParen);
      return list;
    },
    { recoveryValueFunc: () => [] },
  );

  protected argument = this.RULE(
    'argument',
    (afterBar: boolean): Argument => {
      const first = this.LA(1);
      let name: Name | undefined;
      this.OPTION({
        GATE: () => this.wordAt(1) && (this.peek(2) === t.Colon || this.peek(2) === t.Equals),
        DEF: () => {
          name = this.nameOf(this.CONSUME(t.Word));
          this.SUBRULE(this.colon, { ARGS: [name.text] });
        },
      });
      const value = this.SUBRULE(this.expression);
      return { span: this.from(first), ...(name === undefined ? {} : { name }), value, ...(afterBar ? { afterBar } : {}) };
    },
    {
      recoveryValueFunc: (): Argument => {
        const value = this.broken();
        return { span: value.span, value };
      },
    },
  );

  /** `[a, b: c]`. */
  private index = this.RULE(
    'index',
    (): IndexItem[] => {
      const list: IndexItem[] = [];
      const open = this.CONSUME(t.LSquare);
      this.OPTION(() => {
        list.push(this.SUBRULE(this.indexItem));
        this.MANY(() => {
          this.OR([
            {
              ALT: () => {
                this.CONSUME(t.Comma);
                this.OPTION2(() => list.push(this.SUBRULE2(this.indexItem)));
                this.extraComma('an index');
              },
            },
            {
              GATE: () => this.operandNext,
              ALT: () => {
                this.missingComma('indices');
                list.push(this.SUBRULE3(this.indexItem));
              },
            },
          ]);
        });
      });
      this.CONSUME(t.RSquare);
      if (list.length === 0) this.say(messages.emptyIndex, this.from(open));
      return list;
    },
    { recoveryValueFunc: () => [] },
  );

  private indexItem = this.RULE(
    'indexItem',
    (): IndexItem => {
      const first = this.LA(1);
      return this.OR<IndexItem>([
        {
          ALT: () => {
            const { to, step } = this.SUBRULE(this.sliceEnd);
            return { kind: 'slice', span: this.from(first), ...(to && { to }), ...(step && { step }) };
          },
        },
        {
          ALT: () => {
            const value = this.SUBRULE(this.expression);
            let end: { to?: Expr; step?: Expr } | undefined;
            this.OPTION(() => {
              end = this.SUBRULE2(this.sliceEnd);
            });
            if (end === undefined) return { kind: 'at', span: this.from(first), value };
            return { kind: 'slice', span: this.from(first), from: value, ...(end.to && { to: end.to }), ...(end.step && { step: end.step }) };
          },
        },
      ]);
    },
    {
      recoveryValueFunc: (): IndexItem => {
        const value = this.broken();
        return { kind: 'at', span: value.span, value };
      },
    },
  );

  /** `:to:step` with either left out. */
  private sliceEnd = this.RULE(
    'sliceEnd',
    (): { to?: Expr; step?: Expr } => {
      let to: Expr | undefined;
      let step: Expr | undefined;
      this.CONSUME(t.Colon);
      this.OPTION(() => {
        to = this.SUBRULE(this.expression);
      });
      this.OPTION2(() => {
        this.CONSUME2(t.Colon);
        this.OPTION3(() => {
          step = this.SUBRULE2(this.expression);
        });
      });
      return { to, step };
    },
    { recoveryValueFunc: () => ({}) },
  );

  private choice = this.RULE(
    'choice',
    (): Expr => {
      const first = this.CONSUME(t.If);
      const condition = this.SUBRULE(this.condition);
      const then = this.SUBRULE(this.body);
      let otherwise: Body | undefined;
      this.OPTION(() => {
        this.CONSUME(t.Else);
        otherwise = this.OR<Body>([
          { ALT: () => this.SUBRULE2(this.body) },
          {
            ALT: () => {
              const value = this.SUBRULE(this.choice);
              return { span: value.span, statements: [{ kind: 'expr', span: value.span, value }] };
            },
          },
        ]);
      });
      return { kind: 'if', span: this.from(first), condition, then, ...(otherwise === undefined ? {} : { otherwise }) };
    },
    { recoveryValueFunc: () => this.broken() },
  );

  /** An expression in which `=` can only be a slip for `==`. */
  protected condition = this.RULE(
    'condition',
    (): Expr => {
      const first = this.LA(1);
      let left = this.SUBRULE(this.expression);
      this.OPTION(() => {
        const token = this.CONSUME(t.Equals);
        this.say(messages.conditionEquals, this.spanOf(token));
        const right = this.SUBRULE2(this.expression);
        left = { kind: 'binary', span: this.from(first), op: '==', left, right };
      });
      return left;
    },
    { recoveryValueFunc: () => this.broken() },
  );

  /** What `parseExpression` reads. */
  whole = this.RULE(
    'whole',
    (): Expr => {
      const value = this.SUBRULE(this.expression);
      this.CONSUME(EOF);
      return value;
    },
    { recoveryValueFunc: () => this.broken() },
  );
}
