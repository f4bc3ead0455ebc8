/** The grammar of bodies: statements, nets and blocks. */
import type { IToken } from 'chevrotain';
import type {
  Argument,
  BlockItem,
  Body,
  CallExpr,
  Expr,
  ForStatement,
  Name,
  NetItem,
  Param,
  RequireStatement,
  ResultType,
  SetItem,
  Statement,
  StateStatement,
  StringExpr,
  TypeExpr,
  WeightStatement,
} from './ast.js';
import { ExpressionParser } from './expressions.js';
import { messages } from './messages.js';
import * as t from './tokens.js';

export abstract class StatementParser extends ExpressionParser {
  /** The comment block that ends on the line above a token. */
  protected abstract docAbove(token: IToken): string | undefined;

  override body = this.RULE(
    'body',
    (): Body => {
      const first = this.LA(1);
      const statements: Statement[] = [];
      this.CONSUME(t.LCurly);
      this.MANY(() => {
        this.CONSUME(t.Newline);
        const statement = this.SUBRULE(this.statement);
        if (statement !== undefined) statements.push(statement);
      });
      this.CONSUME(t.RCurly);
      return { span: this.from(first), statements };
    },
    {
      recoveryValueFunc: (): Body => ({ span: this.broken().span, statements: [] }),
    },
  );

  private statement = this.RULE(
    'statement',
    (): Statement =>
      this.OR<Statement>({
        DEF: [
          { GATE: () => this.headerNext, ALT: () => this.SUBRULE(this.net) },
          { GATE: () => this.headerNext, ALT: () => this.SUBRULE(this.block) },
          { GATE: () => this.wordAt(2), ALT: () => this.SUBRULE(this.set) },
          { GATE: () => this.wordAt(2), ALT: () => this.SUBRULE(this.state) },
          { GATE: () => this.wordAt(2), ALT: () => this.SUBRULE(this.weight) },
          { GATE: () => !this.assignmentNext, ALT: () => this.SUBRULE(this.require) },
          { ALT: () => this.SUBRULE(this.loop) },
          { GATE: () => this.peek(2) === t.Equals, ALT: () => this.SUBRULE(this.bind) },
          { GATE: () => this.peek(2) === t.LeftArrow, ALT: () => this.SUBRULE(this.advance) },
          { ALT: () => this.SUBRULE(this.result) },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'statement',
      }),
  );

  /** `net G` and `block up` begin a declaration; `net`, `net(3)` and `net = 3` do not. */
  private get headerNext(): boolean {
    return this.wordAt(2) || this.peek(2) === t.In;
  }

  protected get assignmentNext(): boolean {
    return this.peek(2) === t.Equals || this.peek(2) === t.LeftArrow;
  }

  protected bind = this.RULE(
    'bind',
    () => {
      const first = this.LA(1);
      const name = this.nameOf(this.CONSUME(t.Word));
      this.CONSUME(t.Equals);
      const value = this.SUBRULE(this.expression);
      return { kind: 'bind' as const, span: this.from(first), name, value };
    },
    { resyncEnabled: false },
  );

  protected advance = this.RULE(
    'advance',
    () => {
      const first = this.LA(1);
      const name = this.nameOf(this.CONSUME(t.Word));
      this.CONSUME(t.LeftArrow);
      const value = this.SUBRULE(this.expression);
      return { kind: 'advance' as const, span: this.from(first), name, value };
    },
    { resyncEnabled: false },
  );

  protected state = this.RULE('state', (): StateStatement => {
    const first = this.CONSUME(t.State);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Colon);
    const shape = this.SUBRULE(this.expression);
    this.CONSUME(t.Equals);
    const initial = this.SUBRULE2(this.expression);
    return { kind: 'state', span: this.from(first), name, shape, initial };
  });

  private weight = this.RULE('weight', (): WeightStatement => {
    const first = this.CONSUME(t.Weight);
    const name = this.nameOf(this.CONSUME(t.Word));
    let stored: StringExpr | undefined;
    this.OPTION(() => {
      this.CONSUME(t.As);
      stored = this.SUBRULE(this.text);
    });
    this.CONSUME(t.Colon);
    const shape = this.SUBRULE(this.expression);
    const drawn = this.OR<boolean>({
      DEF: [{ ALT: () => this.given(this.CONSUME(t.Tilde), true) }, { ALT: () => this.given(this.CONSUME(t.Equals), false) }],
      ERR_MSG: 'weight start',
    });
    const initial = this.SUBRULE2(this.expression);
    return { kind: 'weight', span: this.from(first), name, ...(stored && { stored }), shape, initial, drawn };
  });

