import { afterAll, beforeAll, expect, it } from 'vitest';
import { testRandom } from '../../testing/batches/world.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { createMetricRegistry } from '../metrics/index.ts';
import { systemClock } from '../system/index.ts';
import { showLedgerState } from './index.ts';
import { checkAndAct } from './scheduled-check.ts';
import { readLedgerState } from './ledger-state.ts';
import { openLedgerWorld, type LedgerWorld } from '../../testing/sealing/ledger-world.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await openLedgerWorld();
});
afterAll(async () => {
  await world.close();
});

async function sealAll(): Promise<void> {
  const sealer = world.sealer();
  await world.endLease();
  await sealer.round();
  await sealer.close();
}

it('the state of the ledger names its lag, what is refused and blocked, and what the last check found', async () => {
  const registry = createMetricRegistry();
  showLedgerState(registry.metrics, world.db, { ...systemClock, monotonicMs: () => (now += 10_000) });
  let now = 0;
  const [sound, hurt] = [await world.account(), await world.account()];
  await world.grant(sound, 1);
  await world.grant(hurt, 1);
  expect((await readLedgerState(world.db)).unsealedSeconds).toBeGreaterThan(0);
  await sealAll();
  expect(await readLedgerState(world.db)).toEqual({
    blockedAccounts: 0,
    refusedAccounts: 0,
    unsealedSeconds: 0,
    lastCheck: null,
  });
  expect(await registry.read()).toContain('rushes_ledger_violations{rule="any"} 0\n');

  await world.admin.transaction(async (tx) => {
    await tx.query('SET LOCAL session_replication_role = replica');
    await tx.query('UPDATE credit_accounts SET available = 2, issued = 2 WHERE account_id = $1', [hurt]);
  });
  const check = { db: world.db, clock: systemClock, random: testRandom, logger: silentLogger, intervalMs: 1_000 };
  await checkAndAct({ ...check, metrics: registry.metrics, keysDirectory: world.keysDirectory });
  await world.admin.query("UPDATE ledger_trees SET refused_reason = 'gap' WHERE account_id = $1", [sound]);
  const text = await registry.read();
  expect(text).toContain('rushes_accounts_blocked 1\n');
  expect(text).toContain('rushes_ledger_sealing_refused_accounts 1\n');
  expect(text).toContain('rushes_ledger_violations{rule="balance"} 1\n');
  expect(text).toContain('rushes_ledger_violations{rule="any"} 1\n');
  expect(text).toContain('rushes_ledger_violations_found_total{rule="balance"} 1\n');
  expect(text).toMatch(/^rushes_ledger_check_last_success_timestamp_seconds 1\d{9}/m);
  expect(text).toContain('rushes_database_up 1\n');
  expect(text).not.toContain(hurt);
});

it('a database that does not answer leaves no old numbers behind', async () => {
  const registry = createMetricRegistry();
  let isUp = true;
  let now = 0;
  const db = {
    ...world.db,
    query: ((sql: string) => (isUp ? world.db.query(sql) : new Promise(() => undefined))) as typeof world.db.query,
  };
  const clock = {
    ...systemClock,
    monotonicMs: () => (now += 10_000),
    sleep: async (_ms: number, signal?: AbortSignal) => systemClock.sleep(isUp ? 60_000 : 1, signal),
  };
  showLedgerState(registry.metrics, db, clock);
  expect(await registry.read()).toContain('rushes_database_up 1\n');
  isUp = false;
  const text = await registry.read();
  expect(text).toContain('rushes_database_up 0\n');
  expect(text).not.toMatch(/^rushes_ledger_unsealed_age_seconds \d/m);
  expect(text).not.toMatch(/^rushes_ledger_violations\{/m);
});
