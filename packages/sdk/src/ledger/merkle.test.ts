import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { consistencyPath, inclusionPath, root } from '../../test/tree-by-definition.ts';
import { subtreeHeights, TreeStack, verifyConsistency, verifyInclusion } from './merkle.ts';
import { sha256 } from './sha256.ts';

function vectors<T>(name: string): (T & { desc: string; file: string; wantErr: boolean; proof: string[] | null })[] {
  return JSON.parse(readFileSync(new URL(`../../test/${name}.json`, import.meta.url), 'utf8')) as ReturnType<
    typeof vectors<T>
  >;
}
const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
const SIZES = Array.from({ length: 300 }, (_, at) => at + 1);
const LEAVES = SIZES.map((size) => Buffer.from(sha256(Buffer.from(`leaf ${size}`))));

/** Every single-bit change of any of the parts, one after another; each part is as it was afterwards. */
function expectEveryFlipRefused(parts: readonly Uint8Array[], verify: () => boolean): void {
  expect(verify()).toBe(true);
  let accepted = 0;
  for (const part of parts) {
    for (let bit = 0; bit < part.length * 8; bit += 1) {
      const at = bit >>> 3;
      part[at]! ^= 1 << (bit & 7);
      if (verify()) accepted += 1;
      part[at]! ^= 1 << (bit & 7);
    }
  }
  expect(accepted).toBe(0);
}

describe('the published vectors', () => {
  const inclusion = vectors<{ leafIdx: number; treeSize: number; root: string; leafHash: string }>('merkle-inclusion');
  test.each(inclusion)('inclusion $file: wantErr $wantErr', ({ leafIdx, treeSize, wantErr, ...vector }) => {
    const proof = (vector.proof ?? []).map(bytes);
    const claim = { index: leafIdx, size: treeSize, root: bytes(vector.root), leafHash: bytes(vector.leafHash), proof };
    expect(verifyInclusion(claim)).toBe(!wantErr);
  });

  const consistency = vectors<{ size1: number; size2: number; root1: string; root2: string }>('merkle-consistency');
  test.each(consistency)(
    'consistency $file: wantErr $wantErr',
    ({ size1, size2, root1, root2, wantErr, ...vector }) => {
      const proof = (vector.proof ?? []).map(bytes);
      const claim = { from: size1, to: size2, fromRoot: bytes(root1), toRoot: bytes(root2), proof };
      expect(verifyConsistency(claim)).toBe(!wantErr);
    },
  );
});

