import type { LedgerEntry } from '@rushes/contract/types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer();
});
afterAll(() => server.close());

async function grant(accountUuid: string, count: number): Promise<void> {
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

  it('exports the same entries as CSV, JSON and JSON lines', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 3);
    const json = await server.client.get<LedgerEntry[]>('/v1/ledger/export?format=json', { key });
    const lines = await server.client.get('/v1/ledger/export?format=jsonl', { key });
    const csv = await server.client.get('/v1/ledger/export', { key });
    expect(json.body).toHaveLength(3);
    expect(
      lines.bytes
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LedgerEntry),
    ).toEqual(json.body);
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="rushes-ledger.csv"');
    expect(csv.bytes.toString().split('\r\n')).toHaveLength(5);
    expect(csv.bytes.toString()).toContain(",'=cmd|x,ref-1,");
  });

  it('exports what lies between two times, the second left out', async () => {
    const { key, accountUuid } = await server.account();
    await grant(accountUuid, 3);
    const [first] = (await server.client.get<LedgerEntry[]>('/v1/ledger/export?format=json', { key })).body;
    const before = await server.client.get<LedgerEntry[]>(`/v1/ledger/export?format=json&to=${first!.created_at}`, {
      key,
    });
    expect(before.body).toEqual([]);
    const future = await server.client.get<LedgerEntry[]>(
      '/v1/ledger/export?format=json&from=2999-01-01T00:00:00%2B02:00',
      { key },
    );
    expect(future.body).toEqual([]);
  });

  it('an empty ledger is an empty export', async () => {
    const { key } = await server.account();
    expect((await server.client.get<LedgerEntry[]>('/v1/ledger/export?format=json', { key })).body).toEqual([]);
    expect((await server.client.get('/v1/ledger/export?format=jsonl', { key })).bytes).toHaveLength(0);
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
