/** One page of a list. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  /** The `cursor` of the next page; null on the last one. */
  next_cursor: string | null;
}
