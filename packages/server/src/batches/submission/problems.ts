import { ITEM_LIMITS, type ItemError, type ItemErrorCode } from '@rushes/contract';
import type { Refusal } from '../../outcome/index.ts';

/** Where an item came from, so that the customer can find it in the file. */
export interface ItemPlace {
  /** From 0. */
  readonly index: number;
  /** Physical line where the record begins, from 1; null in a JSON body. */
  readonly line: number | null;
  readonly customId: string | null;
}

/** A text, or a function that makes it, because of a million possible faults only a hundred are described. */
export type Detail = string | (() => string);

function textOf(detail: Detail): string {
  return typeof detail === 'string' ? detail : detail();
}

/** All problems of one submission. All are counted, but only the first ones are described. */
export class Problems {
  readonly #request: ItemError[] = [];
  readonly #items: ItemError[] = [];
  #requestCount = 0;
  #itemCount = 0;

  /** Adds a problem with a field of the request, not of an item. */
  addToRequest(param: string, code: ItemErrorCode, detail: Detail): void {
    this.#requestCount += 1;
    if (this.#request.length < ITEM_LIMITS.reportedErrorsMax) {
      this.#request.push({ index: null, custom_id: null, param, code, detail: textOf(detail) });
    }
  }

  /** Adds a problem with the list of items as a whole: too few, too many. */
  addToItems(code: ItemErrorCode, detail: string): void {
    this.#itemCount += 1;
    this.#items.unshift({ index: null, custom_id: null, param: 'items', code, detail });
  }

  addToItem(place: ItemPlace, param: string | null, code: ItemErrorCode, detail: Detail): void {
    this.#itemCount += 1;
    if (this.#items.length >= ITEM_LIMITS.reportedErrorsMax) return;
    this.#items.push({
      index: place.index,
      ...(place.line === null ? {} : { line: place.line }),
      custom_id: place.customId,
      param,
      code,
      detail: textOf(detail),
    });
  }

  get none(): boolean {
    return this.#requestCount + this.#itemCount === 0;
  }

  /** The answer to the customer. If there is a problem with the request itself, it decides the code. */
  toRefusal(): Refusal {
    const errors = [...this.#request, ...this.#items].slice(0, ITEM_LIMITS.reportedErrorsMax);
    const errorCount = this.#requestCount + this.#itemCount;
    const [first] = errors;
    if (first === undefined) throw new Error('a submission without problems is not refused');
    return {
      code: this.#requestCount > 0 ? 'invalid_request' : 'invalid_items',
      detail: errorCount === 1 ? describe(first) : `${errorCount} problems. The first: ${describe(first)}`,
      ...(first.index === null && first.param !== null ? { param: first.param } : {}),
      errors,
      errorCount,
    };
  }
}

function describe(error: ItemError): string {
  if (error.index === null) return error.detail;
  const line = error.line === undefined ? '' : ` (line ${error.line})`;
  return `Item ${error.index}${line}: ${error.detail}`;
}
