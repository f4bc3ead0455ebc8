/** `ganc tune SPEC|DIR`: the candidates of every kernel timed on this device, at the sizes of the spec; which is fastest is kept for later runs. */
import type { TunedKernel } from '../../runtime/tune/tune.js';
import { withTimedDevice } from '../device.js';
import { compiledFolder, compiledSpec, isFolder } from '../programs.js';
import { readSource, type SpecOptions } from '../source.js';
import { count, err, out, table } from '../terminal.js';

export interface TuneCommandOptions extends SpecOptions {
  readonly seconds?: number;
  readonly json?: boolean;
}

export async function tune(spec: string, options: TuneCommandOptions): Promise<void> {
  const program = isFolder(spec) ? await compiledFolder(spec, options) : (await compiledSpec(readSource(spec), options, { noisesGiven: true })).program;
  const run = await import('../../runtime/tune/tune.js');
  const { keep } = await import('../../runtime/tune/kept.js');
  await withTimedDevice(options, async ({ gpu, device, line, talk }) => {
    const { times, kernels } = await run.tune(gpu, program, {
      seconds: options.seconds,
      progress: (done, total, kernel) => talk && line.passing(`measuring kernels ${done}/${total} ${kernel}`),
    });
    line.clear();
    const found = kernels.flatMap((kernel) => run.tuned(kernel, times) ?? []);
    const kept = run.tuningAllowed() ? await keep(gpu, times) : undefined;
    const left = kernels.length - found.length;
    if (options.json) out(`${JSON.stringify({ name: program.name, hash: program.hash, device, kept: kept ?? null, left, kernels: found }, null, 2)}\n`);
    else show(found, left);
    if (talk) err(kept === undefined ? 'nothing is kept: GANC_TUNE=off\n' : `kept in ${kept}\n`);
  });
}

function show(kernels: readonly TunedKernel[], left: number): void {
  const inStep = kernels.filter(({ calls }) => calls > 0);
  const rows = [...kernels]
    .sort((a, b) => Number(b.calls > 0) - Number(a.calls > 0) || b.times[b.table] - a.times[a.table])
    .map(({ kernel, calls, times, table: usual, chosen }) => {
      const others = Object.entries(times).map(([name, ms]) => `${name} ${ms.toPrecision(3)}`);
      return [
        kernel,
        calls > 0 ? `${Number(calls.toFixed(2))}` : '-',
        others.join(', '),
        usual,
        chosen,
        chosen === usual ? '' : gain(times[usual], times[chosen]),
      ];
    });
  out(table([['kernel', 'in a step', 'ms by candidate', 'table', 'chosen', 'gain'], ...rows], [1, 5], '  '));
  const sum = (which: (kernel: TunedKernel) => string): number => inStep.reduce((ms, kernel) => ms + kernel.times[which(kernel)], 0);
  const [before, after] = [sum((kernel) => kernel.table), sum((kernel) => kernel.chosen)];
  const differ = kernels.filter(({ chosen, table: usual }) => chosen !== usual).length;
  out(`\n${count(kernels.length)} kernels have several candidates here; of ${count(differ)} another than the table's is chosen\n`);
  if (inStep.length > 0) out(`their part of a step: ${before.toPrecision(3)} ms by the table, ${after.toPrecision(3)} ms as chosen\n`);
  if (left > 0) out(`${count(left)} more were not measured: give more --seconds\n`);
}

/** `1.35 times`. */
function gain(before: number, after: number): string {
  return `${(before / after).toFixed(2)} times`;
}
