/** Weights, data and noise of a workload, drawn from one seed and handed to every peer as a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../dist/runtime/train/safetensors.js';

const SEED = 20_261_123;

/** Numbers in [0, 1): Mulberry32. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A caption: one to as many words as there is room for, numbered from 1, then padding. */
function captions(random, shape) {
  const room = shape.at(-1);
  const data = new Int32Array(shape.reduce((a, b) => a * b, 1));
  for (let row = 0; row < data.length; row += room) {
    const words = 1 + Math.floor(random() * room);
    for (let i = 0; i < words; i++) data[row + i] = 1 + Math.floor(random() * 31);
  }
  return { dtype: 'i32', shape, data };
}

function draw(random, { kind, shape, scale = 1 }) {
  if (kind === 'tokens') return captions(random, shape);
  const one = {
    ones: () => 1,
    zeros: () => 0,
    uniform: () => scale * (2 * random() - 1),
    // Box and Muller 1958.
    normal: () => scale * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  }[kind];
  return { dtype: 'f32', shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, one) };
}

/** Writes the file of a workload into `folder` and gives its path. Weights are `weight.<name>`, inputs `input.<name>`. */
export async function writeData(folder, name, { weights, inputs }) {
  mkdirSync(folder, { recursive: true });
  const random = generator(SEED);
  const tensors = new Map();
  for (const [weight, drawn] of Object.entries(weights)) tensors.set(`weight.${weight}`, draw(random, drawn));
  for (const [input, drawn] of Object.entries(inputs)) tensors.set(`input.${input}`, draw(random, drawn));
  // Interpolation of WGAN-GP: from 0 to 1.
  const mix = tensors.get('input.D.e');
  if (mix) mix.data = mix.data.map((v) => (v + 1) / 2);
  const path = join(folder, `${name}.safetensors`);
  await writeSafetensors(path, tensors);
  return path;
}

/** Clips and captions as the spec of W4 reads them where it is not fed (`ganc profile bench/specs/w4.gan`): pixels are bytes. */
export function writeClips(folder) {
  mkdirSync(folder, { recursive: true });
  const random = generator(SEED);
  const rows = 64;
  const pixels = Uint8Array.from({ length: rows * 16 * 32 * 32 }, () => 256 * random());
  const words = captions(random, [rows, 9]).data;
  const header = JSON.stringify({
    x: { dtype: 'U8', shape: [rows, 1, 16, 32, 32], data_offsets: [0, pixels.byteLength] },
    t: { dtype: 'I32', shape: [rows, 9], data_offsets: [pixels.byteLength, pixels.byteLength + words.byteLength] },
  });
  const length = new BigUint64Array([BigInt(header.length)]);
  writeFileSync(
    join(folder, 'clips.safetensors'),
    Buffer.concat([length, Buffer.from(header), pixels, words].map((part) => (part instanceof Buffer ? part : Buffer.from(part.buffer)))),
  );
}
