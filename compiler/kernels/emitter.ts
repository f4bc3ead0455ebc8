/**
 * Writes one WGSL text of a kernel. The text depends on the structure of the computation alone: sizes, offsets and most constants are
 * parameters in a uniform buffer, so that equal structure gives equal text whatever the shapes are.
 *
 * Coordinates are names of immutable u32 values (or `0u`), one an axis, in bounds. Values are names of immutable WGSL values of the
 * node's dtype (`bool` is WGSL's bool, in memory u32). `value4` is four neighbours along the lane axis: the last axis that is longer than 1,
 * whose length and coordinate must be multiples of 4.
 */
import type { Node } from '../graph/node.js';
import { helpersOf, wgslHelpers } from '../graph/wgsl.js';
import { OPERAND_TEXELS } from '../program/types.js';
import { AxisClasses } from './axes.js';
import { Coordinates, type Size, ZERO } from './coordinates.js';
import { evaluate, evaluate4 } from './evaluate.js';
import { type KernelBuilder, MAX_WORKGROUPS, type Resource, resourceKey, storageType, type Variant } from './kernel.js';
import { Writer } from './writer.js';

/** A kernel that cannot go by fours, as when it would bind what it writes under two element types, which WebGPU refuses. The generator goes by ones instead. */
export class BindingConflict extends Error {
  override name = 'BindingConflict';
}

/** In place of an element type. */
const TEXTURE = 'texture';

export interface Finish {
  readonly name: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  readonly requires?: Variant['requires'];
  readonly table?: Variant['table'];
}

const BUILTINS: Readonly<Record<string, string>> = {
  workgroup: '@builtin(workgroup_id) workgroup: vec3<u32>',
  local: '@builtin(local_invocation_index) local: u32',
  local_id: '@builtin(local_invocation_id) local_id: vec3<u32>',
  subgroup_lane: '@builtin(subgroup_invocation_id) subgroup_lane: u32',
};

export class Emitter {
  readonly writer = new Writer();
  readonly coordinates = new Coordinates(this.writer, (sizes) => this.product(sizes));
  private readonly types = new Map<string, { type: string; slot: number }[]>();
  private readonly declared = new Map<number, string>();
  private readonly used = new Set<string>();
  private readonly declarations: string[] = [];
  private readonly directives: string[] = [];
  private readonly axes: AxisClasses;

  /** True where all values have the domain's elements in the domain's order, so that fours go along the position, over ends of axes. */
  flat = false;

  constructor(readonly kernel: KernelBuilder) {
    this.axes = new AxisClasses(kernel.group, (node) => this.stored(node));
    for (const name of Object.keys(BUILTINS)) this.writer.immutable(name);
  }

  /** True where the value is loaded, not computed here. */
  stored(node: Node): boolean {
    return this.kernel.site.stored(node);
  }

  // Parameters

  /** A u32 as a parameter: the name of the value. Equal roles (any text that says what it is) share one. */
  parameter(role: string, value: number): string {
    const name = `n${this.kernel.parameter(role, value)}`;
    this.used.add(name);
    this.writer.global(name);
    return name;
  }

  /** An f32 as a parameter. */
  parameterF32(role: string, value: number): string {
    const bits = new Uint32Array(new Float32Array([value]).buffer)[0];
    return this.writer.let(`bitcast<f32>(${this.parameter(role, bits)})`, 'k');
  }

  /** Length of an axis of a node of this group; equal axes share one parameter. */
  axis(node: Node, axis: number): Size {
    const value = node.shape[axis];
    if (value === 1) return { value, text: '1u' };
    return { value, text: this.parameter(this.axes.role(node, axis), value) };
  }

  /** Product of lengths, as a parameter. */
  product(sizes: readonly Size[]): Size {
    const long = sizes.filter((s) => s.value !== 1);
    if (long.length === 0) return { value: 1, text: '1u' };
    if (long.length === 1) return long[0];
    const value = long.reduce((a, s) => a * s.value, 1);
    return { value, text: this.parameter(`product ${long.map((s) => s.text).join(' ')}`, value) };
  }

  sizes(node: Node): Size[] {
    return node.shape.map((_, axis) => this.axis(node, axis));
  }

  /** How many elements the node has, as a parameter. */
  total(node: Node): string {
    return this.product(this.sizes(node)).text;
  }

  // Statements

  /** Adds a line as it is. Names that it declares are taken to be mutable. */
  line(text: string): void {
    this.writer.line(text);
  }

  let(expression: string): string {
    return this.writer.let(expression);
  }

  /** A loop over 0, 1, ... `count` - 1; the body gets the name of the counter. */
  loop(count: string, body: (index: string) => void, first = ZERO, step = '1u'): void {
    const index = this.writer.fresh('k');
    this.writer.block('loop', `for (var ${index} = ${first}; ${index} < ${count}; ${index} += ${step})`, () => {
      this.writer.immutable(index);
      body(index);
    });
  }

