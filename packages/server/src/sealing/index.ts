export { CheckpointLogDamaged } from './checkpoint-lines.ts';
export { checkTrees } from './check-trees.ts';
export { openExport, type ExportBounds, type LedgerExport } from './export.ts';
export { LedgerKeysError, readKeyRing, rotateKey, type KeyRing } from './key-ring.ts';
export { openEpoch, type OpenedEpoch } from './new-epoch.ts';
export { formatVerifierKey } from './note.ts';
export { consistencyPath, inclusionPath, renderConsistencyProof, renderInclusionProof } from './proofs.ts';
export {
  awaitSeal,
  checkpointOfSize,
  latestCheckpoint,
  publishedKeys,
  type PublishedKey,
  type PublishedTree,
} from './published.ts';
export { startSealer, type Sealer, type SealerOptions } from './sealer.ts';
export { registerKeys } from './sealer-term.ts';
