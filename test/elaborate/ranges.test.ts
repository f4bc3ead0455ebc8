/** Warnings about values: where a function leaves its domain, and where a fake cannot be what the data is. Right specs have none. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Diagnostic } from '../../grammar/diagnostics.js';

const root = join(import.meta.dirname, '..', '..');

function diagnose(text: string): readonly Diagnostic[] {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text });
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  expect(module).toBeDefined();
  return diagnostics;
}

/** A spec whose nets end as given. */
function spec(options: { g?: string; d?: string; objective?: string; fields?: string; type?: string }): string {
  const { g = 'tanh |> reshape(1, 8, 8)', d = 'sigmoid', objective = 'E[log(right)] + E[log(1 - wrong)]', fields = 'x: image[1, 8, 8]', type = '' } = options;
  return `data d = mnist() { ${fields} }
noise z: normal[8]
net G(z) ${type} { z |> linear(64) |> ${g} }
net D(x) { x |> flatten |> linear(8) |> relu |> linear(1)${d === '' ? '' : ` |> ${d}`} }
game {
  fake = G(z)
  right = D(x)
  wrong = D(fake)
  D maximizes ${objective}
  G maximizes E[wrong]
  report all = E[right] + E[wrong]
}
train {
  batch 4   steps 2
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3)
}
sample s = G(z)
`;
}

const found = (text: string): string[] => diagnose(text).map((d) => `${d.code} ${d.span.source.text.slice(d.span.start, d.span.end)}`);

test.each(readdirSync(join(root, 'specs')).filter((name) => name.endsWith('.gan')))('specs/%s is right', (name) => {
  expect(compileSpec({ name, text: readFileSync(join(root, 'specs', name), 'utf8') }).diagnostics.map((d) => d.message)).toEqual([]);
});

test.each([
  ['text-to-video', { size: '32', frames: '16' }],
  ['text-to-video', { size: '64', frames: '16' }],
  ['tgans-c', { size: '48' }],
  ['mocogan', { size: '64' }],
  ['dvd-gan', { size: '32', frames: '16', doublings: '3' }],
  ['df-gan', { size: '64' }],
])('specs/%s is right at %o, too', (name, set) => {
  const text = readFileSync(join(root, 'specs', `${name}.gan`), 'utf8');
  expect(compileSpec({ name, text }, { set }).diagnostics.map((d) => d.message)).toEqual([]);
});

