export { checkTrees } from './check-trees.ts';
export { openExport } from './export.ts';
export { readKeyRing, rotateKey } from './key-ring.ts';
export { openEpoch } from './new-epoch.ts';
export { formatVerifierKey } from './note.ts';
export { consistencyPath, inclusionPath, renderConsistencyProof, renderInclusionProof } from './proofs.ts';
export { awaitSeal, checkpointOfSize, latestCheckpoint, publishedKeys } from './published.ts';
export { startSealer } from './sealer.ts';
export { registerKeys } from './sealer-term.ts';
