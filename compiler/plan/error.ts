import type { Node } from '../graph/node.js';
import { showType } from '../graph/primitive.js';

/** A program that cannot be laid out: variables that do not fit what reads and writes them, or too much of them. */
export class PlanError extends Error {
  override name = 'PlanError';
}

/** What every GPU is sure to bind at once, in bytes: the limit that WebGPU guarantees. A player's weights, and results, are cut into parts of so many, so that a run goes on wherever it is taken. */
export const MAX_BINDING = 128 * 1024 * 1024;

/** What WebGPU binds at once on GPUs of workstations. Single weights, and what cannot be cut, keep to it: whether a device binds less is seen when the program is loaded. */
export const MAX_VALUE = 2 * 1024 * 1024 * 1024 - 4;

/** A spec asks for more than a GPU binds. Its fault, so it ends with the exit code of a wrong spec. */
export class TooLargeError extends PlanError {
  override name = 'TooLargeError';
  readonly exitCode = 1;

  constructor(
    what: string,
    bytes: number,
    readonly mend: string,
  ) {
    super(`${what} takes ${mebibytes(bytes)}, and GPUs bind ${mebibytes(MAX_VALUE)} only`);
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** A node as messages name it: `f32[64, 100] of G.fc1 (matmul)`. */
export function describe(node: Node): string {
  return `${showType(node)}${node.origin.path === undefined ? '' : ` of ${node.origin.path}`} (${node.operation.op})`;
}
