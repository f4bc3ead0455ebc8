/** What goes wrong inside the prelude is told at the user's call, in words about that call. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';

test.each([
  ['none |> dropout(0.3)', 'dropout(0.3)', 'GAN2018 `dropout` gives `none` here'],
  ['sum(x) |> max_pool(2)', 'max_pool(2)', 'GAN2016 max_pool wants [channels, ...space], and was given []'],
  ['sum(x) |> pixel_shuffle(2)', 'pixel_shuffle(2)', 'GAN2016 pixel_shuffle wants [channels, ...space], and was given []'],
  ['x |> conv(4, kernel: [3, 3, 3])', 'conv(4, kernel: [3, 3, 3])', 'GAN2045 2 numbers are wanted here, one for each axis, and this is the list [3, 3, 3]'],
  ['x |> linear("8")', 'linear("8")', 'GAN2012 a number known at compile time is wanted here, and this is the text "8"'],
])('%s', (value, place, message) => {
  const { diagnostics } = compileSpec({ name: 'spec.gan', text: `net F(x: image[3, 8, 8]) { ${value} }` });
  expect(diagnostics.map((d) => `${d.code} ${d.message}`)).toEqual([message]);
  const { source, start, end } = diagnostics[0].span;
  expect(source.text.slice(start, end)).toBe(place);
});
