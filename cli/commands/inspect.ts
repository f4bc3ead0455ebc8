/** `ganc inspect SPEC`: layers, weights, and what a step costs. */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { size } from '../../compiler/graph/node.js';
import { lower } from '../../compiler/plan/lower.js';
import { placesOf } from '../../compiler/plan/purpose.js';
import { callsPerStep, entryCost, stepCost } from '../../compiler/program/cost.js';
import { memoryPlan } from '../../compiler/program/memory.js';
import { trainingEntries } from '../../compiler/program/schedule.js';
import type { Program } from '../../compiler/program/types.js';
import { UsageError } from '../errors.js';
import { dotOf, svgOf } from '../graph/graph.js';
import { accept, compileOptions, mergedSpec, readSource, type SpecOptions } from '../source.js';
import { bytes, count, magnitude, out, shapeText, table } from '../terminal.js';

export interface InspectOptions extends SpecOptions {
  readonly json?: boolean;
  /** A picture of the spec is written there: .svg or .dot. */
  readonly graph?: string;
}

export async function inspect(spec: string, options: InspectOptions): Promise<void> {
  if (existsSync(join(spec, 'run.json'))) {
    await (await import('./statistics.js')).statistics(spec, options);
    return;
  }
  const kind = options.graph === undefined ? undefined : pictureKind(options.graph);
  const source = readSource(spec);
  const { module, diagnostics } = compileSpec(source, compileOptions(options));
  const made = accept(module, diagnostics);
  if (options.graph !== undefined) {
    const dot = dotOf(made, mergedSpec(source, options));
    writePicture(options.graph, kind === 'svg' ? await svgOf(dot) : dot);
    return;
  }
  const program = lower(made);
  const facts = { ...describe(made), ...costs(made, program) };
  if (options.json) out(`${JSON.stringify(facts, null, 2)}\n`);
  else show(made, facts);
}

function pictureKind(path: string): 'svg' | 'dot' {
  const end = extname(path).toLowerCase();
  if (end === '.svg' || end === '.dot') return end === '.svg' ? 'svg' : 'dot';
  throw new UsageError(`--graph writes .svg or .dot, and ${path} is neither`, `such as --graph ${basename(path, extname(path)) || 'gan'}.svg`);
}

function writePicture(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`cannot write ${path}: there is no folder ${dirname(path)}`);
    if (code === 'EISDIR') throw new UsageError(`cannot write ${path}: it is a folder`);
    throw error;
  }
  out(`${path}\n`);
}

/** What the spec says: nets, layers, weights and other variables, by name and shape. */
function describe(module: Module) {
  const variables = (kind: string) =>
    module.variables.filter((v) => v.kind === kind).map(({ name, shape, dtype, player }) => ({ name, shape, dtype, ...(player && { player }) }));
  const weights = variables('weight');
  // Judges learn apart from the game: what they have of their own is none of the players' weights.
  const judges = (module.judges ?? []).map(({ name }) => ({
    name,
    parameters: module.layers.filter(({ path }) => path === name || path.startsWith(`${name}.`)).reduce((sum, layer) => sum + layer.parameters, 0),
  }));
  const inOrder = module.layers.filter((layer) => layer.depth === 0 && !judges.some(({ name }) => name === layer.path)).map((layer) => layer.path);
  const nets = [...new Set([...inOrder, ...weights.map((w) => w.name.split('.')[0])])].map((name) => ({
    name,
    parameters: weights.filter((w) => w.name.startsWith(`${name}.`)).reduce((sum, w) => sum + size(w.shape), 0),
  }));
  return {
    name: module.name,
    hash: module.hash,
    hyper: module.hyper,
    data: module.data,
    noises: module.noises,
    nets,
    judges,
    weights,
    states: variables('state'),
    averages: variables('average'),
    train: module.train,
  };
}

/** What the compiled program costs. A step is every update as often as the schedule runs it, on average; a layer's share is forward and backward in all of them. */
function costs(module: Module, program: Program) {
  const entries = program.entries.map((entry) => ({ name: entry.name, ...entryCost(entry) }));
  const { train } = program;
  const layers = module.layers.map(({ path, block, inputs, output, parameters }) => ({
    path,
    block,
    inputs,
    output,
    parameters,
    flops: train ? 0 : undefined,
  }));
  for (const [entry, times] of train ? callsPerStep(train) : []) {
    for (const command of program.entries.find((e) => e.name === entry)?.commands ?? []) {
      const layer = command.kind === 'dispatch' ? innermost(layers, command.label) : undefined;
      if (layer?.flops !== undefined && command.kind === 'dispatch') layer.flops += command.flops * times;
    }
  }
  return { layers, kernels: program.kernels.length, entries, step: stepCost(program), memory: memoryOf(module, program) };
}

