/**
 * The compiled artifact: what the compiler writes and a runtime reads. Plain JSON plus WGSL texts; the one thing that both sides know.
 * Offsets and sizes of buffers are in bytes.
 */
import type { DType } from '../graph/node.js';

export const PROGRAM_FORMAT = 'ganc-program/1';
/** Texels in a row of a texture that stands in for a buffer; such a texture has at most `OPERAND_ROWS` rows, as every device allows. */
export const OPERAND_TEXELS = 1024;
export const OPERAND_ROWS = 8192;

export interface Program {
  readonly format: typeof PROGRAM_FORMAT;
  /** File name of the spec without folder and ending. */
  readonly name: string;
  /** SHA-256 (hex) over the resolved text and settings: equal text and settings give equal bytes. */
  readonly hash: string;
  /** The resolved value of every hyper. */
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
  readonly data?: DataRequest;
  readonly noises: readonly NoiseRequest[];
  readonly variables: readonly ProgramVariable[];
  readonly buffers: readonly ProgramBuffer[];
  /** Contents of the `parameters` buffer, u32 words. */
  readonly parameters: readonly number[];
  /** Path of each stream of random numbers; its index is the draw's number. Key: see `keys` in `ProgramBuffer`. */
  readonly draws: readonly string[];
  readonly kernels: readonly ProgramKernel[];
  readonly entries: readonly Entry[];
  readonly train?: TrainPlan;
  readonly samples: readonly SamplePlan[];
  readonly judges?: readonly JudgePlan[];
  readonly metrics?: MetricPlan;
}

/** `data digits = mnist() { x: image[1, 28, 28]  y: class[10] }`. */
export interface DataRequest {
  readonly name: string;
  readonly source: string;
  readonly args: Readonly<Record<string, number | boolean | string>>;
  readonly fields: readonly FieldRequest[];
}

/** `noise z: normal[64]`. Shape of one example. */
export interface NoiseRequest {
  readonly name: string;
  readonly shape: readonly number[];
  readonly family?: 'normal' | 'uniform' | 'one_hot';
  /** Of a uniform one. */
  readonly range?: readonly [number, number];
}

export interface FieldRequest {
  readonly name: string;
  /** `image`, `video`, `class`, `tokens`, `audio`, `vector`, or `tensor`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** Named arguments of the type (`words: 32`; for `class`, `classes`). */
  readonly args: Readonly<Record<string, number>>;
  /**
   * How a row lies in its data buffer. `u8`: four to a word, little end first, value = byte * scale + offset (rows padded to whole words).
   * `f32`, `i32`: as they are. The range is of decoded values.
   */
  readonly storage: { readonly kind: 'u8'; readonly scale: number; readonly offset: number } | { readonly kind: 'f32' } | { readonly kind: 'i32' };
  readonly range?: readonly [number, number];
  /** True of a class that no update reads, only a judge: it is asked of the data where judges are. */
  readonly judged?: boolean;
  /** Share of rows in which the field is absent. */
  readonly optional?: number;
}

export interface ProgramVariable {
  readonly name: string;
  readonly kind: 'weight' | 'state' | 'optimizer' | 'average' | 'judge' | 'flat' | 'carry';
  readonly player?: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly buffer: number;
  readonly offset: number;
}

/**
 * Index in `Program.buffers` is the buffer's number.
 * `variables`: persistent. `scratch`: contents live within one call, zero at the start of the program (gaps of a player's packed gradients are never written). `inputs`: written by the host before a call; one an entry.
 * `outputs`: read by the host after a call; one an entry. `parameters`: constant u32 sizes of kernels, one buffer for all entries, its contents in `Program.parameters`.
 * `keys`: two u32 a draw, threefry2x32(key = seed as two u32, counter = FNV-1a-64 of the draw's path as two u32), low word first.
 * `field`: rows of one data field; its size is the runtime's to say (`size` is 0).
 */
export interface ProgramBuffer {
  readonly kind: 'variables' | 'scratch' | 'inputs' | 'outputs' | 'parameters' | 'keys' | 'field';
  readonly size: number;
  readonly field?: string;
  readonly entry?: string;
}

