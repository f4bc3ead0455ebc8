/** ONNX's LSTM, GRU and RNN: its order of gates, directions and layouts, by the prelude's recurrence. */
import { type Call, Inexpressible, type Operator, type Table } from './call.js';

interface Kind {
  readonly gates: number;
  /** ONNX's gates in the language's order. */
  readonly order: readonly number[];
  readonly step: (call: Call, direction: number) => string;
  /** Of the optional inputs: biases, lengths, states, peepholes. */
  readonly states: readonly number[];
  /** Whether the two biases stay apart. */
  readonly apart: boolean;
  readonly activations: readonly string[];
}

const names: Readonly<Record<string, string>> = { Tanh: 'tanh', Relu: 'relu', Sigmoid: 'sigmoid', Softsign: 'softsign', Softplus: 'softplus' };

const layer =
  ({ gates, order, step, states, apart, activations }: Kind): Operator =>
  (call) => {
    const direction = call.attribute('direction', 'forward');
    const directions = direction === 'bidirectional' ? 2 : 1;
    const given = call.attribute<readonly string[]>('activations', activations);
    if (activations.length > 0 && given.some((name, i) => name !== activations[i % activations.length]))
      throw new Inexpressible(`the activations ${given.join(', ')}`);
    if (call.attribute('clip', 0) !== 0 || call.attribute('input_forget', 0) !== 0) throw new Inexpressible('a clip, or coupled gates');
    // In layout 1 the examples come first.
    const examplesFirst = call.attribute('layout', 0) === 1;
    const turned = (text: string): string => (examplesFirst ? `permute(${text}, 1, 0, 2)` : text);
    const [length, count] = examplesFirst ? [call.shape(0)[1], call.shape(0)[0]] : call.shape(0);
    const n = call.shape(2)[2];
    const x = call.let(turned(call.x(0)));
    const [w, r] = [call.x(1), call.x(2)];
    const bias = call.has(3) ? call.x(3) : undefined;
    const mask = call.has(4) ? `, mask: ${call.let(`reshape(iota(${length}), ${length}, 1) < ${call.x(4)}`)}` : '';
    const initial = states.map((input) => (call.has(input) ? call.let(turned(call.x(input))) : undefined));
    const inOrder = (text: string, from: number, more: string): string =>
      order.length === 1
        ? `${text}[${from}:${from + n}${more}]`
        : `concat(${order.map((gate) => `${text}[${from + gate * n}:${from + (gate + 1) * n}${more}]`).join(', ')}, axis: 0)`;
    const lines = Array.from({ length: directions }, (_, d) => {
      const biases = [0, gates * n].map((from) => (bias ? inOrder(`${bias}[${d}]`, from, '') : 'none'));
      const first = bias && !apart ? `${biases[0]} + ${biases[1]}` : biases[0];
      const part = `{w: ${inOrder(`${w}[${d}]`, 0, ', :')}, r: ${inOrder(`${r}[${d}]`, 0, ', :')}, b: ${first}${apart ? `, s: ${biases[1]}` : ''}}`;
      const begin = `[${initial.map((state) => (state ? `${state}[${d}]` : 'none')).join(', ')}]`;
      return call.let(`recurrence_line(${x}, ${part}, ${step(call, d)}, ${begin}${mask}, reverse: ${direction === 'reverse' || d === 1})`);
    });
    const all = call.let(`concat(${lines.map((line) => `reshape(${line}.rows, ${length}, 1, ${count}, ${n})`).join(', ')}, axis: 1)`);
    const last = states.map((_, i) => turned(`concat(${lines.map((line) => `reshape(${line}.states[${i}], 1, ${count}, ${n})`).join(', ')}, axis: 0)`));
    return [examplesFirst ? `permute(${all}, 2, 0, 1, 3)` : all, ...last].slice(0, call.subject.outputs.length);
  };

const lstm = layer({
  gates: 4,
  order: [0, 2, 3, 1],
  step: (call, d) => (call.has(7) ? `lstm_step(_, _, _, peepholes: ${call.x(7)}[${d}])` : 'lstm_step'),
  states: [5, 6],
  apart: false,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
});

const gru = layer({
  gates: 3,
  order: [1, 0, 2],
  step: (call) => `gru_step(_, _, _, reset_after: ${call.attribute('linear_before_reset', 0) === 1})`,
  states: [5],
  apart: true,
  activations: ['Sigmoid', 'Tanh'],
});

const rnn = layer({
  gates: 1,
  order: [0],
  step: (call, d) => {
    const name = call.attribute<readonly string[]>('activations', ['Tanh', 'Tanh'])[d];
    if (!names[name]) throw new Inexpressible(`the activation ${name}`);
    return `rnn_step(_, _, _, activation: ${names[name]})`;
  },
  states: [5],
  apart: false,
  activations: [],
});

export const recurrentTable: Table = { LSTM: lstm, GRU: gru, RNN: rnn };
