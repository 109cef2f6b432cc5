import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rushes, scratchFolder } from './rushes.ts';

describe('webhooks verify', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const body = JSON.stringify({
    id: 'evt_1',
    type: 'batch.completed',
    created_at: '2026-11-20T12:00:00.000Z',
    data: {},
  });

  function sign(timestamp: number, signed = body): string[] {
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(`evt_1.${timestamp}.${signed}`).digest('base64');
    return [`webhook-id: evt_1`, `Webhook-Timestamp: ${timestamp}`, `webhook-signature: v1,${mac}`];
  }

  const asFlags = (headers: string[]): string[] => headers.flatMap((header) => ['-H', header]);
  const env = { RUSHES_WEBHOOK_SECRET: secret, RUSHES_API_KEY: undefined };

  test('a genuine one is shown, without a server or an API key', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const plain = await rushes(['webhooks', 'verify', ...asFlags(sign(now))], { env, stdin: body });
    expect(plain.stderr).toBe('');
    expect({ code: plain.code, stdout: plain.stdout }).toEqual({
      code: 0,
      stdout: 'genuine  batch.completed  evt_1\n',
    });
    const folder = scratchFolder();
    writeFileSync(join(folder, 'headers'), ['POST /hook HTTP/1.1', ...sign(now), ''].join('\r\n'));
    writeFileSync(join(folder, 'body'), body);
    writeFileSync(join(folder, 'secret'), `${secret}\n`);
    const files = [
      '--headers',
      join(folder, 'headers'),
      '--body',
      join(folder, 'body'),
      '--secret-file',
      join(folder, 'secret'),
    ];
    const read = await rushes(['webhooks', 'verify', ...files, '--json'], { env: { RUSHES_API_KEY: undefined } });
    expect(JSON.parse(read.stdout)).toEqual({ valid: true, event: JSON.parse(body) });
  });

  test('another body, another secret and an old one end with 1 and the reason', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const verify = (headers: string[], flags: string[] = [], extra = {}): ReturnType<typeof rushes> =>
      rushes(['webhooks', 'verify', ...asFlags(headers), ...flags, '--json'], {
        env: { ...env, ...extra },
        stdin: body,
      });
    const other = await verify(sign(now, `${body} `));
    expect(other.code).toBe(1);
    expect(JSON.parse(other.stdout)).toMatchObject({ code: 'invalid_signature', reason: 'bad_signature' });
    const wrong = await verify(sign(now), [], {
      RUSHES_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 8).toString('base64')}`,
    });
    expect(JSON.parse(wrong.stdout)).toMatchObject({ reason: 'bad_signature' });
    const old = sign(now - 3_600);
    expect(JSON.parse((await verify(old)).stdout)).toMatchObject({ reason: 'outside_tolerance' });
    expect((await verify(old, ['--any-age'])).code).toBe(0);
    const none = await verify(sign(now), [], { RUSHES_WEBHOOK_SECRET: undefined });
    expect(none.code).toBe(2);
  });
});
