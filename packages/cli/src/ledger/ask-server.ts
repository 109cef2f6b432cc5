import type { Rushes } from '@rushes/sdk';
import { type LedgerReport, verifyLedgerConsistency } from '@rushes/sdk/ledger';
import { fetchKeys, unknownKeys } from './server-keys.ts';

/** What the server's ledger of today says against a verified export; empty when the two agree. */
export async function askServer(
  client: Rushes,
  report: LedgerReport,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const published = await fetchKeys(client, signal);
  const trusted = { ...published, keys: keys.map((key) => ({ key, status: 'active', created_at: '' })) };
  const unknown = unknownKeys(published, trusted).map(
    (key) =>
      `${client.baseUrl} publishes the key ${key}, which is not pinned. Ask its operator whether the key was rotated.`,
  );
  const earlier = report.checkpoint ?? '';
  const later = await client.ledger.checkpoint({ signal });
  const [from, to] = [report.size ?? 0, Number(later.split('\n')[1])];
  if (!(to >= from)) {
    return [
      ...unknown,
      `The server's checkpoint has ${to} entries, fewer than the ${from} of this export: the server lost entries.`,
    ];
  }
  const proof = from === to || from === 0 ? '' : await client.ledger.consistency({ from, to }, { signal });
  const check = await verifyLedgerConsistency(proof, earlier, later, { keys });
  return check.ok ? unknown : [...unknown, `The server's ledger of today: ${check.error}.`];
}
