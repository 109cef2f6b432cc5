import type { LedgerExport, LedgerKeys, AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as definition from '../../../sdk/test/tree-by-definition.ts';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer();
});
afterAll(() => server.close());

async function grant(accountUuid: AccountUuid, count: number): Promise<void> {
  await server.db.query(
    "SELECT issue_credits($1, 'grant', 1, '=cmd|x', 'ref-' || n) FROM generate_series(1, $2::integer) n",
    [accountUuid, count],
  );
}

describe('credits and ledger', () => {
  it('show what was issued', async () => {
    const { key } = await server.account({ credits: 500 });
    expect((await server.client.get('/v1/credits', { key })).body).toEqual({
      available: 500,
      reserved: 0,
      spent: 0,
      issued: 500,
      debt: 0,
    });
  });

  it('pages through the ledger without a gap in both orders', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 5);
    for (const order of ['asc', 'desc']) {
      const seen: number[] = [];
      let cursor = '';
      do {
        const page = await server.client.get(`/v1/ledger?limit=2&order=${order}${cursor}`, { key });
        seen.push(...page.body.data.map((entry) => entry.seq));
        cursor = page.body.has_more ? `&cursor=${page.body.next_cursor}` : '';
      } while (cursor !== '');
      expect(seen).toEqual(order === 'asc' ? [1, 2, 3, 4, 5] : [5, 4, 3, 2, 1]);
    }
  });

  it('exports the same header and entries as CSV, JSON and JSON lines', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 3);
    const json = await server.client.get<LedgerExport>('/v1/ledger/export?format=json', { key });
    const lines = await server.client.get('/v1/ledger/export?format=jsonl', { key });
    const csv = await server.client.get('/v1/ledger/export', { key });
    const { entries, ...header } = json.body;
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(header).toMatchObject({ previous_epochs: [], range: { first: 1, last: 3, left: [], right: [] } });
    expect(
      lines.bytes
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual([header, ...entries]);
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="rushes-ledger.csv"');
    const records = csv.bytes.toString().split('\r\n');
    expect(records).toHaveLength(1 + 4 + 3 + 1);
    expect(records[1]).toBe(`#account,${header.account_id}${','.repeat(14)}`);
    expect(Buffer.from(records[2]!.split(',')[1]!, 'base64').toString()).toBe(header.checkpoint);
    expect(JSON.parse(Buffer.from(records[4]!.split(',')[1]!, 'base64').toString())).toEqual(header.range);
    expect(records[5]).toContain(",'=cmd|x,ref-1,");
    expect(records[5]!.endsWith(`,${entries[0]!.leaf_hash}`)).toBe(true);
  });

  it('exports what lies between two times, with what proves its place under the checkpoint', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 5);
    const all = (await server.client.get<LedgerExport>('/v1/ledger/export?format=json', { key })).body;
    const root = Buffer.from(all.checkpoint!.split('\n')[2]!, 'base64');
    const leaves = all.entries.map((entry) => Buffer.from(entry.leaf_hash, 'base64'));
    expect(definition.root(leaves)).toEqual(root);
    const [, second, , fourth] = all.entries;
    const bounds = `from=${second!.created_at}&to=${fourth!.created_at}`;
    const part = (await server.client.get<LedgerExport>(`/v1/ledger/export?format=json&${bounds}`, { key })).body;
    expect(part.entries).toEqual(all.entries.slice(1, 3));
    expect(part.range).toEqual({
      first: 2,
      last: 3,
      left: [all.entries[0]!.leaf_hash],
      right: [fourth!.leaf_hash, all.entries[4]!.leaf_hash],
    });
    const future = await server.client.get<LedgerExport>(
      '/v1/ledger/export?format=json&from=2999-01-01T00:00:00%2B02:00',
      { key },
    );
    expect(future.body).toMatchObject({ entries: [], range: { first: 6, last: 5, right: [] } });
    const backwards = `from=${fourth!.created_at}&to=${second!.created_at}`;
    const none = await server.client.get<LedgerExport>(`/v1/ledger/export?format=json&${backwards}`, { key });
    expect(none.body).toMatchObject({ entries: [], range: { first: 4, last: 3 } });
  });

  it('an empty ledger is an empty export without a checkpoint', async () => {
    const { key } = await server.account();
    const { body } = await server.client.get<LedgerExport>('/v1/ledger/export?format=json', { key });
    expect(body).toMatchObject({
      checkpoint: null,
      previous_epochs: [],
      range: { first: 1, last: 0, left: [], right: [] },
      entries: [],
    });
    expect(
      (await server.client.get('/v1/ledger/export?format=jsonl', { key })).bytes.toString().split('\n'),
    ).toHaveLength(2);
    for (const path of ['checkpoint', 'proof?seq=1', 'consistency?from=1']) {
      expect((await server.client.get(`/v1/ledger/${path}`, { key })).body.code).toBe('not_found');
    }
  });

  it('an export made while entries are being written is whole up to its checkpoint and has nothing behind it', async () => {
    const { key, accountUuid } = await server.account();
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n += 1) {
        await server.db.query("SELECT issue_credits($1, 'grant', 1, 'x', $2)", [accountUuid, `w-${n}`]);
      }
    })();
    try {
      for (let n = 0; n < 10; n += 1) {
        const { body } = await server.client.get<LedgerExport>('/v1/ledger/export?format=json', { key });
        const leaves = body.entries.map((entry) => Buffer.from(entry.leaf_hash, 'base64'));
        if (body.checkpoint === null) expect(leaves).toEqual([]);
        else {
          expect(body.checkpoint.split('\n')[1]).toBe(String(leaves.length));
          expect(definition.root(leaves).toString('base64')).toBe(body.checkpoint.split('\n')[2]);
        }
      }
    } finally {
      writing = false;
      await writer;
    }
  });
});

