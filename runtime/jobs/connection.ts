/** The way to the queue: Redis or Valkey, by its address. */
import { Redis, type RedisOptions } from 'ioredis';

/** Names of our keys begin so; BullMQ's are its own. */
export const PREFIX = 'ganc';
/** Name of the queue. */
export const QUEUE = 'ganc-jobs';

/** The queue cannot be used: exit code 3, or 2 where its address is none. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  constructor(
    message: string,
    readonly reason: string,
    /** What to do about it. */
    readonly mend: string,
    readonly exitCode: 2 | 3 = 3,
  ) {
    super(message);
  }
}

const CONNECT_MS = 5000;
/** Between attempts to get a lost connection back: twice as long each time, up to this. */
const MOST_RETRY_MS = 3000;
const FORM = 'write redis://HOST:PORT, redis://:PASSWORD@HOST:PORT, or rediss:// for TLS';

export interface QueueAddress {
  readonly url: string;
  /** Without a password, for people. */
  readonly shown: string;
}

/** Throws QueueError where the text is no address of a queue. */
export function readAddress(text: string): QueueAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new QueueError(`'${hidden(text)}' is no address of a queue`, '', FORM, 2);
  }
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') throw new QueueError(`'${hidden(text)}' is no address of a queue`, '', FORM, 2);
  if (!/^\/?\d*$/.test(url.pathname))
    throw new QueueError(`'${hidden(text)}' is no address of a queue`, `what follows the port is a number of a database, such as /1`, FORM, 2);
  return { url: text, shown: `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}` };
}

/** Whatever stands before an @ may be a password. */
function hidden(text: string): string {
  return text.replace(/\/\/[^@]*@/, '//...@');
}

/** A connection that works. Once it does, it is got back whenever it is lost: commands wait for that. Throws QueueError where there is none to begin with. */
export async function connect({ url, shown }: QueueAddress): Promise<Redis> {
  let begun = false;
  const options: RedisOptions = {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (begun ? Math.min(100 * 2 ** Math.min(times, 10), MOST_RETRY_MS) : null),
  };
  const redis = new Redis(url, options);
  let last: unknown;
  redis.on('error', (error) => {
    last = error;
  });
  try {
    await redis.connect();
    const answer = await Promise.race([redis.ping(), new Promise<never>((_, reject) => setTimeout(() => reject(new Error('no answer')), CONNECT_MS).unref())]);
    if (answer !== 'PONG') throw new Error(`it answers ${JSON.stringify(answer)}`);
    begun = true;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw reasonOf(shown, last ?? error);
  }
}

function reasonOf(shown: string, error: unknown): QueueError {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const failed = `cannot use the queue at ${shown}`;
  const start = 'start one there (apt-get install redis-server), or give its address: --queue redis://HOST:PORT';
  if (code === 'ECONNREFUSED') return new QueueError(failed, 'nothing listens there', start);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return new QueueError(failed, 'there is no machine of that name', FORM);
  if (code === 'ETIMEDOUT' || /timeout|timed out|no answer/i.test(message))
    return new QueueError(failed, `it does not answer within ${CONNECT_MS / 1000} s`, `${start}; redis:// is without TLS, rediss:// with it`);
  if (/NOAUTH/.test(message)) return new QueueError(failed, 'it wants a password', 'give it in the environment: GANC_QUEUE=redis://:PASSWORD@HOST:PORT');
  if (/WRONGPASS|invalid password|invalid username/i.test(message)) return new QueueError(failed, 'the password or user is wrong', FORM);
  if (/^DENIED|protected mode/i.test(message))
    return new QueueError(failed, 'it takes connections of its own machine only (protected mode)', 'give it a password: see docs/scale.md');
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|self-signed|unable to verify/i.test(`${code} ${message}`))
    return new QueueError(
      failed,
      `its certificate is signed by nobody that this machine knows (${message})`,
      'name the one to be trusted: NODE_EXTRA_CA_CERTS=certificate.pem',
    );
  if (/SSL|TLS|certificate|EPROTO/i.test(`${code} ${message}`)) return new QueueError(failed, `TLS: ${message}`, 'redis:// is without TLS, rediss:// with it');
  if (code === 'ECONNRESET' || /Connection is closed|Protocol error/i.test(message))
    return new QueueError(failed, `it is no Redis, or wants TLS: ${message}`, 'redis:// is without TLS, rediss:// with it');
  return new QueueError(failed, message, FORM);
}