  if(condition: string, body: () => void): void {
    this.writer.block('if', `if (${condition})`, body);
  }

  /** Declares a mutable variable and returns its name. */
  variable(type: string, initial?: string, prefix = 'a'): string {
    const name = this.writer.fresh(prefix);
    this.line(`var ${name}${initial === undefined ? `: ${type}` : `: ${type} = ${initial}`};`);
    return name;
  }

  /** Memory of the workgroup. */
  shared(type: string): string {
    const name = this.writer.fresh('s');
    this.declarations.push(`var<workgroup> ${name}: ${type};`);
    this.writer.global(name);
    return name;
  }

  /** A function or other declaration outside of `main`. */
  declare(text: string): void {
    if (!this.declarations.includes(text)) this.declarations.push(text);
  }

  /** `enable subgroups;` and its like. */
  directive(text: string): void {
    if (!this.directives.includes(text)) this.directives.push(text);
  }

  /** Number of the workgroup in a grid made by `grid`. */
  workgroupIndex(): string {
    return this.writer.let(`workgroup.y * ${MAX_WORKGROUPS}u + workgroup.x`, 'g');
  }

  /** Number of the invocation over all workgroups of a grid made by `grid`. */
  invocation(workgroupSize: number): string {
    return this.writer.let(`${this.workgroupIndex()} * ${workgroupSize}u + local`, 't');
  }

  // Memory

  /** Name of the array that holds a resource, of this element type (`f32`, `vec4<f32>`, `u32`...). */
  bind(resource: Resource, type: string, written = false): string {
    const access = written ? 'read_write' : this.kernel.site.access(resource);
    const key = resourceKey(resource);
    const list = this.types.get(key) ?? [];
    this.types.set(key, list);
    let entry = list.find((e) => e.type === type);
    if (entry === undefined) {
      if (list.length > 0 && access === 'read_write') throw new BindingConflict(`${key} is written and bound as ${list[0].type} and ${type}`);
      entry = { type, slot: this.kernel.slot(resource, list.length, access) };
      list.push(entry);
      this.writer.global(`b${entry.slot}`);
    } else if (access === 'read_write') this.kernel.slot(resource, list.indexOf(entry), access);
    this.declared.set(entry.slot, type);
    return `b${entry.slot}`;
  }

  /** The array of a stored value; elements are `storageType(node.dtype)` or vectors of four of them. */
  array(node: Node, vectors = false): string {
    const type = storageType(node.dtype);
    return this.bind({ kind: 'value', node }, vectors ? `vec4<${type}>` : type);
  }

  /** Name of the texture that holds a stored f32 value, four elements to a texel: see `texel`. */
  texture(node: Node): string {
    return this.bind({ kind: 'value', node }, TEXTURE);
  }

  /** Four neighbours of a value in a texture; `index` counts fours. */
  texel(texture: string, index: string): string {
    const at = this.let(index);
    return `textureLoad(${texture}, vec2<u32>(${at} % ${OPERAND_TEXELS}u, ${at} / ${OPERAND_TEXELS}u))`;
  }

  // Values

  /** Coordinates of the element at a row-major position. */
  coords(node: Node, position: string): string[] {
    return this.coordinates.split(position, this.sizes(node));
  }

  /** Row-major position of an element. */
  position(node: Node, coords: readonly string[]): string {
    return this.coordinates.join(coords, this.sizes(node));
  }

  /** Coordinates of the same row-major position in another node's shape, of as many elements. */
  convert(from: Node, coords: readonly string[], to: Node): string[] {
    return this.coordinates.convert(coords, this.sizes(from), this.sizes(to));
  }

  /** The element at these coordinates: loaded, or computed with all that it needs. */
  value(node: Node, coords: readonly string[]): string {
    const at = canonical(node, coords);
    const key = `value ${node.id} ${at.join(' ')}`;
    const known = this.writer.recall(key);
    if (known !== undefined) return known;
    const name = this.writer.let(evaluate(this, node, at));
    this.writer.remember(key, name, at.join(' '));
    return name;
  }

  /** Four elements along the lane axis as `vec4`. */
  value4(node: Node, coords: readonly string[]): string {
    const at = canonical(node, coords);
    const key = `value4 ${node.id} ${at.join(' ')}`;
    const known = this.writer.recall(key);
    if (known !== undefined) return known;
    const name = this.writer.let(evaluate4(this, node, at));
    this.writer.remember(key, name, at.join(' '));
    return name;
  }

  /** States that the anchor's element at these coordinates is `name`, from here to the end of the block. */
  define(node: Node, coords: readonly string[], name: string): void {
    const at = canonical(node, coords);
    this.writer.rememberHere(`value ${node.id} ${at.join(' ')}`, name);
    this.writer.rememberHere(`anchor ${node.id}`, name);
  }

