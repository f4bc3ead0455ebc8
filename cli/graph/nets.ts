/** The nets of a spec: what each is made of, with shapes and numbers of weights. */
import type { Layer, Module } from '../../compiler/graph/module.js';
import { size } from '../../compiler/graph/node.js';
import { count, shapeText } from '../terminal.js';
import { bold, cluster, edge, escaped, node, quiet, rows } from './dot.js';
import type { Paint, Players } from './players.js';

/** A frame for each net or judge: its parameters, layers and result. */
export function netClusters(module: Module, players: Players): string[] {
  const { layers } = module;
  return layers.flatMap((layer) => {
    if (!layer.net) return [];
    const inside = layers.filter((other) => other.path.startsWith(`${layer.path}.`));
    return [netCluster(module, layer, layer.net, inside, players)];
  });
}

/** `net G`, and what there is to say of it. */
function titleOf(module: Module, net: string, players: Players): string {
  const judge = module.judges?.find((one) => one.name === net);
  const variables = module.variables.filter((v) => (v.kind === 'weight' || (judge && v.kind === 'judge')) && v.name.startsWith(`${net}.`));
  const weights = variables.reduce((sum, v) => sum + size(v.shape), 0);
  const owner = players.ownerOf(net);
  const facts = [
    weights > 0 ? `${count(weights)} weights` : 'no weights',
    judge ? `learns ${judge.fields.join(', ')}` : '',
    owner === undefined ? '' : `moved by ${owner}`,
  ];
  return rows([bold(`${judge ? 'judge' : 'net'} ${net}`), quiet(facts.filter((text) => text !== '').join(', '))]);
}

function netCluster(module: Module, layer: Layer, net: NonNullable<Layer['net']>, inside: readonly Layer[], players: Players): string {
  const paint = players.ofNet(layer.path);
  const result = `${layer.path} result`;
  const ellipse = { shape: 'ellipse', style: 'filled', color: paint.line };
  const statements = [
    ...net.parameters.map(({ name, shapes }) =>
      node(`${layer.path}(${name})`, { ...ellipse, fillcolor: 'white', label: rows([bold(name), quiet(shapesText(shapes))]) }),
    ),
    ...within(layer.path, inside, net.steps, players, paint),
    node(result, { ...ellipse, fillcolor: paint.fill, label: rows([bold('result'), quiet(shapesText(layer.output))]) }),
    // A use with others inside is a frame, and no end of an edge.
    ...[...inside.filter((one) => isLeaf(one, inside, net.steps)), ...net.steps].flatMap((to) => to.from.map((from) => edge(from, to.path))),
    ...net.ends.map((from) => edge(from, result)),
  ];
  return cluster(layer.path, { label: titleOf(module, layer.path, players), color: paint.line, penwidth: 1.6, style: 'rounded' }, statements);
}

type Steps = NonNullable<Layer['net']>['steps'];

function isLeaf({ path }: Layer, layers: readonly Layer[], steps: Steps): boolean {
  return !layers.some((other) => other.path.startsWith(`${path}.`)) && !steps.some((step) => `${step.within}.`.startsWith(`${path}.`));
}

/** What stands in a net or in a use of a block: calls of functions and nets, and uses of blocks, those with something inside as frames. */
function within(path: string, inside: readonly Layer[], steps: Steps, players: Players, paint: Paint): string[] {
  const own = inside.filter((layer) => !inside.some((other) => layer.path.startsWith(`${other.path}.`)));
  return [
    ...steps.filter((step) => step.within === path).map((step) => stepNode(step, players)),
    ...own.map((layer) => {
      const name = layer.path.slice(path.length + 1);
      const block = name.replace(/#\d+$/, '') === layer.block ? '' : quiet(layer.block);
      const shape = shapesText(layer.output);
      const deeper = inside.filter((other) => other.path.startsWith(`${layer.path}.`));
      const weights = [layer, ...deeper].reduce((sum, one) => sum + one.parameters, 0);
      const facts = weights > 0 ? `${count(weights)} weights` : '';
      if (isLeaf(layer, inside, steps)) {
        const label = rows([bold(name), block, quiet(shape), quiet(facts)]);
        return node(layer.path, { style: 'filled', fillcolor: weights > 0 ? paint.fill : 'white', color: paint.line, label });
      }
      // A short label at the left is out of the way of the edges that come in at the top.
      const tooltip = [name, shape, facts].filter((text) => text !== '').join(', ');
      return cluster(
        layer.path,
        {
          label: rows([bold(name), block, quiet(layer.parameters > 0 ? `${count(layer.parameters)} weights` : '')], 'left'),
          tooltip,
          color: paint.line,
          style: 'dashed,rounded',
          penwidth: 1,
        },
        within(layer.path, deeper, steps, players, paint),
      );
    }),
  ];
}

function stepNode({ path, kind, name, output }: Steps[number], players: Players): string {
  const shape = quiet(shapesText(output));
  if (kind === 'function') return node(path, { shape: 'plain', margin: '0.05,0.03', label: rows([escaped(name), shape]) });
  const other = players.ofNet(name);
  return node(path, { style: 'filled,rounded', penwidth: 1.6, fillcolor: other.fill, color: other.line, label: rows([bold(name), shape]) });
}

export function shapesText(shapes: readonly (readonly number[])[]): string {
  return shapes.map((shape) => (shape.length === 0 ? 'a number' : shapeText(shape))).join(' ');
}
