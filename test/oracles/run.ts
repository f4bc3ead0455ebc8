/**
 * Runs a case: its operator as a net whose parameters are the case's tensors.
 *
 * A net's parameters have the batch first, and most cases have none: such a case is a batch of one example, every tensor whole. Layers have
 * it: there the first axis of the input is the batch, and weights that come as parameters are repeated for each example. What a repeated
 * input gets as gradient is the sum over the repetitions, at first and second order alike (s = sum <g_i, w_i> with g_i such a sum, so w_i is
 * repeated too). A layer is run a second time with its own weights set, forward and at first order.
 */
import { compileRun } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import type { Shape } from '../../compiler/graph/node.js';
import { type BackEnd, interpreter } from './back-end.js';
import { type Answer, Call, Inexpressible, missing, type Operator, type Role, type Table } from './call.js';
import type { Case, Dialect, Gradients, Stored } from './case.js';
import { near, nearFirst, nearSecond } from './gates.js';
import { onnxTable } from './onnx.js';
import { opinfoTable } from './opinfo.js';

export interface Verdict {
  readonly id: string;
  readonly op: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why not passed. */
  readonly reason?: string;
}

const tables: Record<Dialect['format'], Table> = { 'opinfo-grads/1': opinfoTable, 'onnx-cases/1': onnxTable };

