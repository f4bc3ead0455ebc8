/** `ganc eval RUN`: the metrics of a run. */
import { dirname, resolve } from 'node:path';
import type { RowKind } from '../../runtime/data/index.js';
import { type Evaluated, evaluateRun, type Figures } from '../../runtime/train/evaluate.js';
import { onGpu } from '../../runtime/train/executor.js';
import { UsageError } from '../errors.js';
import { compiledSpec } from '../programs.js';
import { ProgressLine } from '../progress.js';
import { readSource, type SpecOptions } from '../source.js';
import { count, err, out } from '../terminal.js';

export interface EvalCommandOptions extends SpecOptions {
  readonly spec?: string;
  readonly examples: number;
  readonly rows?: readonly RowKind[];
  readonly seed?: bigint;
  readonly checkpoint?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export async function evaluate(run: string, options: EvalCommandOptions): Promise<void> {
  const line = new ProgressLine();
  const warn = (text: string): void => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  const loading = (text: string): void => {
    if (!options.quiet && !options.json) line.working(text);
  };
  if (options.spec === undefined && (options.set !== undefined || options.variant !== undefined))
    throw new UsageError('a run is measured with its own settings', '--set and --variant are of another spec: --spec FILE');
  const found = await evaluateRun(run, {
    open: onGpu({ choice: { warn } }),
    other: options.spec === undefined ? undefined : await otherSpec(options.spec, options),
    examples: options.examples,
    rows: options.rows,
    seed: options.seed,
    checkpoint: options.checkpoint,
    loading,
    warn,
  });
  line.clear();
  out(options.json ? `${JSON.stringify(plain(found))}\n` : report(found));
}

async function otherSpec(path: string, options: SpecOptions) {
  const { program } = await compiledSpec(readSource(path), options, {});
  return { program, base: resolve(dirname(path)) };
}

/** As JSON: what was measured first stands by itself, too. */
function plain({ name, step, examples, seed, figures }: Evaluated): object {
  const rows = figures.flatMap(({ rows, judges, metrics }) => (rows ? [{ rows: rows.kind, count: rows.count, judges, metrics }] : []));
  const { judges, metrics } = figures[0];
  return { name, step, examples, seed: String(seed), judges, metrics, rows };
}

const KINDS: Readonly<Record<RowKind, string>> = { training: 'training', held_out: 'held-out', unseen: 'unseen' };

function kindOf({ rows }: Figures): string {
  return rows ? KINDS[rows.kind] : '';
}

function report(found: Evaluated): string {
  const { name, step, examples, seed, figures } = found;
  const on = figures.flatMap(({ rows }) => (rows ? [`${count(rows.count)} ${KINDS[rows.kind]} rows`] : []));
  const each = on.length > 1 ? ' each' : '';
  const head = `${name}, trained ${count(step)} step${step === 1 ? '' : 's'}: ${count(examples)} examples${each}, seed ${seed}${on.length > 0 ? `, ${on.join(', ')}` : ''}\n`;
  const judged = figures.flatMap((one) =>
    Object.entries(one.judges).flatMap(([judge, fields]) =>
      Object.entries(fields).map(([field, share]) => {
        const over = Math.min(one.rows?.count ?? examples, examples);
        return `judge ${judge} is right about ${field} in ${(share * 100).toFixed(1)} % of ${count(over)} ${kindOf(one)} rows\n`;
      }),
    ),
  );
  return head + tables(found) + judged.join('');
}

interface Table {
  readonly columns: readonly string[];
  readonly lines: string[][];
}

/**
 * A metric is a line, and kinds of rows are columns. Where it is a record or several numbers, it is a line for each kind, and its fields are columns. Neighbours
 * with the same columns are one table.
 */
function tables({ figures, rowless }: Evaluated): string {
  const several = figures.length > 1;
  const found: Table[] = [];
  const add = (columns: readonly string[], lines: readonly string[][]): void => {
    const last = found[found.length - 1];
    if (last?.columns.join() === columns.join()) last.lines.push(...lines);
    else found.push({ columns, lines: [...lines] });
  };
  const text = (one: Figures, metric: string): string => [one.metrics[metric]].flat().map(figure).join('  ');
  for (const [row, fields] of rowsOf(Object.keys(figures[0].metrics))) {
    const names = fields.map((field) => (field === '' ? row : `${row}.${field}`));
    // What reads no rows is the same for all of them.
    const own = names.every((metric) => rowless.has(metric)) ? figures.slice(0, 1) : figures;
    const single = fields.length === 1 && fields[0] === '';
    if (single && typeof figures[0].metrics[row] === 'number') add(several ? ['', ...figures.map(kindOf)] : [], [[row, ...own.map((one) => text(one, row))]]);
    else {
      const kind = (one: Figures): string[] => (several ? [own.length > 1 ? kindOf(one) : ''] : []);
      add(
        single ? [] : ['', ...(several ? [''] : []), ...fields],
        own.map((one, i) => [i === 0 ? row : '', ...kind(one), ...names.map((name) => text(one, name))]),
      );
    }
  }
  const first = Math.max(0, ...found.flatMap(({ lines }) => lines.map(([name]) => name.length)));
  return found.map((table) => aligned(table, first)).join('');
}

/** Cells one below the other, the first of each line `first` wide. */
function aligned({ columns, lines }: Table, first: number): string {
  const all = columns.length > 0 ? [columns, ...lines] : lines;
  const width = (i: number): number => (i === 0 ? first : Math.max(...all.map((cells) => cells[i]?.length ?? 0)));
  return all.map((cells) => `${cells.map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(width(i)))).join('  ')}\n`).join('');
}

/** Figures by the record that they are fields of; '' is a figure that is none. */
function rowsOf(names: readonly string[]): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const name of names) {
    const dot = name.lastIndexOf('.');
    const [row, field] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
    rows.set(row, [...(rows.get(row) ?? []), field]);
  }
  return rows;
}

/** Four digits that count. */
function figure(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(3) : value.toPrecision(4);
}
