/** Numbers as WGSL text. */
import type { DType } from './node.js';

/** A constant as an expression: parenthesised where negative; infinities and NaN through helpers. */
export function wgslConstant(value: number, dtype: DType): string {
  switch (dtype) {
    case 'bool':
      return value !== 0 ? 'true' : 'false';
    case 'u32':
      return `${value >>> 0}u`;
    case 'i32': {
      const v = value | 0;
      if (v === -2147483648) return '(-2147483647i - 1i)';
      return v < 0 ? `(${v}i)` : `${v}i`;
    }
    case 'f32': {
      const v = Math.fround(value);
      if (Number.isNaN(v)) return 'bitcast<f32>(nan_bits)';
      if (v === Infinity) return 'bitcast<f32>(infinity_bits)';
      if (v === -Infinity) return '(-bitcast<f32>(infinity_bits))';
      const text = shortest(Math.abs(v));
      return v < 0 || Object.is(v, -0) ? `(-${text})` : text;
    }
  }
}

/** The fewest digits that read back as this f32. */
function shortest(v: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(v.toPrecision(digits)));
    if (Math.fround(Number(text)) === v) return literal(text);
  }
  return literal(String(Number(v.toPrecision(9))));
}

function literal(text: string): string {
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}
