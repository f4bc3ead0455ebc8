/** The game: fields and draws, the calls of nets on them, and the objectives that these lead to. */
import type { Module } from '../../compiler/graph/module.js';
import type { Argument, Expr, Spec } from '../../grammar/ast.js';
import { printExpression } from '../../grammar/printer.js';
import { bold, cluster, edge, formula, node, quiet, rows } from './dot.js';
import { shapesText } from './nets.js';
import type { Players } from './players.js';

/** Columns of a formula. */
const WIDEST = 52;

interface Picture {
  readonly statements: string[];
  readonly inputs: ReadonlyMap<string, string>;
  /** Names that the game binds. */
  readonly bound: ReadonlySet<string>;
  readonly outputs: ReadonlyMap<string, string>;
  readonly players: Players;
  calls: number;
}

/** A frame with the game and the samples; undefined where the spec has neither. */
export function gameCluster(module: Module, spec: Spec, players: Players): string | undefined {
  const lines = spec.items.flatMap((item) => (item.kind === 'game' ? item.lines : []));
  const samples = spec.items.flatMap((item) => (item.kind === 'sample' ? [item] : []));
  if (lines.length === 0 && samples.length === 0) return undefined;
  const outputs = new Map(module.layers.flatMap((layer) => (layer.net ? [[layer.path, shapesText(layer.output)] as const] : [])));
  const bound = new Set(lines.flatMap((line) => (line.kind === 'binding' || line.kind === 'state' ? [line.name.text] : [])));
  const picture: Picture = { statements: [], inputs: inputsOf(module, spec), bound, outputs, players, calls: 0 };
  for (const line of lines) {
    if (line.kind === 'binding') drawBinding(picture, `game ${line.name.text}`, `${line.shared ? 'shared ' : ''}${line.name.text}`, line.value);
    else if (line.kind === 'objective') {
      const paint = players.ofPlayer(line.player.text);
      drawValue(picture, `objective ${line.player.text}`, rows([bold(`${line.player.text} ${line.goal}`)], 'left'), line.value, {
        shape: 'box',
        style: 'filled',
        penwidth: 2.2,
        fillcolor: paint.fill,
        color: paint.line,
      });
    } else if (line.kind === 'report')
      drawValue(picture, `report ${line.name.text}`, rows([quiet(`report ${line.name.text}`)], 'left'), line.value, { style: 'dashed' });
    else if (line.kind === 'state')
      picture.statements.push(node(`game ${line.name.text}`, { shape: 'ellipse', style: 'dashed', label: rows([bold(line.name.text), quiet('state')]) }));
  }
  for (const sample of samples) drawBinding(picture, `sample ${sample.name.text}`, `sample ${sample.name.text}`, sample.value);
  return cluster('game', { label: bold(lines.length > 0 ? 'game' : 'samples'), color: '#9aa1a9', penwidth: 1.6, style: 'rounded' }, picture.statements);
}

/** Fields and noises, each drawn when something reads it. */
function inputsOf(module: Module, spec: Spec): Map<string, string> {
  const inputs = new Map<string, string>();
  const look = { style: 'filled', fillcolor: '#e9ebee' };
  for (const field of module.data?.fields ?? []) {
    const kind = `${field.type} ${field.shape.length > 0 ? shapesText([field.shape]) : (field.args.classes ?? '')}`.trim();
    const absent = field.optional === undefined ? '' : `absent from ${Math.round(100 * field.optional)} %`;
    inputs.set(field.name, node(inputId(field.name), { ...look, shape: 'cylinder', label: rows([bold(field.name), quiet(kind), quiet(absent)]) }));
  }
  for (const item of spec.items) {
    if (item.kind !== 'noise') continue;
    const name = item.name.text;
    const kind = `${item.type.name?.text ?? ''} ${shapesText([module.noises.find((noise) => noise.name === name)?.shape ?? []])}`;
    inputs.set(name, node(inputId(name), { ...look, shape: 'ellipse', label: rows([bold(name), quiet(kind)]) }));
  }
  return inputs;
}

function inputId(name: string): string {
  return `input ${name}`;
}

/** The node that a name of the game stands for; undefined for what is no value of the game. */
function sourceOf(picture: Picture, name: string): string | undefined {
  if (picture.bound.has(name)) return `game ${name}`;
  const input = picture.inputs.get(name);
  if (input === undefined) return undefined;
  if (!picture.statements.includes(input)) picture.statements.push(input);
  return inputId(name);
}

/** `fake = G(z)`: a call of a net, with its name; or what is computed from others. */
function drawBinding(picture: Picture, id: string, name: string, value: Expr): void {
  const call = netCall(picture, value);
  if (call) drawCall(picture, id, value, call, name);
  else drawValue(picture, id, rows([bold(name)], 'left'), value, { style: 'rounded' });
}

/** A formula, what it reads, and the calls of nets in it. */
function drawValue(picture: Picture, id: string, title: string, value: Expr, attributes: Readonly<Record<string, string | number>>): void {
  picture.statements.push(node(id, { ...attributes, label: title + rows(formula(printExpression(value, WIDEST)), 'left') }));
  readIn(picture, id, value);
}

interface NetCall {
  readonly net: string;
  readonly args: readonly Expr[];
}

function drawCall(picture: Picture, id: string, value: Expr, { net, args }: NetCall, name?: string): void {
  const paint = picture.players.ofNet(net);
  const text = formula(printExpression(value, WIDEST));
  const label = rows([name === undefined ? '' : bold(name), ...text, quiet(picture.outputs.get(net) ?? '')]);
  picture.statements.push(node(id, { style: 'filled,rounded', fillcolor: paint.fill, color: paint.line, label }));
  for (const argument of args) readIn(picture, id, argument);
}

/** Edges from what an expression reads to the node `to`; calls of nets become nodes between. */
function readIn(picture: Picture, to: string, value: Expr): void {
  const drawn = new Set<string>();
  const walk = (tree: unknown): void => {
    if (!tree || typeof tree !== 'object') return;
    const expr = tree as Expr;
    const call = netCall(picture, expr);
    if (call) {
      const id = `call ${++picture.calls}`;
      drawCall(picture, id, expr, call);
      picture.statements.push(edge(id, to));
      return;
    }
    if (expr.kind === 'name') {
      const from = sourceOf(picture, expr.name);
      if (from !== undefined && from !== to && !drawn.has(from)) picture.statements.push(edge(from, to));
      if (from !== undefined) drawn.add(from);
    }
    for (const [key, inner] of Object.entries(tree)) if (key !== 'span') walk(inner);
  };
  walk(value);
}

/** `G(z)`, `z |> G`, `t |> D(x)`: a call of a net of the spec, with its arguments. */
function netCall({ outputs }: Picture, expr: Expr): NetCall | undefined {
  const named = (callee: Expr): string | undefined => (callee.kind === 'name' && outputs.has(callee.name) ? callee.name : undefined);
  const values = (args: readonly Argument[]): Expr[] => args.map((argument) => argument.value);
  if (expr.kind === 'call') {
    const net = named(expr.callee);
    return net === undefined ? undefined : { net, args: values(expr.args) };
  }
  if (expr.kind !== 'pipe') return undefined;
  const net = named(expr.right.kind === 'call' ? expr.right.callee : expr.right);
  return net === undefined ? undefined : { net, args: [expr.left, ...(expr.right.kind === 'call' ? values(expr.right.args) : [])] };
}
