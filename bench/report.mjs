/** What was measured, as one JSON object or as a table. */
import { PEERS, TITLES } from './workloads.mjs';

const round = (value) => Number(value.toPrecision(4));
const each = (values, use) => Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, use(value)]));

function ratios(medians) {
  if (medians.ganc === undefined) return {};
  return Object.fromEntries(
    Object.entries(medians)
      .filter(([peer]) => peer !== 'ganc')
      .map(([peer, value]) => [peer, round(value / medians.ganc)]),
  );
}

/** One workload: milliseconds by peer, and over the peers the ratio to ganc (2 is: ganc is twice as fast). */
export function asJson({ title, medians, spread, samples, absent, agreement, tolerance, adapter, cold, coldSpread }) {
  return {
    title,
    ...each(medians, round),
    ratios: ratios(medians),
    range: each(spread, (values) => values.map(round)),
    samples,
    absent,
    ...(agreement && { agreement: { reference: agreement.reference, tolerance, distance: each(agreement.distances, (d) => each(d, round)) } }),
    ...(cold && { cold: each(cold, round), coldRatios: ratios(cold), coldRange: each(coldSpread, (values) => values.map(round)) }),
    adapter,
  };
}

const milliseconds = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`);

/** Markdown, readable as it is. Under each time: how many times as long as ganc it is. */
export function asTable(results) {
  const rows = [];
  for (const [name, result] of Object.entries(results)) {
    const cells = (medians) =>
      PEERS.map((peer) => {
        const value = medians[peer];
        if (value === undefined) return '-';
        return peer === 'ganc' || medians.ganc === undefined ? milliseconds(value) : `${milliseconds(value)} (${(value / medians.ganc).toPrecision(3)}x)`;
      });
    if (result.cold) rows.push([`${name} cold`, ...cells(result.cold)], [`${name} warm`, ...cells(result.medians)]);
    else rows.push([name, ...cells(result.medians)]);
  }
  const head = ['', ...PEERS.map((peer) => TITLES[peer])];
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const lines = [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), ''];
  for (const [name, { title, absent, agreement }] of Object.entries(results)) {
    const far = Object.entries(agreement?.distances ?? {}).map(
      ([peer, d]) =>
        `${TITLES[peer]} ${Object.entries(d)
          .map(([kind, value]) => `${kind} ${value.toExponential(1)}`)
          .join(', ')}`,
    );
    lines.push(`${name}: ${title}.${far.length > 0 ? ` Apart from ${TITLES[agreement.reference]}: ${far.join('; ')}.` : ''}`);
    for (const [peer, reason] of Object.entries(absent)) lines.push(`  ${TITLES[peer]}: not measured: ${reason}`);
  }
  return lines.join('\n');
}
