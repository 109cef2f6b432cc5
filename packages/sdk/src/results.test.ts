import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { aTask, clientFor } from '../test/fixtures.ts';
import { refuse, serve, until } from '../test/scripted-server.ts';
import { ConnectionError, InvalidResponseError, NotFoundError, TimeoutError } from './errors.ts';
import type { TaskResult } from './types.ts';

const LINES = Array.from({ length: 40 }, (_, index) => `${JSON.stringify(aTask(index))}\n`).join('');
const BYTES = Buffer.from(LINES);

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-trace-id': 'trc_9' });
}

const ENDS = [...BYTES.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
const held = new Set<ServerResponse>();
let heldAfter = -1;

/** Sends so many lines and half of the next. The connection is closed once the last of them has been read. */
function breakAfter(response: ServerResponse, lines: number): void {
  begin(response);
  held.add(response);
  heldAfter = lines - 1;
  response.write(BYTES.subarray(0, ENDS[lines - 1]! + 40));
}

async function indexes(results: AsyncIterable<TaskResult>, into: number[] = []): Promise<number[]> {
  for await (const { index } of results) {
    into.push(index);
    if (index === heldAfter) for (const response of held) response.destroy();
  }
  return into;
}

const ALL = Array.from({ length: 40 }, (_, index) => index);

test('results arrive in order whatever the pieces of the body, also inside a character', async () => {
  const server = await serve((_, response) => {
    begin(response);
    for (let at = 0; at < BYTES.length; at += 7) response.write(BYTES.subarray(at, at + 7));
    response.end();
  });
  const prompts: string[] = [];
  const results = clientFor(server.url).batches.results('bat_1', { links: 'download', expires_in: 60 });
  for await (const { prompt } of results) prompts.push(prompt);
  expect(prompts).toEqual(ALL.map((index) => `提示 ${index} 🎬`));
  expect(server.seen[0]!.url.search).toBe('?format=jsonl&links=download&expires_in=60');
});

test('results that break off, cleanly or not, are resumed and every task is given once', async () => {
  const server = await serve((_, response, at) => {
    if (at === 0) {
      breakAfter(response, 4);
      return;
    }
    if (at === 1) {
      breakAfter(response, 11);
      return;
    }
    begin(response);
    // A proxy that ends a broken answer politely: only the half line shows it.
    response.end(at === 2 ? BYTES.subarray(0, 5_000) : BYTES);
  });
  expect(await indexes(clientFor(server.url).batches.results('bat_1'))).toEqual(ALL);
  expect(server.seen).toHaveLength(4);
});

test('tries in a row that bring nothing new end in ConnectionError', async () => {
  const server = await serve((_, response, at) => {
    if (at === 0) {
      breakAfter(response, 4);
      return;
    }
    begin(response);
    response.end(BYTES.subarray(0, ENDS[3]! + 40));
  });
  const got: number[] = [];
  await expect(indexes(clientFor(server.url).batches.results('bat_1'), got)).rejects.toBeInstanceOf(ConnectionError);
  expect(got).toEqual([0, 1, 2, 3]);
  expect(server.seen).toHaveLength(3);
});

test('with maxRetries 0 a broken answer is not asked for again', async () => {
  const server = await serve((_, response) => breakAfter(response, 4));
  const results = clientFor(server.url, { maxRetries: 0 }).batches.results('bat_1');
  await expect(indexes(results)).rejects.toBeInstanceOf(ConnectionError);
  expect(server.seen).toHaveLength(1);
});

test('a stream that goes silent ends in TimeoutError, a slow reader does not', async () => {
  const silent = await serve((_, response) => {
    begin(response);
    response.write(BYTES.subarray(0, 1_000));
  });
  const options = { timeoutMs: 150, maxRetries: 0 };
  await expect(indexes(clientFor(silent.url, options).batches.results('bat_1'))).rejects.toBeInstanceOf(TimeoutError);
  const server = await serve((_, response) => {
    begin(response);
    response.end(BYTES);
  });
  const got: number[] = [];
  for await (const { index } of clientFor(server.url, options).batches.results('bat_1')) {
    if (index === 0) await new Promise((resolve) => setTimeout(resolve, 300));
    got.push(index);
  }
  expect(got).toEqual(ALL);
});

test('leaving the loop closes the connection', async () => {
  const server = await serve((_, response) => {
    begin(response);
    response.write(BYTES.subarray(0, 1_000));
  });
  for await (const { index } of clientFor(server.url).batches.results('bat_1')) if (index === 0) break;
  await until(() => server.hungUp.length === 1);
});

test('a refusal and a line that is no task are errors, and the headers are at hand', async () => {
  const missing = await serve((_, response) => refuse(response, 404, 'not_found'));
  await expect(indexes(clientFor(missing.url).batches.results('bat_1'))).rejects.toBeInstanceOf(NotFoundError);
  const odd = await serve((_, response) => {
    begin(response);
    response.end('{"hello":1}\n');
  });
  const results = clientFor(odd.url).batches.results('bat_1');
  expect((await results.withResponse()).traceId).toBe('trc_9');
  await expect(indexes(results)).rejects.toBeInstanceOf(InvalidResponseError);
});

test('a ledger export is a stream of its bytes, and one that breaks off is an error', async () => {
  const server = await serve((_, response, at) => {
    begin(response);
    if (at === 0) response.end(BYTES);
    else response.write(BYTES.subarray(0, 2_000), () => response.destroy());
  });
  const { ledger } = clientFor(server.url);
  const stream = await ledger.export({ format: 'jsonl', from: new Date(0) });
  expect(await new Response(stream).text()).toBe(LINES);
  expect(server.seen[0]!.url.searchParams.get('format')).toBe('jsonl');
  await expect(new Response(await ledger.export()).text()).rejects.toThrow();
});
