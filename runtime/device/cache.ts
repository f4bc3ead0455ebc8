/** The user's cache: what can be made again, kept between calls. May be deleted at any time. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `$XDG_CACHE_HOME/ganc`, else `~/.cache/ganc`. It need not exist yet. */
export function userCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ganc');
}
