/** Which entry is better by the metric, and by how much: from the figures of the runs that have ended. */
import type { CompareEntry, CompareResults, CompareRun, Measured, RankMetric, Summary } from './results.js';
import { holm, paired, spread } from './statistics.js';

/** A figure that is one number; a text such as `NaN` is not a number. */
function numberOf(value: Measured['metrics'][string] | undefined): number | undefined {
  if (value === undefined || Array.isArray(value)) return undefined;
  return Number(value);
}

/** The ranking metric of a run that was measured. */
export function figureOf(run: CompareRun, name: string): number | undefined {
  return numberOf(run.measured?.[0]?.metrics[name]);
}

/** The results with the summary and rank of every entry. */
export function ranked(results: CompareResults): CompareResults {
  const runsOf = (id: string): CompareRun[] => results.runs.filter((run) => run.entry === id);
  const first = results.entries.find((entry) => entry.mistake === undefined);
  const entries = results.entries.map(({ rank: _, ...entry }) => {
    const runs = runsOf(entry.id);
    const against = first === undefined || first.id === entry.id ? [] : runsOf(first.id);
    return entry.mistake === undefined ? { ...entry, summary: summaryOf(runs, against) } : entry;
  });
  return { ...results, entries: withRanks(corrected(entries), results) };
}

type Figures = Record<string, Record<string, Summary>>;

function summaryOf(runs: readonly CompareRun[], against: readonly CompareRun[]): Figures {
  const figures: Figures = {};
  const names = new Map<string, Set<string>>();
  for (const { measured } of runs)
    for (const { rows, metrics } of measured ?? []) for (const name of Object.keys(metrics)) names.set(rows, (names.get(rows) ?? new Set()).add(name));
  for (const [rows, all] of names) {
    for (const name of all) {
      const found = (run: CompareRun | undefined) => numberOf(run?.measured?.find((one) => one.rows === rows)?.metrics[name]);
      const values = runs.flatMap((run) => found(run) ?? []);
      if (values.length === 0) continue;
      const differences = runs.flatMap((run) => {
        const [own, other] = [found(run), found(against.find(({ seed }) => seed === run.seed))];
        // At different rungs they had different budgets.
        const equal = against.find(({ seed }) => seed === run.seed)?.rungs?.length === run.rungs?.length;
        return own === undefined || other === undefined || !equal ? [] : [own - other];
      });
      const pairs = paired(differences);
      figures[rows] = { ...figures[rows], [name]: { ...spread(values), ...(pairs && { paired: pairs }) } };
    }
  }
  return figures;
}

/** With the p of each figure corrected for as many entries as are held against the first. */
function corrected(entries: readonly CompareEntry[]): CompareEntry[] {
  const tests = new Map<string, { readonly entry: string; readonly p: number }[]>();
  for (const { id, summary } of entries)
    for (const [rows, figures] of Object.entries(summary ?? {}))
      for (const [name, { paired }] of Object.entries(figures))
        if (paired?.p !== undefined) tests.set(`${rows} ${name}`, [...(tests.get(`${rows} ${name}`) ?? []), { entry: id, p: paired.p }]);
  const adjusted = new Map<string, number>();
  for (const [key, list] of tests) holm(list.map(({ p }) => p)).forEach((p, i) => void adjusted.set(`${list[i].entry} ${key}`, p));
  return entries.map((entry) => {
    if (entry.summary === undefined) return entry;
    const summary: Figures = {};
    for (const [rows, figures] of Object.entries(entry.summary))
      for (const [name, figure] of Object.entries(figures)) {
        const p = adjusted.get(`${entry.id} ${rows} ${name}`);
        const own = figure.paired && p !== undefined ? { ...figure, paired: { ...figure.paired, adjusted: p } } : figure;
        summary[rows] = { ...summary[rows], [name]: own };
      }
    return { ...entry, summary };
  });
}

/** What an entry is ranked by; the greater the better. */
interface Standing {
  readonly entry: CompareEntry;
  /** Share of its ended runs that came to a figure: an entry that fails now and then does not win by the seeds that are left. */
  readonly sound: number;
  /** How far halving let it come. */
  readonly reached: number;
  readonly value: number;
  readonly tie: number;
}

function standingOf(entry: CompareEntry, runs: readonly CompareRun[], metric: RankMetric): Standing | undefined {
  const over = runs.filter(({ status }) => ['finished', 'pruned', 'diverged', 'failed'].includes(status));
  const meanOf = (name: string): number | undefined => {
    const values = runs.flatMap((run) => figureOf(run, name) ?? []);
    return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;
  };
  const value = meanOf(metric.name);
  if (value === undefined) return undefined;
  const measured = over.filter((run) => figureOf(run, metric.name) !== undefined).length;
  return {
    entry,
    sound: over.length === 0 ? 1 : measured / over.length,
    reached: Math.min(...runs.flatMap((run) => (figureOf(run, metric.name) === undefined ? [] : [run.rungs?.length ?? 0]))),
    value: Number.isNaN(value) ? Number.NEGATIVE_INFINITY : metric.lowest ? -value : value,
    tie: (metric.tie && meanOf(metric.tie)) || 0,
  };
}

function withRanks(entries: readonly CompareEntry[], { metric, runs }: CompareResults): CompareEntry[] {
  if (metric === undefined) return [...entries];
  const standings = entries.flatMap(
    (entry) =>
      standingOf(
        entry,
        runs.filter((run) => run.entry === entry.id),
        metric,
      ) ?? [],
  );
  const better = (a: Standing, b: Standing): number => a.sound - b.sound || a.reached - b.reached || compare(a.value, b.value) || compare(a.tie, b.tie);
  return entries.map((entry) => {
    const own = standings.find((standing) => standing.entry === entry);
    return own === undefined ? entry : { ...entry, rank: 1 + standings.filter((other) => better(other, own) > 0).length };
  });
}

/** As a difference, also of infinities. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a > b ? 1 : -1;
}

/** By rank, then those without one in their order. */
export function inOrder(entries: readonly CompareEntry[]): CompareEntry[] {
  const place = ({ rank }: CompareEntry): number => rank ?? Number.POSITIVE_INFINITY;
  return [...entries].sort((a, b) => compare(place(a), place(b)));
}
