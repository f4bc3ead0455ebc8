/** The grammar of items: what a text is a list of. */
import type { IToken } from 'chevrotain';
import type {
  Argument,
  CallExpr,
  DataField,
  DataItem,
  Expr,
  ExtendsItem,
  GameItem,
  GameLine,
  HyperItem,
  Item,
  JudgeItem,
  MetricItem,
  Name,
  NoiseItem,
  SampleItem,
  Spec,
  TrainItem,
  TrainLine,
  VariantItem,
} from './ast.js';
import { EOF } from './chevrotain.js';
import type { Diagnostics } from './diagnostics.js';
import type { PairItem } from './expressions.js';
import type { LaidOut } from './layout.js';
import { messages } from './messages.js';
import type { Source } from './source.js';
import { StatementParser } from './statements.js';
import { suggest } from './suggest.js';
import * as t from './tokens.js';

export class SpecParser extends StatementParser {
  private docs: (token: IToken) => string | undefined = () => undefined;

  /** `checked` has Chevrotain look for ambiguities and the like in the grammar itself. */
  constructor(checked = false) {
    super(checked);
    this.performSelfAnalysis();
  }

  protected docAbove(token: IToken): string | undefined {
    return this.docs(token);
  }

  /** Sets the text to read; a rule is called next, and `finish` after it. */
  begin(source: Source, { tokens, closers }: LaidOut, docs: (token: IToken) => string | undefined, diagnostics: Diagnostics): void {
    this.source = source;
    this.diagnostics = diagnostics;
    this.docs = docs;
    this.closers = closers;
    this.loose.clear();
    this.input = tokens;
  }

  /** Reports what only the whole tree shows, and lets go of the text. */
  finish(): void {
    this.reportLoose();
    this.input = [];
    this.closers = new Map();
    this.docs = () => undefined;
  }

  spec = this.RULE('spec', (): Spec => {
    const items: Item[] = [];
    this.MANY(() => {
      this.CONSUME(t.Newline);
      const item = this.SUBRULE(this.item);
      if (item !== undefined) items.push(item);
    });
    this.CONSUME(EOF);
    return { kind: 'spec', span: { source: this.source, start: 0, end: this.source.text.length }, items };
  });

  private item = this.RULE(
    'item',
    (): Item =>
      this.OR<Item>({
        DEF: [
          { ALT: () => this.SUBRULE(this.extension) },
          { ALT: () => this.SUBRULE(this.hyper) },
          { ALT: () => this.SUBRULE(this.data) },
          { ALT: () => this.SUBRULE(this.noise) },
          { ALT: () => this.SUBRULE(this.net) },
          { ALT: () => this.SUBRULE(this.block) },
          { ALT: () => this.SUBRULE(this.set) },
          { ALT: () => this.SUBRULE(this.game) },
          { ALT: () => this.SUBRULE(this.train) },
          { ALT: () => this.SUBRULE(this.sample) },
          { ALT: () => this.SUBRULE(this.variant) },
          { ALT: () => this.SUBRULE(this.judge) },
          { ALT: () => this.SUBRULE(this.metric) },
        ],
        ERR_MSG: 'item',
      }),
  );

  private extension = this.RULE('extends', (): ExtendsItem => {
    const first = this.CONSUME(t.Extends);
    const path = this.SUBRULE(this.text);
    return { kind: 'extends', span: this.from(first), path };
  });

  private hyper = this.RULE('hyper', (): HyperItem => {
    const first = this.CONSUME(t.Hyper);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    let choices: Expr | undefined;
    this.OPTION(() => {
      this.CONSUME(t.In);
      choices = this.SUBRULE2(this.expression);
    });
    return { kind: 'hyper', span: this.from(first), name, value, ...(choices && { choices }) };
  });

