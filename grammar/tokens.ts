/**
 * The words and signs of the language.
 *
 * Only the words in `reservedWords` can never be names. Every other word of the language (`batch`, `state`, `sample`, ...) has a token type of
 * its own that also belongs to the category `Word`, so that the grammar takes it as a name wherever a name is wanted.
 */
import type { IToken, Lexer as TextLexer, TokenType } from 'chevrotain';
import { createToken, Lexer } from './chevrotain.js';

const identifier = /[A-Za-z_][A-Za-z0-9_]*/;

/** Category: whatever can be a name. */
export const Word = createToken({ name: 'Word', pattern: Lexer.NA });
/** Category: signs and words between two operands, `|>` and `|` aside. */
export const BinaryOperator = createToken({ name: 'BinaryOperator', pattern: Lexer.NA });
export const Identifier = createToken({ name: 'Identifier', pattern: identifier, categories: [Word] });

const reserved = (name: string, word: string, categories: TokenType[] = []): TokenType =>
  createToken({ name, pattern: new RegExp(word), longer_alt: Identifier, categories, label: `\`${word}\`` });
const contextual = (name: string, word: string): TokenType => reserved(name, word, [Word]);
const sign = (name: string, text: string, categories: TokenType[] = []): TokenType => createToken({ name, pattern: text, categories, label: `\`${text}\`` });

export const If = reserved('If', 'if');
export const Else = reserved('Else', 'else');
export const For = reserved('For', 'for');
export const In = reserved('In', 'in');
export const As = reserved('As', 'as');
export const And = reserved('And', 'and', [BinaryOperator]);
export const Or = reserved('Or', 'or', [BinaryOperator]);
export const Not = reserved('Not', 'not');
export const True = reserved('True', 'true');
export const False = reserved('False', 'false');
export const None = reserved('None', 'none');

export const Net = contextual('Net', 'net');
export const Block = contextual('Block', 'block');
export const SetWord = contextual('SetWord', 'set');
export const State = contextual('State', 'state');
export const Weight = contextual('Weight', 'weight');
export const Require = contextual('Require', 'require');
export const Extends = contextual('Extends', 'extends');
export const Hyper = contextual('Hyper', 'hyper');
export const Data = contextual('Data', 'data');
export const Noise = contextual('Noise', 'noise');
export const Game = contextual('Game', 'game');
export const Train = contextual('Train', 'train');
export const Sample = contextual('Sample', 'sample');
export const Variant = contextual('Variant', 'variant');
export const Judge = contextual('Judge', 'judge');
export const Metric = contextual('Metric', 'metric');
export const Player = contextual('Player', 'player');
export const Shared = contextual('Shared', 'shared');
export const Maximizes = contextual('Maximizes', 'maximizes');
export const Minimizes = contextual('Minimizes', 'minimizes');
export const Report = contextual('Report', 'report');
export const With = contextual('With', 'with');
export const Phase = contextual('Phase', 'phase');
export const Steps = contextual('Steps', 'steps');
export const Optional = contextual('Optional', 'optional');

