/**
 * The one boundary: what every known error says on stderr, and the exit code it ends with. An error is known by its `exitCode`;
 * `reason` and `mend`, where it has them, follow its message.
 */
import { err } from './terminal.js';

export const EXIT = { good: 0, spec: 1, usage: 2, machine: 3, diverged: 4, interrupted: 130, terminated: 143 } as const;

/** A command line that asks for what cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = EXIT.usage;
  constructor(
    message: string,
    /** What to do instead. */
    readonly mend = '',
  ) {
    super(message);
  }
}

/** A file that is missing, unreadable or not what it should be: exit code 1. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly exitCode = EXIT.spec;
  constructor(
    message: string,
    /** What to do instead. */
    readonly mend = '',
  ) {
    super(message);
  }
}

/** The spec has mistakes that were shown already: nothing more to say. */
export class Reported extends Error {
  override readonly name = 'Reported';
  constructor(readonly exitCode: number = EXIT.spec) {
    super('already shown');
  }
}

/** Faults of the machine rather than of ganc, by Node's code. */
const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'this is a folder, not a file',
};

/** Says what happened on stderr and gives the exit code. */
export function report(error: unknown): number {
  if (error instanceof Reported) return error.exitCode;
  if (process.env.GANC_DEBUG && error instanceof Error) err(`${error.stack}\n`);
  const known = error as { exitCode?: unknown; reason?: unknown; mend?: unknown; code?: unknown; path?: unknown };
  if (error instanceof Error && typeof known.exitCode === 'number') {
    const more = [known.reason, known.mend].filter((text): text is string => typeof text === 'string' && !error.message.includes(text));
    return say(error.message, more, known.exitCode);
  }
  const system = typeof known?.code === 'string' ? SYSTEM[known.code] : undefined;
  if (system) return say(`${typeof known.path === 'string' ? `${known.path}: ` : ''}${system}`, [], EXIT.machine);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return say(`this is a fault of ganc, please report it with the spec: ${message}`, ['GANC_DEBUG=1 shows where it happened'], EXIT.machine);
}

function say(message: string, more: readonly string[], exitCode: number): number {
  const style = err.colors;
  err(`${style.red('error')}: ${message}\n`);
  for (const line of more.join('\n').split('\n')) if (line.trim() !== '') err(`  ${line}\n`);
  return exitCode;
}
