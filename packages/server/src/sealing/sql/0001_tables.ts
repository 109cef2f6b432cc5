import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE ledger_keys (
  key_id text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{8}$'),
  verifier_key text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'retired')),
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ledger_keys_one_active ON ledger_keys (status) WHERE status = 'active';
COMMENT ON TABLE ledger_keys IS
  'All public keys that have signed checkpoints. The private keys are not in this database.';
COMMENT ON COLUMN ledger_keys.key_id IS 'The key hash of a signed note, 8 hexadecimal digits.';

CREATE TABLE ledger_sealer (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  holder uuid,
  fence bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  checked_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO ledger_sealer DEFAULT VALUES;
COMMENT ON TABLE ledger_sealer IS 'One row: the process that seals the ledger.';
COMMENT ON COLUMN ledger_sealer.fence IS 'Every publication checks it in its transaction.';
COMMENT ON COLUMN ledger_sealer.checked_at IS 'When the scheduled check of the ledger last began.';

CREATE TABLE ledger_trees (
  account_id uuid NOT NULL REFERENCES accounts,
  epoch integer NOT NULL CHECK (epoch > 0),
  origin text NOT NULL,
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  frontier bytea NOT NULL DEFAULT '' CHECK (length(frontier) % 32 = 0),
  root bytea CHECK (length(root) = 32),
  checkpoint text,
  sealed_at timestamptz,
  refused_reason text,
  opened_reason text,
  previous_checkpoint text,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  PRIMARY KEY (account_id, epoch),
  CHECK ((size = 0) = (root IS NULL)),
  CHECK ((root IS NULL) = (checkpoint IS NULL)),
  CHECK ((epoch = 1) = (opened_reason IS NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ledger_trees_one_open ON ledger_trees (account_id) WHERE closed_at IS NULL;
COMMENT ON TABLE ledger_trees IS
  'The Merkle tree (RFC 6962) of an account: leaf seq - 1 is entry seq. Only the row of the latest epoch is open.';
COMMENT ON COLUMN ledger_trees.origin IS 'First line of every checkpoint of the tree. It never changes.';
COMMENT ON COLUMN ledger_trees.frontier IS
  'The roots of the complete subtrees that form the tree, the largest first: 32 bytes for each 1 in the binary form of size.';
COMMENT ON COLUMN ledger_trees.checkpoint IS 'The signed note over this size and root.';
COMMENT ON COLUMN ledger_trees.refused_reason IS 'Why signing is refused for this account; null when it is not refused.';
COMMENT ON COLUMN ledger_trees.opened_reason IS 'Why this epoch was opened.';
COMMENT ON COLUMN ledger_trees.previous_checkpoint IS 'The last checkpoint signed before this epoch.';

CREATE TABLE ledger_tree_nodes (
  account_id uuid NOT NULL,
  epoch integer NOT NULL,
  level smallint NOT NULL CHECK (level >= 8),
  node_index bigint NOT NULL CHECK (node_index >= 0),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (account_id, epoch, level, node_index),
  FOREIGN KEY (account_id, epoch) REFERENCES ledger_trees
);
COMMENT ON TABLE ledger_tree_nodes IS
  'Hashes of complete subtrees of 256 leaves and more. Smaller ones are computed from at most 255 entries when they are needed.';

CREATE TABLE ledger_checkpoints (
  account_id uuid NOT NULL,
  epoch integer NOT NULL,
  size bigint NOT NULL CHECK (size > 0),
  checkpoint text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, epoch, size),
  FOREIGN KEY (account_id, epoch) REFERENCES ledger_trees
);
COMMENT ON TABLE ledger_checkpoints IS
  'Every published checkpoint, so that a customer can get proofs for a checkpoint that it kept.';
`,
};
