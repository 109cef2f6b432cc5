/**
 * Synchronous SHA-256 (FIPS 180-4). Web Crypto is asynchronous, and a promise per ledger entry would take longer than
 * its hash.
 */

type Hash = (bytes: Uint8Array) => Uint8Array;

interface PlatformCrypto {
  readonly hash?: (algorithm: string, data: Uint8Array, encoding: 'buffer') => Uint8Array;
}

/** Fractional parts of the cube roots of the first 64 primes and of the square roots of the first 8, 32 bits each. */
function fractions(root: (prime: number) => number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  for (let candidate = 2, found = 0; found < count; candidate += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate && isPrime; divisor += 1) {
      isPrime = candidate % divisor !== 0;
    }
    if (!isPrime) continue;
    const value = root(candidate);
    words[found] = (value - Math.floor(value)) * 2 ** 32;
    found += 1;
  }
  return words;
}

const ROUND_CONSTANTS = fractions(Math.cbrt, 64);
const INITIAL_STATE = fractions(Math.sqrt, 8);
const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

function expand(schedule: Int32Array, view: DataView, offset: number): void {
  for (let at = 0; at < 16; at += 1) schedule[at] = view.getInt32(offset + at * 4);
  for (let at = 16; at < 64; at += 1) {
    const early = schedule[at - 15] ?? 0;
    const late = schedule[at - 2] ?? 0;
    const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    schedule[at] = ((schedule[at - 16] ?? 0) + sigma0 + (schedule[at - 7] ?? 0) + sigma1) | 0;
  }
}

function compress(state: Int32Array, schedule: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let at = 0; at < 64; at += 1) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + sum1 + ((e & f) ^ (~e & g)) + (ROUND_CONSTANTS[at] ?? 0) + (schedule[at] ?? 0)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [at, word] of [a, b, c, d, e, f, g, h].entries()) state[at] = ((state[at] ?? 0) + word) | 0;
}

/** For runtimes without `node:crypto`. */
export function portableSha256(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil((bytes.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - LENGTH_BYTES, BigInt(bytes.length) * 8n);
  const state = Int32Array.from(INITIAL_STATE, (word) => word | 0);
  const schedule = new Int32Array(64);
  for (let offset = 0; offset < padded.length; offset += BLOCK_BYTES) {
    expand(schedule, view, offset);
    compress(state, schedule);
  }
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  for (const [at, word] of state.entries()) out.setInt32(at * 4, word);
  return digest;
}

/**
 * The built-in crypto module of Node, Bun and Deno, without an import, because bundlers for browsers cannot handle one.
 */
function platformSha256(): Hash | null {
  const runtime = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const crypto = runtime?.getBuiltinModule?.('node:crypto') as PlatformCrypto | undefined;
  const hash = crypto?.hash;
  return hash === undefined ? null : (bytes) => hash('sha256', bytes, 'buffer');
}

/** SHA-256 of bytes. Uses the platform's function if it has a synchronous one, otherwise the portable one. */
export const sha256: Hash = platformSha256() ?? portableSha256;
