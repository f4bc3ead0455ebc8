/** What is compared, compiled: the entry of the results beside its program. */

import type { Program } from '../../compiler/program/types.js';
import type { GpuOptions } from '../train/executor.js';
import type { CompareEntry } from './results.js';

export interface Candidate {
  /** What the command line says of it; the plan adds the rest. */
  readonly entry: CompareEntry;
  /** Absent where the spec is wrong: then the entry has a `mistake`. */
  readonly program?: Program;
  /** The resolved text, and values of hypers on top of it, as text: together they are the program. */
  readonly text?: string;
  readonly set?: Readonly<Record<string, string>>;
  /** Folder that the paths of its data start from. */
  readonly base: string;
  /** Lines of the spec, for what does not fit on the device. */
  readonly places?: GpuOptions['places'];
}

export type Compiled = Candidate & { readonly program: Program; readonly text: string };

export function isCompiled(candidate: Candidate): candidate is Compiled {
  return candidate.program !== undefined && candidate.text !== undefined;
}
