/** The webhooks room over a real database with a settable clock, as its tests need it. */
import { randomBytes } from 'node:crypto';
import {
  endpointIds,
  type EventType,
  type WebhookDelivery,
  type AccountUuid,
  type EndpointUuid,
} from '@rushes/contract';
import { createTestDatabase } from '../database.ts';
import { silentLogger } from '../silent-logger.ts';
import { createAccount } from '../../src/accounts/index.ts';
import { openDatabase, type Database } from '../../src/db/index.ts';
import type { Logger } from '../../src/ports.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { listDeliveries } from '../../src/webhooks/deliveries.ts';
import { createEgressGuard, type EgressGuard } from '../../src/outbound/index.ts';
import { insertEndpoint, prepareEndpoint } from '../../src/webhooks/endpoints.ts';
import { createSecretSealer, type SecretSealer } from '../../src/webhooks/secret-sealing.ts';
import { startDelivery, type Delivery, type DeliveryOptions } from '../../src/webhooks/start-delivery.ts';
import { createWebhookSender, type WebhookSender } from '../../src/webhooks/webhook-sender.ts';

export interface MadeEndpoint {
  readonly accountUuid: AccountUuid;
  readonly endpointUuid: EndpointUuid;
  readonly secret: string;
}

export interface WebhookRoom {
  /** As the application. */
  readonly db: Database;
  readonly admin: Database;
  readonly appUrl: string;
  readonly sealingKey: Uint8Array;
  readonly sealer: SecretSealer;
  readonly guard: EgressGuard;
  account(): Promise<AccountUuid>;
  endpoint(accountUuid: AccountUuid, url: string, events?: readonly EventType[]): Promise<MadeEndpoint>;
  /** Appends events as the rest of the server does; returns their numbers. */
  events(accountUuid: AccountUuid, count: number, type?: EventType, endpointUuid?: EndpointUuid): Promise<number[]>;
  /** Moves `rushes_now()` on. */
  advance(ms: number): Promise<void>;
  /** Starts the loops; stopped by `close` at the latest. */
  deliver(options?: Partial<DeliveryOptions>): Delivery;
  sender(timeoutMs?: number): WebhookSender;
  deliveries(accountUuid: AccountUuid): Promise<WebhookDelivery[]>;
  close(): Promise<void>;
}

/** Polls until `look` gives something; a condition that never comes fails by the test's own time limit. */
export async function until<T>(look: () => Promise<T | null> | T | null): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    await systemClock.sleep(10);
  }
}

const SETTABLE_CLOCK = `
CREATE TABLE test_clock (ahead interval NOT NULL);
INSERT INTO test_clock VALUES ('0');
GRANT SELECT ON test_clock TO PUBLIC;
CREATE OR REPLACE FUNCTION rushes_now() RETURNS timestamptz LANGUAGE sql VOLATILE
AS $$ SELECT clock_timestamp() + ahead FROM public.test_clock $$`;

export async function openWebhookRoom(): Promise<WebhookRoom> {
  const database = await createTestDatabase();
  const connect = (url: string): Database =>
    openDatabase({ url, applicationName: 'rushes-test', maxConnections: 10, onConnectionError: () => undefined });
  const db = connect(database.appUrl);
  const admin = connect(database.adminUrl);
  for (const statement of SETTABLE_CLOCK.split(';\n')) await admin.query(statement);
  const sealingKey = new Uint8Array(randomBytes(32));
  const sealer = createSecretSealer({ key: sealingKey, random: systemRandom });
  const guard = createEgressGuard({
    allowCidrs: ['127.0.0.0/8'],
    development: false,
    resolver: () => Promise.reject(new Error('tests ask no name server')),
  });
  const running: Delivery[] = [];
  const senders: WebhookSender[] = [];
  const room: WebhookRoom = {
    db,
    admin,
    appUrl: database.appUrl,
    sealingKey,
    sealer,
    guard,
    account: () => createAccount(db, systemRandom, { name: 'Test', plan: 'pilot', mode: 'live' }),
    async endpoint(accountUuid, url, events = []) {
      const prepared = await prepareEndpoint(
        { random: systemRandom, sealer, guard },
        { accountUuid, url, description: null, events },
      );
      if (!prepared.ok) throw new Error(prepared.refusal.detail);
      const made = await db.transaction((tx) => insertEndpoint(tx, prepared.value));
      if (!made.ok) throw new Error(made.refusal.detail);
      return { accountUuid, endpointUuid: endpointIds.parse(made.value.id)!, secret: made.value.secret! };
    },
    async events(accountUuid, count, type = 'webhook.test', endpointUuid) {
      const rows = await db.query<{ seq: number }>(
        `SELECT append_event($1, $2, NULL, NULL, $3, jsonb_build_object('number', g)) AS seq FROM generate_series(1, $4::integer) g`,
        [accountUuid, type, endpointUuid ?? null, count],
      );
      return rows.map(({ seq }) => seq);
    },
    async advance(ms) {
      await admin.query(`UPDATE test_clock SET ahead = ahead + $1 * interval '1 millisecond'`, [ms]);
    },
    sender(timeoutMs) {
      const sender = createWebhookSender({
        guard,
        clock: systemClock,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
      senders.push(sender);
      return sender;
    },
    deliver(options = {}) {
      const delivery = startDelivery({
        db,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        sealer,
        sender: options.sender ?? room.sender(),
        ...options,
      });
      running.push(delivery);
      return delivery;
    },
    async deliveries(accountUuid) {
      const page = await listDeliveries(db, accountUuid, {}, { limit: 10_000, order: 'asc', cursor: null });
      if (!page.ok) throw new Error(page.refusal.detail);
      return page.value.data;
    },
    async close() {
      await Promise.all(running.map((delivery) => delivery.stop()));
      await Promise.all(senders.map((sender) => sender.close()));
      await Promise.all([db.close(), admin.close()]);
      await database.drop();
    },
  };
  return room;
}

/** A logger that keeps what it is told. */
export function keepingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const keep = (_fields: unknown, message: string): void => void lines.push(message);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
  return { logger, lines };
}
