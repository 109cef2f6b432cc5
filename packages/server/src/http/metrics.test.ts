import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';
import { createOperatorKey } from '../operators/index.ts';
import { systemRandom } from '../system/index.ts';

let server: TestHttpServer;
let key: string;
beforeAll(async () => {
  server = await startTestHttpServer();
  key = (await createOperatorKey(server.db, systemRandom, server.deps.keyHasher, 'Prometheus')).text;
});
afterAll(() => server.close());

async function metrics(authorization?: string): Promise<{ status: number; text: string }> {
  const response = await fetch(
    `${server.url}/metrics`,
    authorization === undefined ? {} : { headers: { authorization } },
  );
  return { status: response.status, text: await response.text() };
}

it('metrics are for holders of an operator key', async () => {
  const account = await server.account();
  expect((await metrics()).status).toBe(401);
  expect((await metrics(`Bearer ${account.key}`)).status).toBe(401);
  expect((await metrics(`Bearer ${key}`)).status).toBe(200);
});

it('metrics are for everybody where the server says so', async () => {
  const open = await startTestHttpServer((deps) => ({ ...deps, metricsArePublic: true }));
  try {
    expect((await fetch(`${open.url}/metrics`)).status).toBe(200);
  } finally {
    await open.close();
  }
});

it('requests are counted by route and status, never by path, account or a method that somebody made up', async () => {
  const { key: accountKey, accountUuid } = await server.account();
  await server.client.get('/v1/batches/bat_1111111111111111111111', { key: accountKey });
  await fetch(`${server.url}/no/such/path`);
  await fetch(`${server.url}/v1/models`, { method: 'PROPFIND' });
  const { text } = await metrics(`Bearer ${key}`);
  expect(text).toMatch(/rushes_http_requests_total\{method="GET",route="\/v1\/batches\/:[a-z_]+",status="404"\} 1\n/);
  expect(text).toContain('rushes_http_requests_total{method="other",route="none",status="404"} 1\n');
  expect(text).toContain('rushes_http_requests_total{method="other",route="none",status="401"} 1\n');
  expect(text).toMatch(/rushes_http_request_seconds_count\{method="GET",route="\/v1\/batches\/:[a-z_]+"\} 1\n/);
  for (const word of ['bat_1111', 'PROPFIND', '/no/such', accountUuid]) expect(text).not.toContain(word);
});
