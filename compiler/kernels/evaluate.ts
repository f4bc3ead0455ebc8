/** Expressions of a node's element, and of four neighbouring elements, from the elements of its inputs. Index maps compute coordinates and no value. */
import { type DType, type Node, size } from '../graph/node.js';
import { wgslConstant, wgslExpression } from '../graph/wgsl.js';
import { ZERO } from './coordinates.js';
import type { Emitter } from './emitter.js';
import { ROWS_AT, storageType } from './kernel.js';

function load(node: Node, element: string): string {
  return node.dtype === 'bool' ? `(${element} != 0u)` : element;
}

/** Small numbers stand in the text; others are parameters, as they often come from shapes (one over a count). */
function constant(e: Emitter, value: number, dtype: DType): string {
  if (dtype === 'bool' || !Number.isFinite(value) || [0, 0.5, 1, 2].includes(Math.abs(value))) return wgslConstant(value, dtype);
  if (dtype === 'f32') return e.parameterF32(`constant ${Math.fround(value)}`, value);
  const word = e.parameter(`constant ${dtype} ${value}`, value >>> 0);
  return dtype === 'i32' ? `bitcast<i32>(${word})` : word;
}

/** Element of a leaf that is read by its position: the position's expression and the value's. */
function draw(e: Emitter, path: string): { key: string; counter: string } {
  const keys = e.bind({ kind: 'keys' }, 'u32');
  const first = e.let(`${e.parameter(`draw ${path}`, e.kernel.site.draw(path))} * 2u`);
  const key = e.let(`vec2<u32>(${keys}[${first}], ${keys}[${first} + 1u])`);
  return { key, counter: e.let(`${e.bind({ kind: 'call' }, 'u32')}[0]`) };
}

/** Number of an element in its draw. */
function drawn(e: Emitter, node: Node, coords: readonly string[]): string {
  const position = e.position(node, coords);
  if (node.operation.op !== 'random' || node.operation.from === undefined) return position;
  return e.let(`${position} + ${e.parameter(`from ${node.id}`, node.operation.from)}`);
}

interface FieldElement {
  /** Position of the row's first word. */
  readonly row: string;
  /** Row-major position in the row. */
  readonly element: string;
  readonly decode: (byte: string) => string;
}

type FieldRead = Extract<Node['operation'], { readonly op: 'field' }>;

function fieldElement(e: Emitter, node: Node, { field, rows, from }: FieldRead, coords: readonly string[]): FieldElement {
  const layout = e.kernel.site.field(field);
  const start = rows === undefined ? `${ROWS_AT}u` : e.parameter(`rows ${rows}`, e.kernel.site.rows(rows));
  const first = from === undefined ? start : `${start} + ${e.parameter(`from ${node.id}`, from)}`;
  const row = e.let(`${e.bind({ kind: 'call' }, 'u32')}[${coords[0]} + ${first}]`);
  const element = e.coordinates.join(coords.slice(1), e.sizes(node).slice(1));
  const decode = (byte: string): string => {
    if (node.dtype !== 'f32') return `${node.dtype}(${byte})`;
    return `(f32(${byte}) * ${e.parameterF32(`scale ${field}`, layout.scale)} + ${e.parameterF32(`offset ${field}`, layout.offset)})`;
  };
  return { row: e.let(`${row} * ${e.parameter(`words ${field}`, layout.words)}`), element, decode };
}

function fieldValue(e: Emitter, node: Node, read: FieldRead, coords: readonly string[]): string {
  const { field } = read;
  const { row, element, decode } = fieldElement(e, node, read, coords);
  const { kind } = e.kernel.site.field(field);
  if (kind === 'u8') {
    const word = e.let(`${e.bind({ kind: 'field', field }, 'u32')}[${row} + (${element} >> 2u)]`);
    return decode(`((${word} >> ((${element} & 3u) * 8u)) & 255u)`);
  }
  const stored = `${e.bind({ kind: 'field', field }, kind)}[${row} + ${element}]`;
  return kind === node.dtype ? stored : `${node.dtype}(${stored})`;
}