  /** The same for four elements along the lane axis, as a `vec4`. */
  define4(node: Node, coords: readonly string[], name: string): void {
    const at = canonical(node, coords);
    this.writer.rememberHere(`value4 ${node.id} ${at.join(' ')}`, name);
    this.writer.rememberHere(`anchor4 ${node.id}`, name);
  }

  /**
   * The anchor's element that was defined last: an epilogue reads no other, in whatever way it says so. Throws `BindingConflict` where the
   * anchor is defined in the other width.
   */
  anchor(node: Node, width: 1 | 4): string {
    const [wanted, other] = width === 4 ? ['anchor4', 'anchor'] : ['anchor', 'anchor4'];
    const known = this.writer.recall(`${wanted} ${node.id}`);
    if (known !== undefined) return known;
    if (this.writer.recall(`${other} ${node.id}`) !== undefined) throw new BindingConflict(`${node.operation.op} is computed in another width than it is read`);
    throw new Error(`the ${node.operation.op} [${node.shape.join(', ')}] is needed inside of a kernel that does not compute it`);
  }

  /** The node whose shape the kernel's results are counted in. */
  get domain(): Node {
    return this.kernel.group.anchors[0] ?? this.kernel.group.outputs[0];
  }

  /** Computes all outputs for the domain's element at these coordinates (after `define` of the anchors) and writes them. */
  storeOutputs(coords: readonly string[]): void {
    const stores = this.kernel.group.outputs.map((output) => {
      const at = this.convert(this.domain, coords, output);
      const value = this.value(output, at);
      const word = output.dtype === 'bool' ? `select(0u, 1u, ${value})` : value;
      return `${this.target(output, false)}[${this.position(output, at)}] = ${word};`;
    });
    for (const store of stores) this.line(store);
  }

  /**
   * The same for four neighbours. `tail`: the four may pass the end of the values; what lies behind is written as zero (buffers end at
   * multiples of four elements).
   */
  storeOutputs4(coords: readonly string[], tail = false): void {
    const stores = this.kernel.group.outputs.map((output) => {
      const at = this.convert(this.domain, coords, output);
      const value = this.value4(output, at);
      const type = storageType(output.dtype);
      const position = this.position(output, at);
      let word = output.dtype === 'bool' ? `select(vec4<u32>(0u), vec4<u32>(1u), ${value})` : value;
      if (tail) word = `select(vec4<${type}>(), ${word}, vec4<u32>(${position}) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(${this.total(output)}))`;
      return `${this.target(output, true)}[${this.let(`${position} >> 2u`)}] = ${word};`;
    });
    for (const store of stores) this.line(store);
  }

  private target(output: Node, vectors: boolean): string {
    const type = storageType(output.dtype);
    return this.bind({ kind: 'value', node: this.kernel.site.replaces(output) ?? output }, vectors ? `vec4<${type}>` : type, true);
  }

  /** Completes the text and adds it to the kernel's variants. */
  finish(options: Finish): void {
    const body = this.writer.finish();
    if (this.kernel.parameters.length === 0) this.kernel.parameter('none', 0);
    const words = new Set(body.match(/[A-Za-z_]\w*/g));
    const parameters = [...this.used].filter((name) => words.has(name)).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
    const slots = [...this.declared].sort(([a], [b]) => a - b);
    const declarations = this.declarations.join('\n');
    const lines = [
      ...this.directives,
      `struct Parameters { ${this.kernel.parameters.map((_, index) => `n${index}: u32`).join(', ')} }`,
      '@group(0) @binding(0) var<uniform> parameters: Parameters;',
      ...slots.map(([slot, type]) =>
        type === TEXTURE
          ? `@group(0) @binding(${slot + 1}) var b${slot}: texture_storage_2d<rgba32float, read>;`
          : `@group(0) @binding(${slot + 1}) var<storage, ${this.kernel.slots[slot].access}> b${slot}: array<${type}>;`,
      ),
      ...helpersOf(`${declarations}\n${body}`).map((name) => wgslHelpers[name]),
      ...this.declarations,
      `@compute @workgroup_size(${options.workgroupSize.join(', ')})`,
      `fn main(${Object.keys(BUILTINS)
        .filter((name) => words.has(name))
        .map((name) => BUILTINS[name])
        .join(', ')}) {`,
      ...parameters.map((name) => `  let ${name} = parameters.${name};`),
      body,
      '}',
      '',
    ];
    const textures = slots.filter(([, type]) => type === TEXTURE).map(([slot]) => slot + 1);
    this.kernel.add({ ...options, wgsl: lines.join('\n'), ...(textures.length === 0 ? {} : { textures }) });
  }
}

/** Axes of length 1 have one coordinate only. */
function canonical(node: Node, coords: readonly string[]): string[] {
  return node.shape.map((length, axis) => (length === 1 ? ZERO : coords[axis]));
}
