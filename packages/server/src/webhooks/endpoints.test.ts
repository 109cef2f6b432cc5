import { webhookEndpointSchema, endpointIds, type AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../system/index.ts';
import { createEgressGuard } from '../outbound/index.ts';
import { getEndpoint } from './endpoint-view.ts';
import { deleteEndpoint, insertEndpoint, listEndpoints, prepareEndpoint, type NewEndpoint } from './endpoints.ts';
import type { NameResolver } from '../outbound/name-resolver.ts';
import { openWebhookRoom, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
beforeAll(async () => {
  room = await openWebhookRoom();
});
afterAll(async () => {
  await room.close();
});

const publicName: NameResolver = () => Promise.resolve(['93.184.215.14']);

async function create(input: Partial<NewEndpoint> & { accountUuid: AccountUuid }, resolver = publicName) {
  const guard = createEgressGuard({ allowCidrs: [], development: false, resolver });
  const prepared = await prepareEndpoint(
    { random: systemRandom, sealer: room.sealer, guard },
    { url: 'https://example.com/hook', description: null, events: [], ...input },
  );
  return prepared.ok ? room.db.transaction((tx) => insertEndpoint(tx, prepared.value)) : prepared;
}

async function created(accountUuid: AccountUuid) {
  const made = await create({ accountUuid });
  if (!made.ok) throw new Error(made.refusal.detail);
  return { id: made.value.id, uuid: endpointIds.parse(made.value.id)!, secret: made.value.secret! };
}

describe('a webhook endpoint', () => {
  it('is created with a secret of 32 bytes that is shown once and stored sealed', async () => {
    const accountUuid = await room.account();
    const made = await create({ accountUuid, description: 'Prod', events: ['batch.failed', 'batch.failed'] });
    expect(made).toMatchObject({
      ok: true,
      value: { url: 'https://example.com/hook', description: 'Prod', events: ['batch.failed'], enabled: true },
    });
    if (!made.ok) return;
    expect(made.value.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const key = Buffer.from(made.value.secret!.slice('whsec_'.length), 'base64');
    const uuid = endpointIds.parse(made.value.id)!;
    const [row] = await room.admin.query<{ sealed_secret: Buffer }>(
      'SELECT sealed_secret FROM webhook_endpoints WHERE account_id = $1 AND endpoint_id = $2',
      [accountUuid, uuid],
    );
    expect(row!.sealed_secret.includes(key)).toBe(false);
    expect(Buffer.from(room.sealer.unseal(row!.sealed_secret, { accountUuid, endpointUuid: uuid })).equals(key)).toBe(
      true,
    );
    const found = await getEndpoint(room.db, accountUuid, uuid);
    expect(webhookEndpointSchema.strict().parse(found)).not.toHaveProperty('secret');
  });

  it.each([
    ['http://example.com/', 'https_required'],
    ['https://10.0.0.1/', 'private'],
    ['https://localhost/', 'loopback'],
    ['not a url', 'malformed_url'],
  ])('at %s is refused with the rule %s, as a fault of `url`', async (url, rule) => {
    const refusal = {
      code: 'invalid_request',
      param: 'url',
      detail: expect.stringContaining(`(rule: ${rule})`) as string,
    };
    expect(await create({ accountUuid: await room.account(), url })).toMatchObject({ ok: false, refusal });
  });

  it('is refused when its name leads to a private address, and accepted when it leads nowhere yet', async () => {
    const accountUuid = await room.account();
    const privateName: NameResolver = () => Promise.resolve(['93.184.215.14', '192.168.0.9']);
    const refused = await create({ accountUuid }, privateName);
    expect(refused).toMatchObject({ ok: false, refusal: { param: 'url' } });
    // Whoever asks learns that it is private, not which address of ours it is.
    expect(JSON.stringify(refused)).not.toContain('192.168');
    expect(await create({ accountUuid }, () => Promise.reject(new Error('ENOTFOUND')))).toMatchObject({ ok: true });
  });

  it('does not wait for a name server that never answers', async () => {
    const silent: NameResolver = () => new Promise(() => undefined);
    expect(await create({ accountUuid: await room.account() }, silent)).toMatchObject({ ok: true });
  });

  it.each(['x'.repeat(513), 'a\0b', '\ud800'])('refuses the description %j', async (description) => {
    const refused = await create({ accountUuid: await room.account(), description });
    expect(refused).toMatchObject({ ok: false, refusal: { code: 'invalid_request', param: 'description' } });
  });

  it('is one of 20 at most, whoever else creates one at the same time', async () => {
    const accountUuid = await room.account();
    const results = await Promise.all(Array.from({ length: 25 }, () => create({ accountUuid })));
    expect(results.filter(({ ok }) => ok)).toHaveLength(20);
    const refused = results.find(({ ok }) => !ok);
    expect(refused).toMatchObject({
      refusal: { code: 'state_conflict', detail: expect.stringContaining('20') as string },
    });
    const page = await listEndpoints(room.db, accountUuid, { limit: 50, cursor: null });
    const [first] = page.ok ? page.value.data : [];
    await deleteEndpoint(room.db, accountUuid, endpointIds.parse(first!.id)!);
    expect(await create({ accountUuid })).toMatchObject({ ok: true });
  });

  it("is out of another account's reach", async () => {
    const endpoint = await created(await room.account());
    const other = await room.account();
    expect(await getEndpoint(room.db, other, endpoint.uuid)).toBeNull();
    expect(await deleteEndpoint(room.db, other, endpoint.uuid)).toBe(false);
  });

  it('is gone once deleted, its secret too, and deleting it again says so', async () => {
    const accountUuid = await room.account();
    const endpoint = await created(accountUuid);
    expect(await deleteEndpoint(room.db, accountUuid, endpoint.uuid)).toBe(true);
    expect(await deleteEndpoint(room.db, accountUuid, endpoint.uuid)).toBe(false);
    expect(await getEndpoint(room.db, accountUuid, endpoint.uuid)).toBeNull();
    expect(await listEndpoints(room.db, accountUuid, { limit: 50, cursor: null })).toMatchObject({
      value: { data: [] },
    });
    const rows = await room.admin.query(
      'SELECT 1 FROM webhook_endpoints WHERE endpoint_id = $1 AND length(sealed_secret) > 0',
      [endpoint.uuid],
    );
    expect(rows).toEqual([]);
  });

  it('is listed page by page, each once', async () => {
    const accountUuid = await room.account();
    const ids: string[] = [];
    for (let at = 0; at < 5; at += 1) ids.unshift((await created(accountUuid)).id);
    const listed: string[] = [];
    for (let cursor: string | null = null; ;) {
      const page = await listEndpoints(room.db, accountUuid, { limit: 2, cursor });
      if (!page.ok) throw new Error(page.refusal.detail);
      listed.push(...page.value.data.map(({ id }) => id));
      cursor = page.value.next_cursor;
      if (cursor === null) break;
    }
    expect(listed.toSorted()).toEqual(ids.toSorted());
    expect(listed).toHaveLength(5);
    const bad = await listEndpoints(room.db, accountUuid, { limit: 2, cursor: 'nonsense' });
    expect(bad).toMatchObject({ ok: false, refusal: { param: 'cursor' } });
  });
});
