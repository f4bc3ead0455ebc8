/** `ganc run SPEC NET`: one net on tensors from a file, with first and second derivatives. */
import { type Compiled, compileRun } from '../../compiler/compile.js';
import type { DType } from '../../compiler/graph/node.js';
import { lower } from '../../compiler/plan/lower.js';
import type { Entry, Program } from '../../compiler/program/types.js';
import type { NetItem } from '../../grammar/ast.js';
import type { Source } from '../../grammar/source.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../runtime/train/safetensors.js';
import { FileError, UsageError } from '../errors.js';
import { accept, compileOptions, mergedSpec, readSource, type SpecOptions } from '../source.js';
import { err, out, shapeText } from '../terminal.js';

export interface NetOptions extends SpecOptions {
  readonly in: string;
  readonly out: string;
  readonly weights?: string;
  readonly training?: boolean;
  readonly vjp?: string;
  readonly vjp2?: string;
  readonly seed?: bigint;
}

type Tensors = Map<string, StoredTensor>;

export async function run(spec: string, net: string, options: NetOptions): Promise<void> {
  if (options.vjp2 !== undefined && options.vjp === undefined) throw new UsageError('--vjp2 differentiates what --vjp gives', 'give both: --vjp C --vjp2 V');
  const source = readSource(spec);
  const inputs = await readSafetensors(options.in);
  const batch = batchOf(options.in, inputs);
  const program = compiled(
    compileRun(source, net, {
      ...compileOptions(options),
      batch,
      training: options.training ?? false,
      vjp: options.vjp !== undefined,
      vjp2: options.vjp2 !== undefined,
      inputs: new Map([...inputs].map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    }),
    options,
  );

  const entry = program.entries.find((e) => e.name === 'run') as Entry;
  const results = entry.outputs.filter((o) => o.dtype === 'f32' && !/^(state|grad|grad2)\./.test(o.name));
  const given = pick(
    options.in,
    inputs,
    parametersOf(source, net, options).map((name) => entry.inputs.find((i) => i.name === name) ?? inputs.get(name) ?? { name }),
  );
  const cotangents = options.vjp === undefined ? undefined : pick(options.vjp, await readSafetensors(options.vjp), results);
  const directions = [...given].filter(([, t]) => t.dtype === 'f32').map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const along = options.vjp2 === undefined ? undefined : pick(options.vjp2, await readSafetensors(options.vjp2), directions);
  const tensors: Record<string, TensorData> = {};
  for (const [prefix, group] of [
    ['', given],
    ['cotangent.', cotangents],
    ['v.', along],
  ] as const) {
    for (const [name, tensor] of group ?? []) {
      // What the outputs do not depend on is no input of the program.
      if (entry.inputs.some((i) => i.name === prefix + name)) tensors[prefix + name] = tensor;
    }
  }
  const weights = options.weights === undefined ? undefined : pickWeights(options.weights, await readSafetensors(options.weights), program);

  const outputs = await execute(program, weights, tensors, options.seed ?? 0n);
  await writeSafetensors(options.out, new Map(Object.entries(outputs)));
  if (!options.quiet) for (const [name, { shape, dtype }] of Object.entries(outputs)) out(`${name}  ${dtype}${shapeText(shape)}\n`);
}

function compiled({ module, diagnostics }: Compiled, options: NetOptions): Program {
  return lower(accept(module, diagnostics, options));
}

/** All tensors begin with the same batch axis. */
function batchOf(path: string, tensors: Tensors): number {
  let first: StoredTensor | undefined;
  for (const tensor of tensors.values()) {
    if (tensor.shape.length === 0) throw new FileError(`${path}: ${tensor.name} is a single number; inputs have the batch axis first`);
    first ??= tensor;
    if (tensor.shape[0] !== first.shape[0])
      throw new FileError(
        `${path}: ${first.name} holds ${first.shape[0]} examples, ${tensor.name} ${tensor.shape[0]}`,
        'all inputs have the same batch axis first',
      );
  }
  if (!first) throw new FileError(`${path} holds no tensors`, "inputs are named as the net's parameters");
  if (first.shape[0] === 0) throw new FileError(`${path}: ${first.name} is ${shapeText(first.shape)}: no examples`);
  return first.shape[0];
}

/** The net's parameters, as the spec (or its parent) declares them. The spec compiled, so the net is there. */
function parametersOf(source: Source, net: string, options: SpecOptions): string[] {
  const { items } = mergedSpec(source, options);
  const item = items.find((i): i is NetItem => i.kind === 'net' && i.name.text === net) as NetItem;
  return item.params.map((p) => p.name.text);
}

/** Without a shape: whatever the file has. */
interface Wanted {
  readonly name: string;
  readonly dtype?: DType;
  readonly shape?: readonly number[];
}

/** Exactly the wanted tensors. Lists all that is missing, not known or of another shape. */
function pick(path: string, tensors: Tensors, wanted: readonly Wanted[]): Map<string, TensorData> {
  const problems: string[] = [];
  const names = wanted.map((w) => w.name);
  for (const name of tensors.keys()) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    problems.push(`${name} is not asked for${near ? `; did you mean ${near}?` : names.length > 0 ? `; asked for: ${names.join(', ')}` : ''}`);
  }
  const found = new Map<string, TensorData>();
  for (const w of wanted) take(tensors, w, found, problems);
  if (problems.length > 0) throw new FileError(`${path} does not fit the net`, problems.join('\n'));
  return found;
}

/** Every weight, and those states that the file has; a checkpoint of a whole training may hold more. */
function pickWeights(path: string, tensors: Tensors, program: Program): Map<string, TensorData> {
  const problems: string[] = [];
  const found = new Map<string, TensorData>();
  for (const variable of program.variables) {
    if (variable.kind === 'weight' || (variable.kind === 'state' && tensors.has(variable.name))) take(tensors, variable, found, problems);
  }
  if (problems.length > 0) throw new FileError(`${path} does not fit the net`, [...problems, '`ganc inspect --json` lists every name and shape'].join('\n'));
  return found;
}

function take(tensors: Tensors, { name, dtype, shape }: Wanted, found: Map<string, TensorData>, problems: string[]): void {
  const tensor = tensors.get(name);
  if (!tensor) {
    const near = suggest(name, tensors.keys());
    problems.push(`${name}${shape ? ` ${shapeText(shape)}` : ''} is missing${near ? `; is it the file's ${near}?` : ''}`);
  } else if (shape && (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i]))) {
    problems.push(`${name} is ${shapeText(tensor.shape)}; wanted is ${shapeText(shape)}`);
  } else found.set(name, tensor.as(dtype ?? tensor.dtype));
}

async function execute(
  program: Program,
  weights: Map<string, TensorData> | undefined,
  tensors: Record<string, TensorData>,
  seed: bigint,
): Promise<Record<string, TensorData>> {
  const { openDevice } = await import('../../runtime/device/open.js');
  const { Executor } = await import('../../runtime/execute/executor.js');
  const { keptKernels } = await import('../../runtime/tune/tune.js');
  const gpu = await openDevice();
  try {
    const candidates = await keptKernels(gpu, program, (text) => err(`${err.colors.yellow('warning')}: ${text}\n`));
    const executor = await Executor.create(gpu, program, { seed, candidates });
    await executor.submit([{ entry: 'init', counter: 0 }]);
    if (weights) executor.write(weights);
    const [{ outputs }] = await executor.submit([{ entry: 'run', counter: 0, tensors }]);
    executor.close();
    return outputs;
  } finally {
    gpu.close();
  }
}
