/** Merkle trees by the recursive definitions of RFC 6962 alone: they share nothing with the code that they are to test. */
import { createHash } from 'node:crypto';

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function splitPoint(count: number): number {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}

/** Section 2.1: the hash of a tree, from the hashes of its leaves. */
export function root(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes;
  if (first === undefined) return sha256();
  if (hashes.length === 1) return first;
  const k = splitPoint(hashes.length);
  return sha256(Buffer.of(1), root(hashes.slice(0, k)), root(hashes.slice(k)));
}

/** Section 2.1.1: the audit path of the leaf at `index` (from 0), lowest first. */
export function inclusionPath(index: number, hashes: readonly Buffer[]): Buffer[] {
  if (hashes.length <= 1) return [];
  const k = splitPoint(hashes.length);
  return index < k
    ? [...inclusionPath(index, hashes.slice(0, k)), root(hashes.slice(k))]
    : [...inclusionPath(index - k, hashes.slice(k)), root(hashes.slice(0, k))];
}

/** Section 2.1.2: the proof that the tree begins with the tree of its first `from` leaves. */
export function consistencyPath(from: number, hashes: readonly Buffer[], isWhole = true): Buffer[] {
  if (from === hashes.length) return isWhole ? [] : [root(hashes)];
  const k = splitPoint(hashes.length);
  return from <= k
    ? [...consistencyPath(from, hashes.slice(0, k), isWhole), root(hashes.slice(k))]
    : [...consistencyPath(from - k, hashes.slice(k), false), root(hashes.slice(0, k))];
}

/** Roots of the largest complete subtrees over [start, end), from left to right. */
export function cover(hashes: readonly Buffer[], start: number, end: number): string[] {
  const found: string[] = [];
  for (let at = start; at < end;) {
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) width *= 2;
    found.push(root(hashes.slice(at, at + width)).toString('base64'));
    at += width;
  }
  return found;
}
