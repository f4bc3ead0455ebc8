/** ganc: the workload's spec through the compiler and the runtime, as `ganc train` and `ganc run` take it. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileRun, compileSpec } from '../../dist/compiler/compile.js';
import { lower } from '../../dist/compiler/plan/lower.js';
import { openDevice } from '../../dist/runtime/device/open.js';
import { Executor } from '../../dist/runtime/execute/executor.js';
import { Schedule } from '../../dist/runtime/train/schedule.js';
import { readStep } from '../../dist/runtime/train/watch.js';
import { CHECKED_STEPS } from '../workloads.mjs';
import { serve, stepOf, tensor } from './serve.mjs';

const specs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'specs');
const SEED = 0n;
/** As many steps as a training keeps under way. */
const IN_FLIGHT = 3;

function source(name) {
  const path = join(specs, name);
  return { name: path, text: readFileSync(path, 'utf8') };
}

function accepted({ module, diagnostics }) {
  if (module === undefined) throw new Error(diagnostics.map((d) => `${d.code}: ${d.message}`).join('; '));
  return lower(module);
}

/** Runs `count` submits, a few under way at a time. */
async function pipelined(count, submit, seen = () => undefined) {
  const pending = [];
  for (let i = 0; i < count; i++) {
    pending.push(submit().then(seen));
    if (pending.length >= IN_FLIGHT) await pending.shift();
  }
  await Promise.all(pending);
}

async function training({ spec }, { weights, inputs }, gpu) {
  const fed = new Set(inputs.keys());
  const program = accepted(compileSpec(source(spec), { fed, resolve: (path) => source(path) }));
  const plan = program.train;
  const entries = [plan.init, ...new Set(plan.updates.map((update) => update.entry))];
  const executor = await Executor.create(gpu, program, { seed: SEED, entries });
  await executor.submit([{ entry: plan.init, counter: 0 }]);
  executor.write(weights);
  // A step's inputs, by the player whose update the entry is: those of the file in turn.
  const feed = {
    steps: Number.POSITIVE_INFINITY,
    at(name, _, step) {
      const entry = program.entries.find((e) => e.name === name);
      return Object.fromEntries(entry.inputs.filter((i) => i.kind === 'tensor').map((i) => [i.name, stepOf(inputs.get(i.name), step)]));
    },
  };
  const schedule = new Schedule(program, plan, { seed: SEED, rows: 1, feed });
  let step = 0;
  const losses = [];
  const steps = (count) =>
    pipelined(
      count,
      () => {
        const calls = schedule.step(step++);
        return executor.submit(calls).then((results) => readStep(calls, results));
      },
      ({ losses: found }) => losses.push(found.D, found.G),
    );
  return {
    steps,
    async check() {
      await steps(CHECKED_STEPS);
      const now = await executor.read([...weights.keys()]);
      return { losses: tensor([CHECKED_STEPS, 2], losses), ...Object.fromEntries(now) };
    },
  };
}

async function evaluation({ spec }, { weights, inputs }, gpu) {
  const x = inputs.get('x') ?? tensor([1, 1], [0]);
  const vjp = inputs.has('cotangent.result');
  const program = accepted(compileRun(source(spec), 'F', { batch: x.shape[0], training: true, vjp, vjp2: false, inputs: new Map([['x', x]]) }));
  const [entry] = program.entries.filter((e) => e.name === 'run');
  const tensors = Object.fromEntries(entry.inputs.filter((i) => i.kind === 'tensor').map((i) => [i.name, inputs.get(i.name)]));
  const named = new Map([...weights].map(([name, value]) => [`F.${name}`, value]));
  const open = async (of) => {
    const executor = await Executor.create(gpu, of, { seed: SEED });
    executor.write(named);
    return executor;
  };
  // Results stay on the device while the clock runs, as everybody's do.
  const resident = { ...program, entries: program.entries.map((e) => ({ ...e, outputs: [] })) };
  const executor = await open(resident);
  return {
    steps: (count) => pipelined(count, () => executor.submit([{ entry: 'run', counter: 0, tensors }])),
    async check() {
      const once = await open(program);
      const [{ outputs }] = await once.submit([{ entry: 'run', counter: 0, tensors }]);
      once.close();
      return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name.replace('grad.F.', 'grad.'), value]));
    },
  };
}

serve(async (_, workload, tensors, device) => {
  const gpu = await openDevice({ device });
  const made = await (workload.kind === 'train' ? training : evaluation)(workload, tensors, gpu);
  return { adapter: { name: gpu.name, kind: gpu.kind }, ...made };
});
