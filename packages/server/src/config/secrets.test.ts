import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveSecrets } from './secrets.ts';

describe('keys derived from the server secret', () => {
  const secret = Uint8Array.from({ length: 32 }, (_, at) => at);

  it('are the same every time, and different for every use', () => {
    const once = deriveSecrets(secret);
    expect(deriveSecrets(secret)).toEqual(once);
    const texts = Object.values(once).map((key: Uint8Array) => Buffer.from(key).toString('hex'));
    expect(new Set(texts).size).toBe(4);
    expect(texts.every((text) => text.length === 64)).toBe(true);
  });

  it('are HKDF-SHA256 of RFC 5869 with an empty salt, worked out by hand', () => {
    const extracted = createHmac('sha256', Buffer.alloc(32)).update(secret).digest();
    const expanded = createHmac('sha256', extracted).update('rushes/link-signing/v1').update(Uint8Array.of(1)).digest();
    expect(Buffer.from(deriveSecrets(secret).linkSigning)).toEqual(expanded);
  });

  it('are not made from a secret of another length', () => {
    expect(() => deriveSecrets(secret.subarray(1))).toThrow('32 bytes');
  });
});
