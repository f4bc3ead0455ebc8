/** Reads `ganc-golden/1` (see test/oracles/golden/README.md): a JSON list of tensors beside a blob; and which spec says which case. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorData } from '../../runtime/execute/tensor.js';

export interface GoldenCase {
  readonly name: string;
  /** File beside this one, and its variant. */
  readonly spec: string;
  readonly variant?: string;
  /** Tensors of `in.` by what --feed calls them: player and field or draw. */
  readonly feed: Readonly<Record<string, string>>;
  /** Columns of `losses` by the outputs of a player's update. */
  readonly columns: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Updates of D in a step. */
  readonly times?: number;
}

const feed = { 'D.x': 'real', 'D.z': 'z_d', 'G.z': 'z_g' };
const columns = { D: { loss: 'd_loss', 'report.d_real': 'd_real', 'report.d_fake': 'd_fake' }, G: { loss: 'g_loss' } };
const r1 = { feed, columns: { ...columns, D: { ...columns.D, 'report.d_r1': 'd_r1' } } };

export const cases: readonly GoldenCase[] = [
  { name: '1_mlp_bce', spec: 'golden-mlp.gan', feed, columns },
  {
    name: '2_mlp_wgangp',
    spec: 'golden-wgan-gp.gan',
    feed: { ...feed, 'D.e': 'gp_eps' },
    columns: { ...columns, D: { ...columns.D, 'report.d_gp': 'd_gp' } },
    times: 2,
  },
  { name: '3_conv_hinge', spec: 'golden-conv.gan', feed, columns },
  { name: '3b_conv_hinge_sn', spec: 'golden-spectral.gan', feed, columns },
  {
    name: '4_video_text',
    spec: 'golden-video.gan',
    feed: { ...feed, 'D.t': 'tokens', 'G.x': 'real', 'G.t': 'tokens' },
    columns: { ...columns, G: { loss: 'g_loss', 'loss.adv': 'g_adv', 'loss.tc': 'g_tc' } },
  },
  { name: '5_conv_r1', spec: 'golden-r1.gan', ...r1 },
  { name: '5b_conv_r1_silu', spec: 'golden-r1.gan', variant: 'silu', ...r1 },
];

/** The column of losses that update `call` of a player shows as `output`. */
export function column({ columns, times = 1 }: GoldenCase, golden: Golden, player: string, output: string, call: number): number {
  const each = player === 'D' ? times : 1;
  const name = `${columns[player][output]}${each === 1 ? '' : `_c${call % each}`}`;
  const at = golden.lossColumns.indexOf(name);
  if (at < 0) throw new Error(`no column ${name}`);
  return golden.numbers('f64.losses')[Math.floor(call / each) * golden.lossColumns.length + at];
}

/** What ganc calls a weight or state that PyTorch calls so: spectral normalisation has a name of its own here, and does not rename the weight. */
export function ours(name: string): string {
  return name.replace(/weight_orig$/, 'weight').replace(/(weight_[uv])$/, 'spectral_norm.$1');
}

/** The whole of what --feed reads. */
export function feedOf({ feed }: GoldenCase, golden: Golden): Map<string, TensorData> {
  const inputs = golden.tensors('in.');
  return new Map(
    Object.entries(feed).map(([name, input]) => {
      const { shape, dtype, data } = inputs.get(input) as TensorData;
      // One number an example has no axis of its own.
      return [name, { dtype, data, shape: input === 'gp_eps' ? shape.slice(0, -1) : [...shape] }];
    }),
  );
}

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
