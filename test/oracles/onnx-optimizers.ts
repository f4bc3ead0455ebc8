/** ONNX's optimizers: rate R, update number T, then for each weight its value, gradient and states. */
import { type Answer, type Call, literal, type Operator } from './call.js';

/** One weight's update: the names of its value and decayed gradient, and of its states; gives the new value and states. */
type Update = (call: Call, x: string, g: string, states: readonly string[]) => readonly string[];

const optimizer =
  (states: number, update: Update): Operator =>
  (call) => {
    const count = (call.subject.inputs.length - 2) / (2 + states);
    const decay = literal(call.attribute('norm_coefficient', 0));
    const made: Answer[][] = [];
    for (let i = 0; i < count; i++) {
      const x = call.x(2 + i);
      const g = call.let(`${decay} * ${x} + ${call.x(2 + count + i)}`);
      const own = Array.from({ length: states }, (_, s) => call.x(2 + (2 + s) * count + i));
      made.push([...update(call, x, g, own)]);
    }
    return Array.from({ length: 1 + states }, (_, s) => made.map((m) => m[s])).flat();
  };

export const adagrad = optimizer(1, (call, x, g, [h]) => {
  const next = call.let(`${h} + ${g} ^ 2`);
  const rate = `${call.x(0)} / ${literal(1 + call.values(1)[0] * call.attribute('decay_factor', 0))}`;
  return [`${x} - ${rate} * ${g} / (sqrt(${next}) + ${literal(call.attribute('epsilon', 0))})`, next];
});

export const momentum = optimizer(1, (call, x, g, [v]) => {
  const alpha = literal(call.attribute('alpha', 0));
  const fresh = call.values(1)[0] > 0 ? literal(call.attribute('beta', 1)) : '1';
  const next = call.let(`${alpha} * ${v} + ${fresh} * ${g}`);
  return [call.attribute('mode', 'standard') === 'nesterov' ? `${x} - ${call.x(0)} * (${g} + ${alpha} * ${next})` : `${x} - ${call.x(0)} * ${next}`, next];
});

export const adam = optimizer(2, (call, x, g, [v, h]) => {
  const [a, b] = [call.attribute('alpha', 0.9), call.attribute('beta', 0.999)];
  const first = call.let(`${a} * ${v} + ${1 - a} * ${g}`);
  const second = call.let(`${b} * ${h} + ${1 - b} * ${g} ^ 2`);
  const t = call.values(1)[0];
  const correction = t > 0 ? Math.sqrt(1 - b ** t) / (1 - a ** t) : 1;
  const left = literal(1 - call.attribute('norm_coefficient_post', 0));
  return [`${left} * (${x} - ${correction} * ${call.x(0)} * ${first} / (sqrt(${second}) + ${literal(call.attribute('epsilon', 0))}))`, first, second];
});
