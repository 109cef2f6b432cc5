import type { LedgerKind } from '@rushes/contract';
import type { SqlFunction } from '../../db/index.ts';

interface EntryMove {
  readonly from: 'external' | 'available' | 'reserved' | 'spent';
  readonly to: 'external' | 'available' | 'reserved' | 'spent';
}

/**
 * Which bucket each kind of entry takes credits from and which it gives them to. Everything that writes or checks an entry
 * asks the two functions made of this table. What settling writes stands first: it is looked up for each task.
 */
export const ENTRY_MOVES: Readonly<Record<LedgerKind, EntryMove>> = {
  charge: { from: 'reserved', to: 'spent' },
  refund: { from: 'reserved', to: 'available' },
  forfeit: { from: 'reserved', to: 'spent' },
  reserve: { from: 'available', to: 'reserved' },
  purchase: { from: 'external', to: 'available' },
  grant: { from: 'external', to: 'available' },
  reversal: { from: 'spent', to: 'available' },
  revoke: { from: 'available', to: 'external' },
};

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
${Object.entries(ENTRY_MOVES)
  .map(([kind, move]) => `    WHEN '${kind}' THEN '${move[side]}'`)
  .join('\n')}
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
