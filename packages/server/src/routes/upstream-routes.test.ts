import { describe, expect, it } from 'vitest';
import { callbackBaseFor, callbackReaders } from './upstream-routes.ts';

const GRSAI = 'https://grsaiapi.com';

describe('the address that an upstream calls back', () => {
  it('is our public one', () => {
    expect(callbackBaseFor('https://rushes.example/base', GRSAI)).toBe('https://rushes.example/base');
    expect(callbackBaseFor('http://93.184.216.34:8080', GRSAI)).toBe('http://93.184.216.34:8080');
    expect(callbackBaseFor(null, GRSAI)).toBeNull();
  });

  it.each(['http://localhost:4600', 'http://127.0.0.1:4600', 'https://10.0.0.7', 'http://[::1]:4600'])(
    'is not %s, unless the upstream is on this machine too',
    (publicUrl) => {
      expect(callbackBaseFor(publicUrl, GRSAI)).toBeNull();
      expect(callbackBaseFor(publicUrl, 'http://127.0.0.1:4700')).toBe(publicUrl);
    },
  );
});

it('a callback says which id to ask for, and whether there is an end to be seen', () => {
  const read = callbackReaders().get('grsai')!;
  const says = (body: object) => read(Buffer.from(JSON.stringify(body)));
  expect(says({ id: 'a', status: 'running', progress: 10 })).toEqual({ upstreamId: 'a', ended: false });
  expect(says({ id: 'a', status: 'failed', failure_reason: 'error' })).toEqual({ upstreamId: 'a', ended: true });
  expect(says({ data: { id: 'a', status: 'succeeded', url: 'https://x/1.mp4' } })).toEqual({
    upstreamId: 'a',
    ended: true,
  });
  expect(says({ status: 'succeeded' })).toBeNull();
});
