import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EventServer } from './event-server.ts';
import { rushes, type RunOptions, type Running, scratchFolder, startRushes } from './rushes.ts';
import { freePort, startReceiver } from './webhook-receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const SIGNED = { RUSHES_WEBHOOK_SECRET: SECRET };

interface Listener extends Running {
  lines: () => { kind: string; [name: string]: unknown }[];
}

function listen(server: EventServer, flags: string[], options: RunOptions = {}): Listener {
  const started = startRushes(['webhooks', 'listen', '--heartbeat', '1', ...flags], { server, ...options });
  return {
    ...started,
    lines: () =>
      started
        .stdout()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { kind: string }),
  };
}

const poll = <T>(look: () => T) => expect.poll(look, { timeout: 20_000, interval: 20 });

describe('listening', () => {
  test('every event reaches the receiver once and in order, signed with the secret that is shown; Ctrl-C says how to go on', async () => {
    const server = await new EventServer().start();
    const receiver = await startReceiver();
    server.add(3);
    const listener = listen(server, ['--forward-to', receiver.url, '--from', 'beginning']);
    await poll(() => receiver.received.length).toBe(3);
    server.add(1, 'batch.completed');
    await poll(() => listener.stdout().split('\n').length).toBe(5);
    await poll(listener.stderr).toContain('no new event after event 4');
    const secret = /Signed with (whsec_\S+)/.exec(listener.stderr())?.[1] ?? '';
    const events = await receiver.events(secret);
    expect(events).toEqual(server.events.map(({ seq: _, ...event }) => event));
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_2', 'evt_3', 'evt_4']);
    expect(listener.stdout()).toMatch(/^4 {2}2026-11-20 12:00:00 {2}batch\.completed {2}evt_4 {2}204 in \d+ ms$/m);
    listener.interrupt();
    const { code, stderr } = await listener.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('after event 4: 4 delivered, 0 given up');
    expect(stderr).toContain(`rushes webhooks listen --forward-to ${receiver.url} --from 4\n`);
  });

  test('nothing is missed and nothing comes twice while the server is killed and started again', async () => {
    const server = await new EventServer().start();
    const receiver = await startReceiver();
    const listener = listen(server, ['--forward-to', receiver.url, '--from', 'beginning', '--json'], { env: SIGNED });
    for (let round = 1; round <= 3; round += 1) {
      server.add(100);
      await poll(() => receiver.received.length).toBeGreaterThanOrEqual(round * 200 - 190);
      await server.kill();
      server.add(100);
      await poll(() => listener.lines().filter(({ kind }) => kind === 'disconnected').length).toBeGreaterThanOrEqual(1);
      await server.start();
      await poll(() => receiver.received.length).toBe(round * 200);
    }
    await poll(() => listener.lines().filter(({ kind }) => kind === 'event').length).toBe(600);
    expect((await receiver.events(SECRET)).map(({ id }) => id)).toEqual(server.events.map(({ id }) => id));
    expect(listener.lines().filter(({ kind }) => kind === 'connected').length).toBeGreaterThanOrEqual(1);
  });

  test('from now on begins behind the last event, however many there are', async () => {
    for (const count of [0, 1, 199, 200, 201, 5_000]) {
      const server = await new EventServer().start();
      server.add(count);
      const listener = listen(server, ['--json']);
      await poll(listener.stdout).toContain('listening');
      expect(listener.lines()[0]).toEqual({ kind: 'listening', server: server.url, cursor: count, forward_to: null });
      expect(server.asked.length).toBeLessThan(30);
      server.add(1, 'batch.completed');
      await poll(() => listener.lines().find(({ kind }) => kind === 'event')).toMatchObject({
        event: { seq: count + 1 },
        delivery: null,
      });
      listener.interrupt();
      await listener.ended;
    }
  });

  test('only the events that are asked for are shown, and the cursor passes the others', async () => {
    const server = await new EventServer().start();
    server.add(2);
    server.add(1, 'batch.completed');
    server.add(1, 'batch.paused');
    server.add(1, 'credits.low');
    server.add(1, 'task.failed');
    const listener = listen(server, ['--from', '1', '--events', 'batch.*,credits.low', '--json']);
    await poll(() => listener.lines().some(({ kind, cursor }) => kind === 'heartbeat' && cursor === 6)).toBe(true);
    const shown = listener
      .lines()
      .flatMap(({ kind, event }) => (kind === 'event' ? [(event as { seq: number }).seq] : []));
    expect(shown).toEqual([3, 4, 5]);
  });
});

