/** Which variables a run keeps. */
import type { ProgramVariable } from './types.js';

/** Whether a variable belongs to a run's state, which its checkpoints hold whole. */
export function isSaved({ kind }: ProgramVariable): boolean {
  return kind === 'weight' || kind === 'state' || kind === 'optimizer' || kind === 'average';
}
