/** `npm run oracles -- [--on gpu|interpreter] [--only TEXT] DIR...`: runs every case of these folders, and prints a table by operator. */
import { parseArgs } from 'node:util';
import { type BackEnd, interpreter } from './back-end.js';
import { readCases } from './case.js';
import { shares } from './gan-operators.js';
import { runCase, type Verdict } from './run.js';

const { values, positionals } = parseArgs({
  options: { on: { type: 'string', default: 'gpu' }, only: { type: 'string', default: '' } },
  allowPositionals: true,
});
if (positionals.length === 0 || !['gpu', 'interpreter'].includes(values.on)) {
  console.error('usage: npm run oracles -- [--on gpu|interpreter] [--only TEXT] DIR...');
  process.exit(2);
}
const backEnd: BackEnd = values.on === 'gpu' ? await (await import('./gpu.js')).gpuBackEnd() : interpreter;
const all: Verdict[] = [];
for (const folder of positionals) {
  const verdicts: Verdict[] = [];
  for (const subject of readCases(folder).filter((c) => c.id.includes(values.only))) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${subject.id}`);
    verdicts.push(await runCase(subject, backEnd));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  console.log(`\n${folder}\n${table(verdicts)}`);
  all.push(...verdicts);
}
backEnd.close();
console.log(`\noperators of GANs\n${ofGans(all)}`);
console.log(`\n${totals(all)}`);
process.exitCode = all.some((v) => v.outcome === 'failed') ? 1 : 0;

function table(verdicts: readonly Verdict[]): string {
  const byOperator = new Map<string, Verdict[]>();
  for (const verdict of verdicts) byOperator.set(verdict.op, [...(byOperator.get(verdict.op) ?? []), verdict]);
  const names = [...byOperator.keys()].sort();
  const width = Math.max(8, ...names.map((name) => name.length));
  const row = (name: string, ...cells: readonly string[]): string => `${name.padEnd(width)}${cells.map((cell) => cell.padStart(9)).join('')}`;
  const lines = [row('operator', 'passed', 'failed', 'skipped')];
  for (const name of names) {
    const own = byOperator.get(name) as Verdict[];
    const counts = (['passed', 'failed', 'skipped'] as const).map((outcome) => own.filter((v) => v.outcome === outcome).length || '');
    const reasons = [...new Set(own.filter((v) => v.outcome === 'skipped').map((v) => v.reason))];
    lines.push(row(name, ...counts.map(String)) + (reasons.length > 0 ? `  ${reasons.join('; ')}` : ''));
    for (const { id, reason } of own.filter((v) => v.outcome === 'failed')) lines.push(`  FAILED ${id}: ${reason}`);
  }
  return [...lines, totals(verdicts)].join('\n');
}

/** By kind: how many cases pass of those there are. */
function ofGans(verdicts: readonly Verdict[]): string {
  const line = ({ kind, passed, failed, skipped }: ReturnType<typeof shares>[number]): string => {
    const count = passed + failed + skipped;
    return `${kind.padEnd(16)}${String(passed).padStart(6)} of ${String(count).padStart(5)}  ${((100 * passed) / Math.max(1, count)).toFixed(1).padStart(5)} %`;
  };
  return shares(verdicts).map(line).join('\n');
}

function totals(verdicts: readonly Verdict[]): string {
  return (['passed', 'failed', 'skipped'] as const).map((outcome) => `${verdicts.filter((v) => v.outcome === outcome).length} ${outcome}`).join(', ');
}
