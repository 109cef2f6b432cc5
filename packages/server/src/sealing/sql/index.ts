import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { claimLedgerCheck } from './claim-ledger-check.ts';
import { claimLedgerSealer } from './claim-ledger-sealer.ts';
import { haltLedgerSealer } from './halt-ledger-sealer.ts';
import { openLedgerEpoch } from './open-ledger-epoch.ts';
import { publishCheckpoints } from './publish-checkpoints.ts';
import { refuseSealing } from './refuse-sealing.ts';
import { registerLedgerKeys } from './register-ledger-keys.ts';
import { releaseLedgerSealer } from './release-ledger-sealer.ts';

/**
 * What the one sealer does to the database. It never locks a row that the money path wants; keys, signatures and the
 * checkpoint log are outside the database.
 */
export const schema: RoomSchema = {
  name: 'sealing',
  after: ['accounts'],
  migrations: [tables],
  tables: {
    ledger_keys: 'functions',
    ledger_sealer: 'functions',
    ledger_trees: 'functions',
    ledger_tree_nodes: 'functions',
    ledger_checkpoints: 'functions',
  },
  views: [],
  functions: [
    registerLedgerKeys,
    claimLedgerSealer,
    releaseLedgerSealer,
    claimLedgerCheck,
    publishCheckpoints,
    refuseSealing,
    haltLedgerSealer,
    openLedgerEpoch,
  ],
};
