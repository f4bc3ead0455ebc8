/**
 * What the generators of kernels work on and what they make. A group is the part of the graph that one dispatch computes; a generator,
 * `(group, site) => GeneratedKernel`, turns it into one or several WGSL texts (variants) over the same bindings and the same parameters.
 * Long sums with few results are split into two groups before (rewrite/split.ts, in terms of the graph), so an anchor always does its whole sum.
 */
import type { DType, Node } from '../graph/node.js';
import { Emitter } from './emitter.js';

/** WebGPU's portable limit of storage buffers in one kernel; the uniform buffer of parameters does not count. */
export const MAX_STORAGE_BINDINGS = 8;
/** WebGPU's limit of workgroups along one dimension of a grid. */
export const MAX_WORKGROUPS = 65535;

/**
 * One dispatch. Every output is aligned to the domain: it has as many elements as the domain, and element i of each is computed from
 * element i (row-major) of the others. The domain is the result of the anchor, or the outputs themselves where there is none.
 */
export interface Group {
  readonly kind: 'elementwise' | 'reduce' | 'matmul' | 'conv';
  /** None for `elementwise`; one for `matmul` and `conv`; for `reduce` one or more sums and maxima over the same axes of equal shapes. */
  readonly anchors: readonly Node[];
  /** What the kernel writes: anchors themselves, or elementwise values computed from them in the epilogue. */
  readonly outputs: readonly Node[];
}

/** What a storage binding holds: a value, or one of the things that leaves read. `call` is u32: the counter, and the rows from word `ROWS_AT`. */
export type Resource =
  | { readonly kind: 'value'; readonly node: Node }
  | { readonly kind: 'field'; readonly field: string }
  | { readonly kind: 'keys' }
  | { readonly kind: 'call' };

/** Word of the `call` binding at which the rows of the data fields start. */
export const ROWS_AT = 64;

/** How a field's rows lie in memory. `words`: u32 words from one row to the next. */
export interface FieldLayout {
  readonly kind: 'u8' | 'f32' | 'i32';
  readonly scale: number;
  readonly offset: number;
  readonly words: number;
}

/** What a kernel may know about memory. Given by the plan. */
export interface Site {
  /** True where the value is in memory before this kernel runs, so that it is loaded rather than computed. */
  stored(node: Node): boolean;
  /** `read_write` where the kernel also writes to the buffer that holds this resource. */
  access(resource: Resource): 'read' | 'read_write';
  /** For an output that is written in place of a value which the kernel reads at the same index only: that value. */
  replaces(output: Node): Node | undefined;
  /** Number of a draw's path in `Program.draws`. */
  draw(path: string): number;
  /** Word of the `call` binding at which the rows that a draw has chosen start. */
  rows(draw: string): number;
  field(name: string): FieldLayout;
}

export interface Binding {
  readonly resource: Resource;
  readonly access: 'read' | 'read_write';
}

export interface Variant {
  readonly name: string;
  readonly wgsl: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  readonly requires?: { readonly features?: readonly string[]; readonly subgroupSize?: number };
  /** As in `KernelCandidate`. */
  readonly textures?: readonly number[];
  /** As in `KernelCandidate`. */
  readonly table?: 'hardware' | 'never';
}

export interface GeneratedKernel {
  /** Readable, from the content: `matmul_nt_add_max`. Not yet unique. */
  readonly name: string;
  /** Storage bindings: entry i is binding i + 1 of WGSL. Binding 0 is always the uniform buffer of parameters. */
  readonly bindings: readonly Binding[];
  /** u32 words of the uniform buffer. */
  readonly parameters: readonly number[];
  readonly variants: readonly Variant[];
  readonly flops: number;
}

interface Slot {
  readonly resource: Resource;
  readonly key: string;
  access: 'read' | 'read_write';
}

export function resourceKey(resource: Resource): string {
  if (resource.kind === 'value') return `value ${resource.node.id}`;
  return resource.kind === 'field' ? `field ${resource.field}` : resource.kind;
}

/**
 * Bindings and parameters of one kernel, shared by its variants, and the list of these. A generator calls `emitter()` once a variant,
 * writes with it, and hands the result to `add`; the first variant added must be portable.
 */
export class KernelBuilder {
  readonly slots: Slot[] = [];
  readonly parameters: { readonly role: string; readonly value: number }[] = [];
  private readonly byRole = new Map<string, number>();
  private readonly variants: Variant[] = [];
  private name: string;
  private flops = 0;

  constructor(
    readonly group: Group,
    readonly site: Site,
  ) {
    this.name = group.kind;
  }

  emitter(): Emitter {
    return new Emitter(this);
  }

  /** Number of the slot for the nth use (with another element type) of a resource in one text; made at the first demand. */
  slot(resource: Resource, nth: number, access: 'read' | 'read_write'): number {
    const key = `${resourceKey(resource)} ${nth}`;
    let index = this.slots.findIndex((slot) => slot.key === key);
    if (index < 0) {
      index = this.slots.length;
      this.slots.push({ resource, key, access });
    } else if (access === 'read_write') this.slots[index].access = access;
    return index;
  }

  /** Number of the parameter of this role. Equal roles must have equal values. */
  parameter(role: string, value: number): number {
    const known = this.byRole.get(role);
    if (known !== undefined) {
      if (this.parameters[known].value !== value) throw new Error(`kernel parameter ${role} has two values, ${this.parameters[known].value} and ${value}`);
      return known;
    }
    const index = this.parameters.length;
    this.parameters.push({ role, value });
    this.byRole.set(role, index);
    return index;
  }

  /** What the kernel is called, and how many floating-point operations a dispatch does. */
  describe(name: string, flops: number): void {
    this.name = name;
    this.flops = flops;
  }

  add(variant: Variant): void {
    this.variants.push(variant);
  }

  get full(): boolean {
    return this.slots.length > MAX_STORAGE_BINDINGS;
  }

  finish(): GeneratedKernel {
    return {
      name: this.name,
      bindings: this.slots.map(({ resource, access }) => ({ resource, access })),
      parameters: this.parameters.map((p) => p.value),
      variants: this.variants,
      flops: this.flops,
    };
  }
}

/** WGSL type of a stored element: booleans are u32. */
export function storageType(dtype: DType): 'f32' | 'i32' | 'u32' {
  return dtype === 'bool' ? 'u32' : dtype;
}

/** Grid of `count` workgroups in two dimensions; the text counts them with `Emitter.workgroupIndex`. */
export function grid(count: number): [number, number, number] {
  if (count <= MAX_WORKGROUPS) return [Math.max(1, count), 1, 1];
  return [MAX_WORKGROUPS, Math.ceil(count / MAX_WORKGROUPS), 1];
}
