import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { uuidV7 } from './index.ts';

const MODULE = new URL('./index.ts', import.meta.url).href;

describe('the log', () => {
  it('says what an error was and what caused it, and nothing of the objects a library hung onto it', () => {
    const script = `
      import { createLogger } from ${JSON.stringify(MODULE)};
      const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      const error = Object.assign(new Error('broken', { cause }), { code: '57P01', client: { password: 'secret' } });
      createLogger('info').warn({ err: error }, 'it broke');`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(stderr).not.toContain('secret');
    expect(JSON.parse(stderr)).toMatchObject({
      level: 40,
      msg: 'it broke',
      err: {
        type: 'Error',
        message: 'broken',
        code: '57P01',
        cause: { message: 'refused', code: 'ECONNREFUSED' },
      },
    });
  });
});

describe('a UUIDv7', () => {
  it('begins with its milliseconds and carries version and variant (RFC 9562)', () => {
    expect(uuidV7(0x017f22e279b0, new Uint8Array(10))).toBe('017f22e2-79b0-7000-8000-000000000000');
    expect(uuidV7(0x017f22e279b0, new Uint8Array(10).fill(0xff))).toBe('017f22e2-79b0-7fff-bfff-ffffffffffff');
  });
});
