/** What a program takes on a device, by what it is for: known before anything is allocated. */
import type { Program, ProgramVariable } from './types.js';

export interface MemoryPlan {
  readonly weights: number;
  readonly states: number;
  readonly optimizer: number;
  readonly averages: number;
  readonly judges: number;
  /** Gradients and intermediate results, which share memory where they are not needed at the same time. */
  readonly results: number;
  /** What is sent and read back, sizes and keys of kernels, and what lies between variables. */
  readonly rest: number;
  /** Rows of data that stay on the device. */
  readonly data: number;
  readonly total: number;
  /** What each player moves, in the order of the program. */
  readonly players: Readonly<Record<string, { readonly weights: number; readonly optimizer: number; readonly averages: number }>>;
  /** The largest first. */
  readonly largest: readonly LargeTensor[];
}

export interface LargeTensor {
  /** Of a variable; of an intermediate result the layer that it is of. */
  readonly name: string;
  readonly kind: ProgramVariable['kind'] | 'result';
  /** Of a variable. */
  readonly shape?: readonly number[];
  readonly bytes: number;
}

const ELEMENT_BYTES = 4;
const LARGEST = 8;

/** Size to allocate: whole vectors, and never nothing, since nothing cannot be bound. */
export function allocated(size: number): number {
  return Math.max(16, Math.ceil(size / 16) * 16);
}

/**
 * Bytes to allocate of each buffer where only these entries are called: all of a variable's, of scratch memory what their commands touch. 0: not needed.
 * Those of data fields are 0 too: what these take is the rows' to say.
 */
export function bufferSizes(program: Program, entries: readonly string[]): number[] {
  const sizes = program.buffers.map(() => 0);
  const grow = (buffer: number, end: number): void => {
    sizes[buffer] = Math.max(sizes[buffer], allocated(end));
  };
  for (const entry of program.entries) {
    if (!entries.includes(entry.name)) continue;
    for (const command of entry.commands) {
      if (command.kind === 'copy') {
        grow(command.from.buffer, command.from.offset + command.size);
        grow(command.to.buffer, command.to.offset + command.size);
      } else for (const { buffer, offset, size } of command.bindings) grow(buffer, offset + size);
    }
  }
  return program.buffers.map((buffer, i) => {
    if (buffer.kind === 'field') return 0;
    if (buffer.kind === 'scratch') return sizes[i];
    return buffer.entry === undefined || entries.includes(buffer.entry) ? allocated(buffer.size) : 0;
  });
}

/** The plan where only these entries are called, with so many bytes of data. */
export function memoryPlan(program: Program, entries: readonly string[], data = 0): MemoryPlan {
  const sizes = bufferSizes(program, entries);
  const variables = program.variables.filter(({ kind }) => kind !== 'flat');
  const of = (kind: ProgramVariable['kind'], player?: string): number =>
    variables.filter((v) => v.kind === kind && (player === undefined || v.player === player)).reduce((sum, v) => sum + bytesOf(v), 0);
  const own = { weights: of('weight'), states: of('state'), optimizer: of('optimizer'), averages: of('average'), judges: of('judge') };
  // Sums of gradients and values for several updates outlive a call, and are results all the same.
  const results = program.buffers.reduce((sum, { kind }, i) => sum + (kind === 'scratch' ? sizes[i] : 0), of('carry'));
  const planned = sizes.reduce((a, b) => a + b, 0);
  const named = Object.values(own).reduce((a, b) => a + b, results);
  const players = [...new Set(variables.flatMap(({ kind, player }) => (kind === 'weight' && player !== undefined ? [player] : [])))];
  return {
    ...own,
    results,
    rest: planned - named,
    data,
    total: planned + data,
    players: Object.fromEntries(
      players.map((name) => [name, { weights: of('weight', name), optimizer: of('optimizer', name), averages: of('average', name) }]),
    ),
    largest: [...variables.map((v): LargeTensor => ({ name: v.name, kind: v.kind, shape: v.shape, bytes: bytesOf(v) })), ...largeResults(program, entries)]
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, LARGEST),
  };
}

function bytesOf({ shape }: ProgramVariable): number {
  return shape.reduce((a, b) => a * b, ELEMENT_BYTES);
}

/** Of each scratch buffer the largest result that is written to it. */
function largeResults(program: Program, entries: readonly string[]): LargeTensor[] {
  const found = new Map<number, LargeTensor>();
  for (const entry of program.entries) {
    if (!entries.includes(entry.name)) continue;
    for (const command of entry.commands) {
      if (command.kind === 'copy') continue;
      command.bindings.forEach(({ buffer, size }, i) => {
        if (program.buffers[buffer].kind !== 'scratch' || program.kernels[command.kernel].bindings[i] !== 'read_write') return;
        if (size > (found.get(buffer)?.bytes ?? 0)) found.set(buffer, { name: command.label, kind: 'result', bytes: size });
      });
    }
  }
  return [...found.values()];
}
