/** One operator's call on its way to text of the language: which inputs it reads, and as what. */
import type { Argument, Case, Stored } from './case.js';

/**
 * What an input of the case is to the net.
 * `rows`: its first axis is the batch. `shared`: a parameter that every example gets whole: repeated along the batch, its gradients summed
 * over it; without any `rows` the batch is 1, and the whole case is one example. A path: a weight or state of that name.
 */
export type Role = 'rows' | 'shared' | { readonly variable: string };

/** How the weights of a layer reach it: as parameters of the net (derivatives to second order), or as the layer's own (to first order). */
export type Style = 'parameters' | 'weights';

/** Thrown where the language has no words for a case; the message is the reason. */
export class Inexpressible extends Error {}

export function missing(name: string): never {
  throw new Inexpressible(`no ${name} in the prelude`);
}

/** What a translation returns for one output: an expression, or the name of a result that the run gives by itself (`state.F.norm.mean`). */
export type Answer = string | { readonly result: string; readonly expected?: Float64Array };

export type Operator = (call: Call) => Answer | readonly Answer[];

export interface Table {
  readonly [op: string]: Operator;
}

export class Call {
  readonly roles = new Map<number, Role>();
  readonly statements: string[] = [];
  training = false;
  private readonly named: Readonly<Record<string, Argument>>;
  private readonly placed: readonly Argument[];

  constructor(
    readonly subject: Case,
    readonly style: Style = 'parameters',
  ) {
    const { dialect } = subject;
    this.named = dialect.format === 'onnx-cases/1' ? dialect.attributes : dialect.kwargs;
    this.placed = dialect.format === 'onnx-cases/1' ? [] : dialect.args;
  }

  get opset(): number {
    return this.subject.dialect.format === 'onnx-cases/1' ? this.subject.dialect.opset : 0;
  }

  /** The arguments by name, whether they were given by place or by name. */
  bind(...names: string[]): Readonly<Record<string, Argument | undefined>> {
    if (this.placed.length > names.length) throw new Inexpressible(`${this.placed.length} arguments, of which ${names.join(', ')} are known`);
    const bound: Record<string, Argument> = {};
    this.placed.forEach((value, i) => {
      bound[names[i]] = value;
    });
    for (const [name, value] of Object.entries(this.named)) {
      if (!names.includes(name)) throw new Inexpressible(`an argument ${name}`);
      bound[name] = value;
    }
    return bound;
  }

  attribute(name: string, otherwise: number): number;
  attribute(name: string, otherwise: string): string;
  attribute<T extends Argument>(name: string, otherwise: T): T;
  attribute<T extends Argument>(name: string, otherwise: T): T {
    return (this.named[name] as T | undefined) ?? otherwise;
  }

  has(input: number): boolean {
    return this.subject.inputs[input] !== undefined;
  }

  input(index: number): Stored {
    const stored = this.subject.inputs[index];
    if (!stored) throw new Inexpressible(`input ${index} is left out`);
    return stored;
  }

  shape(index: number): readonly number[] {
    return this.input(index).shape;
  }

  /** The name of an input in the text. */
  x(index: number, role: Role = 'shared'): string {
    const { shape, dtype, data, stored } = this.input(index);
    if (shape.includes(0)) throw new Inexpressible('an axis of length 0');
    const fits = (v: number): boolean => (dtype === 'i32' ? v === (v | 0) : Number.isFinite(Math.fround(v)) === Number.isFinite(v));
    if (!data.every(fits)) throw new Inexpressible(`${stored} beyond 32 bits`);
    this.roles.set(index, role);
    return `x${index}`;
  }

  /** An argument that is a tensor or a number. */
  operand(value: Argument | undefined, role: Role = 'shared'): string {
    const index = tensorIndex(value);
    if (index !== undefined) return this.x(index, role);
    if (typeof value === 'number') return literal(value);
    throw new Inexpressible(`an argument ${JSON.stringify(value)}`);
  }

  /** An input that the text needs to know at compile time: axes, sizes. */
  values(index: number): number[] {
    return [...this.input(index).data];
  }

  /** Gives an expression a name, so that it is evaluated once. */
  let(text: string): string {
    const name = `v${this.statements.length}`;
    this.statements.push(`${name} = ${text}`);
    return name;
  }
}

export function tensorIndex(value: Argument | undefined): number | undefined {
  return typeof value === 'object' && value !== null && 'tensor' in value ? value.tensor : undefined;
}

/** A number as the language writes it; in parentheses where an operator before it could take its sign. */
export function literal(value: number): string {
  if (!Number.isFinite(value)) throw new Inexpressible(`the number ${value}`);
  return value < 0 || Object.is(value, -0) ? `(${value})` : String(value);
}

export function listText(values: readonly (number | readonly number[])[]): string {
  return `[${values.map((v) => (typeof v === 'number' ? String(v) : listText(v))).join(', ')}]`;
}

/** Whole numbers out of an argument: a number or a list of them. */
export function numbers(value: Argument | undefined): number[] {
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((v) => typeof v === 'number')) throw new Inexpressible(`numbers ${JSON.stringify(value)}`);
  return list as number[];
}

/** One number for each of `n` axes. */
export function each(value: Argument | undefined, n: number, otherwise: number): number[] {
  const list = value === undefined || value === null ? [otherwise] : numbers(value);
  return list.length === 1 ? new Array<number>(n).fill(list[0]) : list;
}

/** An axis counted from the front. */
export function axisFrom(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** `reshape(text, 2, 3)`. */
export function reshaped(text: string, shape: readonly number[]): string {
  return `reshape(${text}, ${listText(shape)})`;
}