/** Coordinate of the input under a `pad`, in bounds, and whether the element is the input's own (`undefined`: always). */
function unpad(e: Emitter, node: Node, coords: readonly string[]): { coords: string[]; inside: string | undefined } {
  if (node.operation.op !== 'pad') throw new Error('not a pad');
  const { low, high, interior } = node.operation;
  const input = node.inputs[0];
  const conditions: string[] = [];
  const inner = coords.map((coord, axis) => {
    if (low[axis] === 0 && high[axis] === 0 && (interior[axis] === 0 || input.shape[axis] === 1)) return coord;
    const length = e.axis(input, axis).text;
    const moved = low[axis] === 0 ? coord : e.let(`${coord} - ${e.parameter(`low ${node.id}.${axis}`, low[axis])}`);
    if (interior[axis] === 0 || input.shape[axis] === 1) {
      conditions.push(`${moved} < ${length}`);
      return input.shape[axis] === 1 ? ZERO : e.let(`min(${moved}, ${length} - 1u)`);
    }
    const distance = e.parameter(`interior ${node.id}.${axis}`, interior[axis] + 1);
    const quotient = e.let(`${moved} / ${distance}`);
    conditions.push(`${quotient} < ${length}`, `${quotient} * ${distance} == ${moved}`);
    return e.let(`min(${quotient}, ${length} - 1u)`);
  });
  return { coords: inner, inside: conditions.length === 0 ? undefined : e.let(conditions.join(' && ')) };
}

/** Where each input of a `concat` ends, and its own coordinates, in bounds whichever input is meant. */
function unconcat(e: Emitter, node: Node, axis: number, coords: readonly string[]): { input: Node; coords: string[]; before: string }[] {
  let start = 0;
  const inputs = node.inputs.filter((input) => size(input.shape) > 0);
  return inputs.map((input, index) => {
    const from = start;
    start += input.shape[axis];
    const moved = from === 0 ? coords[axis] : `${coords[axis]} - ${e.parameter(`start ${node.id}.${index}`, from)}`;
    const inner = input.shape[axis] === 1 ? ZERO : inputs.length === 1 ? coords[axis] : e.let(`min(${moved}, ${e.axis(input, axis).text} - 1u)`);
    const before = index === inputs.length - 1 ? 'true' : e.let(`${coords[axis]} < ${e.parameter(`start ${node.id}.${index + 1}`, start)}`);
    return { input, coords: coords.map((coord, a) => (a === axis ? inner : coord)), before };
  });
}

/** From here on a concat branches, so that one input only is computed. */
const BRANCHES = 3;

function choose(e: Emitter, type: string, choices: readonly { before: string; value: () => string }[]): string {
  if (choices.length === 1) return choices[0].value();
  if (choices.length < BRANCHES) return `select(${choices[1].value()}, ${choices[0].value()}, ${choices[0].before})`;
  const result = e.variable(type);
  choices.forEach(({ before, value }, index) => {
    const head = index === 0 ? `if (${before})` : index === choices.length - 1 ? 'else' : `else if (${before})`;
    e.writer.block('if', head, () => e.line(`${result} = ${value()};`));
  });
  return result;
}

/** Coordinates of the input that an index map of one input reads at the result's coordinates. */
function mapped(e: Emitter, node: Node, coords: readonly string[]): string[] | undefined {
  const { operation, inputs } = node;
  const input = inputs[0];
  switch (operation.op) {
    case 'broadcast':
      return coords.map((coord, axis) => (input.shape[axis] === 1 ? ZERO : coord));
    case 'reshape':
      return e.convert(node, coords, input);
    case 'permute': {
      const result: string[] = new Array(coords.length);
      operation.axes.forEach((axis, i) => {
        result[axis] = coords[i];
      });
      return result;
    }
    case 'slice':
      return coords.map((coord, axis) => {
        const start = operation.start[axis];
        const step = node.shape[axis] === 1 ? 1 : operation.step[axis];
        const scaled = coord === ZERO || step === 1 ? coord : `${coord} * ${e.parameter(`step ${node.id}.${axis}`, step)}`;
        if (start === 0) return e.let(scaled);
        const first = e.parameter(`start ${node.id}.${axis}`, start);
        return scaled === ZERO ? first : e.let(`${scaled} + ${first}`);
      });
    case 'gather': {
      const row = e.value(inputs[1], [coords[0], coords[1]]);
      const last = `i32(${e.axis(input, 1).text}) - 1`;
      return [coords[0], input.shape[1] === 1 ? ZERO : e.let(`u32(clamp(${row}, 0, ${last}))`), coords[2]];
    }
    case 'reverse':
      return coords.map((coord, axis) =>
        operation.axes.includes(axis) && node.shape[axis] !== 1 ? e.let(`${e.axis(node, axis).text} - 1u - ${coord}`) : coord,
      );
    default:
      return undefined;
  }
}

