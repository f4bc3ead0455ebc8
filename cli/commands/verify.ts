/** `ganc verify SPEC`: a training step on the GPU against the float64 interpreter, tensor by tensor. */
import { dirname } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import { lowerTraced } from '../../compiler/plan/lower.js';
import type { Compared, Fault, Verification } from '../../runtime/train/verify.js';
import { EXIT } from '../errors.js';
import { ProgressLine } from '../progress.js';
import { accept, compileOptions, readSource, type SpecOptions, STDIN } from '../source.js';
import { count, duration, err, out, shapeText, table } from '../terminal.js';

export interface VerifyCommandOptions extends SpecOptions {
  readonly batch?: number;
  readonly steps: number;
  readonly seed?: bigint;
  readonly json?: boolean;
}

/** From here on it is said how long it takes. */
const LONG_SECONDS = 60;

export async function verify(spec: string, options: VerifyCommandOptions): Promise<void> {
  const source = readSource(spec);
  const { batch, steps, seed } = options;
  const { module, diagnostics } = compileSpec(source, { ...compileOptions(options), trace: true, batch, samples: batch ?? 16 });
  const made = accept(module, diagnostics, options);
  const lowered = lowerTraced(made);
  const { openDevice } = await import('../../runtime/device/open.js');
  const { verifySteps } = await import('../../runtime/train/verify.js');
  const gpu = await openDevice();
  const line = new ProgressLine();
  const talk = !options.quiet;
  try {
    if (talk) err(`device      ${gpu.name} (${gpu.kind})\n`);
    const result = await verifySteps(made, lowered, {
      gpu,
      seed,
      steps,
      base: source.name === STDIN ? '.' : dirname(source.name),
      estimated: (seconds) => {
        if (!talk || seconds < LONG_SECONDS) return;
        const smaller = (made.train?.batch ?? 0) > 8 ? '; a smaller batch is quicker: --batch 8' : '';
        err(`the interpreter will take about ${duration(seconds)}${smaller}\n`);
      },
      progress: (text) => talk && line.working(text),
      warn: (text) => {
        line.clear();
        err(`${err.colors.yellow('warning')}: ${text}\n`);
      },
    });
    line.clear();
    if (options.json) out(`${JSON.stringify({ name: made.name, hash: made.hash, device: `${gpu.name} (${gpu.kind})`, ...result }, jsonNumber, 2)}\n`);
    else show(result);
    process.exitCode = result.failed > 0 ? EXIT.machine : EXIT.good;
  } finally {
    line.end();
    gpu.close();
  }
}

/** JSON has no NaN. */
function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function show({ compared, failed, fault }: Verification): void {
  const red = out.colors.red;
  const calls = [...new Set(compared.map((c) => c.call))];
  const cells = (c: Compared) => [c.tensor, shapeText(c.shape), figure(c.maxAbs), figure(c.relL2), c.gate, c.rounding ? 'ok*' : c.ok ? 'ok' : 'FAILED'];
  // One table, so that the columns of all calls are alike.
  const lines = table([['tensor', 'shape', 'max |error|', 'rel. L2', 'gate', ''], ...compared.map(cells)], [2, 3], '  ').split('\n');
  out(`${lines[0]}\n`);
  for (const call of calls) {
    out(`${out.colors.bold(call)}\n`);
    compared.forEach((c, i) => {
      if (c.call === call) out(`${c.ok ? lines[i + 1] : red(lines[i + 1])}\n`);
    });
  }
  out(`${count(compared.length)} tensors in ${calls.length} calls: ${count(compared.length - failed)} ok, ${count(failed)} failed\n`);
  if (compared.some((c) => c.rounding))
    out('* over the gate, but no more than float32 itself makes of these operations: a larger batch may be better conditioned\n');
  const [first] = compared.filter((c) => !c.ok);
  if (first) out(`first to differ: ${first.tensor} ${shapeText(first.shape)} in ${first.call}\n`);
  if (fault) out(`first kernel that differs: ${faultText(fault)}\n`);
  else if (first) out('run again command by command, every kernel of that call was right: the fault is not in one kernel alone\n');
}

function faultText({ call, command, commands, kernel, label, shape, place, maxAbs, relL2 }: Fault): string {
  const what = kernel === undefined ? 'a copy' : `${kernel} (${label})`;
  const where = place === undefined ? '' : `, of ${place}`;
  return `${what}, command ${command} of ${commands} in ${call}, writes ${shapeText(shape)}${where}: max |error| ${figure(maxAbs)}, rel. L2 ${figure(relL2)}`;
}

function figure(value: number): string {
  return value === 0 ? '0' : Number.isFinite(value) ? value.toExponential(1) : String(value);
}
