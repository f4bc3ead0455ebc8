/** Who moves what, in colours. */
import type { Module } from '../../compiler/graph/module.js';
import type { GameItem } from '../../grammar/ast.js';

export interface Paint {
  readonly fill: string;
  readonly line: string;
}

/** Told apart by lightness too; after Okabe and Ito (2008). */
const paints: readonly Paint[] = [
  { fill: '#fdecd6', line: '#c05f00' },
  { fill: '#dcebf8', line: '#0063a8' },
  { fill: '#d9f0e6', line: '#00795a' },
  { fill: '#f5e1ee', line: '#a5437e' },
  { fill: '#f6f2c4', line: '#857a00' },
];

export const NOBODY: Paint = { fill: '#f3f4f5', line: '#6d747c' };

export interface Players {
  readonly names: readonly string[];
  readonly ofPlayer: (player: string) => Paint;
  /** The player that moves a net. */
  readonly ownerOf: (net: string) => string | undefined;
  readonly ofNet: (net: string) => Paint;
}

export function playersOf(module: Module, game: GameItem | undefined): Players {
  const names = [...new Set((game?.lines ?? []).flatMap((line) => (line.kind === 'objective' ? [line.player.text] : [])))];
  const ofPlayer = (player: string): Paint => (names.includes(player) ? paints[names.indexOf(player) % paints.length] : NOBODY);
  const owners = new Map(module.variables.flatMap(({ kind, name, player }) => (kind === 'weight' && player ? [[name.split('.')[0], player] as const] : [])));
  const ownerOf = (net: string): string | undefined => owners.get(net) ?? (names.includes(net) ? net : undefined);
  return { names, ofPlayer, ownerOf, ofNet: (net) => ofPlayer(ownerOf(net) ?? '') };
}
