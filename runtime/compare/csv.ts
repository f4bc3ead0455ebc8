/** A comparison as a table for other programs: a row a run (RFC 4180). */
import type { CompareResults } from './results.js';

export function csvOf({ entries, runs }: CompareResults): string {
  const settings = namesOf(runs.map((run) => run.settings));
  const metrics = namesOf(
    runs.map(({ measured }) => Object.fromEntries((measured ?? []).flatMap((one) => Object.keys(one.metrics).map((name) => [`${one.rows}.${name}`, ''])))),
  );
  const head = [
    'entry',
    'rank',
    'spec',
    'variant',
    ...settings,
    'seed',
    'status',
    'steps',
    'seconds',
    'flops_per_step',
    'flops',
    'parameters',
    'memory_bytes',
    'folder',
    ...metrics,
    'guards',
    'message',
  ];
  const rows = runs.map((run) => {
    const entry = entries.find(({ id }) => id === run.entry);
    const figure = (name: string) => {
      const [rows, metric] = split(name);
      const value = run.measured?.find((one) => one.rows === rows)?.metrics[metric];
      return typeof value === 'object' ? value.join(' ') : value;
    };
    const guards = run.guards?.map(({ guard, step: at, done }) => `${guard} at step ${at}: ${done}`).join('; ');
    const { seed, status, step, seconds, flopsPerStep, flops, parameters, memory, folder } = run;
    const facts = [seed, status, step, seconds, flopsPerStep, flops, parameters, memory, folder];
    return [
      entry?.label,
      entry?.rank,
      run.spec,
      run.variant,
      ...settings.map((name) => run.settings[name]),
      ...facts,
      ...metrics.map(figure),
      guards,
      run.message,
    ];
  });
  const mistakes = entries.flatMap(({ label, spec, variant, settings: own, mistake }) =>
    mistake === undefined
      ? []
      : [[label, '', spec, variant, ...settings.map((name) => own[name]), '', 'wrong', ...Array.from({ length: 7 + metrics.length }, () => ''), mistake]],
  );
  return [head, ...rows, ...mistakes].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function namesOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}

function split(name: string): [string, string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

function cell(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
