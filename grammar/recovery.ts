/** The base of the grammar: Chevrotain's parser, with recovery that knows that brackets are balanced. */
import type { IParserConfig, IParserErrorMessageProvider, IToken, TokenType } from 'chevrotain';
import type { Expr, Name } from './ast.js';
import { EmbeddedActionsParser, EOF, NoViableAltException } from './chevrotain.js';
import { Diagnostics } from './diagnostics.js';
import { type Message, report } from './messages.js';
import type { Source, Span } from './source.js';
import * as t from './tokens.js';

/** Chevrotain gives texts only; `faults.ts` makes diagnostics of the exceptions, so the texts carry just what was expected. */
const errorMessageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => 'end',
  buildNoViableAltMessage: ({ customUserDescription, ruleName }) => customUserDescription ?? ruleName,
  buildEarlyExitMessage: ({ customUserDescription, ruleName }) => customUserDescription ?? ruleName,
};

/** One token decides; where it cannot, the gates of the rules look up to four ahead. */
const config: IParserConfig = { recoveryEnabled: true, maxLookahead: 1, errorMessageProvider, nodeLocationTracking: 'none' };

/** What recovery needs of Chevrotain's parser beyond its declared types (11.2.0). */
interface Recovery {
  SKIP_TOKEN(): IToken;
  consumeToken(): void;
  SAVE_ERROR(error: Error): Error;
  getCurrRuleFullName(): string;
  tryInRuleRecovery(expected: TokenType, follows: TokenType[]): IToken;
  flattenFollowSet(): TokenType[];
  exportLexerState(): number;
  importLexerState(state: number): void;
}

const { SKIP_TOKEN: skip, tryInRuleRecovery: inRuleRecovery } = EmbeddedActionsParser.prototype as unknown as Recovery;

const nowhere: Source = { name: '', text: '' };

/** Places, reports and recovery: what the rules of every part of the grammar share. */
export abstract class GrammarParser extends EmbeddedActionsParser {
  protected source: Source = nowhere;
  protected diagnostics = new Diagnostics();
  constructor(checked: boolean) {
    super(t.vocabulary, { ...config, skipValidations: !checked });
  }

  // ---------------------------------------------------------------- places

  protected spanOf(token: IToken): Span {
    return { source: this.source, start: token.startOffset, end: t.endOf(token) };
  }

  /** From a token to the last one consumed. */
  protected from(first: IToken): Span {
    const end = this.reached;
    const start = Number.isFinite(first.startOffset) ? first.startOffset : end;
    return { source: this.source, start, end: Math.max(start, end) };
  }

  protected nameOf(token: IToken): Name {
    return { text: token.image, span: this.spanOf(token) };
  }

  /** Reports from inside a rule; silent while Chevrotain records the grammar. */
  protected say<A extends readonly unknown[]>(entry: Message<A>, span: Span, ...args: A): void {
    this.ACTION(() => report(this.diagnostics, entry, span, args));
  }

  /** Where the last token consumed ends. The end of the text has no offsets in Chevrotain, nor has what stands before the first token. */
  private get reached(): number {
    const token = this.LA(0);
    return Number.isFinite(token.startOffset) ? t.endOf(token) : 0;
  }

  protected broken(): Expr {
    const end = this.reached;
    return { kind: 'broken', span: { source: this.source, start: end, end } };
  }

  /** The value of a token that only says that it is there. */
  protected given<T>(_token: IToken, value: T): T {
    return value;
  }

  /** The type of the token `k` on; the gates of the rules decide by it. */
  protected peek(k: number): TokenType {
    return this.LA(k).tokenType;
  }

  protected wordAt(k: number): boolean {
    return t.isA(this.LA(k).tokenType, t.Word);
  }

  // ---------------------------------------------------------------- recovery: brackets are always balanced here, and are skipped whole

  override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return type === t.Equals || type === t.Colon;
  }

  override canTokenTypeBeDeletedInRecovery(): boolean {
    return t.deletable(this.LA(1).tokenType);
  }

  /** As Chevrotain's, without working out all the paths that were possible, which takes milliseconds and is not told to anyone. */
  raiseNoAltException(_occurrence: number, description: string | undefined): never {
    const inner = this as unknown as Recovery;
    throw inner.SAVE_ERROR(new NoViableAltException(description ?? inner.getCurrRuleFullName(), this.LA(1), this.LA(0)));
  }

  /** A colon for `=` or the reverse, and a reserved word for a name, are read as what was meant; the message is already given. */
  tryInRuleRecovery(expected: TokenType, follows: TokenType[]): IToken {
    const found = this.LA(1);
    const swapped = (expected === t.Colon && found.tokenType === t.Equals) || (expected === t.Equals && found.tokenType === t.Colon);
    if (swapped || (expected === t.Word && t.reservedWords.has(found.image))) {
      (this as unknown as Recovery).consumeToken();
      return found;
    }
    return inRuleRecovery.call(this, expected, follows);
  }

  override getTokenToInsert(type: TokenType): IToken {
    return { ...t.virtual(type, this.reached), isInsertedInRecovery: true };
  }

  /** Index of the closing partner of every opening token of the input. */
  protected closers: ReadonlyMap<IToken, number> = new Map();

  /** Skips a token, or a bracketed group whole, and gives the next. */
  override SKIP_TOKEN(): IToken {
    const inner = this as unknown as Recovery;
    const close = this.closers.get(this.LA(1));
    if (close !== undefined) inner.importLexerState(close - 1);
    return skip.call(this);
  }

  /** As Chevrotain's, but never stopping inside a bracketed group. */
  findReSyncTokenType(): TokenType {
    const inner = this as unknown as Recovery;
    const follow = inner.flattenFollowSet();
    const place = inner.exportLexerState();
    let token = this.LA(1);
    let found = EOF;
    while (token.tokenType !== EOF) {
      const match = follow.find((type) => t.isA(token.tokenType, type));
      if (match !== undefined) {
        found = match;
        break;
      }
      token = this.SKIP_TOKEN();
    }
    inner.importLexerState(place);
    return found;
  }
}
