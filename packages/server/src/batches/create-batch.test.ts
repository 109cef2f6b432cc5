import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS, type AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { credits, listEntries } from '../ledger/index.ts';
import {
  create,
  grant,
  openAccount,
  openWorld,
  serviceOn,
  settle,
  startTasks,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

async function stored(accountUuid: AccountUuid): Promise<number> {
  const [row] = await world.db.query<{ rows: number }>(
    `SELECT (SELECT count(*) FROM batches WHERE account_id = $1) + (SELECT count(*) FROM tasks WHERE account_id = $1)
       + (SELECT count(*) FROM batch_schedule WHERE account_id = $1) + (SELECT count(*) FROM credit_holds WHERE account_id = $1)
       + (SELECT count(*) FROM credit_ledger WHERE account_id = $1 AND kind = 'reserve') AS rows`,
    [accountUuid],
  );
  return row!.rows;
}

describe('creating a batch', () => {
  it('stores every prompt as it was sent and reserves the price of all of them', async () => {
    const caller = await openAccount(world, 1_000);
    const prompts = ['中文', '🎬', '=SUM(A1)', ' x ', 'a\nb', '"q"', "it's", '\\u0041', '\t', '{}'].map(
      (text, at) => `${text}${at}`,
    );
    const items = prompts.map((prompt, at) => ({ prompt, custom_id: `id-${at}`, params: { size: 'large' } }));
    const batch = await create(
      world,
      caller,
      submission({ items, metadata: { ['__proto__']: 'x', a: '🎬' }, deadline_hours: 2 }),
    );
    expect(batch).toMatchObject({
      status: 'queued',
      paused: false,
      canceling: false,
      counts: { total: 10, queued: 10, processing: 0, succeeded: 0, failed: 0, canceled: 0 },
      credits: { unit_price: 49, reserved: 490, held: 490, charged: 0, refunded: 0, forfeited: 0 },
      metadata: { a: '🎬' },
      failure_summary: {},
      started_at: null,
      finished_at: null,
    });
    expect(Date.parse(batch.deadline_at) - Date.parse(batch.created_at)).toBe(2 * 3_600_000);
    const page = await world.service.tasks(caller, uuidOf(batch), {}, { limit: 50, cursor: null });
    expect(page.ok && page.value.data.map((task) => [task.index, task.prompt, task.custom_id, task.params])).toEqual(
      prompts.map((prompt, at) => [at, prompt, `id-${at}`, { size: 'large' }]),
    );
    expect(await credits(world.db, caller.accountUuid)).toEqual({
      available: 510,
      reserved: 490,
      spent: 0,
      issued: 1_000,
      debt: 0,
    });
  });

  it('gives 200 clients that race for credit for 10 batches exactly 10 of them', async () => {
    const caller = await openAccount(world, 10 * 490 + 489);
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => world.service.create(caller, submission())));
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(10);
    for (const outcome of outcomes) {
      if (!outcome.ok) expect(outcome.refusal).toMatchObject({ code: 'insufficient_credits', required: 490 });
    }
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 489, reserved: 4_900 });
    // Batch, tasks, schedule, hold and entry of ten batches; nothing is left of the refused ones.
    expect(await stored(caller.accountUuid)).toBe(10 * 14);
    expect(await violations(world)).toEqual([]);
  });

  it('makes one batch of 32 identical creates, with credit for just one', async () => {
    const caller = await openAccount(world, 490);
    const request = submission({ request_id: 'once' });
    const outcomes = await Promise.all(Array.from({ length: 32 }, () => world.service.create(caller, request)));
    const created = outcomes.map((outcome) => (outcome.ok ? outcome.value : null));
    expect(new Set(created.map((value) => value?.batch.id))).toHaveLength(1);
    expect(created.filter((value) => value?.replayed === false)).toHaveLength(1);
    expect(await stored(caller.accountUuid)).toBe(14);
  });

  it('waits for a concurrent twin that is refused and then makes the batch itself', async () => {
    const caller = await openAccount(world, 490);
    const request = submission({ request_id: 'twin' });
    await world.admin.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
        VALUES ($1, gen_random_uuid(), 'twin', '', 'sora-2', 10, 49, '{}', now(), now())`,
        [caller.accountUuid],
      );
      const waiting = world.service.create(caller, request);
      await until(
        async () =>
          (await world.admin.query(`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`)).length >
          0,
      );
      await tx.query('ROLLBACK');
      await tx.query('BEGIN');
      expect(await waiting).toMatchObject({ ok: true, value: { replayed: false } });
    });
  });

  it('answers 422 for the same request_id with another body, and says nothing of it to another account', async () => {
    const caller = await openAccount(world, 10_000);
    const batch = await create(world, caller, submission({ request_id: 'r' }));
    const other = await world.service.create(caller, submission({ request_id: 'r', spend_limit: 490 }));
    expect(other).toMatchObject({ ok: false, refusal: { code: 'request_id_conflict', param: 'request_id' } });
    const again = await world.service.create(caller, submission({ request_id: 'r' }));
    expect(again).toMatchObject({ ok: true, value: { replayed: true, batch: { id: batch.id } } });
    const stranger = await openAccount(world, 490);
    expect((await create(world, stranger, submission({ request_id: 'r' }))).id).not.toBe(batch.id);
  });

  it('does not burn the request_id of a refused batch: after a top-up the same request goes through', async () => {
    const caller = await openAccount(world, 489);
    const request = submission();
    expect(await world.service.create(caller, request)).toMatchObject({
      ok: false,
      refusal: { code: 'insufficient_credits', required: 490, available: 489, shortfall: 1 },
    });
    expect(await stored(caller.accountUuid)).toBe(0);
    await grant(world, caller.accountUuid, 1);
    expect(await world.service.create(caller, request)).toMatchObject({ ok: true, value: { replayed: false } });
  });

  it('replays as the batch is now, though the price has changed, credits are gone and the account is blocked', async () => {
    const caller = await openAccount(world, 490);
    const request = submission({ expected_unit_price: 49 });
    const batch = await create(world, caller, request);
    await world.admin.query(`UPDATE accounts SET status = 'blocked' WHERE account_id = $1`, [caller.accountUuid]);
    const dearer = { ...request, model: { ...request.model, unitPrice: 59, lifecycle: 'retired' as const } };
    expect(await world.service.create(caller, dearer)).toMatchObject({
      ok: true,
      value: { replayed: true, batch: { id: batch.id } },
    });
  });

  it('survives a commit whose answer was lost: the retry gets the batch', async () => {
    const caller = await openAccount(world, 490);
    const request = submission();
    const lossy: Database = {
      ...world.db,
      async transaction(work) {
        await world.db.transaction(work);
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
      },
    };
    expect(await serviceOn(lossy).create(caller, request)).toMatchObject({
      ok: false,
      refusal: { code: 'unavailable', retryAfterSeconds: expect.any(Number) as number },
    });
    expect(await world.service.create(caller, request)).toMatchObject({ ok: true, value: { replayed: true } });
    expect(await stored(caller.accountUuid)).toBe(14);
  });

  it('takes 10,000 tasks at the highest price', async () => {
    const caller = await openAccount(world, 5_990_000);
    const batch = await create(world, caller, submission({ model: 'veo-pro' }, 10_000));
    expect(batch.credits).toMatchObject({ reserved: 5_990_000, held: 5_990_000 });
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 0, reserved: 5_990_000 });
    expect(await violations(world)).toEqual([]);
  });

  it('fixes the price at creation: a change in the middle of the batch changes nothing of it', async () => {
    const caller = await openAccount(world, 2_000);
    const batch = await create(world, caller, submission());
    const started = (await startTasks(world, 100_000)).filter((task) => task.batchUuid === uuidOf(batch));
    await settle(
      world.db,
      caller.accountUuid,
      uuidOf(batch),
      started.slice(0, 5).map((task) => ({ ...task, ending: 'succeeded' })),
    );
    const dearer = MODELS.map((model) => ({ ...model, unitPrice: 59 }));
    expect((await create(world, caller, submission({}, 10, dearer))).credits.unit_price).toBe(59);
    await settle(
      world.db,
      caller.accountUuid,
      uuidOf(batch),
      started.slice(5).map((task) => ({ ...task, ending: 'provider_error' })),
    );
    expect(await world.service.get(caller, uuidOf(batch))).toMatchObject({
      status: 'partial',
      credits: { unit_price: 49, reserved: 490, held: 0, charged: 245, refunded: 245 },
      failure_summary: { provider_error: 5 },
    });
    const last = await listEntries(world.db, caller.accountUuid, { limit: 1, order: 'desc', cursor: null });
    expect(last.ok && last.value.data[0]).toMatchObject({ kind: 'refund', amount: 49, reason: 'provider_error' });
    expect(await violations(world)).toEqual([]);
  });
});

describe('a batch is refused with nothing stored and nothing reserved', () => {
  it.each([
    ['price_changed', { expected_unit_price: 48 }, ''],
    ['spend_limit_exceeded', { spend_limit: 489 }, ''],
    ['account_in_debt', {}, 'UPDATE credit_accounts SET debt = 5 WHERE account_id = $1'],
    ['account_blocked', {}, `UPDATE accounts SET status = 'blocked' WHERE account_id = $1`],
    ['account_suspended', {}, `UPDATE accounts SET status = 'suspended' WHERE account_id = $1`],
    ['invalid_request', { webhook_endpoint_id: 'whe_CxDQsXq8zxDXdqeAG4CVVu' }, ''],
  ])('as %s', async (code, fields, setting) => {
    const caller = await openAccount(world, 490);
    if (setting !== '') await world.admin.query(setting, [caller.accountUuid]);
    const request = submission(fields);
    expect(await world.service.create(caller, request)).toMatchObject({ ok: false, refusal: { code } });
    expect(await stored(caller.accountUuid)).toBe(0);
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 490, reserved: 0 });
  });

  it('as model_retired before anything about the price or money is said', async () => {
    const caller = await openAccount(world, 0);
    const retired = MODELS.map((model) => ({ ...model, lifecycle: 'retired' as const }));
    const request = submission({ expected_unit_price: 1, spend_limit: 1 }, 10, retired);
    expect(await world.service.create(caller, request)).toMatchObject({
      ok: false,
      refusal: { code: 'model_retired' },
    });
  });

  it('as account_in_debt when the debt comes between the first look and the reservation', async () => {
    const caller = await openAccount(world, 490);
    const request = submission();
    const slow: Database = {
      ...world.db,
      transaction: (work) =>
        world.db.transaction((tx) =>
          work({
            ...tx,
            async query(sql, values) {
              const rows = await tx.query<never>(sql, values);
              if (sql.includes('INSERT INTO tasks')) {
                await world.admin.query('UPDATE credit_accounts SET debt = 5 WHERE account_id = $1', [
                  caller.accountUuid,
                ]);
              }
              return rows;
            },
          }),
        ),
    };
    expect(await serviceOn(slow).create(caller, request)).toMatchObject({
      ok: false,
      refusal: { code: 'account_in_debt' },
    });
    expect(await stored(caller.accountUuid)).toBe(0);
  });
});

describe('an estimate', () => {
  it('tells price, credit, duplicates and terms, and reserves nothing', async () => {
    const caller = await openAccount(world, 500, { canceled: 'forfeit' });
    const items = Array.from({ length: 11 }, (_, at) => ({
      prompt: at < 3 ? '=same' : `p${at}`,
      ...(at === 2 ? { params: { size: 'large' } } : {}),
    }));
    const outcome = await world.service.estimate(
      caller,
      submission({ items, spend_limit: 100, expected_unit_price: 48 }),
    );
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        model: 'sora-2',
        count: 11,
        unit_price: 49,
        total: 539,
        available: 500,
        affordable: false,
        shortfall: 39,
        duplicates: 1,
        terms: { canceled: 'forfeit' },
      },
    });
    expect(
      outcome.ok && outcome.value.warnings.map((text) => /\((\w+)\)/.exec(text)?.[1] ?? text.slice(0, 15)),
    ).toEqual(['price_changed', 'spend_limit_exceeded', '3 prompts begin']);
    expect(await stored(caller.accountUuid)).toBe(0);
    await grant(world, caller.accountUuid, 39);
    expect(await world.service.estimate(caller, submission({}, 11))).toMatchObject({
      ok: true,
      value: { affordable: true, shortfall: 0, warnings: [] },
    });
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}