/** One WGSL text with an entry point `main`; group 0; binding i is `bindings[i]`. */
export interface ProgramKernel {
  /** Readable and unique: `gemm_nt_bias_relu`, `reduce_3`. The file is `kernels/<id>.wgsl`. */
  readonly id: string;
  readonly bindings: readonly ('uniform' | 'read' | 'read_write')[];
  /** First is portable: at most 8 storage buffers, no extension. Others need what they name. */
  readonly candidates: readonly KernelCandidate[];
}

export interface KernelCandidate {
  readonly name: string;
  readonly wgsl: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly requires?: { readonly features?: readonly string[]; readonly subgroupSize?: number };
  /**
   * Bindings of buffers that it reads as `texture_storage_2d<rgba32float, read>` instead, `OPERAND_TEXELS` texels wide: texel i (row-major) holds the elements
   * 4 i to 4 i + 3. The runtime copies the bound range there before each dispatch.
   */
  readonly textures?: readonly number[];
  /** Where it runs but is not to be taken unmeasured: anywhere but on `hardware`, or `never`. */
  readonly table?: 'hardware' | 'never';
}

export interface Entry {
  readonly name: string;
  /** Scalars and tensors that the host writes at their offsets of the entry's `inputs` buffer. */
  readonly inputs: readonly EntryInput[];
  readonly outputs: readonly EntryOutput[];
  /** In order. Copies are of whole slices. */
  readonly commands: readonly Command[];
}

export interface EntryInput {
  /**
   * `counter`: u32, the number of this call (0, 1, ...) for the draws. `step`: f32, the training step.
   * `rows`: u32 [batch], rows of the data fields: the batch's own (named `rows`), or those of a draw (named by its path). `tensor`: a tensor by name;
   * in a sample's entry `sample.FIELD.present` is f32 [count], 1 where the example has that optional field, else 0. Where the program was compiled so,
   * `sample.NOISE` [count, ...] is a declared noise, its second draw by `fresh` `sample.NOISE#2`.
   */
  readonly kind: 'counter' | 'step' | 'rows' | 'tensor';
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: number;
  readonly offset: number;
  /** Of `rows`: the data fields that are read at them. */
  readonly fields?: readonly string[];
  /**
   * Of the rows of a draw: element i is a training row, uniform among those whose value of this field is not that of the batch's row i. The host draws it:
   * two u32 of threefry2x32(key = the path's, see `keys` in `ProgramBuffer`, counter = i and the call's counter) make the 53 bits of a number in [0, 1),
   * which picks from the rows in the order of their values' first rows, then of their own numbers.
   */
  readonly differs?: string;
  /**
   * As `differs`, but for element i a row that has the value of the batch's row i, and is not that row: a training row; where no other has it, one of those
   * that are kept from training; where there is none either, that row itself.
   */
  readonly agrees?: string;
}

export interface EntryOutput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: number;
  readonly offset: number;
}

export type Command =
  | {
      readonly kind: 'dispatch';
      /** Index in `Program.kernels`. */
      readonly kernel: number;
      readonly bindings: readonly { readonly buffer: number; readonly offset: number; readonly size: number }[];
      /** Workgroups for each candidate of the kernel. */
      readonly workgroups: readonly (readonly [number, number, number])[];
      /** Layer or line it came from, for profiles. */
      readonly label: string;
      readonly flops: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'copy';
      readonly from: { readonly buffer: number; readonly offset: number };
      readonly to: { readonly buffer: number; readonly offset: number };
      readonly size: number;
    };

/** A line of the schedule: updates of a player. The number of an update counts the player's updates over the whole training, from 0. */
export interface UpdatePlan extends UpdateEntries {
  readonly player: string;
  /** Updates in a row. */
  readonly times: number;
  /** `every(n, e)`: the first of these whose periods all divide the update's number stands in for `entry`. */
  readonly every?: readonly (UpdateEntries & { readonly periods: readonly number[] })[];
}