export async function runCase(subject: Case, backEnd: BackEnd): Promise<Verdict> {
  const verdict = (outcome: Verdict['outcome'], reason?: string): Verdict => ({ id: subject.id, op: subject.op, outcome, reason });
  try {
    const table = tables[subject.dialect.format];
    const operator = Object.hasOwn(table, subject.op) ? table[subject.op] : () => missing(subject.op.replace(/^.*\./, ''));
    const first = new Call(subject, 'parameters');
    const wrong = await runForm(first, operator, backEnd);
    if (wrong !== undefined) return verdict('failed', wrong);
    const second = new Call(subject, 'weights');
    operator(second);
    // Nothing in it has weights of its own: the same net again.
    if (sameRoles(first.roles, second.roles)) return verdict('passed');
    const ownWrong = await runForm(new Call(subject, 'weights'), operator, backEnd);
    return ownWrong === undefined ? verdict('passed') : verdict('failed', `as weights: ${ownWrong}`);
  } catch (error) {
    if (error instanceof Inexpressible) return verdict('skipped', `not expressible: ${error.message}`);
    if (error instanceof Refuted) return verdict('skipped', error.message);
    return verdict('failed', `crash: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function sameRoles(a: ReadonlyMap<number, Role>, b: ReadonlyMap<number, Role>): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}

/** One net: compiled, run and compared. Undefined where all is near enough. */
async function runForm(call: Call, operator: Operator, backEnd: BackEnd): Promise<string | undefined> {
  const { subject } = call;
  const made = operator(call);
  const answers: readonly Answer[] = Array.isArray(made) ? made : [made as Answer];
  if (subject.outputs.some((expected) => expected?.shape.includes(0))) throw new Inexpressible('an axis of length 0');
  const unanswered = subject.outputs.findIndex((expected, i) => expected && i >= answers.length);
  if (unanswered >= 0) throw new Inexpressible(`output ${unanswered}`);
  const rows = [...call.roles].find(([, role]) => role === 'rows');
  const batch = rows ? call.shape(rows[0])[0] : 1;
  const parameters = [...call.roles].filter(([, role]) => typeof role === 'string').map(([index]) => index);

  const inputs = new Map<string, Tensor>();
  const variables = new Map<string, Tensor>();
  const asParameter = (index: number, value: Stored): Tensor => (call.roles.get(index) === 'rows' ? value : repeated(value, batch));
  for (const [index, role] of call.roles) {
    const value = call.input(index);
    if (typeof role === 'string') inputs.set(`x${index}`, asParameter(index, value));
    else variables.set(role.variable, value);
  }

  const gradients = subject.gradients;
  const second = call.style === 'parameters' ? gradients?.second : undefined;
  const source = textOf(call, parameters, answers);
  const { module, diagnostics } = compileRun({ name: 'case.gan', text: source }, 'F', {
    batch,
    training: call.training,
    vjp: gradients !== undefined,
    vjp2: second !== undefined,
    inputs: new Map([...inputs].map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
  });
  if (!module) return `does not compile: ${diagnostics.map((d) => d.message).join('; ')}\n${source}`;

  if (gradients) {
    const { cotangent } = gradients;
    inputs.set('cotangent.y0', rows ? cotangent : repeated(cotangent, 1));
  }
  if (second) {
    for (const index of parameters) {
      const value = call.input(index);
      if (value.dtype === 'f32') inputs.set(`v.x${index}`, asParameter(index, second.directions.get(index) ?? zeros(value)));
    }
  }
  const results = await backEnd.run(module, variables, inputs);
  const form = { call, answers, batch, batched: rows !== undefined, module, variables, inputs };
  const wrong = compareFirst(form, results);
  return wrong ?? (second && compareSecond(form, second, results));
}

/** A net made of a case, and what it was run with. */
interface Form {
  readonly call: Call;
  readonly answers: readonly Answer[];
  readonly batch: number;
  /** The outputs have the batch first, as the case's own do. */
  readonly batched: boolean;
  readonly module: Module;
  readonly variables: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** `net F(x0, x1) { ...; {y0: ..., y1: ...} }`. */
function textOf(call: Call, parameters: readonly number[], answers: readonly Answer[]): string {
  const outputs = answers.flatMap((answer, i) => (typeof answer === 'string' ? [`y${i}: ${answer}`] : []));
  const lines = [...call.statements, `{${outputs.join(', ')}}`];
  return `net F(${parameters.map((i) => `x${i}`).join(', ')}) {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

function resultOf(results: ReadonlyMap<string, Tensor>, name: string): Float64Array {
  const found = results.get(name);
  if (!found) throw new Error(`no result ${name}`);
  return found.data;
}

/** A gradient by an input of the case: over the repetitions, where it was repeated. */
function gradientOf({ call, batch }: Form, results: ReadonlyMap<string, Tensor>, prefix: string, index: number): Float64Array {
  const role = call.roles.get(index) as Role;
  if (typeof role === 'object') return resultOf(results, `${prefix}${role.variable}`);
  const data = resultOf(results, `${prefix}x${index}`);
  return role === 'rows' ? data : overBatch(data, batch);
}

/** Outputs and first derivatives. */
function compareFirst(form: Form, results: ReadonlyMap<string, Tensor>): string | undefined {
  const { outputs, gradients, gate } = form.call.subject;
  for (const [i, answer] of form.answers.entries()) {
    const expected = outputs[i];
    if (!expected) continue;
    const whole = typeof answer === 'string';
    const name = whole ? `y${i}` : answer.result;
    const got = resultOf(results, name);
    const shape = whole && !form.batched ? [1, ...expected.shape] : expected.shape;
    if (String(results.get(name)?.shape) !== String(shape)) return `output ${i} is [${results.get(name)?.shape}], not [${shape}]`;
    const wrong = near(got, whole ? expected.data : (answer.expected ?? expected.data), gate);
    if (wrong) return `output ${i}: ${wrong}`;
  }
  for (const [index, expected] of gradients?.first ?? []) {
    if (!form.call.roles.has(index)) return `input ${index} has a gradient, and is not read`;
    const wrong = nearFirst(gradientOf(form, results, 'grad.', index), expected.data);
    if (wrong) return `gradient of input ${index}: ${wrong}`;
  }
  return undefined;
}

/** A case whose own numbers are wrong. */
class Refuted extends Error {}

async function compareSecond(form: Form, second: NonNullable<Gradients['second']>, results: ReadonlyMap<string, Tensor>): Promise<string | undefined> {
  let refuted: number | undefined;
  for (const [index, expected] of second.inputs) {
    const got = gradientOf(form, results, 'grad2.', index);
    const wrong = nearSecond(got, expected.data);
    if (!wrong) continue;
    if (expected.data.some(Number.isNaN)) throw new Refuted(`the stored second derivative of input ${index} is NaN`);
    const judged = await byDifferences(form, index);
    if (nearSecond(got, judged) || !nearSecond(expected.data, judged)) return `second derivative of input ${index}: ${wrong}`;
    refuted = index;
  }
  const wrong = nearSecond(resultOf(results, 'grad2.cotangent.y0'), second.cotangent.data);
  if (wrong && second.cotangent.data.some(Number.isNaN)) throw new Refuted('the stored second derivative of the cotangent is NaN');
  if (wrong) return `second derivative of the cotangent: ${wrong}`;
  if (refuted !== undefined) throw new Refuted(`finite differences refute the stored second derivative of input ${refuted}, and agree with the result`);
  return undefined;
}

/**
 * The judge where a second derivative and its reference differ: the derivative by an input of sum <g_i, w_i> is that of its g in the
 * direction w, (g(x + h w) - g(x - h w)) / 2h, by first derivatives in float64, which agree with their references.
 */
async function byDifferences(form: Form, index: number): Promise<Float64Array> {
  const h = 1e-6;
  const at = async (step: number): Promise<Float64Array> => {
    const inputs = new Map(form.inputs);
    for (const [name, w] of form.inputs) {
      const moved = name.startsWith('v.') ? form.inputs.get(name.slice(2)) : undefined;
      if (moved) inputs.set(name.slice(2), { ...moved, data: moved.data.map((x, i) => x + step * w.data[i]) });
    }
    return gradientOf(form, await interpreter.run(form.module, form.variables, inputs), 'grad.', index);
  };
  const [after, before] = [await at(h), await at(-h)];
  return after.map((g, i) => (g - before[i]) / (2 * h));
}

/** The tensor for each of `batch` examples. */
function repeated(value: { readonly shape: Shape; readonly dtype: Tensor['dtype']; readonly data: Float64Array }, batch: number): Tensor {
  const data = new Float64Array(value.data.length * batch);
  for (let i = 0; i < batch; i++) data.set(value.data, i * value.data.length);
  return { shape: [batch, ...value.shape], dtype: value.dtype, data };
}

function overBatch(data: Float64Array, batch: number): Float64Array {
  const one = new Float64Array(data.length / batch);
  data.forEach((v, i) => {
    one[i % one.length] += v;
  });
  return one;
}

function zeros(value: Stored): Stored {
  return { ...value, data: new Float64Array(value.data.length) };
}
