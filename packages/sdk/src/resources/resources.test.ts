import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clientFor, fakePorts } from '../../test/fixtures.ts';
import { answer, serve } from '../../test/scripted-server.ts';
import { Resource } from '../resource.ts';
import { RushesError } from '../rushes-error.ts';

const NAMES = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'index.ts')
  .map((file) => file.slice(0, -'.ts'.length));

const property = (name: string): string => name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());

test('every file of this folder is one resource of the client, under the name of the file', async () => {
  const client = clientFor('http://127.0.0.1:9') as unknown as Record<string, unknown>;
  const found = Object.entries(client).filter(([, value]) => value instanceof Resource);
  expect(found.map(([name]) => name).sort()).toEqual(NAMES.map(property).sort());
  for (const name of NAMES) {
    const exported = (await import(/* @vite-ignore */ join(import.meta.dirname, `${name}.ts`))) as Record<
      string,
      unknown
    >;
    const Class = `${property(name).replace(/^./, (letter) => letter.toUpperCase())}Resource`;
    expect(Object.keys(exported)).toEqual([Class]);
    expect(client[property(name)]).toBeInstanceOf(exported[Class]);
  }
});

test('the id of a path is one segment of it, whatever it holds', async () => {
  const server = await serve((_, response) => answer(response, 200, {}));
  await clientFor(server.url).tasks.retrieve('a/../b?c#d');
  expect(server.seen[0]!.url.pathname).toBe('/v1/tasks/a%2F..%2Fb%3Fc%23d');
});

test.each(['', '.', '..', '\ud800', undefined])(
  'the id %j rejects with the name of the parameter, and nothing is sent',
  async (id) => {
    const server = await serve((_, response) => answer(response, 200, {}));
    const { tasks, batches, webhookEndpoints } = clientFor(server.url);
    const calls = {
      taskId: tasks.retrieve(id as string),
      batchId: batches.tasks(id as string),
      endpointId: webhookEndpoints.delete(id as string),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error: unknown = await call.then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(RushesError);
      expect((error as Error).message).toContain(`${name} must be an id`);
    }
    expect(server.seen).toEqual([]);
  },
);

test('a POST carries its idempotency key where the server reads it, once', async () => {
  const server = await serve((_, response) => answer(response, 200, {}));
  const { batches, webhookEndpoints } = clientFor(server.url, {}, fakePorts());
  const key = { idempotencyKey: 'k-1' };
  await batches.create({ model: 'sora-2', items: [] }, key);
  await batches.createFromCsv('prompt\na', { model: 'sora-2', defaults: { size: 'small' }, metadata: { a: 'b' } }, key);
  await batches.pause('bat_1', key);
  await webhookEndpoints.create({ url: 'https://example.com' }, key);
  expect(
    server.seen.map(({ url, headers, body }) => [url.search, headers['idempotency-key'], body.toString()]),
  ).toEqual([
    ['', undefined, '{"model":"sora-2","items":[],"request_id":"k-1"}'],
    ['?model=sora-2&defaults.size=small&metadata.a=b&request_id=k-1', undefined, 'prompt\na'],
    ['', 'k-1', '{}'],
    ['', 'k-1', '{"url":"https://example.com"}'],
  ]);
});

test('a date is sent in UTC, and one that cannot be is refused by name', async () => {
  const server = await serve((_, response) => answer(response, 200, {}));
  const { webhookEndpoints } = clientFor(server.url);
  await webhookEndpoints.redeliver('whe_1', { since: new Date(0) });
  expect(server.seen[0]!.body.toString()).toBe('{"since":"1970-01-01T00:00:00.000Z"}');
  await expect(webhookEndpoints.redeliver('whe_1', { since: new Date('x') })).rejects.toThrow('since is not a valid');
});