/** The element at these coordinates as a WGSL expression. */
export function evaluate(e: Emitter, node: Node, coords: readonly string[]): string {
  if (e.stored(node)) return load(node, `${e.array(node)}[${e.position(node, coords)}]`);
  const { operation, inputs } = node;
  const inner = mapped(e, node, coords);
  if (inner !== undefined) return size(inputs[0].shape) === 0 ? wgslConstant(0, node.dtype) : e.value(inputs[0], inner);
  switch (operation.op) {
    case 'constant':
      return constant(e, operation.value, node.dtype);
    case 'iota':
      return `${node.dtype}(${coords[operation.axis]})`;
    case 'random': {
      const { key, counter } = draw(e, operation.path);
      return `uniform_draw(${key}, ${counter}, ${drawn(e, node, coords)})`;
    }
    case 'field':
      return fieldValue(e, node, operation, coords);
    case 'pad': {
      if (size(inputs[0].shape) === 0) return wgslConstant(0, node.dtype);
      const { coords: under, inside } = unpad(e, node, coords);
      const value = e.value(inputs[0], under);
      return inside === undefined ? value : `select(${wgslConstant(0, node.dtype)}, ${value}, ${inside})`;
    }
    case 'concat':
      return choose(
        e,
        node.dtype,
        unconcat(e, node, operation.axis, coords).map(({ input, coords: under, before }) => ({ before, value: () => e.value(input, under) })),
      );
    case 'unary':
    case 'binary':
    case 'compare':
    case 'select':
    case 'cast':
      return wgslExpression(
        node,
        inputs.map((input) => e.value(input, coords)),
      ).text;
    default:
      return e.anchor(node, 1);
  }
}

/** The last axis longer than 1, along which `value4` goes. */
export function laneAxis(node: Node): number {
  for (let axis = node.shape.length - 1; axis >= 0; axis--) if (node.shape[axis] !== 1) return axis;
  return -1;
}

/** True where groups of four along the lane axis are whole, so that they lie in one vector of memory. */
export function lanesWhole(node: Node): boolean {
  const axis = laneAxis(node);
  return axis >= 0 && node.shape[axis] % 4 === 0;
}

/** Operations whose WGSL text means the same, lane by lane, on vectors. */
const LANEWISE: ReadonlySet<string> = new Set([
  'neg',
  'abs',
  'exp',
  'sqrt',
  'rsqrt',
  'floor',
  'ceil',
  'round',
  'not',
  'stop',
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
]);

function lanewise(node: Node): boolean {
  const { operation } = node;
  if (operation.op === 'unary' || operation.op === 'binary') return LANEWISE.has(operation.name);
  return operation.op === 'compare' || operation.op === 'select';
}

const LETTERS = ['x', 'y', 'z', 'w'];