describe('of every size up to 300', () => {
  test('the root is that of the recursive definition', () => {
    const tree = new TreeStack();
    for (const size of SIZES) {
      tree.append(LEAVES[size - 1]!);
      expect(Buffer.from(tree.root()).equals(root(LEAVES.slice(0, size)))).toBe(true);
    }
  });

  test('valid inclusion proofs are accepted, and refused after any change of one bit', { timeout: 120_000 }, () => {
    for (const size of SIZES) {
      const leaves = LEAVES.slice(0, size);
      const top = root(leaves);
      const chosen = size <= 33 ? leaves.keys() : [0, 1, size >> 1, size - 2, size - 1];
      for (const index of chosen) {
        const proof = inclusionPath(index, leaves);
        expect(verifyInclusion({ index, size, leafHash: leaves[index]!, root: top, proof })).toBe(true);
      }
      const index = (size * size * 7) % Math.max(1, size - 1);
      const [leafHash, proof] = [
        Buffer.from(leaves[index]!),
        inclusionPath(index, leaves).map((each) => Buffer.from(each)),
      ];
      expectEveryFlipRefused([leafHash, top, ...proof], () =>
        verifyInclusion({ index, size, leafHash, root: top, proof }),
      );
      for (const other of [index - 1, index + 1, index + size]) {
        expect(verifyInclusion({ index: other, size, leafHash, root: top, proof })).toBe(false);
      }
      expect(verifyInclusion({ index, size, leafHash, root: top, proof: [...proof, top] })).toBe(false);
      if (proof.length > 0)
        expect(verifyInclusion({ index, size, leafHash, root: top, proof: proof.slice(1) })).toBe(false);
    }
  });

  test('valid consistency proofs are accepted, and refused after any change of one bit', { timeout: 120_000 }, () => {
    for (const to of SIZES) {
      const leaves = LEAVES.slice(0, to);
      const toRoot = root(leaves);
      const chosen = to <= 33 ? SIZES.slice(0, to) : [1, 2, 64, to >> 1, to - 1, to];
      for (const from of chosen.filter((each) => each <= to)) {
        const claim = { from, to, fromRoot: root(leaves.slice(0, from)), toRoot };
        expect(verifyConsistency({ ...claim, proof: consistencyPath(from, leaves) })).toBe(true);
      }
      const from = Math.max(1, to - 1 - (to % 5));
      const fromRoot = Buffer.from(root(leaves.slice(0, from)));
      const proof = consistencyPath(from, leaves).map((each) => Buffer.from(each));
      expectEveryFlipRefused(from === to ? [] : [fromRoot, toRoot, ...proof], () =>
        verifyConsistency({ from, to, fromRoot, toRoot, proof }),
      );
      expect(verifyConsistency({ from, to, fromRoot, toRoot, proof: [...proof, toRoot] })).toBe(false);
      if (proof.length > 0) {
        expect(verifyConsistency({ from, to, fromRoot, toRoot, proof: proof.slice(0, -1) })).toBe(false);
        expect(verifyConsistency({ from: to, to: from, fromRoot, toRoot, proof })).toBe(false);
      }
    }
  });

  /** On which side each hash of an audit path goes, by the recursive definition of RFC 6962, section 2.1.1. */
  function sides(index: number, size: number): string {
    if (size === 1) return '';
    let k = 1;
    while (k * 2 < size) k *= 2;
    return index < k ? `${sides(index, k)}R` : `${sides(index - k, size - k)}L`;
  }

  /** The same of a consistency proof, section 2.1.2; `=` where both trees share their end. */
  function sidesBetween(from: number, to: number, isWhole = true): string {
    if (from === to) return isWhole ? '=' : '+';
    let k = 1;
    while (k * 2 < to) k *= 2;
    return from <= k ? `${sidesBetween(from, k, isWhole)}R` : `${sidesBetween(from - k, to - k, false)}L`;
  }

  /** Numbers with one bit of this one changed, of those that a size can have. */
  const flips = (number: number): number[] =>
    Array.from({ length: 40 }, (_, bit) => Number(BigInt(number) ^ (1n << BigInt(bit))));

  test('an index with one bit changed is refused, and a size unless the path would be the very same', () => {
    for (const size of SIZES) {
      const leaves = LEAVES.slice(0, size);
      const top = root(leaves);
      const index = (size * size * 7) % size;
      const claim = { index, size, leafHash: leaves[index]!, root: top, proof: inclusionPath(index, leaves) };
      for (const other of flips(index)) expect(verifyInclusion({ ...claim, index: other })).toBe(false);
      // A size that has the same path is told apart by the signature of the checkpoint alone.
      for (const other of flips(size)) {
        const isSame = index < other && sides(index, other) === sides(index, size);
        expect([size, other, verifyInclusion({ ...claim, size: other })]).toEqual([size, other, isSame]);
      }
    }
  });

  test('sizes with one bit changed between two checkpoints are refused unless the path would be the very same', () => {
    for (const to of SIZES.slice(1)) {
      const leaves = LEAVES.slice(0, to);
      const from = 1 + ((to * to * 7) % (to - 1));
      const proof = consistencyPath(from, leaves);
      const claim = { from, to, fromRoot: root(leaves.slice(0, from)), toRoot: root(leaves), proof };
      const shape = sidesBetween(from, to);
      for (const other of flips(from)) {
        const isSame = other > 0 && other < to && sidesBetween(other, to) === shape;
        expect([from, to, other, verifyConsistency({ ...claim, from: other })]).toEqual([from, to, other, isSame]);
      }
      for (const other of flips(to)) {
        const isSame = other > from && sidesBetween(from, other) === shape;
        expect([from, to, other, verifyConsistency({ ...claim, to: other })]).toEqual([from, to, other, isSame]);
      }
    }
  });

  test('any range is covered by its largest subtrees, and they give the root', () => {
    const size = 43;
    const tops = (start: number, end: number): Buffer[] => {
      let at = start;
      return subtreeHeights(start, end).map((height) => root(LEAVES.slice(at, (at += 2 ** height))));
    };
    for (let first = 0; first <= size; first += 1) {
      for (let end = first; end <= size; end += 1) {
        const tree = new TreeStack();
        const append = (start: number, stop: number): void => {
          const heights = subtreeHeights(start, stop);
          for (const [at, hash] of tops(start, stop).entries()) tree.append(hash, heights[at]);
        };
        append(0, first);
        for (const leaf of LEAVES.slice(first, end)) tree.append(leaf);
        append(end, size);
        expect(Buffer.from(tree.root()).equals(root(LEAVES.slice(0, size)))).toBe(true);
      }
    }
  });
});
