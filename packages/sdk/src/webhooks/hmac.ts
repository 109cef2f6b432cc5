/** HMAC-SHA256 with node:crypto or Web Crypto. */
import type { createHmac, createSecretKey } from 'node:crypto';

/** One secret, ready for any number of signatures. */
export interface HmacKey {
  /** Base64 of the MAC over `head` and `body`, one after the other. */
  base64Mac(head: string, body: string | Uint8Array): string | Promise<string>;
}

interface NodeCrypto {
  readonly createHmac: typeof createHmac;
  readonly createSecretKey: typeof createSecretKey;
}

/**
 * Node's crypto module, if there is one. It is synchronous and several times as fast as Web Crypto
 * (docs/performance-webhooks-clients.md). It is loaded at run time without an import, so that bundlers for browsers and
 * edge runtimes do not fail.
 */
function nodeCrypto(): NodeCrypto | null {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => NodeCrypto | undefined } };
  try {
    return process?.getBuiltinModule?.('node:crypto') ?? null;
  } catch {
    return null;
  }
}

function nodeKey(node: NodeCrypto, bytes: Uint8Array): HmacKey {
  const key = node.createSecretKey(bytes);
  return {
    base64Mac: (head, body) =>
      typeof body === 'string'
        ? node
            .createHmac('sha256', key)
            .update(head + body)
            .digest('base64')
        : node.createHmac('sha256', key).update(head).update(body).digest('base64'),
  };
}

async function webKey(bytes: Uint8Array<ArrayBuffer>): Promise<HmacKey> {
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const encoder = new TextEncoder();
  return {
    async base64Mac(head, body) {
      const first = encoder.encode(head);
      const second = typeof body === 'string' ? encoder.encode(body) : body;
      const bytes = new Uint8Array(first.length + second.length);
      bytes.set(first);
      bytes.set(second, first.length);
      return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes))));
    },
  };
}

/** The key for these bytes: node:crypto where there is one, Web Crypto everywhere else. */
export function importHmacKey(bytes: Uint8Array<ArrayBuffer>): HmacKey | Promise<HmacKey> {
  const node = nodeCrypto();
  return node === null ? webKey(bytes) : nodeKey(node, bytes);
}
