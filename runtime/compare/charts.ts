/**
 * Charts of a comparison as SVG texts, drawn by Vega (Satyanarayan et al. 2016) without a browser. Their colours are variables of the page around them, so that they
 * fit light and dark. Names are data for Vega and never part of an expression.
 */
import type { Axis, Mark, Scale, Spec } from 'vega';
import type { BandPoint } from './bands.js';

/** Colours of the page, `--series-0` and on. From the eighth series on they come again with dashed lines and other signs. */
export const COLOURS = 7;
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3]];
const SHAPES = ['circle', 'square', 'triangle-up'] as const;
/** Pixels of the plot, and of what is around it. */
const WIDTH = 480;
const HEIGHT = 240;
const PADDING = { left: 64, right: 16, top: 10, bottom: 44 };
/** Points of a curve that are marked each by itself. */
const FEW = 40;
/** Pixels of a letter and a line of text. */
const LETTER = 6.2;
const LINE = 14;

export interface Series {
  /** Decides the colour: the same in all charts of a page. */
  readonly index: number;
  readonly points: readonly BandPoint[];
}

export interface AxisNames {
  readonly x: string;
  readonly y: string;
}

/** A line for the mean of each series over a band from least to most. Of extreme values the axis keeps the middle 98 %. */
export async function bandChart(series: readonly Series[], names: AxisNames): Promise<string> {
  const drawn = series.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const marks = drawn.flatMap(({ index, points }, i): Mark[] => {
    const from = { data: `curve${i}` };
    const place = { x: { scale: 'x', field: 'x' } };
    const wide = points.some(({ least, most }) => most > least);
    return [
      ...(wide
        ? [
            {
              type: 'area',
              from,
              encode: {
                update: { ...place, y: { scale: 'y', field: 'least' }, y2: { scale: 'y', field: 'most' }, fill: colour(index), opacity: { value: 0.16 } },
              },
            } as Mark,
          ]
        : []),
      {
        type: 'line',
        from,
        encode: {
          update: {
            ...place,
            y: { scale: 'y', field: 'mean' },
            stroke: colour(index),
            strokeWidth: { value: 1.8 },
            strokeJoin: { value: 'round' },
            strokeDash: dash(index),
          },
        },
      } as Mark,
      ...(points.length <= FEW
        ? [
            {
              type: 'symbol',
              from,
              encode: { update: { ...place, y: { scale: 'y', field: 'mean' }, fill: colour(index), shape: shape(index), size: { value: 18 } } },
            } as Mark,
          ]
        : []),
    ];
  });
  return draw({
    data: drawn.map(({ points }, i) => ({ name: `curve${i}`, values: points.map((point) => ({ ...point })) })),
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: extent(all.map(({ x }) => x)), zero: true },
      { name: 'y', type: 'linear', range: 'height', domain: middle(all.flatMap(({ least, most }) => [least, most])), nice: true, zero: false, clamp: true },
    ],
    axes: axesOf(
      names,
      all.map(({ x }) => x),
    ),
    marks,
  });
}

export interface CostPoint {
  readonly index: number;
  readonly label: string;
  readonly cost: number;
  readonly value: number;
  /** Over seeds. */
  readonly least: number;
  readonly most: number;
  /** It is on Pareto's front: filled, and joined to the others by a line. */
  readonly front: boolean;
}

/** Cost against quality, each point under its name, with the spread over seeds as a bar. Costs that differ by more than tenfold stand on a logarithmic axis. */
export async function costChart(points: readonly CostPoint[], names: AxisNames): Promise<string> {
  const costs = points.map(({ cost }) => cost);
  const log = Math.min(...costs) > 0 && Math.max(...costs) > 10 * Math.min(...costs);
  const xs = widened(extent(costs), log, 0.08);
  const ys = widened(extent(points.flatMap(({ least, most, value }) => [least, most, value])), false, 0.08);
  const front = points.filter((point) => point.front).sort((a, b) => a.cost - b.cost);
  const at = { x: { scale: 'x', field: 'cost' }, y: { scale: 'y', field: 'value' } };
  return draw({
    data: [
      { name: 'front', values: front.map(({ cost, value }) => ({ cost, value })) },
      ...points.map((point, i) => ({ name: `point${i}`, values: [{ cost: point.cost, value: point.value, least: point.least, most: point.most }] })),
      { name: 'names', values: placed(points, xs, ys, log) },
    ],
    scales: [
      { name: 'x', type: log ? 'log' : 'linear', range: 'width', domain: xs, zero: false },
      { name: 'y', type: 'linear', range: 'height', domain: ys, zero: false },
    ] as Scale[],
    axes: axesOf(names, costs),
    marks: [
      {
        type: 'line',
        from: { data: 'front' },
        encode: {
          update: { ...at, stroke: { value: 'var(--soft)' }, strokeWidth: { value: 1.2 }, strokeDash: { value: [4, 4] }, interpolate: { value: 'step-after' } },
        },
      },
      ...points.flatMap(({ index, front }, i): Mark[] => [
        {
          type: 'rule',
          from: { data: `point${i}` },
          encode: {
            update: {
              x: { scale: 'x', field: 'cost' },
              y: { scale: 'y', field: 'least' },
              y2: { scale: 'y', field: 'most' },
              stroke: colour(index),
              strokeWidth: { value: 1.5 },
              opacity: { value: 0.6 },
            },
          },
        },
        {
          type: 'symbol',
          from: { data: `point${i}` },
          encode: {
            update: {
              ...at,
              shape: shape(index),
              size: { value: 90 },
              stroke: colour(index),
              strokeWidth: { value: 2 },
              fill: front ? colour(index) : { value: 'var(--ground)' },
            },
          },
        },
      ]),
      // On a ground of its own, so that lines do not cross it.
      ...[{ stroke: { value: 'var(--card)' }, strokeWidth: { value: 4 }, fill: { value: 'none' } }, {}].map(
        (ground): Mark => ({
          type: 'text',
          from: { data: 'names' },
          encode: {
            update: {
              x: { field: 'x' },
              y: { field: 'y' },
              text: { field: 'text' },
              align: { field: 'align' },
              baseline: { value: 'middle' },
              fontSize: { value: 11.5 },
              ...ground,
            },
          },
        }),
      ),
    ],
  });
}

