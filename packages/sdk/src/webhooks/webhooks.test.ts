import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EVENT_TYPES } from '@rushes/contract';
import { parseUnverified, signForTest, unwrap, verify, type WebhookEvent, WebhookVerificationError } from './index.ts';

interface Vector {
  id: string;
  timestamp: string;
  body: string;
  secret: string;
  signature: string;
  valid: boolean;
}
const vectors = JSON.parse(
  readFileSync(new URL('../../test/standard-webhooks.json', import.meta.url), 'utf8'),
) as Vector[];

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const EVENT = { id: 'evt_1', type: 'webhook.test', created_at: '2026-11-21T00:00:00.000Z', data: { text: '你好 🎬' } };
const NOW = new Date('2026-11-21T00:00:00.000Z');
const AT_NOW = { now: NOW };

const signed = (event: string | object = EVENT, secret = SECRET) => signForTest(event, secret, { timestamp: NOW });

async function reason(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => new Error('it was accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof WebhookVerificationError)) throw error;
  return error.reason;
}

test.each(vectors)(
  'published vector: body $body is valid: $valid',
  async ({ id, timestamp, body, secret, signature, valid }) => {
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
    const outcome = verify(body, headers, secret, { now: new Date(Number(timestamp) * 1_000) });
    if (valid) await outcome;
    else expect(await reason(outcome)).toBe('bad_signature');
  },
);

describe('together with the reference implementation', () => {
  test('what it signs is accepted', async () => {
    const body = JSON.stringify(EVENT);
    const now = new Date();
    const headers = {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(SECRET).sign('evt_1', now, body),
    };
    expect(await unwrap(body, headers, SECRET)).toEqual(EVENT);
  });

  test('what signForTest signs, it accepts', async () => {
    const { body, headers } = await signForTest(EVENT, SECRET);
    expect(new Webhook(SECRET).verify(body, headers)).toEqual(EVENT);
  });
});

test.each([
  ['text', (body: string) => body],
  ['a Buffer', (body: string) => Buffer.from(body)],
  ['a Uint8Array', (body: string) => new TextEncoder().encode(body)],
  ['an ArrayBuffer', (body: string) => new TextEncoder().encode(body).buffer],
])('the raw body may be %s', async (_, shape) => {
  const { body, headers } = await signed();
  expect(await unwrap(shape(body), headers, SECRET, AT_NOW)).toEqual(EVENT);
});

test('a parsed body is refused with the reason why it cannot work', async () => {
  const { body, headers } = await signed();
  const parsed = unwrap(JSON.parse(body) as never, headers, SECRET, AT_NOW);
  await expect(parsed).rejects.toThrow(/express\.raw/);
  expect(await reason(unwrap(undefined as never, headers, SECRET, AT_NOW))).toBe('body_not_raw');
});

test('headers may be a Headers object, a plain object in any case, or have one-element arrays', async () => {
  const { body, headers } = await signed();
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  const arrays = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  for (const shape of [headers, new Headers(headers), upper, arrays]) {
    await verify(body, shape, SECRET, AT_NOW);
  }
});

test('a header that is missing or came twice is named', async () => {
  const { body, headers } = await signed();
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
    const { [name]: value = '', ...rest } = headers;
    expect(await reason(verify(body, rest, SECRET, AT_NOW))).toBe('missing_header');
    await expect(verify(body, rest, SECRET, AT_NOW)).rejects.toThrow(name);
    expect(await reason(verify(body, { ...rest, [name]: [value, value] }, SECRET, AT_NOW))).toBe('repeated_header');
    expect(await reason(verify(body, { ...headers, [name.toUpperCase()]: 'x' }, SECRET, AT_NOW))).toBe(
      'repeated_header',
    );
  }
  expect(await reason(verify(body, undefined as never, SECRET, AT_NOW))).toBe('missing_header');
});

test('during a rotation any secret fits any signature', async () => {
  const { body, headers } = await signed(EVENT, OTHER);
  const second = (await signed()).headers['webhook-signature'];
  await verify(body, headers, [SECRET, OTHER], AT_NOW);
  const both = { ...headers, 'webhook-signature': `v1a,xyz v1,AAAA ${headers['webhook-signature']} ${second}` };
  await verify(body, both, SECRET, AT_NOW);
  await verify(body, both, OTHER, AT_NOW);
});