export interface UpdateEntries {
  /** Computes the gradient and moves the weights. */
  readonly entry: string;
  /** Under `accumulate n`: runs n - 1 times before `entry`, each on a batch of its own, and leaves its gradient to it. */
  readonly gradient?: string;
  /**
   * Reads what `entry` reads and writes nothing: the numbers of its layers and weights. Its outputs are `mean`, `std`, `min`, `max` and `zeros` (their share) of a layer's
   * output, `norm` and `gradient` (its norm) of a weight: `mean D.fc1`, `mean D.fc1 (2)` in the layer's second call, `norm D.fc1.weight`.
   */
  readonly stats?: string;
}

export interface TrainPlan {
  readonly batch: number;
  readonly steps: number;
  /** A file of weights that the training goes on from; its path starts where those of the data do. */
  readonly start?: string;
  /** Runs first in every step where the game has shared bindings; its counter is the step. */
  readonly shared?: string;
  /** As `UpdateEntries.stats`, of the shared part. */
  readonly sharedStats?: string;
  /** In order. The counter of a call is the number of its player's batches so far: that of its updates, times `accumulate`. */
  readonly updates: readonly UpdatePlan[];
  /** Come first, one after another; in each these updates are a step, instead of `updates`. */
  readonly phases?: readonly { readonly name: string; readonly steps: number; readonly updates: readonly UpdatePlan[] }[];
  /** Batches of an update. Absent: 1. */
  readonly accumulate?: number;
  /** Entry that fills all variables; counter 0. */
  readonly init: string;
  /** Output `loss` of an update entry is the objective as written; other outputs: `loss.<field>`, `report.<name>`, and `nonfinite`, how many of the new weights and gradients are NaN or infinite. */
  readonly reports: readonly { readonly name: string; readonly player: string }[];
  /** True where the batch is one a step, for all updates. */
  readonly sharedBatch: boolean;
}

/** `sample digit = G(z)`: an entry that computes `count` examples at a call. */
export interface SamplePlan {
  readonly name: string;
  readonly entry: string;
  readonly count: number;
  /** Of each output: its field type (`image`, `video`, `vector`...) if known, and range. */
  readonly outputs: readonly { readonly name: string; readonly type?: string; readonly shape: readonly number[]; readonly range?: readonly [number, number] }[];
}

/** `judge J(x) -> {digit}`: a classifier of real rows, trained apart from the run: its variables are of kind `judge`, with `player` its name. */
export interface JudgePlan {
  readonly name: string;
  /** SHA-256 of what its training computes: with the rows and the seed it says which weights come out. */
  readonly hash: string;
  /** The class fields that it learns. */
  readonly fields: readonly string[];
  readonly train: TrainPlan;
}

/**
 * Figures over many examples: `begin`, then every pass for each batch of them (its counter is the batch's number, its rows are held-out ones or others of
 * choice), then `result`.
 */
export interface MetricPlan {
  readonly batch: number;
  readonly begin: string;
  readonly passes: readonly string[];
  readonly result: string;
  /** Outputs of `result`. `J.digit` is the share of rows whose digit judge J knows. `rows`: it depends on the rows. */
  readonly figures: readonly { readonly name: string; readonly shape: readonly number[]; readonly rows?: boolean }[];
  /**
   * Outputs of the pass of that number, [rows of a batch, n]: the host keeps those of all batches. `fixed`: they depend on nothing but the batch's rows, so
   * that a row is to count once.
   */
  readonly features?: readonly { readonly name: string; readonly shape: readonly number[]; readonly pass: number; readonly fixed?: boolean }[];
  /** What the host computes of two of these, and gives as an input of that name to the passes after them and to `result`. */
  readonly compared?: readonly ComparisonPlan[];
}

export interface ComparisonPlan {
  readonly name: string;
  /** `frechet`, `kernel`: one number. `precision_recall`, `density_coverage`: two. Formulas: runtime/figures/sets.ts. */
  readonly way: string;
  readonly real: string;
  readonly made: string;
  /** How many neighbours count, where they do. */
  readonly neighbours: number;
}
