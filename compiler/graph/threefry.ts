/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * No state: a draw is a function of seed, path, call and element, so adding a draw moves no other.
 */
export type Pair = readonly [number, number];

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const PARITY = 0x1bd11bda;

/** Two u32 from two u32 under a key of two u32. */
export function threefry2x32(key: Pair, counter: Pair): [number, number] {
  const schedule = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
  let a = (counter[0] + key[0]) | 0;
  let b = (counter[1] + key[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8];
    a = (a + b) | 0;
    b = ((b << r) | (b >>> (32 - r))) ^ a;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      a = (a + schedule[injection % 3]) | 0;
      b = (b + schedule[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [a >>> 0, b >>> 0];
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a, 64 bits, over the UTF-8 bytes. */
export function fnv1a64(text: string): bigint {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash;
}

function words(value: bigint): [number, number] {
  const unsigned = BigInt.asUintN(64, value);
  return [Number(unsigned & 0xffffffffn), Number(unsigned >> 32n)];
}

/** The key of a draw: the seed's two words (low first) as key, the path's hash as counter. */
export function drawKey(seed: bigint, path: string): [number, number] {
  return threefry2x32(words(seed), words(fnv1a64(path)));
}

/** Element `element` of a draw in call `counter`: one of 2^23 evenly spaced values inside (0, 1), each exact in f32. */
export function uniform(key: Pair, element: number, counter: number): number {
  return ((threefry2x32(key, [element, counter])[0] >>> 9) + 0.5) * 2 ** -23;
}
