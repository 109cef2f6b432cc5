import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accountIds, endpointIds } from '@rushes/contract';
import { systemRandom } from '../system/index.ts';
import { createSecretSealer } from './secret-sealing.ts';

const key = new Uint8Array(randomBytes(32));
const sealer = createSecretSealer({ key, random: systemRandom });
const row = { accountUuid: accountIds.newUuid(systemRandom), endpointUuid: endpointIds.newUuid(systemRandom) };
const secret = new Uint8Array(randomBytes(32));

describe('a sealed webhook secret', () => {
  it('opens for the row that it was sealed for, and looks different each time', () => {
    const sealed = sealer.seal(secret, row);
    expect(Buffer.from(sealer.unseal(sealed, row)).equals(secret)).toBe(true);
    expect(Buffer.from(sealed).includes(Buffer.from(secret))).toBe(false);
    expect(Buffer.from(sealer.seal(secret, row)).equals(sealed)).toBe(false);
  });

  it('opens for no other account and no other endpoint', () => {
    const sealed = sealer.seal(secret, row);
    expect(() => sealer.unseal(sealed, { ...row, accountUuid: accountIds.newUuid(systemRandom) })).toThrow(
      'another row',
    );
    expect(() => sealer.unseal(sealed, { ...row, endpointUuid: endpointIds.newUuid(systemRandom) })).toThrow(
      'another row',
    );
  });

  it('does not open once any byte of it was changed or is missing', () => {
    const sealed = Buffer.from(sealer.seal(secret, row));
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => sealer.unseal(changed, row), `byte ${at}`).toThrow();
      expect(() => sealer.unseal(sealed.subarray(0, at), row), `length ${at}`).toThrow();
    }
  });

  it('opens with a retired key while the server secret is changed, and names the cause without it', () => {
    const sealed = sealer.seal(secret, row);
    const next = new Uint8Array(randomBytes(32));
    const rotated = createSecretSealer({ key: next, retiredKeys: [key], random: systemRandom });
    expect(Buffer.from(rotated.unseal(sealed, row)).equals(secret)).toBe(true);
    const forgetful = createSecretSealer({ key: next, random: systemRandom });
    expect(() => forgetful.unseal(sealed, row)).toThrow('RUSHES_SECRET_KEY');
  });
});
