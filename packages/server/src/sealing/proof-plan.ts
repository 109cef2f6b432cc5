/** Which hashes a proof is made of (RFC 6962, sections 2.1.1 and 2.1.2), as ranges of leaves; nothing is hashed here. */

/** Leaves from `start` to `end`, the end left out. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** The largest power of two below `value`, which is at least 2. */
function largestPowerBelow(value: number): number {
  let power = 1;
  while (power * 2 < value) power *= 2;
  return power;
}

/** The subtrees beside the way from leaf `index` up to the root of the first `size` leaves, the lowest first. */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  const ranges: LeafRange[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      ranges.unshift({ start: middle, end });
      end = middle;
    } else {
      ranges.unshift({ start, end: middle });
      start = middle;
    }
  }
  return ranges;
}

/** What proves that the tree of `to` leaves begins with the tree of `from` leaves; 0 < from <= to. */
export function consistencyRanges(from: number, to: number): readonly LeafRange[] {
  const ranges: LeafRange[] = [];
  let [start, end] = [0, to];
  let isWhole = true;
  while (end !== from) {
    const middle = start + largestPowerBelow(end - start);
    if (from <= middle) {
      ranges.unshift({ start: middle, end });
      end = middle;
    } else {
      ranges.unshift({ start, end: middle });
      start = middle;
      isWhole = false;
    }
  }
  return isWhole ? ranges : [{ start, end }, ...ranges];
}

/** A complete subtree: 2^level leaves from leaf index * 2^level on. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** The largest complete subtrees that cover a range, from left to right. */
export function coverOf({ start, end }: LeafRange): readonly Subtree[] {
  const cover: Subtree[] = [];
  for (let at = start; at < end;) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level += 1;
    cover.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return cover;
}
