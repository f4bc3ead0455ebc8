/** Curves of a training as SVG text: losses and reports against the step. */
import { escapeText } from './escape.js';
import { ticks, tickText } from './ticks.js';

export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Told apart also by those who see red and green alike (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#6b6b6b'];
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

export interface CurveOptions {
  readonly title?: string;
  readonly width?: number;
  readonly height?: number;
}

/**
 * One plot of all curves, with a legend. Long curves are drawn as the mean of each of about 400 stretches, over a pale band from least to most, so that
 * noise neither hides the trend nor is hidden. Values that are no numbers are left out; of extreme ones the axis keeps the middle 98 %.
 */
export function curvePlot(curves: readonly Curve[], options: CurveOptions = {}): string {
  const width = options.width ?? 760;
  const height = options.height ?? 360;
  const box = { left: 56, top: options.title === undefined ? 16 : 40, right: width - 16, bottom: height - 40 };
  const finite = curves.map((curve) => ({ ...curve, points: curve.points.filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y)) }));
  const all = finite.flatMap((curve) => curve.points);
  const [x0, x1] = spread(extremes(all.map((p) => p.x)));
  const [y0, y1] = spread(middle(all.map((p) => p.y)));
  const toX = (x: number) => round(box.left + ((x - x0) / (x1 - x0)) * (box.right - box.left));
  const toY = (y: number) => round(box.bottom - ((Math.min(y1, Math.max(y0, y)) - y0) / (y1 - y0)) * (box.bottom - box.top));
  const lines: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ];
  if (options.title !== undefined) lines.push(`<text x="${box.left}" y="24" ${FONT} font-weight="600" fill="#212529">${escapeText(options.title)}</text>`);
  for (const tick of ticks(y0, y1)) {
    lines.push(`<line x1="${box.left}" x2="${box.right}" y1="${toY(tick)}" y2="${toY(tick)}" stroke="#e5e8ee"/>`);
    lines.push(`<text x="${box.left - 8}" y="${round(toY(tick) + 4)}" ${FONT} fill="#495057" text-anchor="end">${tickText(tick)}</text>`);
  }
  for (const tick of ticks(x0, x1, 7)) {
    lines.push(`<text x="${toX(tick)}" y="${box.bottom + 18}" ${FONT} fill="#495057" text-anchor="middle">${tickText(tick)}</text>`);
  }
  lines.push(`<line x1="${box.left}" x2="${box.right}" y1="${box.bottom}" y2="${box.bottom}" stroke="#adb5bd"/>`);
  lines.push(`<text x="${box.right}" y="${height - 6}" ${FONT} fill="#495057" text-anchor="end">step</text>`);
  for (const [i, curve] of finite.entries()) {
    const colour = COLOURS[i % COLOURS.length];
    const parts = stretches(curve.points, 400);
    if (parts.some((p) => p.least < p.most)) {
      const up = parts.map((p) => `${toX(p.x)},${toY(p.most)}`);
      const down = parts.map((p) => `${toX(p.x)},${toY(p.least)}`).reverse();
      lines.push(`<polygon points="${[...up, ...down].join(' ')}" fill="${colour}" opacity="0.15"/>`);
    }
    lines.push(
      `<polyline points="${parts.map((p) => `${toX(p.x)},${toY(p.mean)}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round"/>`,
    );
  }
  // The legend stands over the curves' upper right, on a pale ground.
  const wide = Math.max(0, ...finite.map((curve) => curve.name.length)) * 7 + 40;
  if (finite.length > 0)
    lines.push(`<rect x="${box.right - wide}" y="${box.top}" width="${wide}" height="${finite.length * 18 + 8}" fill="#ffffff" opacity="0.8"/>`);
  for (const [i, curve] of finite.entries()) {
    const y = box.top + 18 + 18 * i;
    lines.push(
      `<line x1="${box.right - wide + 8}" x2="${box.right - wide + 26}" y1="${y - 4}" y2="${y - 4}" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2.5"/>`,
    );
    lines.push(`<text x="${box.right - wide + 32}" y="${y}" ${FONT} fill="#212529">${escapeText(curve.name)}</text>`);
  }
  lines.push('</svg>', '');
  return lines.join('\n');
}

function stretches(points: Curve['points'], most: number): { x: number; mean: number; least: number; most: number }[] {
  const size = Math.max(1, Math.ceil(points.length / most));
  const parts = [];
  for (let from = 0; from < points.length; from += size) {
    const part = points.slice(from, from + size);
    const values = part.map((p) => p.y);
    const sum = values.reduce((a, b) => a + b, 0);
    parts.push({ x: part.reduce((a, p) => a + p.x, 0) / part.length, mean: sum / part.length, least: Math.min(...values), most: Math.max(...values) });
  }
  return parts;
}

function extremes(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The range of the middle 98 %. */
function middle(values: readonly number[]): [number, number] {
  if (values.length < 100) return extremes(values);
  const sorted = Float64Array.from(values).sort();
  return [sorted[Math.floor(0.01 * (sorted.length - 1))], sorted[Math.ceil(0.99 * (sorted.length - 1))]];
}

function spread([low, high]: [number, number]): [number, number] {
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
