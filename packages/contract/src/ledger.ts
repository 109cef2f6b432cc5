import { z } from 'zod';
import { LEAF_HASH_FIELD, LEDGER_FIELDS, TASK_INDEX_MAX, type LedgerFieldFact } from './facts/ledger-fields.ts';
import { LEDGER_KEY_STATUSES } from './facts/states.ts';
import { accountIds, batchIds, taskIds } from './ids.ts';
import { checkpoint, credits, hash, time, words } from './parts/schema-parts.ts';
import type { ExportedLedgerEntry, LedgerEntry, LedgerExport } from './types.ts';

export const creditsSchema = z
  .object({ available: credits, reserved: credits, spent: credits, issued: credits, debt: credits })
  .meta({ id: 'Credits' });

function valueSchema({ kind, words: list = [] }: LedgerFieldFact): z.ZodType {
  switch (kind) {
    case 'positive':
      return z.int().positive();
    case 'whole':
      return credits;
    case 'word':
      return words(list);
    case 'text':
      return z.string();
    case 'batch_id':
      return batchIds.schema;
    case 'task_id':
      return taskIds.schema;
    case 'task_index':
      return z.int().nonnegative().max(TASK_INDEX_MAX);
    case 'time':
      return time;
  }
}

const entryFields = Object.fromEntries(
  LEDGER_FIELDS.map((field: LedgerFieldFact) => {
    const value = valueSchema(field);
    return [field.name, (field.nullable ? value.nullable() : value).meta({ description: field.description })];
  }),
) as z.ZodRawShape;

export const ledgerEntrySchema = z
  .object(entryFields)
  .meta({ id: 'LedgerEntry', description: 'One movement of credits.' }) as unknown as z.ZodType<LedgerEntry>;

export const exportedLedgerEntrySchema = z
  .object({
    ...entryFields,
    [LEAF_HASH_FIELD]: hash.meta({ description: "Hash of the entry's leaf in the account's tree, base64." }),
  })
  .meta({
    id: 'ExportedLedgerEntry',
    description: 'A ledger entry in an export.',
  }) as unknown as z.ZodType<ExportedLedgerEntry>;

export const previousLedgerEpochSchema = z
  .object({
    epoch: z.int().positive(),
    last_checkpoint: checkpoint.meta({ description: 'The last checkpoint that was signed in this epoch.' }),
    first_checkpoint: checkpoint.meta({ description: 'The first checkpoint of the next epoch.' }),
    reason: z.string(),
    opened_at: time,
  })
  .meta({
    id: 'PreviousLedgerEpoch',
    description: "An earlier epoch of the account's tree and how it ended. See docs/ledger-verification.md.",
  });

const exportHeaderFields = {
  account_id: accountIds.schema,
  checkpoint: checkpoint.nullable().meta({
    description: 'The signed note that the entries are checked against; null when nothing has been sealed yet.',
  }),
  previous_epochs: z.array(previousLedgerEpochSchema),
  range: z
    .object({
      first: z.int().positive(),
      last: z.int().nonnegative(),
      left: z.array(hash),
      right: z.array(hash),
    })
    .meta({
      description:
        'The first and last entry of the export, and the hashes (base64) of the complete subtrees left and right of them.',
    }),
};

export const ledgerExportHeaderSchema = z
  .object(exportHeaderFields)
  .meta({ id: 'LedgerExportHeader', description: 'The part of an export before its entries.' });

export const ledgerExportSchema = z
  .object({ ...exportHeaderFields, entries: z.array(exportedLedgerEntrySchema) })
  .meta({ id: 'LedgerExport' }) as unknown as z.ZodType<LedgerExport>;

export const ledgerKeysSchema = z
  .object({
    server_name: z.string(),
    keys: z.array(z.object({ key: z.string(), status: words(LEDGER_KEY_STATUSES), created_at: time })),
  })
  .meta({
    id: 'LedgerKeys',
    description: 'The answer of `/.well-known/rushes-ledger-keys`: the keys that checkpoints are signed with.',
  });
