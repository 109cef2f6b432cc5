/** The codes of problems that a verification can find. They are stable, so programs can rely on them. */
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
  /** The message for people: which entry, what is wrong with it, what it should be. */
  readonly message: string;
  /** Number of the wrong entry, if it is known. */
  readonly seq: number | null;
  /** The wrong field of the entry, if it is a single one. */
  readonly field: string | null;
  /** Place in the file, counted from 1: the line of CSV or JSON lines, or the position in the JSON list. */
  readonly position: number | null;
  /** The range of entries that includes the wrong ones, when no single entry can be named. */
  readonly range: { readonly first: number; readonly last: number } | null;
}

type Where = Partial<Omit<LedgerProblem, 'code' | 'message'>>;

/** Makes a problem. Members of its place that are not given are null. */
export function problem(code: LedgerProblemCode, message: string, where: Where = {}): LedgerProblem {
  return { code, message, seq: null, field: null, position: null, range: null, ...where };
}

/** Text from a file for use in a message: in quotes and shortened to one line. */
export function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