  protected require = this.RULE('require', (): RequireStatement => {
    const first = this.CONSUME(t.Require);
    const condition = this.SUBRULE(this.condition);
    let message: StringExpr | undefined;
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      message = this.SUBRULE(this.text);
    });
    return { kind: 'require', span: this.from(first), condition, ...(message && { message }) };
  });

  private loop = this.RULE('loop', (): ForStatement => {
    const first = this.CONSUME(t.For);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.In);
    const over = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.body);
    return { kind: 'for', span: this.from(first), name, over, body };
  });

  private result = this.RULE('result', (): Statement => {
    const first = this.LA(1);
    const value = this.SUBRULE(this.expression);
    const statement: Statement = { kind: 'expr', span: this.from(first), value };
    this.OPTION(() => {
      this.CONSUME(t.Equals);
      this.say(messages.bindTarget, statement.span);
      this.SUBRULE2(this.expression);
    });
    return statement;
  });

  set = this.RULE('set', (): SetItem => {
    const first = this.CONSUME(t.SetWord);
    const calls: CallExpr[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        const start = this.LA(1);
        let callee: Expr = { kind: 'name', span: this.spanOf(start), name: this.CONSUME(t.Word).image };
        this.MANY(() => {
          this.CONSUME(t.Dot);
          const name = this.nameOf(this.CONSUME2(t.Word));
          callee = { kind: 'field', span: this.from(start), target: callee, name };
        });
        let args: Argument[] | undefined;
        this.OPTION(() => {
          args = this.SUBRULE(this.args);
        });
        if (args === undefined) this.say(messages.setCall, this.from(start), start.image);
        calls.push({ kind: 'call', span: this.from(start), callee, args: args ?? [] });
      },
      ERR_MSG: 'set',
    });
    return { kind: 'set', span: this.from(first), calls };
  });

  // ---------------------------------------------------------------- declarations

  net = this.RULE('net', (): NetItem => {
    const first = this.CONSUME(t.Net);
    const doc = this.docAbove(first);
    const name = this.nameOf(this.CONSUME(t.Word));
    const params = this.SUBRULE(this.params);
    const result = this.SUBRULE(this.resultOption);
    const body = this.SUBRULE(this.body);
    return { kind: 'net', span: this.from(first), name, params, ...(result && { result }), body, ...(doc === undefined ? {} : { doc }) };
  });

  block = this.RULE('block', (): BlockItem => {
    const first = this.CONSUME(t.Block);
    const doc = this.docAbove(first);
    const name = this.nameOf(this.CONSUME(t.Word));
    const params = this.SUBRULE(this.params);
    const body = this.SUBRULE(this.body);
    return { kind: 'block', span: this.from(first), name, params, body, ...(doc === undefined ? {} : { doc }) };
  });

  protected params = this.RULE(
    'params',
    (): Param[] => {
      const list: Param[] = [];
      this.CONSUME(t.LParen);
      this.OPTION(() => {
        list.push(this.SUBRULE(this.param));
        this.MANY(() => {
          this.OR([
            {
              ALT: () => {
                this.CONSUME(t.Comma);
                this.OPTION2(() => list.push(this.SUBRULE2(this.param)));
                this.extraComma('a parameter');
              },
            },
            {
              ALT: () => {
                const bar = this.CONSUME(t.Bar);
                this.say(messages.barPlace, this.spanOf(bar), 'the bar stands in calls, not between parameters');
                list.push(this.SUBRULE3(this.param));
              },
            },
            {
              ALT: () => {
                this.missingComma('parameters');
                list.push(this.SUBRULE4(this.param));
              },
            },
          ]);
        });
      });
      this.CONSUME(t.RParen);
      return list.filter((p) => p !== undefined);
    },
    { recoveryValueFunc: () => [] },
  );

  private param = this.RULE('param', (): Param => {
    const first = this.CONSUME(t.Word);
    const name = this.nameOf(first);
    let annotation: Expr | undefined;
    this.OPTION(() => {
      this.SUBRULE(this.colon, { ARGS: [name.text] });
      annotation = this.SUBRULE(this.expression);
    });
    return { span: this.from(first), name, ...(annotation && { annotation }) };
  });

  protected resultOption = this.RULE('resultOption', (): ResultType | undefined => {
    let result: ResultType | undefined;
    this.OPTION(() => {
      this.CONSUME(t.RightArrow);
      const first = this.LA(1);
      result = this.OR<ResultType>({
        DEF: [
          {
            ALT: () => {
              this.CONSUME(t.LCurly);
              const names: Name[] = [];
              this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.nameOf(this.CONSUME(t.Word))) });
              this.CONSUME(t.RCurly);
              return { kind: 'fields', span: this.from(first), names };
            },
          },
          {
            ALT: () => {
              const type = this.SUBRULE(this.type);
              return { kind: 'typed', span: type.span, type };
            },
          },
        ],
        ERR_MSG: 'result type',
      });
    });
    return result;
  });

  /** `video[1, 8, 32, 32]`, `tokens[9, words: 32]`, `[3, 8]`. */
  protected type = this.RULE(
    'type',
    (): TypeExpr => {
      const first = this.LA(1);
      let name: Name | undefined;
      this.OPTION(() => {
        name = this.nameOf(this.CONSUME(t.Word));
      });
      const args: Argument[] = [];
      this.OR({
        DEF: [
          {
            ALT: () => {
              this.CONSUME(t.LSquare);
              this.MANY_SEP({ SEP: t.Comma, DEF: () => args.push(this.SUBRULE(this.argument, { ARGS: [false] })) });
              this.CONSUME(t.RSquare);
            },
          },
          {
            ALT: () => {
              const round = this.LA(1);
              const given = this.SUBRULE(this.args);
              this.ACTION(() => args.push(...given));
              this.say(messages.positionalAfterType, this.spanOf(round), name?.text ?? '');
            },
          },
        ],
        ERR_MSG: 'type',
      });
      return { kind: 'type', span: this.from(first), ...(name && { name }), args };
    },
    {
      recoveryValueFunc: (): TypeExpr => ({ kind: 'type', span: this.broken().span, args: [] }),
    },
  );
}