/** What a training takes on the device, by kind of buffer and by purpose; of a spec without one, what all of it takes. Data come on top. */
function memoryOf(module: Module, program: Program) {
  const buffers: Record<string, number> = {};
  for (const buffer of program.buffers) if (buffer.kind !== 'field') buffers[buffer.kind] = (buffers[buffer.kind] ?? 0) + buffer.size;
  const { train, samples } = program;
  const called = train && [train.init, ...trainingEntries(train), ...samples.map((sample) => sample.entry)];
  const { largest, ...plan } = memoryPlan(program, called ?? program.entries.map((entry) => entry.name));
  const placeOf = placesOf(module);
  return { ...buffers, ...plan, largest: largest.map((tensor) => ({ ...tensor, line: placeOf(tensor.name) })) };
}

/** The layer that a dispatch works for: `G.fc1` for `G.fc1.uniform_init`. */
function innermost<L extends { readonly path: string }>(layers: readonly L[], label: string): L | undefined {
  let found: L | undefined;
  for (const layer of layers) if ((label === layer.path || label.startsWith(`${layer.path}.`)) && layer.path.length > (found?.path.length ?? 0)) found = layer;
  return found;
}

function show(module: Module, facts: ReturnType<typeof describe> & ReturnType<typeof costs>): void {
  const style = out.colors;
  const shapes = (list: readonly (readonly number[])[]) => list.map(shapeText).join(' ');
  const heading = (text: string) => out(`\n${style.bold(text)}\n`);
  out(`${style.bold(module.name)}`);
  const hypers = Object.entries(module.hyper);
  out(hypers.length > 0 ? `  ${hypers.map(([name, value]) => `${name} = ${value}`).join(', ')}\n` : '\n');

  heading('Layers');
  const rows = module.layers.map((layer, i) => [
    `${'  '.repeat(layer.depth)}${layer.path}`,
    layer.block,
    shapes(layer.inputs),
    shapes(layer.output),
    layer.parameters > 0 ? count(layer.parameters) : '',
    facts.layers[i].flops ? magnitude(facts.layers[i].flops) : '',
  ]);
  out(table([['path', 'block', 'in', 'out', 'parameters', 'FLOPs a step'], ...rows], [4, 5], '  '));

  heading('Parameters');
  const total = facts.nets.reduce((sum, net) => sum + net.parameters, 0);
  out(table([...facts.nets.map((net) => [net.name, count(net.parameters)]), ['all', count(total)]], [1], '  '));
  const states = facts.states.reduce((sum, s) => sum + size(s.shape), 0);
  for (const judge of facts.judges) out(`  and judge ${judge.name}, which learns apart: ${count(judge.parameters)}\n`);
  if (states > 0) out(`  and ${count(states)} numbers of state (${facts.states.map((s) => s.name).join(', ')})\n`);

  heading('Compiled');
  const columns = facts.entries.map((e) => [e.name, count(e.dispatches), magnitude(e.flops), bytes(e.bytes)]);
  out(table([['entry', 'dispatches', 'FLOPs', 'read and written'], ...columns], [1, 2, 3], '  '));
  out(`  ${count(facts.kernels)} kernels\n`);
  if (facts.step) out(`  a training step: ${count(Math.round(facts.step.dispatches))} dispatches, ${magnitude(facts.step.flops)} FLOPs\n`);

  heading(facts.step ? 'Memory of a training' : 'Memory');
  const { weights, optimizer, averages, results, states: kept, judges, rest, players, largest, total: all } = facts.memory;
  const kinds = { weights, optimizer, averages, 'gradients and results': results, states: kept, judges, 'all else': rest };
  const used = Object.entries(kinds).filter(([, size]) => size > 0);
  out(table([...used.map(([kind, size]) => [kind, bytes(size)]), ['all, and data on top', bytes(all)]], [1], '  '));
  const moved = Object.entries(players).map(([name, own]) => [
    name,
    ...[own.weights, own.optimizer, own.averages].map((size) => (size > 0 ? bytes(size) : '')),
  ]);
  if (moved.length > 0) out(`\n${table([['player', 'weights', 'optimizer', 'averages'], ...moved], [1, 2, 3], '  ')}`);
  const tensors = largest.map(({ name, kind, shape, bytes: size, line }) => [
    kind === 'result' ? `a result of ${name}` : name,
    shape ? shapeText(shape) : '',
    bytes(size),
    line ?? '',
  ]);
  out(`\n${table([['largest', 'shape', 'size', 'line'], ...tensors], [2], '  ')}`);
}
