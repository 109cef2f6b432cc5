/** A binary heap of things by the time at which they are due: putting in and taking out cost the logarithm of their number. */
export class DueQueue<T extends { readonly dueMs: number }> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the first is due; Infinity when there is none. */
  get firstDueMs(): number {
    return this.#items[0]?.dueMs ?? Infinity;
  }

  add(item: T): void {
    let at = this.#items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#due(parent) <= item.dueMs) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The first of what is due by `nowMs`, or null. */
  take(nowMs: number): T | null {
    const first = this.#items[0];
    if (first === undefined || first.dueMs > nowMs) return null;
    const last = this.#items.pop();
    if (last !== undefined && last !== first) {
      this.#items[0] = last;
      this.#sink();
    }
    return first;
  }

  clear(): void {
    this.#items.length = 0;
  }

  #sink(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const child = this.#due(left + 1) < this.#due(left) ? left + 1 : left;
      if (this.#due(child) >= this.#due(at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #due(at: number): number {
    return this.#items[at]?.dueMs ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first === undefined || second === undefined) throw new Error('the heap lost an item');
    this.#items[a] = second;
    this.#items[b] = first;
  }
}
