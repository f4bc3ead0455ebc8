import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distance, suggest } from '../../grammar/suggest.js';

describe('distance', () => {
  test('counts a swap of neighbours once', () => {
    expect(distance('con3vd', 'conv3d')).toBe(1);
    expect(distance('con3vd', 'conv2d')).toBe(2);
    expect(distance('', 'abc')).toBe(3);
  });

  test('is symmetric, zero for equals and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, a)).toBe(0);
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
      { numRuns: 100 },
    );
  });
});

describe('suggest', () => {
  test('the nearest', () => expect(suggest('con3vd', ['conv2d', 'conv3d', 'linear'])).toBe('conv3d'));
  test('within a third of the length', () => {
    expect(suggest('relu', ['gelu', 'elu'])).toBe('gelu');
    expect(suggest('ab', ['xy'])).toBeUndefined();
    expect(suggest('batchnorm', ['batch_norm'])).toBe('batch_norm');
    expect(suggest('linear', ['sigmoid'])).toBeUndefined();
  });
  test('another case first', () => expect(suggest('lstm', ['lst', 'LSTM'])).toBe('LSTM'));
  test('the first of equals', () => expect(suggest('bat', ['cat', 'hat'])).toBe('cat'));
  test('never the name itself', () => expect(suggest('conv', ['conv'])).toBeUndefined());
});
