/** `ganc profile SPEC`: where the time of a training step goes, by kernel, by line of the spec, by entry, and how near it is to what the device can do. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import { lowerTraced } from '../../compiler/plan/lower.js';
import type { Profile } from '../../runtime/train/profile.js';
import type { Work } from '../../runtime/train/profile-figures.js';
import { withTimedDevice } from '../device.js';
import { UsageError } from '../errors.js';
import { accept, compileOptions, readSource, type SpecOptions, STDIN } from '../source.js';
import { bytes, count, err, out, table } from '../terminal.js';

export interface ProfileCommandOptions extends SpecOptions {
  readonly steps: number;
  readonly seed?: bigint;
  readonly json?: boolean;
  readonly traceOut?: string;
}

export async function profile(spec: string, options: ProfileCommandOptions): Promise<void> {
  const source = readSource(spec);
  if (options.traceOut !== undefined) checkWritable(options.traceOut);
  const { module, diagnostics } = compileSpec(source, compileOptions(options));
  const made = accept(module, diagnostics, options);
  const lowered = lowerTraced(made);
  const run = await import('../../runtime/train/profile.js');
  await withTimedDevice(options, async ({ gpu, device, line, talk }) => {
    const { profile: result, trace } = await run.profile(made, lowered, {
      gpu,
      seed: options.seed,
      steps: options.steps,
      base: source.name === STDIN ? '.' : dirname(source.name),
      progress: (text) => talk && line.working(text),
      warn: (text) => {
        line.clear();
        err(`${err.colors.yellow('warning')}: ${text}\n`);
      },
    });
    line.clear();
    if (options.traceOut !== undefined) writeFileSync(options.traceOut, `${JSON.stringify({ displayTimeUnit: 'ms', traceEvents: trace })}\n`);
    if (options.json) out(`${JSON.stringify({ name: made.name, hash: made.hash, device, ...result }, null, 2)}\n`);
    else show(result);
    if (talk && options.traceOut !== undefined) err(`trace       ${options.traceOut}: open it at https://ui.perfetto.dev\n`);
  });
}

/** Better known now than after the last step. */
function checkWritable(path: string): void {
  if (!existsSync(dirname(path))) throw new UsageError(`cannot write ${path}: there is no folder ${dirname(path)}`);
  if (existsSync(path) && statSync(path).isDirectory()) throw new UsageError(`cannot write ${path}: it is a folder`);
}

/** Columns of all tables after the first: time, share, and the rates against their ceilings. */
const WORK = ['ms', 'share', 'GFLOP/s', 'GB/s', 'bound by', 'reached'];

function show(profile: Profile): void {
  const { step, ceilings, memory } = profile;
  const heading = (text: string) => out(`${out.colors.bold(text)}\n`);
  const ridge = ceilings.gflops / ceilings.gigabytesPerSecond;

  heading('Kernels');
  const kernels = profile.kernels.map((k) => [k.candidate === 'portable' ? k.kernel : `${k.kernel} (${k.candidate})`, calls(k.calls), ...rates(k)]);
  out(table([['kernel', 'calls', ...WORK], ...kernels], [1, 2, 3, 4, 5, 7], '  '));
  out(`  the device: ${figure(ceilings.gflops)} GFLOP/s (matrix product), ${figure(ceilings.gigabytesPerSecond)} GB/s (copy); `);
  out(`memory binds below ${figure(ridge)} FLOP a byte\n`);

  heading('\nLayers and lines');
  const lines = profile.lines.map((l) => {
    const { forward, backward, optimizer } = l.phases;
    return [l.label, l.place ?? '', ...rates(l).slice(0, 2), ...[forward, backward, optimizer].map((ms) => (ms > 0 ? time(ms) : ''))];
  });
  out(table([['layer', 'line', 'ms', 'share', 'forward', 'backward', 'optimizer'], ...lines], [2, 3, 4, 5, 6], '  '));

  heading('\nEntries');
  const entries = profile.entries.map((e) => [e.entry, calls(e.calls / e.dispatches), count(e.dispatches), ...rates(e)]);
  out(table([['entry', 'calls', 'dispatches', ...WORK], ...entries], [1, 2, 3, 4, 5, 6, 8], '  '));

  heading('\nStep');
  const hostBy = Object.entries(step.hostBy).map(([what, ms]) => `${what} ${time(ms)}`);
  const rows = [
    ['wall', `${time(step.wall)} ms`, `median of ${count(profile.steps)} plain steps, batch ${count(profile.batch)}`],
    ['GPU', `${time(step.gpu)} ms`, `in compute passes; its kernels timed one by one: ${time(profile.milliseconds)} ms`],
    ['idle', `${time(step.idle)} ms`, 'the rest of the wall time: copies, and waiting for the host'],
    ['host', `${time(step.host)} ms`, `${percent(step.host / step.wall)} of the wall time, beside the GPU: ${hostBy.join(', ')}`],
    ['cores', `${time(step.cpu)} ms`, 'of all threads of this process together, those of a software GPU too'],
    ['profiled', `${time(step.profiled)} ms`, `a step with every dispatch timed: ${(step.profiled / step.wall).toFixed(2)} times a plain one`],
  ];
  out(table(rows, [1], '  '));

  heading('\nMemory');
  const { residentAtStart, residentAtEnd, total, ...kinds } = memory;
  const parts = Object.entries(kinds).filter(([, size]) => size > 0);
  out(`  device   ${bytes(total)}: ${parts.map(([kind, size]) => `${kind} ${bytes(size)}`).join(', ')}\n`);
  out(`  process  ${bytes(residentAtStart)} resident at the start, ${bytes(residentAtEnd)} at the end\n`);
  if (profile.data) out(`  data     ${profile.data}\n`);

  out(`\n${percent(profile.atHalf)} of the kernels' time is in dispatches that reach half of the ceiling that binds them\n`);
  out(`${percent(profile.tiny)} is in dispatches whose work is less than an empty dispatch costs (${figure(ceilings.dispatchMicroseconds)} us)\n`);
}

function rates(work: Work): string[] {
  const { milliseconds, share, gflops, gigabytesPerSecond, bound, reached } = work;
  return [time(milliseconds), percent(share), figure(gflops), figure(gigabytesPerSecond), bound, percent(reached)];
}

function time(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(3);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Three digits, without exponent. */
function figure(value: number): string {
  return value >= 100 ? count(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function calls(value: number): string {
  return Number.isInteger(value) ? count(value) : value.toFixed(2);
}
