/** A spec as a picture: its game, and beside it the nets that the game calls, in the colours of the players who move them. */
import type { Module } from '../../compiler/graph/module.js';
import type { Spec } from '../../grammar/ast.js';
import { escaped, FONT } from './dot.js';
import { gameCluster } from './game.js';
import { netClusters } from './nets.js';
import { playersOf } from './players.js';

/** The picture as a text in the DOT language. */
export function dotOf(module: Module, spec: Spec): string {
  const players = playersOf(
    module,
    spec.items.find((item) => item.kind === 'game'),
  );
  const game = gameCluster(module, spec, players);
  const parts = [
    `graph [fontname="${FONT}", fontsize=14, bgcolor="white", rankdir=TB, nodesep=0.28, ranksep=0.34, pad=0.15, labeljust=l]`,
    `node [fontname="${FONT}", fontsize=13, shape=box, style=rounded, color="#6d747c", margin="0.14,0.07", height=0.3]`,
    'edge [color="#6d747c", arrowsize=0.6]',
    ...(game === undefined ? [] : [game]),
    ...netClusters(module, players),
  ];
  return `digraph "${escaped(module.name)}" {\n${parts
    .flatMap((part) => part.split('\n'))
    .map((line) => `  ${line}\n`)
    .join('')}}\n`;
}

/**
 * The picture as SVG, laid out by Graphviz. It measures by the metrics of Helvetica, which few machines have; Verdana and DejaVu Sans, one of which
 * nearly all have, are alike, and a fifth wider. So the text is shown in these, and smaller than it was measured.
 */
export async function svgOf(dot: string): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const svg = (await instance()).renderString(dot, { format: 'svg' });
  return svg
    .replace(/font-size="([\d.]+)"/g, (_, points: string) => `font-size="${(Number(points) * 0.84).toFixed(2)}"`)
    .replace(/font-family="[^"]*"/g, 'font-family="Verdana,DejaVu Sans,sans-serif"');
}