describe('checkpoints and proofs', () => {
  it('lead from any entry to the signed root, by keys that anybody may fetch', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 9);
    const note = (await server.client.get('/v1/ledger/checkpoint', { key })).bytes.toString();
    const proof = (await server.client.get('/v1/ledger/proof?seq=4', { key })).bytes.toString();
    const split = proof.indexOf('\n\n');
    const [head, checkpoint] = [proof.slice(0, split), proof.slice(split + 2)];
    expect(checkpoint).toBe(note);
    const [version, index, ...path] = head.split('\n');
    expect([version, index]).toEqual(['c2sp.org/tlog-proof@v1', 'index 3']);
    const { body } = await server.client.get<LedgerExport>('/v1/ledger/export?format=json', { key });
    const leaves = body.entries.map((entry) => Buffer.from(entry.leaf_hash, 'base64'));
    const root = Buffer.from(note.split('\n')[2]!, 'base64');
    expect(definition.root(leaves)).toEqual(root);
    expect(path).toEqual(definition.inclusionPath(3, leaves).map((hash) => hash.toString('base64')));
    const consistency = (await server.client.get('/v1/ledger/consistency?from=5', { key })).bytes.toString();
    const hashes = consistency
      .trimEnd()
      .split('\n')
      .map((hash) => Buffer.from(hash, 'base64'));
    expect(hashes).toEqual(definition.consistencyPath(5, leaves));
    const keys = await server.client.get<LedgerKeys>('/.well-known/rushes-ledger-keys');
    expect(keys.body).toMatchObject({ server_name: 'test.example', keys: [{ status: 'active' }] });
    expect(keys.body.keys[0]!.key).toMatch(/^test\.example\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
  });

  it('of other accounts and behind the end are refused', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 2);
    expect((await server.client.get('/v1/ledger/proof?seq=3', { key })).body.param).toBe('seq');
    expect((await server.client.get('/v1/ledger/proof?seq=1&size=3', { key })).body.param).toBe('size');
    expect((await server.client.get('/v1/ledger/consistency?from=1&to=3', { key })).body.param).toBe('to');
    expect((await server.client.get('/v1/ledger/consistency?from=2&to=1', { key })).body.param).toBe('from');
  });
});

describe('400', () => {
  it.each([
    ['/v1/ledger?limit=0', 'limit'],
    ['/v1/ledger?limit=201', 'limit'],
    ['/v1/ledger?limit=1e2', 'limit'],
    ['/v1/ledger?limit=', 'limit'],
    ['/v1/ledger?limit=1&limit=2', 'limit'],
    ['/v1/ledger?cursor=abc', 'cursor'],
    ['/v1/ledger?colour=red', 'colour'],
    ['/v1/ledger?order=up', 'order'],
    ['/v1/ledger?order=%ff', 'order'],
    ['/v1/ledger?order=a%00', 'order'],
    ['/v1/ledger/export?format=xlsx', 'format'],
    ['/v1/ledger/export?from=yesterday', 'from'],
    ['/v1/events?wait=31', 'wait'],
    ['/v1/events?after=-1', 'after'],
    ['/v1/events?after=1&cursor=1', 'cursor'],
  ])('%s names %s', async (path, param) => {
    const { key } = await server.account();
    const answer = await server.client.get(path, { key });
    expect(answer.status).toBe(400);
    expect(answer.body.param).toBe(param);
  });
});