test('any changed byte of body, id or timestamp, and a stranger’s signature, are refused', async () => {
  const { body, headers } = await signed();
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    expect(await reason(verify(changed, headers, SECRET, AT_NOW))).toBe('bad_signature');
  }
  const timestamp = String(Number(headers['webhook-timestamp']) + 1);
  const changes = [{ 'webhook-id': 'evt_2' }, { 'webhook-timestamp': timestamp }, { 'webhook-signature': 'v1,' }];
  for (const change of changes) {
    expect(await reason(verify(body, { ...headers, ...change }, SECRET, AT_NOW))).toBe('bad_signature');
  }
  expect(await reason(verify(body, headers, OTHER, AT_NOW))).toBe('bad_signature');
});

test('a header that is cut short, made longer or changed in any place is refused', async () => {
  const { body, headers } = await signed();
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-type') continue;
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      // 'v1,' changed is a version that nobody knows, and a blank in it cuts it short: both are no signature.
      for (const other of [String.fromCharCode(code ^ 1), ' ', '']) {
        const changed = { ...headers, [name]: value.slice(0, at) + other + value.slice(at + 1) };
        await expect(
          verify(body, changed, SECRET, { ...AT_NOW, toleranceSeconds: 1e12 }),
          `${name} at ${at}`,
        ).rejects.toThrow(WebhookVerificationError);
      }
    }
    await expect(verify(body, { ...headers, [name]: `${value}0` }, SECRET, AT_NOW)).rejects.toThrow(
      WebhookVerificationError,
    );
  }
});

test('a signature is compared as it is written: another spelling of the same bytes is none', async () => {
  const { body, headers } = await signed();
  const value = headers['webhook-signature'] ?? '';
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const last = value.charAt(value.length - 2);
  const spelled = `${value.slice(0, -2)}${digits.charAt(digits.indexOf(last) + 1)}=`;
  expect(Buffer.from(spelled.slice(3), 'base64')).toEqual(Buffer.from(value.slice(3), 'base64'));
  for (const other of [spelled, value.slice(0, -1), value.replaceAll('+', '-').replaceAll('/', '_').replace('=', '')]) {
    expect(await reason(verify(body, { ...headers, 'webhook-signature': other }, SECRET, AT_NOW))).toBe(
      'bad_signature',
    );
  }
});

describe('where there is only Web Crypto', () => {
  /** What is made for a secret is kept, so each test needs one that was never seen. */
  const withoutNode = (): void => {
    const { getBuiltinModule } = process;
    Object.assign(process, { getBuiltinModule: undefined });
    onTestFinished(() => void Object.assign(process, { getBuiltinModule }));
  };

  test('signatures are the same ones', async () => {
    const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    withoutNode();
    const { body, headers } = await signed(EVENT, secret);
    const reference = new Webhook(secret).sign('evt_1', NOW, body);
    expect(headers['webhook-signature']).toBe(reference);
    expect(await unwrap(body, headers, [SECRET, secret], AT_NOW)).toEqual(EVENT);
    expect(await unwrap(Buffer.from(body), headers, secret, AT_NOW)).toEqual(EVENT);
    expect(await reason(verify(`${body} `, headers, secret, AT_NOW))).toBe('bad_signature');
  });
});

test('parseUnverified reads the event whatever its signature, and only a raw body', async () => {
  const text = JSON.stringify(EVENT);
  for (const body of [text, Buffer.from(text), new TextEncoder().encode(text).buffer]) {
    expect(parseUnverified(body)).toEqual(EVENT);
  }
  expect(await reason(Promise.resolve().then(() => parseUnverified(EVENT as never)))).toBe('body_not_raw');
  for (const body of ['', '[]', '"x"', '{"type":7}', Buffer.from([0xff])]) {
    expect(await reason(Promise.resolve().then(() => parseUnverified(body)))).toBe('bad_payload');
  }
});