  private data = this.RULE('data', (): DataItem => {
    const first = this.CONSUME(t.Data);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Equals);
    const origin = this.SUBRULE(this.origin, { ARGS: ['a data set'] });
    const fields: DataField[] = [];
    this.CONSUME(t.LCurly);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Newline) },
        { ALT: () => this.CONSUME(t.Comma) },
        {
          ALT: () => {
            const field = this.SUBRULE(this.dataField);
            if (field !== undefined) fields.push(field);
          },
        },
      ]);
    });
    this.CONSUME(t.RCurly);
    return { kind: 'data', span: this.from(first), name, origin, fields };
  });

  private origin = this.RULE('origin', (what: string): CallExpr => {
    const first = this.LA(1);
    const callee = this.nameOf(this.CONSUME(t.Word));
    let args: Argument[] | undefined;
    this.OPTION(() => {
      args = this.SUBRULE(this.args);
    });
    if (args === undefined) this.say(messages.originCall, callee.span, callee.text, what);
    return { kind: 'call', span: this.from(first), callee: { kind: 'name', span: callee.span, name: callee.text }, args: args ?? [] };
  });

  private dataField = this.RULE('dataField', (): DataField => {
    const first = this.LA(1);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.type);
    let optional: Expr | undefined;
    this.OPTION({
      GATE: () => this.peek(2) !== t.Colon,
      DEF: () => {
        this.CONSUME(t.Optional);
        optional = this.SUBRULE(this.expression);
      },
    });
    return { span: this.from(first), name, type, ...(optional && { optional }) };
  });

  private noise = this.RULE('noise', (): NoiseItem => {
    const first = this.CONSUME(t.Noise);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.type);
    let range: Expr | undefined;
    this.OPTION(() => {
      this.CONSUME(t.In);
      range = this.SUBRULE(this.expression);
    });
    const written = range;
    this.ACTION(() => {
      if (written !== undefined && written.kind !== 'range' && written.kind !== 'broken') this.say(messages.notRange, written.span);
    });
    return { kind: 'noise', span: this.from(first), name, type, ...(range?.kind === 'range' ? { range } : {}) };
  });

  private sample = this.RULE('sample', (): SampleItem => {
    const first = this.CONSUME(t.Sample);
    const { name, value } = this.SUBRULE(this.bind);
    return { kind: 'sample', span: this.from(first), name, value };
  });

  private metric = this.RULE('metric', (): MetricItem => {
    const first = this.CONSUME(t.Metric);
    const { name, value } = this.SUBRULE(this.bind);
    return { kind: 'metric', span: this.from(first), name, value };
  });

  private judge = this.RULE('judge', (): JudgeItem => {
    const first = this.CONSUME(t.Judge);
    const name = this.nameOf(this.CONSUME(t.Word));
    const params = this.SUBRULE(this.params);
    const result = this.SUBRULE(this.resultOption);
    const body = this.SUBRULE(this.body);
    return { kind: 'judge', span: this.from(first), name, params, ...(result && { result }), body };
  });

  // ---------------------------------------------------------------- game

  private game = this.RULE('game', (): GameItem => {
    const first = this.CONSUME(t.Game);
    const lines: GameLine[] = [];
    this.CONSUME(t.LCurly);
    this.MANY(() => {
      this.CONSUME(t.Newline);
      const line = this.SUBRULE(this.gameLine);
      if (line !== undefined) lines.push(line);
    });
    this.CONSUME(t.RCurly);
    return { kind: 'game', span: this.from(first), lines };
  });

  private gameLine = this.RULE(
    'gameLine',
    (): GameLine =>
      this.OR<GameLine>({
        DEF: [
          { GATE: () => this.wordAt(2) && this.peek(3) === t.Equals, ALT: () => this.SUBRULE(this.player) },
          { GATE: () => this.wordAt(2) && this.peek(3) === t.Equals, ALT: () => this.SUBRULE(this.shared) },
          { GATE: () => this.wordAt(2) && this.peek(3) === t.Equals, ALT: () => this.SUBRULE(this.report) },
          { GATE: () => this.peek(1) === t.Identifier && this.wordAt(2) && this.peek(3) === t.Equals, ALT: () => this.SUBRULE(this.misspelt) },
          { GATE: () => this.wordAt(2) && (!this.goalNext || this.peek(3) === t.Colon), ALT: () => this.SUBRULE(this.state) },
          { GATE: () => !this.assignmentNext && !this.goalNext, ALT: () => this.SUBRULE(this.require) },
          { GATE: () => this.peek(2) === t.Equals, ALT: () => this.SUBRULE(this.binding) },
          { GATE: () => this.peek(2) === t.LeftArrow, ALT: () => this.SUBRULE(this.advance) },
          { ALT: () => this.SUBRULE(this.objective) },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'game line',
      }),
  );

  private get goalNext(): boolean {
    return this.peek(2) === t.Maximizes || this.peek(2) === t.Minimizes;
  }

  private player = this.RULE('player', (): GameLine => {
    const first = this.CONSUME(t.Player);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Equals);
    const nets: Name[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => nets.push(this.nameOf(this.CONSUME2(t.Word))), ERR_MSG: 'player' });
    return { kind: 'player', span: this.from(first), name, nets };
  });

  private shared = this.RULE('shared', (): GameLine => {
    const first = this.CONSUME(t.Shared);
    const { name, value } = this.SUBRULE(this.bind);
    return { kind: 'binding', span: this.from(first), name, value, shared: true };
  });

  /** `reprot r = ...`. */
  private misspelt = this.RULE('misspelt', (): GameLine => {
    const word = this.CONSUME(t.Identifier);
    const near = suggest(word.image, ['player', 'shared', 'report']);
    this.say(messages.misspeltLine, this.spanOf(word), word.image, near);
    const { name, value } = this.SUBRULE(this.bind);
    if (near === 'report') return { kind: 'report', span: this.from(word), name, value };
    return { kind: 'binding', span: this.from(word), name, value, shared: near === 'shared' };
  });

  private binding = this.RULE('binding', (): GameLine => {
    const { span, name, value } = this.SUBRULE(this.bind);
    return { kind: 'binding', span, name, value, shared: false };
  });

  private report = this.RULE('report', (): GameLine => {
    const first = this.CONSUME(t.Report);
    const { name, value } = this.SUBRULE(this.bind);
    let player: Name | undefined;
    this.OPTION(() => {
      this.CONSUME(t.In);
      player = this.nameOf(this.CONSUME(t.Word));
    });
    return { kind: 'report', span: this.from(first), name, value, ...(player && { player }) };
  });

  private objective = this.RULE('objective', (): GameLine => {
    const first = this.CONSUME(t.Word);
    const player = this.nameOf(first);
    const goal = this.OR<'maximizes' | 'minimizes'>({
      DEF: [
        { ALT: () => this.given(this.CONSUME(t.Maximizes), 'maximizes') },
        { ALT: () => this.given(this.CONSUME(t.Minimizes), 'minimizes') },
        {
          ALT: () => {
            const word = this.CONSUME(t.Identifier);
            const near = suggest(word.image, ['maximizes', 'minimizes']);
            this.say(messages.unknownGoal, this.spanOf(word), word.image, near);
            return near === 'minimizes' ? 'minimizes' : 'maximizes';
          },
        },
      ],
      ERR_MSG: 'goal',
    });
    const value = this.SUBRULE(this.expression);
    return { kind: 'objective', span: this.from(first), player, goal, value };
  });

  // ---------------------------------------------------------------- train

  private train = this.RULE('train', (): TrainItem => {
    const first = this.CONSUME(t.Train);
    const lines = this.SUBRULE(this.trainLines);
    return { kind: 'train', span: this.from(first), lines };
  });

  private trainLines = this.RULE(
    'trainLines',
    (): TrainLine[] => {
      const lines: TrainLine[] = [];
      this.CONSUME(t.LCurly);
      this.MANY(() => {
        this.OR([
          { ALT: () => this.CONSUME(t.Newline) },
          {
            ALT: () => {
              const line = this.SUBRULE(this.trainLine);
              if (line !== undefined) lines.push(line);
            },
          },
        ]);
      });
      this.CONSUME(t.RCurly);
      return lines;
    },
    { recoveryValueFunc: () => [] },
  );

  private trainLine = this.RULE(
    'trainLine',
    (): TrainLine =>
      this.OR<TrainLine>({
        DEF: [
          { GATE: () => this.wordAt(2) && this.peek(3) === t.Steps && this.peek(2) !== t.With, ALT: () => this.SUBRULE(this.phase) },
          { GATE: () => this.peek(2) === t.With || this.nearWith || this.optionAt(2), ALT: () => this.SUBRULE(this.update) },
          { ALT: () => this.SUBRULE(this.setting) },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'train line',
      }),
  );

  /** `D wiht adam(...)`. */
  private get nearWith(): boolean {
    return this.peek(2) === t.Identifier && this.wordAt(3) && this.peek(4) === t.LParen && suggest(this.LA(2).image, ['with']) !== undefined;
  }

  /** `times 5 with adam(...)`, perhaps after a comma, from the token `start` on: an option that stands before `with`. */
  private optionAt(start: number): boolean {
    const at = this.peek(start) === t.Comma ? start + 1 : start;
    // By name: settings may share a line with an update, as in `batch n steps 9 D with adam(...)`.
    if (!['times', 'average'].includes(this.LA(at).image)) return false;
    for (let k = at + 1; ; k += 1) {
      const type = this.peek(k);
      if (type === t.With) return true;
      if (type === t.Newline || type === t.LCurly || type === t.RCurly || type === EOF) return false;
    }
  }

  private phase = this.RULE('phase', (): TrainLine => {
    const first = this.CONSUME(t.Phase);
    const name = this.nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Steps);
    const steps = this.SUBRULE(this.expression);
    const lines = this.SUBRULE(this.trainLines);
    return { kind: 'phase', span: this.from(first), name, steps, lines };
  });

  private update = this.RULE('update', (): TrainLine => {
    const first = this.CONSUME(t.Word);
    const player = this.nameOf(first);
    const options: PairItem[] = [];
    this.MANY1({
      GATE: () => this.optionAt(1),
      DEF: () => {
        this.OPTION(() => this.CONSUME1(t.Comma));
        const option = this.SUBRULE1(this.namedValue);
        this.ACTION(() => {
          this.say(messages.optionFirst, option.name.span, option.name.text, player.text);
          options.push(option);
        });
      },
    });
    this.OR([
      { ALT: () => this.CONSUME(t.With) },
      {
        ALT: () => {
          const word = this.CONSUME(t.Identifier);
          this.say(messages.misspeltLine, this.spanOf(word), word.image, 'with');
        },
      },
    ]);
    const optimizer = this.SUBRULE(this.origin, { ARGS: ['an optimizer'] });
    this.MANY2(() => {
      this.CONSUME2(t.Comma);
      options.push(this.SUBRULE2(this.namedValue));
    });
    return { kind: 'update', span: this.from(first), player, optimizer, options: options.filter((o) => o !== undefined) };
  });

  private setting = this.RULE('setting', (): TrainLine => {
    const first = this.LA(1);
    const { name, value } = this.SUBRULE(this.namedValue);
    return { kind: 'setting', span: this.from(first), name, value };
  });

  private namedValue = this.RULE(
    'namedValue',
    (): PairItem => {
      const name = this.nameOf(this.CONSUME(t.Word));
      this.OPTION(() => {
        const sign = this.OR([{ ALT: () => this.CONSUME(t.Colon) }, { ALT: () => this.CONSUME(t.Equals) }]);
        this.say(messages.settingSign, this.spanOf(sign), name.text, sign.image);
      });
      const value = this.SUBRULE(this.expression);
      return { name, value };
    },
    { resyncEnabled: false },
  );

  // ---------------------------------------------------------------- variant

  private variant = this.RULE('variant', (): VariantItem => {
    const first = this.CONSUME(t.Variant);
    const name = this.nameOf(this.CONSUME(t.Word));
    const items: Item[] = [];
    const values: PairItem[] = [];
    this.CONSUME(t.LCurly);
    this.MANY(() => {
      this.CONSUME(t.Newline);
      this.OR({
        DEF: [
          {
            GATE: () => this.peek(2) === t.Equals,
            ALT: () => {
              const bound = this.SUBRULE(this.bind);
              if (bound !== undefined) values.push({ name: bound.name, value: bound.value });
            },
          },
          {
            ALT: () => {
              const item = this.SUBRULE(this.item);
              if (item !== undefined) items.push(item);
            },
          },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'variant line',
      });
    });
    this.CONSUME(t.RCurly);
    return { kind: 'variant', span: this.from(first), name, items, values };
  });
}
