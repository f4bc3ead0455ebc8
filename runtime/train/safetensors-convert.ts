/** From the element types of a file to those of the GPU. Within one kind only (floats, integers, booleans): a wrong kind is a mistake, not a wish. */
import type { DType } from '../../compiler/graph/node.js';
import type { TensorData } from '../execute/tensor.js';
import { ITEM_BYTES, type StoredType } from './safetensors-header.js';

type Kind = 'float' | 'integer' | 'boolean';

const KIND: Readonly<Record<StoredType, Kind>> = {
  F64: 'float',
  F32: 'float',
  F16: 'float',
  BF16: 'float',
  I64: 'integer',
  U64: 'integer',
  I32: 'integer',
  U32: 'integer',
  I16: 'integer',
  U16: 'integer',
  I8: 'integer',
  U8: 'integer',
  BOOL: 'boolean',
};

export function naturalType(stored: StoredType): DType {
  switch (stored) {
    case 'F64':
    case 'F32':
    case 'F16':
    case 'BF16':
      return 'f32';
    case 'I64':
    case 'I32':
    case 'I16':
    case 'I8':
      return 'i32';
    case 'U64':
    case 'U32':
    case 'U16':
    case 'U8':
      return 'u32';
    case 'BOOL':
      return 'bool';
  }
}

/** The elements as `to`, or why they cannot be, to follow the tensor's name. Floats are rounded to f32; what would overflow is refused. */
export function convert(stored: StoredType, bytes: Uint8Array, to: DType): TensorData['data'] | string {
  const kind: Kind = to === 'f32' ? 'float' : to === 'bool' ? 'boolean' : 'integer';
  if (KIND[stored] !== kind) return `is ${stored}, where ${to} is needed`;
  const read = elementReader(stored, bytes);
  const count = bytes.byteLength / ITEM_BYTES[stored];
  if (to === 'f32') {
    if (stored === 'F32') return new Float32Array(aligned(bytes).buffer);
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const value = read(i);
      data[i] = value;
      if (Number.isFinite(value) && !Number.isFinite(data[i])) return `holds ${value}, which is too large for f32`;
    }
    return data;
  }
  if (to === 'bool') {
    const data = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      data[i] = read(i);
      if (data[i] > 1) return `is BOOL but holds the byte ${data[i]}`;
    }
    return data;
  }
  const [low, high] = to === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const data = to === 'i32' ? new Int32Array(count) : new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const value = read(i);
    if (value < low || value > high) return `holds ${value}, which does not fit in ${to}`;
    data[i] = value;
  }
  return data;
}

/** A copy whose buffer starts at its first byte, as typed arrays of words need. */
function aligned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** Element i as a number. 64-bit integers beyond 2^53 lose their low bits, which no 32-bit result could keep. */
function elementReader(stored: StoredType, bytes: Uint8Array): (i: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (stored) {
    case 'F64':
      return (i) => view.getFloat64(8 * i, true);
    case 'F32':
      return (i) => view.getFloat32(4 * i, true);
    case 'F16':
      return (i) => half(view.getUint16(2 * i, true));
    case 'BF16': {
      const word = new DataView(new ArrayBuffer(4));
      return (i) => {
        word.setUint32(0, view.getUint16(2 * i, true) << 16);
        return word.getFloat32(0);
      };
    }
    case 'I64':
      return (i) => Number(view.getBigInt64(8 * i, true));
    case 'U64':
      return (i) => Number(view.getBigUint64(8 * i, true));
    case 'I32':
      return (i) => view.getInt32(4 * i, true);
    case 'U32':
      return (i) => view.getUint32(4 * i, true);
    case 'I16':
      return (i) => view.getInt16(2 * i, true);
    case 'U16':
      return (i) => view.getUint16(2 * i, true);
    case 'I8':
      return (i) => view.getInt8(i);
    case 'U8':
    case 'BOOL':
      return (i) => view.getUint8(i);
  }
}

/** The nearest half-precision numbers (ties to even), little-endian; or the first value that none is near. */
export function halves(values: ArrayLike<number>): Uint8Array | number {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  const word = new DataView(new ArrayBuffer(4));
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]) >= 65520) return values[i];
    word.setFloat32(0, values[i]);
    const bits = word.getUint32(0);
    const exponent = ((bits >>> 23) & 255) - 127;
    // A carry out of the fraction goes on into the exponent, which is what it should.
    const size =
      exponent < -14
        ? toEven(Math.abs(values[i]) * 2 ** 24)
        : exponent === 128
          ? 0x7e00
          : ((exponent + 14) << 10) + toEven(((bits & 0x7fffff) + 0x800000) / 8192);
    view.setUint16(2 * i, ((bits >>> 16) & 0x8000) | size, true);
  }
  return bytes;
}

function toEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

/** IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