describe('a receiver that does not take an event', () => {
  test('is asked again with the same webhook-id, then passed over with a line that says so', async () => {
    const server = await new EventServer().start();
    const receiver = await startReceiver([500, 204, 503, 302]);
    server.add(3);
    const flags = ['--forward-to', receiver.url, '--from', 'beginning', '--retries', '1', '--json'];
    const listener = listen(server, flags, { env: SIGNED });
    await poll(() => listener.lines().filter(({ kind }) => kind === 'event').length).toBe(3);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([
      'evt_1',
      'evt_1',
      'evt_2',
      'evt_2',
      'evt_3',
    ]);
    const lines = listener.lines();
    expect(lines.filter(({ kind }) => kind === 'retry')).toMatchObject([
      { seq: 1, status: 500, delivered: false, delay_ms: 1_000 },
      { seq: 2, status: 503, delivered: false },
    ]);
    expect(lines.filter(({ kind }) => kind === 'event').map(({ delivery }) => delivery)).toMatchObject([
      { delivered: true, status: 204, attempts: 2 },
      { delivered: false, status: 302, attempts: 2 },
      { delivered: true, status: 204, attempts: 1 },
    ]);
    listener.interrupt();
    const { code, stdout } = await listener.ended;
    expect(code).toBe(130);
    expect(stdout).toContain('"cursor": 3');
    expect(stdout).toContain('"failed": 1');
  });

  test('is waited for when it is not running, and Ctrl-C meanwhile leaves the event to come back to', async () => {
    const server = await new EventServer().start();
    const port = await freePort();
    server.add(2);
    const to = `${port}/hook`;
    const first = listen(server, ['--forward-to', to, '--from', '1', '--retries', '0'], { env: SIGNED });
    await poll(first.stderr).toMatch(/2 task\.succeeded: .*ECONNREFUSED.*; again in 1s/);
    first.interrupt();
    const { code, stderr } = await first.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(`--forward-to ${to} --from 1\n`);

    const second = listen(server, ['--forward-to', to, '--from', '1', '--retries', '0'], { env: SIGNED });
    await poll(second.stderr).toContain('again in 1s');
    const receiver = await startReceiver([], port);
    await poll(second.stdout).toMatch(/^2 .* 204 in/m);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('the secret', () => {
  test('of a file is made once, for its owner alone, and used again', async () => {
    const server = await new EventServer().start();
    const receiver = await startReceiver();
    server.add(1);
    const file = join(scratchFolder(), 'secret');
    const flags = ['--forward-to', receiver.url, '--from', 'beginning', '--secret-file', file];
    for (const [round, says] of ['kept in', 'the secret of'].entries()) {
      const listener = listen(server, flags);
      await poll(listener.stderr).toContain(`${says} ${file}`);
      await poll(() => receiver.received.length).toBe(round + 1);
      listener.interrupt();
      expect((await listener.ended).stderr).toContain(`--secret-file ${file} --from 1`);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await receiver.events(readFileSync(file, 'utf8').trim())).toHaveLength(2);
  });

  test('in the environment is not shown', async () => {
    const server = await new EventServer().start();
    const receiver = await startReceiver();
    server.add(1);
    const env = { RUSHES_WEBHOOK_SECRET: `${SECRET} whsec_of_the_rotation` };
    const listener = listen(server, ['--forward-to', receiver.url, '--from', '0'], { env });
    await poll(() => receiver.received.length).toBe(1);
    expect(await receiver.events(SECRET)).toHaveLength(1);
    expect(listener.stderr() + listener.stdout()).not.toContain('whsec_');
  });
});

describe('listening ends at once', () => {
  test('when the server refuses for good, also later on', async () => {
    const server = await new EventServer().start();
    server.refusals.push(401);
    expect((await rushes(['webhooks', 'listen'], { server })).code).toBe(3);
    const listener = listen(server, ['--from', '0', '--json']);
    await poll(listener.stdout).toContain('heartbeat');
    server.refusals.push(503, 403);
    const { code, stdout } = await listener.ended;
    expect(code).toBe(3);
    expect(stdout).toContain('"kind":"disconnected"');
  });

  test.each([
    [['--from', 'yesterday'], /--from must be/],
    [['--events', 'Batch!'], /A type of event looks like/],
    [['--forward-to', 'ftp://x'], /not an http or https URL/],
    [['--forward-to', 'http://user:secret@x/'], /not an http or https URL/],
  ])('when it cannot be meant: %j', async (flags, message) => {
    const { code, stderr } = await rushes(['webhooks', 'listen', ...flags]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('when the secret cannot be read or is not a secret', async () => {
    const server = await new EventServer().start();
    const folder = scratchFolder();
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'empty'), '\n');
    const flags = ['webhooks', 'listen', '--forward-to', '8080', '--secret-file'];
    for (const name of ['a', 'empty', 'missing/secret']) {
      expect((await rushes([...flags, join(folder, name)], { server })).code).toBe(2);
    }
    const env = { RUSHES_WEBHOOK_SECRET: 'whsec_short' };
    const bad = await rushes(['webhooks', 'listen', '--forward-to', '8080', '--from', '0'], { server, env });
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('The webhook secret is not valid');
  });
});
