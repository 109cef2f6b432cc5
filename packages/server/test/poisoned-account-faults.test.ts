/** An account whose money cannot be moved, among healthy ones. */
import { accountIds } from '@rushes/contract';
import { describe, expect, it } from 'vitest';
import { FaultScene, prompts } from '../testing/fault-scene.ts';

interface ListedEvent {
  readonly type: string;
  readonly account_id: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

describe('a poisoned account among healthy ones', () => {
  it(
    'is settled apart and told of once, while the others are charged and refunded; once cured it loses nothing',
    { timeout: 120_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({ simulator: { RUSHES_SIMULATOR_LATENCY_MS: '100-300' } });
      onTestFinished(() => scene.close());
      const api = await scene.startApi({ place: 1 });
      const worker = await scene.startWorker({ place: 0 });
      const poisoned = await scene.account('Poisoned', 100_000);
      const healthy = await Promise.all([0, 1, 2].map((at) => scene.account(`Healthy ${at}`, 100_000)));
      await scene.admin.query(
        `CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           IF NEW.account_id = '${accountIds.parse(poisoned.account_id) ?? ''}' AND NEW.kind IN ('charge', 'refund', 'forfeit') THEN
             RAISE EXCEPTION 'poisoned';
           END IF;
           RETURN NEW;
         END $$`,
      );
      await scene.admin.query(
        'CREATE TRIGGER poison BEFORE INSERT ON credit_ledger FOR EACH ROW EXECUTE FUNCTION poison()',
      );

      const bad = await scene.submit(api, poisoned, 'bad', prompts(60, 'a bitter apple'));
      const startedMs = performance.now();
      const good = await Promise.all(
        healthy.map((account, at) =>
          scene.submit(api, account, 'good', [
            ...prompts(20, `a sweet apple ${at}`),
            ...prompts(20, `[sim:reject] an apple refused ${at}`),
          ]),
        ),
      );
      for (const batch of good) await scene.untilFinished(batch, 30_000);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      const entries = (kind: string, uuids: readonly string[]): Promise<number> =>
        scene.count(
          `SELECT count(*) FROM credit_ledger WHERE kind = $1 AND batch_id::text = ANY (string_to_array($2, ','))`,
          [kind, uuids.join(',')],
        );
      const goodUuids = good.map((batch) => batch.uuid);
      expect(await entries('refund', goodUuids)).toBe(60);
      expect(await entries('charge', goodUuids)).toBe(60);
      expect(await scene.unfinished(bad)).toBe(60);

      const events = async (): Promise<readonly ListedEvent[]> =>
        (JSON.parse(await scene.command(['operator', 'events', '--json'])) as { data: ListedEvent[] }).data;
      const quarantined = {
        type: 'account.quarantined',
        account_id: poisoned.account_id,
        detail: { what: 'settling', reason: 'poisoned' },
      };
      const tries = (): number =>
        scene.logOf(worker).filter(({ msg }) => msg === 'settling failed and is tried again in parts').length;
      await scene.until('many tries', 30_000, () => tries() > 20);
      expect(await events()).toMatchObject([quarantined]);
      const alerts = scene.logOf(worker).filter(({ alert }) => alert === true);
      expect(alerts).toMatchObject([{ msg: 'account.quarantined', account: poisoned.account_id }]);

      await scene.admin.query('DROP TRIGGER poison ON credit_ledger');
      await scene.untilFinished(bad, 60_000);
      await scene.until('the word of its release', 30_000, async () => (await events()).length === 2);
      expect(await events()).toMatchObject([
        { type: 'account.released', account_id: poisoned.account_id, detail: { what: 'settling' } },
        quarantined,
      ]);
      await scene.expectNothingGeneratedTwice();
      await scene.expectWholeBooks();
    },
  );
});
