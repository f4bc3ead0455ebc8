/** A program written by hand: what the executor runs before there is any compiler. */
import type { Command, Program, ProgramKernel } from '../../compiler/program/types.js';

const WG = [64, 1, 1] as const;

const kernel = (id: string, bindings: ProgramKernel['bindings'], wgsl: string): ProgramKernel => ({
  id,
  bindings,
  candidates: [{ name: 'portable', wgsl, workgroupSize: WG }],
});

/** `w = bits of the key` as a small number: differs by seed and draw. */
const FILL = kernel(
  'fill',
  ['read', 'read_write'],
  `@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 5u) { w[id.x] = f32((keys[0] ^ (keys[1] + id.x)) >> 9u); }
}`,
);

/** `scratch = w + step * x`. */
const AXPY = kernel(
  'axpy',
  ['read', 'read', 'read_write', 'uniform'],
  `struct Sizes { n: u32 }
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> inputs: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < sizes.n) { y[id.x] = w[id.x] + inputs[1] * inputs[64u + id.x]; }
}`,
);

/** `sum = sum of w, seen = counter`. */
const TOTAL = kernel(
  'total',
  ['read', 'read', 'read_write'],
  `@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> inputs: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1) fn main() {
  var sum = 0.0;
  for (var i = 0u; i < 5u; i++) { sum += w[i]; }
  out[0] = sum;
  out[1] = bitcast<f32>(inputs[0]);
}`,
);

/** `out[i] = byte rows[i] of the field`. */
const GATHER = kernel(
  'gather',
  ['read', 'read', 'read_write'],
  `@group(0) @binding(0) var<storage, read> field: array<u32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 6u) { out[id.x] = (field[rows[id.x / 2u]] >> (8u * (id.x % 2u))) & 255u; }
}`,
);

const bind = (buffer: number, size: number, offset = 0) => ({ buffer, offset, size });
const dispatch = (index: number, label: string, bindings: ReturnType<typeof bind>[]): Command => ({
  kind: 'dispatch',
  kernel: index,
  bindings,
  workgroups: [[1, 1, 1]],
  label,
  flops: 0,
  bytes: 0,
});

/** Buffers: 0 w and flag, 1 scratch, 2-3 of `step`, 4 parameters, 5 keys, 6 field, 7-8 of `rows`. */
export function handProgram(): Program {
  return {
    format: 'ganc-program/1',
    name: 'hand',
    hash: '0',
    hyper: {},
    data: { name: 'd', source: 'none', args: {}, fields: [{ name: 'b', type: 'tensor', shape: [2], args: {}, storage: { kind: 'u8', scale: 1, offset: 0 } }] },
    noises: [],
    parameters: [5, 0, 0, 0],
    variables: [
      { name: 'w', kind: 'weight', shape: [5], dtype: 'f32', buffer: 0, offset: 0 },
      { name: 'flag', kind: 'state', shape: [], dtype: 'bool', buffer: 0, offset: 256 },
      { name: 'all', kind: 'flat', shape: [64], dtype: 'f32', buffer: 0, offset: 0 },
    ],
    buffers: [
      { kind: 'variables', size: 512 },
      { kind: 'scratch', size: 20 },
      { kind: 'inputs', size: 276, entry: 'step' },
      { kind: 'outputs', size: 8, entry: 'step' },
      { kind: 'parameters', size: 16 },
      { kind: 'keys', size: 8 },
      { kind: 'field', size: 0, field: 'b' },
      { kind: 'inputs', size: 12, entry: 'rows' },
      { kind: 'outputs', size: 24, entry: 'rows' },
    ],
    draws: ['init.w'],
    kernels: [FILL, AXPY, TOTAL, GATHER],
    entries: [
      { name: 'init', inputs: [], outputs: [], commands: [dispatch(0, 'w', [bind(5, 8), bind(0, 20)])] },
      {
        name: 'step',
        inputs: [
          { kind: 'counter', name: 'counter', dtype: 'u32', shape: [], buffer: 2, offset: 0 },
          { kind: 'step', name: 'step', dtype: 'f32', shape: [], buffer: 2, offset: 4 },
          { kind: 'tensor', name: 'x', dtype: 'f32', shape: [5], buffer: 2, offset: 256 },
          { kind: 'tensor', name: 'nothing', dtype: 'i32', shape: [0, 3], buffer: 2, offset: 276 },
        ],
        outputs: [
          { name: 'sum', dtype: 'f32', shape: [], buffer: 3, offset: 0 },
          { name: 'seen', dtype: 'u32', shape: [1], buffer: 3, offset: 4 },
          { name: 'empty', dtype: 'f32', shape: [0], buffer: 3, offset: 8 },
        ],
        commands: [
          dispatch(1, 'w + x', [bind(0, 20), bind(2, 276), bind(1, 20), bind(4, 16)]),
          { kind: 'copy', from: { buffer: 1, offset: 0 }, to: { buffer: 0, offset: 0 }, size: 20 },
          { ...dispatch(0, 'nothing to do', [bind(5, 8), bind(0, 20)]), workgroups: [[0, 1, 1]] } as Command,
          dispatch(2, 'sum', [bind(0, 20), bind(2, 276), bind(3, 8)]),
        ],
      },
      {
        name: 'rows',
        inputs: [{ kind: 'rows', name: 'rows', dtype: 'u32', shape: [3], buffer: 7, offset: 0 }],
        outputs: [{ name: 'bytes', dtype: 'u32', shape: [3, 2], buffer: 8, offset: 0 }],
        commands: [dispatch(3, 'gather', [bind(6, 0), bind(7, 12), bind(8, 24)])],
      },
    ],
    samples: [],
  };
}