export const NumberLiteral = createToken({ name: 'NumberLiteral', pattern: /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/, label: 'a number' });
export const StringLiteral = createToken({ name: 'StringLiteral', pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*"/, label: 'a string' });
export const Hole = createToken({ name: 'Hole', pattern: /_/, longer_alt: Identifier, label: '`_`' });

export const Newline = createToken({ name: 'Newline', pattern: /\r\n|\n|\r/, line_breaks: true, label: 'the end of the line' });
export const LParen = sign('LParen', '(');
export const RParen = sign('RParen', ')');
export const LSquare = sign('LSquare', '[');
export const RSquare = sign('RSquare', ']');
export const LCurly = sign('LCurly', '{');
export const RCurly = sign('RCurly', '}');
export const Pipe = sign('Pipe', '|>');
export const Bar = sign('Bar', '|');
export const LeftArrow = sign('LeftArrow', '<-');
export const RightArrow = sign('RightArrow', '->');
export const EqualEqual = sign('EqualEqual', '==', [BinaryOperator]);
export const NotEqual = sign('NotEqual', '!=', [BinaryOperator]);
export const LessEqual = sign('LessEqual', '<=', [BinaryOperator]);
export const GreaterEqual = sign('GreaterEqual', '>=', [BinaryOperator]);
export const Less = sign('Less', '<', [BinaryOperator]);
export const Greater = sign('Greater', '>', [BinaryOperator]);
export const Equals = sign('Equals', '=');
export const DotDot = sign('DotDot', '..', [BinaryOperator]);
export const Dot = sign('Dot', '.');
export const Comma = sign('Comma', ',');
export const Colon = sign('Colon', ':');
export const Tilde = sign('Tilde', '~');
export const Plus = sign('Plus', '+', [BinaryOperator]);
export const Minus = sign('Minus', '-', [BinaryOperator]);
export const Star = sign('Star', '*', [BinaryOperator]);
export const Slash = sign('Slash', '/', [BinaryOperator]);
export const Percent = sign('Percent', '%', [BinaryOperator]);
export const Caret = sign('Caret', '^', [BinaryOperator]);

// Spellings of other languages, read so that the message can say ours: `mend.ts` replaces them before the parser sees them.
export const Hash = createToken({ name: 'Hash', pattern: /#[^\n\r]*/ });
export const SingleQuoted = createToken({ name: 'SingleQuoted', pattern: /'(?:[^'\\\n\r]|\\[^\n\r])*'/ });
export const OpenString = createToken({ name: 'OpenString', pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*\\?/ });
export const StarStar = sign('StarStar', '**');
export const AmpersandAmpersand = sign('AmpersandAmpersand', '&&');
export const BarBar = sign('BarBar', '||');
export const Bang = sign('Bang', '!');
export const Semicolon = sign('Semicolon', ';');

const Space = createToken({ name: 'Space', pattern: /[ \t\f\v\u00a0\ufeff]+/, group: Lexer.SKIPPED });
export const Comment = createToken({ name: 'Comment', pattern: /\/\/[^\n\r]*/, group: 'comments' });

const reservedTypes = [If, Else, For, In, As, And, Or, Not, True, False, None];
const contextualTypes = [
  Net,
  Block,
  SetWord,
  State,
  Weight,
  Require,
  Extends,
  Hyper,
  Data,
  Noise,
  Game,
  Train,
  Sample,
  Variant,
  Judge,
  Metric,
  Player,
  Shared,
  Maximizes,
  Minimizes,
  Report,
  With,
  Phase,
  Steps,
  Optional,
];

/** Words that are never names. */
export const reservedWords: ReadonlySet<string> = new Set(['if', 'else', 'for', 'in', 'as', 'and', 'or', 'not', 'true', 'false', 'none']);

const lexed: TokenType[] = [
  Space,
  Newline,
  Comment,
  Hash,
  ...reservedTypes,
  ...contextualTypes,
  Hole,
  Identifier,
  NumberLiteral,
  StringLiteral,
  OpenString,
  SingleQuoted,
  Pipe,
  BarBar,
  Bar,
  LeftArrow,
  RightArrow,
  EqualEqual,
  NotEqual,
  LessEqual,
  GreaterEqual,
  Less,
  Greater,
  Equals,
  DotDot,
  Dot,
  Comma,
  Colon,
  Tilde,
  Plus,
  Minus,
  StarStar,
  Star,
  Slash,
  Percent,
  Caret,
  LParen,
  RParen,
  LSquare,
  RSquare,
  LCurly,
  RCurly,
  AmpersandAmpersand,
  Bang,
  Semicolon,
];

/** What the grammar may name. */
export const vocabulary: TokenType[] = [Word, BinaryOperator, ...lexed];

/** `checked` has Chevrotain look for tokens that can never match and the like. */
export function makeLexer(checked = false): TextLexer {
  return new Lexer([Word, BinaryOperator, ...lexed], { positionTracking: 'onlyOffset', skipValidations: !checked });
}

const lexer = makeLexer();

export interface Lexed {
  /** Newlines among them, comments apart. */
  tokens: IToken[];
  comments: IToken[];
  /** Runs of characters that begin no token. */
  strays: { start: number; end: number }[];
}

/** Cuts a text into tokens; positions are offsets only, counted from `start`. */
export function tokenize(text: string, start = 0): Lexed {
  const result = lexer.tokenize(text);
  const comments: IToken[] = result.groups.comments ?? [];
  for (const token of result.tokens) {
    token.startOffset += start;
    // Chevrotain leaves the ends out when it tracks offsets only.
    token.endOffset = token.startOffset + token.image.length - 1;
  }
  for (const comment of comments) comment.startOffset += start;
  return {
    tokens: result.tokens,
    comments,
    strays: result.errors.map((e) => ({ start: start + e.offset, end: start + e.offset + e.length })),
  };
}

/** Whether a token type is another, or belongs to that category. */
export function isA(type: TokenType, category: TokenType): boolean {
  return type === category || (type.CATEGORIES ?? []).includes(category);
}

const kept: ReadonlySet<TokenType> = new Set([Newline, LParen, RParen, LSquare, RSquare, LCurly, RCurly]);

/** False for the tokens that give a text its structure: recovery may not drop one of them alone. */
export function deletable(type: TokenType): boolean {
  return !kept.has(type);
}

/** Offset after the last character of a token. */
export function endOf(token: IToken): number {
  return (token.endOffset as number) + 1;
}

/** A token that the text does not hold: empty, at an offset. */
export function virtual(type: TokenType, offset: number, image = ''): IToken {
  return { tokenType: type, tokenTypeIdx: type.tokenTypeIdx as number, image, startOffset: offset, endOffset: offset + image.length - 1 };
}

/** The same place read as another token. */
export function retype(token: IToken, type: TokenType): IToken {
  return { ...token, tokenType: type, tokenTypeIdx: type.tokenTypeIdx as number };
}
