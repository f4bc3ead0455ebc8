/** SIGINT and SIGTERM: the first asks for an orderly end, a second ends at once. */
import { EXIT } from './errors.js';
import { err } from './terminal.js';

export interface Stop {
  readonly signal: AbortSignal;
  /** 130 or 143 after a signal, else 0. */
  code(): number;
  /** Signals do again what they do by default. */
  release(): void;
}

/** `message` is said at the first signal. */
export function stopOnSignals(message: string): Stop {
  const controller = new AbortController();
  let code: number = EXIT.good;
  const handle = (name: 'SIGINT' | 'SIGTERM') => {
    if (controller.signal.aborted) process.exit(code);
    code = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    err(`\n${message}\n`);
    controller.abort();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    code: () => code,
    release: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
