/** What a verification can find. The words are stable: programs may act on them. */
export type LedgerProblemCode =
  | 'not_an_export'
  | 'no_checkpoint'
  | 'bad_checkpoint'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_account'
  | 'bad_epoch'
  | 'missing_entry'
  | 'repeated_entry'
  | 'misplaced_entry'
  | 'bad_field'
  | 'leaf_hash_differs'
  | 'wrong_movement'
  | 'wrong_balance'
  | 'time_runs_back'
  | 'reference_repeated'
  | 'no_reserve'
  | 'second_reserve'
  | 'reserve_exceeded'
  | 'task_resolved_twice'
  | 'bad_reversal'
  | 'reversal_exceeded'
  | 'entries_missing'
  | 'root_differs'
  | 'history_rewritten'
  | 'rolled_back';

/** One thing that is wrong, and where. */
export interface LedgerProblem {
  readonly code: LedgerProblemCode;
  /** For people: which entry, what is wrong with it, what it should be. */
  readonly message: string;
  /** Number of the entry that is wrong, as far as it is known. */
  readonly seq: number | null;
  /** Field of the entry that is wrong, where one alone is. */
  readonly field: string | null;
  /** Where in the file: the line of CSV or JSON lines, the place in the JSON list; counted from 1. */
  readonly position: number | null;
  /** The entries among which the wrong ones are, where no single one can be named. */
  readonly range: { readonly first: number; readonly last: number } | null;
}

type Where = Partial<Omit<LedgerProblem, 'code' | 'message'>>;

/** A problem; members of its place that are not given are null. */
export function problem(code: LedgerProblemCode, message: string, where: Where = {}): LedgerProblem {
  return { code, message, seq: null, field: null, position: null, range: null, ...where };
}

/** Text of somebody else inside a message: quoted, and not longer than a line. */
export function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
