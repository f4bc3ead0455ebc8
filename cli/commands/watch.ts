/** `ganc watch RUN`: a page in the browser that shows a training as it goes. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, FileError, UsageError } from '../errors.js';
import { stopOnSignals } from '../signals.js';
import { err, out } from '../terminal.js';

export interface WatchOptions {
  readonly port?: number;
  readonly quiet?: boolean;
}

/** Until a signal ends it, which is how it is meant to end. */
export async function watch(folder: string | undefined, { port = 0, quiet }: WatchOptions): Promise<void> {
  const where = join(folder ?? 'runs', '.');
  const found = statSync(where, { throwIfNoEntry: false });
  if (found === undefined)
    throw new FileError(`there is no folder ${where}`, folder === undefined ? 'train something first, or name the folder: ganc watch DIR' : '');
  if (!found.isDirectory()) throw new FileError(`${where} is a file`, 'name the folder of a run, of a comparison, or one that holds several');
  const { watchFolder } = await import('../../runtime/live/server.js');
  const stop = stopOnSignals('the page is not served any more');
  const watcher = await watchFolder(where, port).catch((error: NodeJS.ErrnoException) => {
    stop.release();
    if (error.code === 'EADDRINUSE')
      throw new UsageError(`port ${port} is taken by another program`, 'choose another, or leave out --port: one that is free is found');
    if (error.code === 'EACCES') throw new UsageError(`port ${port} is not for every user`, 'choose one from 1024 up, or leave out --port');
    throw error;
  });
  out(`${watcher.url}\n`);
  if (!quiet) err(`watching ${where} on this machine alone; open the page in a browser. Ctrl-C ends it\n`);
  if (!stop.signal.aborted) await new Promise((done) => stop.signal.addEventListener('abort', done));
  await watcher.close();
  stop.release();
  process.exitCode = EXIT.good;
}
