import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { isUnavailable, openDatabase, type Database } from './index.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

function open(url: string, answerTimeoutMs?: number): Database {
  return openDatabase({
    url,
    applicationName: 'test',
    maxConnections: 1,
    onConnectionError: () => undefined,
    ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
  });
}

/** The way to the database, on which everything can get lost without a reset, as behind a host that lost its power. */
async function openWay(url: string): Promise<{ url: string; losing: boolean; lost: number; close(): Promise<void> }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(Number(port), hostname);
    // What was connected while everything got lost stays lost.
    let lost = false;
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => {
        lost ||= way.losing;
        if (lost) way.lost += 1;
        else to.write(chunk);
      });
    };
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  const way = {
    url: own.href,
    losing: false,
    lost: 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return way;
}

describe('a database', () => {
  it('that does not answer any more is unavailable after a while, not waited for, for ever, and reached again later', async () => {
    const way = await openWay(database.appUrl);
    const db = open(way.url, 300);
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    way.losing = true;
    const failed = await db.query('SELECT 2').catch((error: unknown) => error);
    expect(isUnavailable(failed)).toBe(true);
    way.losing = false;
    expect(await db.query('SELECT 3 AS three')).toEqual([{ three: 3 }]);

    way.lost = 0;
    const inTransaction = await db
      .transaction(async (tx) => {
        way.losing = true;
        await tx.query('SELECT 4');
      })
      .catch((error: unknown) => error);
    expect(isUnavailable(inTransaction)).toBe(true);
    // Nothing more is asked on a connection that is silent: each question would be waited for.
    expect(way.lost).toBe(1);
    way.losing = false;
    expect(await db.query('SELECT 5 AS five')).toEqual([{ five: 5 }]);
    await db.close();
    await way.close();
  });

  it('never says that a transaction was committed of which a failed statement was ignored', async () => {
    const db = open(database.appUrl);
    const outcome = db.transaction(async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => undefined);
      return 'done';
    });
    await expect(outcome).rejects.toThrow('rolled back');
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await db.close();
  });
});