describe('domains', () => {
  test.each([
    'E[log(right)] + E[log(1 - wrong)]',
    'minimax(right, wrong)',
    'E[log(right / (1 - right))]',
    'E[log(0.5 + 0.5 * tanh(wrong))]',
    'E[log(softmax(concat(right, wrong)))]',
    'E[log(softplus(right))] + E[log(exp(wrong))]',
    'E[log(abs(right))] + E[log(wrong^2)] + E[log(norm(x))]',
    'E[sqrt(sum((x - fake)^2))] + E[sqrt(abs(right))] + E[abs(wrong)^0.5] + E[rsqrt(wrong^2 + 1)]',
    'E[log(0.9 * right + 0.05)] + E[log((x + 1) / 2 + 1e-3)] + E[log1p(relu(right))]',
    'E[sqrt(mean((right - E[right])^2))]',
    'r1(right, x) + gradient_penalty(wrong, fake)',
  ])('%s', (objective) => expect(found(spec({ objective }))).toEqual([]));

  test('a net without sigmoid is one warning, at the first log', () => {
    const [warning, ...others] = diagnose(spec({ d: '' }));
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ code: 'GAN2050', severity: 'warning', label: 'any number' });
    expect(warning.help).toContain('end `D` in `sigmoid`');
    expect(warning.notes?.map(({ message, span }) => [message, span?.source.text.slice(span.start, span.end)])).toEqual([
      ['`D` ends here', 'linear(1)'],
      ['and here', '1 - wrong'],
    ]);
  });

  test.each([
    ['E[log(x)]', ['GAN2050 x']],
    ['E[log(1 - 2 * right)]', ['GAN2050 1 - 2 * right']],
    ['E[sqrt(fake)]', ['GAN2050 fake']],
    ['E[rsqrt(x - 1)]', ['GAN2050 x - 1']],
    ['E[(right - 0.5)^1.5]', ['GAN2050 (right - 0.5)^1.5']],
    ['E[log1p(2 * x)]', ['GAN2050 2 * x']],
    ['E[log(relu(x))]', ['GAN2051 relu(x)']],
    ['E[log(x + 1)]', ['GAN2051 x + 1']],
    ['E[log(max(right, 0) * (x > 0))]', ['GAN2051 max(right, 0) * (x > 0)']],
    // Inside the prelude: shown at the call.
    ['minimax(x, x)', ['GAN2050 minimax(x, x)']],
  ])('%s', (objective, expected) => expect(found(spec({ objective: `${objective} + E[right]` }))).toEqual(expected));

  test('nothing is said of a field whose range is not known', () => {
    const fields = 'x: image[1, 8, 8]   v: vector[3]';
    expect(found(spec({ fields, objective: 'E[log(v)] + E[sqrt(v[0] * 2)] + E[right]' }))).toEqual([]);
    expect(found(spec({ fields, objective: 'E[log(v - v^2 - 1)] + E[log(fake[0] - 2)] + E[right]' }))).toEqual(['GAN2050 fake[0] - 2']);
  });

  test('a state that starts above 0 and is led there stays above 0', () => {
    const own = (advance: string) => `data d = mnist() { x: image[1, 8, 8] }
net F(x) { state s: [] = 1
  if training { s <- ${advance} }
  y = x |> flatten |> linear(1)
  y / sqrt(s) }
game { F minimizes E[F(x)^2] }
train {
  batch 4   steps 2
  F with sgd(lr: 0.1)
}
sample y = F(x)
`;
    expect(found(own('lerp(s, mean(x^2, axes: [batch, 0, 1, 2]), 0.1)'))).toEqual([]);
    expect(found(own('0.9 * s + 0.1 * E[x^2]'))).toEqual([]);
    expect(found(own('0.9 * s + 0.1 * E[x]'))).toEqual(['GAN2050 s']);
  });
});

describe('fakes', () => {
  test.each([
    'tanh |> reshape(1, 8, 8)',
    'clamp(-1, 1) |> reshape(1, 8, 8)',
    'reshape(1, 8, 8)',
    'reshape(1, 8, 8) |> sin',
    'sigmoid |> f |> reshape(1, 8, 8)',
  ])('%s', (g) => expect(found(`${spec({ g })}block f(x) { 2 * x - 1 }\n`)).toEqual([]));

  test.each([
    ['sigmoid |> reshape(1, 8, 8)', '0 to 1', 'reshape(1, 8, 8)'],
    ['relu |> reshape(1, 8, 8)', '0 or more', 'reshape(1, 8, 8)'],
    ['reshape(1, 8, 8) |> sigmoid', '0 to 1', 'sigmoid'],
    ['reshape(1, 8, 8) |> tanh |> f', '-0.5 to 0.5', 'f'],
  ])('%s', (g, label, place) => {
    const [warning, ...others] = diagnose(`${spec({ g })}block f(x) { x / 2 }\n`);
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ code: 'GAN4070', severity: 'warning', label, help: 'end `G` in `tanh`' });
    expect(warning.span.source.text.slice(warning.span.start, warning.span.end)).toBe(place);
    expect(warning.notes?.map((note) => note.span?.source.text.slice(note.span.start, note.span.end))).toEqual(['x', 'fake']);
  });

  test('against the type that the net says it returns', () => {
    const text = spec({ g: 'sigmoid |> reshape(1, 8, 8)', fields: 'x: tensor[1, 8, 8]', type: '-> image[1, 8, 8]' });
    expect(diagnose(text).map((d) => d.message)).toEqual(['what `G` makes is 0 to 1, and the values of `image` are -1 to 1']);
    expect(found(spec({ g: 'sigmoid |> reshape(1, 8, 8)', fields: 'x: tensor[1, 8, 8]' }))).toEqual([]);
  });
});
