/**
 * Waiting for the GPU without burning a core. While a promise of Dawn's is pending, npm `webgpu` polls from `setImmediate` in a tight loop,
 * which takes a whole core: on a software GPU, half of the machine. So as long as somebody waits, this thread sleeps a little between turns of
 * the event loop: not at all for the first half millisecond, then a twentieth of the time waited, up to half a millisecond.
 * The turns also keep the process alive: a promise that a lost device never settles would otherwise end Node silently with code 13.
 */
const SPIN_MS = 0.5;
const SLEEP_MS = 0.5;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let turning = false;
/** When the last wait began or ended. */
let since = 0;

function turn(): void {
  if (waiting === 0) {
    turning = false;
    return;
  }
  const elapsed = performance.now() - since;
  if (elapsed > SPIN_MS) Atomics.wait(sleeper, 0, 0, Math.min(SLEEP_MS, Math.max(0.1, elapsed / 20)));
  setImmediate(turn);
}

/** The promise's own result or rejection. Every wait for the GPU goes through here. */
export async function settle<T>(promise: Promise<T>): Promise<T> {
  waiting++;
  since = performance.now();
  if (!turning) {
    turning = true;
    setImmediate(turn);
  }
  try {
    return await promise;
  } finally {
    waiting--;
    since = performance.now();
  }
}
