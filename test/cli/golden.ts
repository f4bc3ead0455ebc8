/** Reads `ganc-golden/1` (see test/oracles/golden/README.md): a JSON list of tensors beside a blob. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorData } from '../../runtime/execute/tensor.js';

export interface Golden {
  readonly steps: number;
  readonly lossColumns: readonly string[];
  /** Any of the tensors, as float64. */
  numbers(name: string): Float64Array;
  shape(name: string): number[];
  /** Tensors whose names start with the prefix, by the rest of their names, as files of ganc hold them. */
  tensors(prefix: string): Map<string, TensorData>;
}

interface Entry {
  readonly name: string;
  readonly dtype: 'F32' | 'F64' | 'I32';
  readonly shape: number[];
  readonly offset: number;
  readonly nbytes: number;
}

export function readGolden(name: string): Golden {
  const folder = join(import.meta.dirname, '..', 'oracles', 'golden');
  const index = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as { steps: number; loss_columns: string[]; tensors: Entry[] };
  const blob = readFileSync(join(folder, `${name}.bin`));
  const entries = new Map(index.tensors.map((entry) => [entry.name, entry]));

  function array({ dtype, offset, nbytes }: Entry): Float32Array | Float64Array | Int32Array {
    const bytes = new Uint8Array(blob.subarray(offset, offset + nbytes)).buffer;
    return dtype === 'F32' ? new Float32Array(bytes) : dtype === 'F64' ? new Float64Array(bytes) : new Int32Array(bytes);
  }
  function entry(name: string): Entry {
    const found = entries.get(name);
    if (!found) throw new Error(`no tensor ${name}`);
    return found;
  }

  return {
    steps: index.steps,
    lossColumns: index.loss_columns,
    numbers: (name) => Float64Array.from(array(entry(name))),
    shape: (name) => entry(name).shape,
    tensors: (prefix) => {
      const found = index.tensors.filter((e) => e.name.startsWith(prefix));
      return new Map(
        found.map((e) => {
          const data = array(e);
          const tensor: TensorData =
            data instanceof Int32Array ? { dtype: 'i32', shape: e.shape, data } : { dtype: 'f32', shape: e.shape, data: Float32Array.from(data) };
          return [e.name.slice(prefix.length), tensor];
        }),
      );
    },
  };
}
