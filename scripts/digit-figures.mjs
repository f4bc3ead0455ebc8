// How near samples of digits are to real ones: node scripts/digit-figures.mjs SAMPLES.safetensors [NAME]
// For each sample the nearest of the training digits (Euclidean over pixels in -1..1) gives a class and a distance. The same for held-out real
// digits says what distance to expect of a perfect generator.
import { loadData } from '../dist/runtime/data/index.js';
import { readSafetensors } from '../dist/runtime/train/safetensors.js';

const [path, name] = process.argv.slice(2);
if (!path) {
  console.error('usage: node scripts/digit-figures.mjs SAMPLES.safetensors [NAME]');
  process.exit(2);
}
const PIXELS = 784;
const CLASSES = 10;

const data = await loadData(
  {
    name: 'digits',
    source: 'mnist',
    args: {},
    fields: [
      { name: 'x', type: 'image', shape: [1, 28, 28], args: {}, storage: { kind: 'u8', scale: 2 / 255, offset: -1 }, range: [-1, 1] },
      { name: 'y', type: 'class', shape: [], args: { classes: CLASSES }, storage: { kind: 'i32' } },
    ],
  },
  { seed: 0n },
);
const real = Float32Array.from(data.fields.get('x').bytes, (byte) => (byte * 2) / 255 - 1);
const { bytes } = data.fields.get('y');
const labels = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

/** Class and distance of the nearest training digit. */
function nearest(pictures, at) {
  let best = Number.POSITIVE_INFINITY;
  let which = 0;
  for (let row = 0; row < data.count; row++) {
    let sum = 0;
    for (let i = 0; i < PIXELS && sum < best; i++) sum += (pictures[at + i] - real[row * PIXELS + i]) ** 2;
    if (sum < best) [best, which] = [sum, row];
  }
  return { label: labels[which], distance: Math.sqrt(best) };
}

function figures(pictures, count) {
  const classes = new Array(CLASSES).fill(0);
  const distances = [];
  for (let n = 0; n < count; n++) {
    const { label, distance } = nearest(pictures, n * PIXELS);
    classes[label]++;
    distances.push(distance);
  }
  distances.sort((a, b) => a - b);
  return { classes, median: distances[count >> 1] };
}

const tensors = await readSafetensors(path);
const samples = tensors.get(name ?? [...tensors.keys()][0]);
const count = samples.shape[0];
const heldOut = real.subarray(data.count * PIXELS);
const show = (label, { classes, median }) => {
  const total = classes.reduce((a, b) => a + b, 0);
  const shares = classes.map((n) => ((100 * n) / total).toFixed(1));
  console.log(`${label.padEnd(16)} median distance ${median.toFixed(2)}   nearest class 0-9, %: ${shares.join(' ')}`);
};
show(`${count} samples`, figures(samples.data, count));
show('held-out digits', figures(heldOut, Math.min(count, heldOut.length / PIXELS)));
show(
  'uniform noise',
  figures(
    Float32Array.from({ length: PIXELS * 50 }, () => Math.random() * 2 - 1),
    50,
  ),
);
