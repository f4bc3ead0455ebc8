/** ONNX's Attention. */
import { type Answer, type Call, Inexpressible, literal, type Operator } from './call.js';

/** [batch, heads, length, features], whether it comes so or as [batch, length, heads * features]. */
function inHeads(call: Call, index: number, heads: string): string {
  const x = call.x(index);
  const shape = call.shape(index);
  if (shape.length === 4) return x;
  const count = call.attribute(heads, 1);
  return `permute(reshape(${x}, ${shape[0]}, ${shape[1]}, ${count}, ${shape[2] / count}), 0, 2, 1, 3)`;
}

function headsOf(call: Call, index: number, name: string): number {
  return call.shape(index).length === 4 ? call.shape(index)[1] : call.attribute(name, 1);
}

export const attention: Operator = (call) => {
  const [queryHeads, keyHeads] = [headsOf(call, 0, 'q_num_heads'), headsOf(call, 1, 'kv_num_heads')];
  const q = call.let(inHeads(call, 0, 'q_num_heads'));
  const past = call.has(4) ? call.shape(4)[2] : 0;
  const joined = (index: number, before: number): string => {
    const own = inHeads(call, index, 'kv_num_heads');
    return call.let(past > 0 ? `concat(${call.x(before)}, ${own}, axis: 2)` : own);
  };
  const [keys, values] = [joined(1, 4), joined(2, 5)];
  const shared = (x: string): string => (queryHeads === keyHeads ? x : `repeat_each(${x}, ${queryHeads / keyHeads}, axis: 1)`);
  const batch = call.shape(0)[0];
  const length = call.shape(0).at(-2) as number;
  const total = past + (call.shape(1).at(-2) as number);
  const features = call.shape(0).length === 4 ? call.shape(0)[3] : call.shape(0)[2] / queryHeads;
  const scale = call.attribute<number | null>('scale', null) ?? 1 / Math.sqrt(features);
  const raw = call.let(`matmul(${q} * ${scale}, permute(${shared(keys)}, 0, 1, 3, 2))`);
  const cap = call.attribute('softcap', 0);
  const capped = cap === 0 ? raw : call.let(`${cap} * tanh(${raw} / ${cap})`);
  let seen = capped;
  if (call.has(3)) {
    const own = call.shape(3);
    const short = total - (own.at(-1) as number);
    const boolean = call.input(3).dtype === 'bool';
    // Keys beyond the mask are not seen.
    const hidden = `expand(${boolean ? 0 : -1e30}, ${[...own.slice(0, -1), short].join(', ')})`;
    const mask = short > 0 ? `concat(${call.x(3)}, ${hidden}, axis: ${own.length - 1})` : call.x(3);
    seen = call.let(boolean ? `where(${mask}, ${seen}, -1e30)` : `${seen} + max(${mask}, -1e30)`);
  }
  const lengths = call.has(6) ? `reshape(${call.x(6)}, ${batch}, 1, 1, 1)` : undefined;
  if (lengths) seen = call.let(`where(iota(${total}) < ${lengths}, ${seen}, -1e30)`);
  if (call.attribute('is_causal', 0) === 1) {
    const first = lengths ? `(${lengths} - ${length})` : literal(past);
    seen = call.let(`where(iota(${total}) <= reshape(iota(${length}), ${length}, 1) + ${first}, ${seen}, -1e30)`);
  }
  // A query that sees nothing gets nothing.
  const weights = call.let(`softmax(${seen}, axis: -1) * (${seen} > -1e29)`);
  const y = `matmul(${weights}, ${shared(values)})`;
  const flat = call.shape(0).length === 4 ? y : `reshape(permute(${y}, 0, 2, 1, 3), ${batch}, ${length}, none)`;
  if (call.subject.outputs[3]?.data.includes(Number.NEGATIVE_INFINITY)) throw new Inexpressible('scores of -Infinity: masked ones are finite here');
  const answers: Answer[] = [flat, keys, values, [raw, capped, seen, weights][call.attribute('qk_matmul_output_mode', 0)]];
  return answers.slice(0, call.subject.outputs.length);
};