/** Four elements along the lane axis as a WGSL expression of type `vec4`. */
export function evaluate4(e: Emitter, node: Node, coords: readonly string[]): string {
  const { operation, inputs } = node;
  const vector = `vec4<${node.dtype}>`;
  const lane = laneAxis(node);
  const splat = (value: string): string => `${vector}(${value})`;
  const separate = (): string => {
    const values = LETTERS.map((_, j) =>
      e.value(
        node,
        coords.map((coord, axis) => (axis === lane && j > 0 ? e.let(`${coord} + ${j}u`) : coord)),
      ),
    );
    return `${vector}(${values.join(', ')})`;
  };
  /** True where the four neighbours are neighbours in the input too, beginning at a multiple of four. */
  const follows = (input: Node): boolean => e.flat || (lanesWhole(node) && lanesWhole(input));

  if (e.stored(node)) {
    if (!e.flat && !lanesWhole(node)) return separate();
    const array = e.array(node, true);
    const element = `${array}[${e.let(`${e.position(node, coords)} >> 2u`)}]`;
    return node.dtype === 'bool' ? `(${element} != vec4<u32>(0u))` : element;
  }
  switch (operation.op) {
    case 'constant':
      return splat(constant(e, operation.value, node.dtype));
    case 'iota':
      if (operation.axis !== lane) return splat(e.value(node, coords));
      return `${vector}(vec4<u32>(${coords[lane]}) + vec4<u32>(0u, 1u, 2u, 3u))`;
    case 'random': {
      const { key, counter } = draw(e, operation.path);
      const position = drawn(e, node, coords);
      return `${vector}(${LETTERS.map((_, j) => `uniform_draw(${key}, ${counter}, ${position}${j === 0 ? '' : ` + ${j}u`})`).join(', ')})`;
    }
    case 'field': {
      if (lane < 1 || size(node.shape.slice(1)) % 4 !== 0 || !lanesWhole(node)) return separate();
      const { row, element, decode } = fieldElement(e, node, operation, coords);
      const { kind } = e.kernel.site.field(operation.field);
      const resource = { kind: 'field', field: operation.field } as const;
      if (kind === 'u8') {
        const word = e.let(`${e.bind(resource, 'u32')}[${row} + (${element} >> 2u)]`);
        return `${vector}(${LETTERS.map((_, j) => decode(`((${word} >> ${8 * j}u) & 255u)`)).join(', ')})`;
      }
      const stored = `${e.bind(resource, `vec4<${storageType(kind)}>`)}[${e.let(`(${row} + ${element}) >> 2u`)}]`;
      return kind === node.dtype ? stored : `${vector}(${stored})`;
    }
    case 'broadcast':
      if (lane < 0 || inputs[0].shape[lane] === 1) return splat(e.value(inputs[0], mapped(e, node, coords) as string[]));
      return e.value4(inputs[0], mapped(e, node, coords) as string[]);
    case 'reshape':
      return follows(inputs[0]) ? e.value4(inputs[0], mapped(e, node, coords) as string[]) : separate();
    case 'permute': {
      const under = laneAxis(inputs[0]);
      return under === operation.axes[lane] && follows(inputs[0]) ? e.value4(inputs[0], mapped(e, node, coords) as string[]) : separate();
    }
    case 'slice': {
      const whole = lane >= 0 && lane === laneAxis(inputs[0]) && operation.step[lane] === 1 && operation.start[lane] % 4 === 0;
      return whole && follows(inputs[0]) ? e.value4(inputs[0], mapped(e, node, coords) as string[]) : separate();
    }
    case 'gather':
      return lane === 2 && follows(inputs[0]) ? e.value4(inputs[0], mapped(e, node, coords) as string[]) : separate();
    case 'reverse':
      return lane >= 0 && !operation.axes.includes(lane) && follows(inputs[0]) ? e.value4(inputs[0], mapped(e, node, coords) as string[]) : separate();
    case 'pad': {
      const untouched = lane >= 0 && operation.low[lane] === 0 && operation.high[lane] === 0 && operation.interior[lane] === 0;
      if (!untouched || size(inputs[0].shape) === 0 || !follows(inputs[0])) return separate();
      const { coords: under, inside } = unpad(e, node, coords);
      const value = e.value4(inputs[0], under);
      return inside === undefined ? value : `select(${splat(wgslConstant(0, node.dtype))}, ${value}, ${inside})`;
    }
    case 'concat':
      if (operation.axis === lane || lane < 0 || !inputs.every((input) => follows(input) || size(input.shape) === 0)) return separate();
      return choose(
        e,
        vector,
        unconcat(e, node, operation.axis, coords).map(({ input, coords: under, before }) => ({ before, value: () => e.value4(input, under) })),
      );
    case 'sum':
    case 'max':
    case 'matmul':
    case 'conv':
      return e.anchor(node, 4);
    default: {
      const args = inputs.map((input) => e.value4(input, coords));
      if (operation.op === 'cast') return operation.to === inputs[0].dtype ? args[0] : `${vector}(${args[0]})`;
      if (operation.op === 'binary' && operation.name === 'and') return `(${args[0]} & ${args[1]})`;
      if (operation.op === 'binary' && operation.name === 'or') return `(${args[0]} | ${args[1]})`;
      if (lanewise(node)) return wgslExpression(node, args).text;
      const parts = LETTERS.map(
        (letter) =>
          wgslExpression(
            node,
            args.map((arg) => `${arg}.${letter}`),
          ).text,
      );
      return `${vector}(${parts.join(', ')})`;
    }
  }
}