test('more secrets than are kept at a time still fit their own signatures only', async () => {
  const secrets = Array.from(
    { length: 600 },
    (_, at) => `whsec_${Buffer.alloc(32, `secret ${at}`).toString('base64')}`,
  );
  for (const secret of secrets) {
    const { body, headers } = await signed(EVENT, secret);
    await verify(body, headers, secret, AT_NOW);
  }
  const { body, headers } = await signed(EVENT, secrets[0]);
  expect(await reason(verify(body, headers, secrets[1] ?? '', AT_NOW))).toBe('bad_signature');
});

test('300 seconds either way are tolerated, and not one more', async () => {
  const { body, headers } = await signed();
  const after = (seconds: number) => ({ now: new Date(NOW.getTime() + seconds * 1_000) });
  await verify(body, headers, SECRET, after(300));
  await verify(body, headers, SECRET, after(-300));
  expect(await reason(verify(body, headers, SECRET, after(301)))).toBe('outside_tolerance');
  expect(await reason(verify(body, headers, SECRET, after(-301)))).toBe('outside_tolerance');
  await verify(body, headers, SECRET, { ...after(900), toleranceSeconds: 900 });
  await expect(verify(body, headers, SECRET, { ...AT_NOW, toleranceSeconds: Number.NaN })).rejects.toThrow(RangeError);
});

test.each(['', 'soon', '1e9', '-1', '1764547200.5', '9'.repeat(40)])(
  'the timestamp %j is refused',
  async (timestamp) => {
    const { body, headers } = await signed();
    const changed = verify(body, { ...headers, 'webhook-timestamp': timestamp }, SECRET, AT_NOW);
    expect(['bad_timestamp', 'missing_header']).toContain(await reason(changed));
  },
);

test.each(['', 'whsec_', 'whsec_%%%', 'whsec_c2hvcnQ=', undefined, null])(
  'the secret %j is refused',
  async (secret) => {
    const { body, headers } = await signed();
    expect(await reason(verify(body, headers, secret as never, AT_NOW))).toBe('bad_secret');
  },
);

test('a broken secret beside a good one is refused now and not at the next rotation, and is not quoted', async () => {
  const { body, headers } = await signed();
  const outcome = verify(body, headers, [SECRET, 'whsec_%%notbase64%%'], AT_NOW);
  expect(await reason(outcome)).toBe('bad_secret');
  await expect(outcome).rejects.not.toThrow(/notbase64/);
});

test('the number of signatures and secrets is bounded', async () => {
  const { body, headers } = await signed();
  const one = headers['webhook-signature'] ?? '';
  const many = { ...headers, 'webhook-signature': Array.from({ length: 17 }, () => one).join(' ') };
  expect(await reason(verify(body, many, SECRET, AT_NOW))).toBe('bad_signature');
  const huge = { ...headers, 'webhook-signature': `${'v9,x '.repeat(1_000)}${one}` };
  expect(await reason(verify(body, huge, SECRET, AT_NOW))).toBe('bad_signature');
  const secrets = Array.from({ length: 21 }, () => SECRET);
  expect(await reason(verify(body, headers, secrets, AT_NOW))).toBe('bad_secret');
  expect(await reason(verify(body, headers, [], AT_NOW))).toBe('bad_secret');
});

test('a signed body that is no event is refused', async () => {
  for (const body of ['not json', '7', 'null', '{"id":"evt_1"}']) {
    const { headers } = await signed(body);
    expect(await reason(unwrap(body, headers, SECRET, AT_NOW))).toBe('bad_payload');
  }
});

test('every event type of the contract is in the typed union', () => {
  // Compiles only while none is missing.
  type Missing = Exclude<(typeof EVENT_TYPES)[number], WebhookEvent['type']>;
  const missing: Missing[] = [];
  expect(missing).toEqual([]);
  const none: [Missing] extends [never] ? true : false = true;
  expect(none).toBe(true);
});

test('an event of a type that is not known yet passes through', async () => {
  const { body, headers } = await signed({ ...EVENT, type: 'batch.exploded' });
  const event = await unwrap(body, headers, SECRET, AT_NOW);
  switch (event.type) {
    case 'batch.completed':
      // Compiles only while the union is told apart by type.
      expect(event.data.credits.charged).toBe(-1);
      break;
    case 'task.failed':
      expect(event.data.failure?.type).toBe('never');
      break;
    default:
      expect(event.type).toBe('batch.exploded');
  }
});
