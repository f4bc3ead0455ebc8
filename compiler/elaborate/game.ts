/** The game as a template: its lines by kind, and who moves which net. */
import type { Expr, GameItem, GameLine, Name } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';

type Line<K extends GameLine['kind']> = Extract<GameLine, { kind: K }>;

export interface Game {
  readonly item: GameItem;
  readonly players: ReadonlyMap<string, Line<'player'>>;
  readonly objectives: ReadonlyMap<string, Line<'objective'>>;
  readonly reports: readonly Line<'report'>[];
  /** Bindings by name, in program order. */
  readonly bindings: ReadonlyMap<string, Line<'binding'>>;
  readonly values: ReadonlyMap<string, Expr>;
  readonly states: readonly Line<'state'>[];
  readonly advances: readonly Line<'advance'>[];
  readonly requires: readonly Line<'require'>[];
}

/** Sorts a game's lines, and reports what stands twice. */
export function readGame(e: Elaborator, item: GameItem): Game {
  const players = new Map<string, Line<'player'>>();
  const objectives = new Map<string, Line<'objective'>>();
  const bindings = new Map<string, Line<'binding'>>();
  const reports: Line<'report'>[] = [];
  const states: Line<'state'>[] = [];
  const advances: Line<'advance'>[] = [];
  const requires: Line<'require'>[] = [];
  for (const line of item.lines) {
    switch (line.kind) {
      case 'player':
        unique(e, players, line.name, line, 'player');
        break;
      case 'binding':
        unique(e, bindings, line.name, line, 'binding');
        break;
      case 'objective': {
        const first = objectives.get(line.player.text);
        if (first) e.fail(line.player.span, messages.secondObjective(line.player.text, { message: 'first here', span: first.span }));
        else objectives.set(line.player.text, line);
        break;
      }
      case 'report':
        if (reports.some((r) => r.name.text === line.name.text))
          e.fail(
            line.name.span,
            messages.declaredTwice('report', line.name.text, { message: 'first here', span: reports.find((r) => r.name.text === line.name.text)?.span }),
          );
        else reports.push(line);
        break;
      case 'state':
        states.push(line);
        break;
      case 'advance':
        advances.push(line);
        break;
      case 'require':
        requires.push(line);
        break;
      default:
        line satisfies never;
    }
  }
  return { item, players, objectives, reports, bindings, values: new Map([...bindings].map(([name, line]) => [name, line.value])), states, advances, requires };
}

function unique<T extends GameLine>(e: Elaborator, into: Map<string, T>, name: Name, line: T, what: string): void {
  const first = into.get(name.text);
  if (first) e.fail(name.span, messages.declaredTwice(what, name.text, { message: 'first here', span: first.span }));
  else into.set(name.text, line);
}

/** Where a `player` line names a net first. */
function ownerSpan(game: Game, net: string): Span | undefined {
  for (const { nets } of game.players.values()) for (const name of nets) if (name.text === net) return name.span;
  return undefined;
}

/**
 * Who moves each net: as `player G = G, Words` says; else the player of its name; else the one player through whose nets alone it is
 * reached. `callers` is what the evaluation saw. A net without owner is absent.
 */
export function owners(
  e: Elaborator,
  game: Game,
  players: Iterable<string>,
  nets: ReadonlySet<string>,
  callers: ReadonlyMap<string, ReadonlySet<string>>,
): Map<string, string> {
  const owner = new Map<string, string>();
  for (const [player, line] of game.players) {
    for (const net of line.nets) {
      const other = owner.get(net.text);
      if (!nets.has(net.text)) e.fail(net.span, messages.unknownNet(net.text, [...nets]));
      else if (other !== undefined && other !== player)
        e.fail(net.span, messages.twoOwners(net.text, other, player, { message: `moved by ${other} here`, span: ownerSpan(game, net.text) }));
      else owner.set(net.text, player);
    }
  }
  for (const player of players) {
    if (game.players.has(player)) continue;
    const other = owner.get(player);
    if (!nets.has(player)) {
      const line = game.objectives.get(player);
      if (line) e.fail(line.player.span, messages.noNetOfPlayer(player, [...nets]));
    } else if (other === undefined) owner.set(player, player);
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const [net, from] of callers) {
      if (owner.has(net) || from.has('game')) continue;
      const through = new Set([...from].map((caller) => owner.get(caller)));
      const [only] = through;
      if (through.size === 1 && only !== undefined) {
        owner.set(net, only);
        changed = true;
      }
    }
  }
  return owner;
}
