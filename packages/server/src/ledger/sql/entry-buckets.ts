import type { SqlFunction } from '../../db/index.ts';

interface EntryMove {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Which bucket each kind of entry takes credits from and which it gives them to. Everything that writes or checks an entry
 * asks the two functions made of this list. What settling writes stands first: it is looked up for each task.
 */
export const ENTRY_MOVES: readonly EntryMove[] = [
  { kind: 'charge', from: 'reserved', to: 'spent' },
  { kind: 'refund', from: 'reserved', to: 'available' },
  { kind: 'forfeit', from: 'reserved', to: 'spent' },
  { kind: 'reserve', from: 'available', to: 'reserved' },
  { kind: 'purchase', from: 'external', to: 'available' },
  { kind: 'grant', from: 'external', to: 'available' },
  { kind: 'reversal', from: 'spent', to: 'available' },
  { kind: 'revoke', from: 'available', to: 'external' },
];

/** Without SET or SECURITY DEFINER, so that PostgreSQL puts the text in the place of the call. */
function lookUp(name: string, side: 'from' | 'to', comment: string): SqlFunction {
  return {
    name,
    comment,
    sql: /* sql */ `
CREATE OR REPLACE FUNCTION ${name}(p_kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE p_kind
${ENTRY_MOVES.map((move) => `    WHEN '${move.kind}' THEN '${move[side]}'`).join('\n')}
  END
$$;
`,
  };
}

export const entryFromBucket = lookUp(
  'entry_from_bucket',
  'from',
  'The bucket that a kind of ledger entry takes credits from; null for a kind that does not exist.',
);

export const entryToBucket = lookUp(
  'entry_to_bucket',
  'to',
  'The bucket that a kind of ledger entry gives credits to; null for a kind that does not exist.',
);
