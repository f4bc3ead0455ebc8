/**
 * A peer's side of the conversation: one JSON message a line on stdin, one answer a line on stdout.
 * `prepare {workload, data, device}` builds the workload, `check {out}` runs its first steps and writes what came of them,
 * `steps {count}` runs steps and says how long they took, each after the one before.
 */
import { createInterface } from 'node:readline';
import { readSafetensors, writeSafetensors } from '../../dist/runtime/train/safetensors.js';
import { WORKLOADS } from '../workloads.mjs';

const answer = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
// Libraries greet people: that must not stand between answers.
console.log = console.info = console.warn = console.error;

/**
 * `prepare(name, workload, tensors, device)` gives `{ adapter?, check(), steps(count) }`: `check` gives named tensors, `steps` resolves when
 * the results of all are there. `weight` and `input` of `tensors` are maps by name.
 */
export function serve(prepare) {
  let made;
  const actions = {
    async prepare({ workload, data, device }) {
      const all = [...(await readSafetensors(data))];
      const under = (prefix) =>
        new Map(all.filter(([name]) => name.startsWith(prefix)).map(([name, { dtype, shape, data }]) => [name.slice(prefix.length), { dtype, shape, data }]));
      made = await prepare(workload, WORKLOADS[workload], { weights: under('weight.'), inputs: under('input.') }, device);
      return { adapter: made.adapter };
    },
    async check({ out }) {
      await writeSafetensors(out, new Map(Object.entries(await made.check())));
      return {};
    },
    async steps({ count }) {
      const start = performance.now();
      await made.steps(count);
      return { milliseconds: performance.now() - start };
    },
  };
  const lines = createInterface({ input: process.stdin });
  let last = Promise.resolve();
  lines.on('line', (line) => {
    last = last.then(async () => {
      const { action, ...rest } = JSON.parse(line);
      try {
        answer({ ok: true, ...(await actions[action](rest)) });
      } catch (error) {
        answer({ ok: false, reason: `${error?.message ?? error}`.split('\n')[0], stack: error?.stack });
      }
    });
  });
  lines.on('close', () => process.exit(0));
}

/** Step `i` of a tensor [steps, ...]. */
export function stepOf({ dtype, shape, data }, i) {
  const size = data.length / shape[0];
  const at = i % shape[0];
  return { dtype, shape: shape.slice(1), data: data.subarray(at * size, (at + 1) * size) };
}

/** A tensor [a, b, ...] with its axes in the order that `axes` says. */
export function permuted({ dtype, shape, data }, axes) {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const to = axes.map((axis) => shape[axis]);
  const result = new data.constructor(data.length);
  const index = to.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let from = 0;
    for (let k = 0; k < axes.length; k++) from += index[k] * strides[axes[k]];
    result[i] = data[from];
    for (let k = axes.length - 1; k >= 0 && ++index[k] === to[k]; k--) index[k] = 0;
  }
  return { dtype, shape: to, data: result };
}

export const tensor = (shape, data) => ({ dtype: 'f32', shape, data: Float32Array.from(data) });