/** Names beside their points, on the side with more room, each moved down or up to the next place that no other name takes. */
function placed(points: readonly CostPoint[], xs: readonly [number, number], ys: readonly [number, number], log: boolean) {
  const part = (value: number, [low, high]: readonly [number, number], logarithmic: boolean): number => {
    const f = logarithmic ? Math.log : (x: number) => x;
    return high > low ? (f(value) - f(low)) / (f(high) - f(low)) : 0.5;
  };
  const taken: { from: number; to: number; y: number }[] = [];
  return [...points]
    .sort((a, b) => b.value - a.value)
    .map(({ label, cost, value }) => {
      const text = label.length > 32 ? `${label.slice(0, 31)}…` : label;
      const x = WIDTH * part(cost, xs, log);
      const y = HEIGHT * (1 - part(value, ys, false));
      const right = x < 0.6 * WIDTH;
      const [from, to] = right ? [x + 9, x + 9 + LETTER * text.length] : [x - 9 - LETTER * text.length, x - 9];
      const free = (line: number): boolean => taken.every((other) => other.to < from || other.from > to || Math.abs(other.y - line) >= LINE);
      const moves = [0, ...Array.from({ length: 2 * points.length }, (_, i) => (i % 2 === 0 ? 1 : -1) * LINE * (1 + (i >> 1)))];
      const line = y + (moves.find((move) => y + move > 0 && y + move < HEIGHT && free(y + move)) ?? 0);
      taken.push({ from, to, y: line });
      return { x: right ? from : to, y: line, text, align: right ? 'left' : 'right' };
    });
}

function colour(index: number) {
  return { value: `var(--series-${index % COLOURS})` };
}

function dash(index: number) {
  return { value: dashOf(index) };
}

/** Lengths of a series' strokes and gaps; none for a whole line. */
export function dashOf(index: number): number[] {
  return [...DASHES[Math.floor(index / COLOURS) % DASHES.length]];
}

function shape(index: number) {
  return { value: SHAPES[Math.floor(index / COLOURS) % SHAPES.length] };
}

/** Great numbers as 12G. */
function axesOf({ x, y }: AxisNames, xs: readonly number[]): Axis[] {
  const format = extent(xs)[1] < 1e5 ? ',.6~g' : '~s';
  return [
    { orient: 'bottom', scale: 'x', title: x, tickCount: 6, format, labelOverlap: true },
    { orient: 'left', scale: 'y', title: y, tickCount: 5, grid: true, format: '.6~g' },
  ];
}

async function draw(parts: Pick<Spec, 'data' | 'scales' | 'axes' | 'marks'>): Promise<string> {
  const { None, parse, View } = await import('vega');
  const soft = 'var(--soft)';
  const line = 'var(--line)';
  const font = 'system-ui, sans-serif';
  const view = new View(
    parse({
      width: WIDTH,
      height: HEIGHT,
      padding: PADDING,
      autosize: 'none',
      config: {
        axis: {
          labelColor: soft,
          titleColor: soft,
          gridColor: line,
          domainColor: line,
          tickColor: line,
          labelFont: font,
          titleFont: font,
          labelFontSize: 11,
          titleFontSize: 12,
          titleFontWeight: 500,
        },
        text: { fill: 'var(--ink)', font },
      },
      ...parts,
    }),
    { renderer: 'none', logLevel: None },
  );
  try {
    const svg = await view.toSVG();
    // As part of a page it needs no names of its formats, and takes the width that there is.
    return svg.replace(/^<svg [^>]*?viewBox="([^"]*)"[^>]*>/, '<svg viewBox="$1" role="img">');
  } finally {
    view.finalize();
  }
}

function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? [0, 1] : [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
}

/** The range of the middle 98 %. */
function middle(values: readonly number[]): [number, number] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const [low, high] = sorted.length < 100 ? extent(sorted) : [sorted[Math.floor(0.01 * (sorted.length - 1))], sorted[Math.ceil(0.99 * (sorted.length - 1))]];
  // What is the same throughout is in the middle; but what counts from 0 stays above it.
  return high > low ? [low, high] : [low < 0 ? low - 0.5 : Math.max(0, low - 0.5), high + 0.5];
}

function widened([low, high]: readonly [number, number], log: boolean, share: number): [number, number] {
  if (log) return [low * (low / high) ** share, high * (high / low) ** share];
  const more = high > low ? share * (high - low) : Math.abs(high) * share || 0.5;
  return [low < 0 ? low - more : Math.max(0, low - more), high + more];
}
