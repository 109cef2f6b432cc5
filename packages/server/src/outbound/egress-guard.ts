/**
 * The one guard for every URL that a customer gives us. It reads the URL with the same parser that the request is made
 * with, judges literals at once, and hands the connector addresses that it has checked, so that nothing can change
 * between the check and the connection.
 */
import { isIP } from 'node:net';
import { createAddressCheck, type AddressCheck, type AddressRule } from './address-rules.ts';
import { MAX_URL_LENGTH, PUBLIC_PORTS } from './limits.ts';
import type { NameResolver } from './name-resolver.ts';

export type EgressRule =
  'malformed_url' | 'scheme' | 'https_required' | 'userinfo' | 'port' | 'ip_literal' | AddressRule;

/** Refused by a rule, which the message names. Safe to show: of the target it says what the customer wrote. */
export class EgressRefusal extends Error {
  override readonly name = 'EgressRefusal';
  readonly rule: EgressRule;
  constructor(rule: EgressRule, message: string) {
    super(`${message} (rule: ${rule})`);
    this.rule = rule;
  }
}

/** No address could be had: the name does not exist, or its servers do not answer. */
export class NameLookUpError extends Error {
  override readonly name = 'NameLookUpError';
}

export interface EgressGuard {
  /** Judges the form of a URL, and its host when that is an address. Throws `EgressRefusal`. */
  checkUrl(text: string): URL;
  /** The addresses of a URL's host name, all checked. Throws `EgressRefusal` or `NameLookUpError`. */
  resolve(hostname: string): Promise<readonly string[]>;
  /** Judges an address; throws `EgressRefusal`. For what a socket is connected to in the end. */
  checkAddress(address: string): void;
}

export interface EgressGuardOptions {
  /** RUSHES_WEBHOOK_ALLOW_CIDRS: addresses that may be reached although they are not public, over http too. */
  readonly allowCidrs: readonly string[];
  /** Addresses that are refused although they are public. */
  readonly denyCidrs?: readonly string[];
  /** Development: http and any port are accepted for every host. Addresses are checked all the same. */
  readonly development: boolean;
  /** Ports of public hosts; any port of an allowed address may be reached. */
  readonly ports?: readonly number[];
  readonly resolver: NameResolver;
}

const LOCALHOST_ADDRESSES = ['127.0.0.1', '::1'];

/** The host as an address, without the brackets of a URL; null for a name. */
function literalOf(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? null : bare;
}

/** RFC 6761, section 6.3: these names are loopback and no name server is asked. */
function isLocalhost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost');
}

function parseUrl(text: string): URL {
  if (text.length > MAX_URL_LENGTH) {
    throw new EgressRefusal('malformed_url', `The URL is longer than ${MAX_URL_LENGTH} characters`);
  }
  // The parser drops blanks and control characters silently; what is stored would not be what is called.
  if (/[\s\p{Cc}\p{Cs}]/u.test(text)) {
    throw new EgressRefusal('malformed_url', 'The URL contains spaces or control characters');
  }
  // Lenient about slashes too: `https:host` and `https:\\host` are the same to it and to nobody else.
  const url = /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null)
    throw new EgressRefusal('malformed_url', 'This is not an absolute URL such as https://example.com/hook');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new EgressRefusal('scheme', `${url.protocol}// is not supported, only https://`);
  }
  const authority = /^https?:\/\/([^/?#\\]+)/i.exec(text)?.[1];
  if (authority === undefined) throw new EgressRefusal('malformed_url', 'The URL must start with https:// and a host');
  if (authority.includes('@')) {
    throw new EgressRefusal(
      'userinfo',
      'The URL must not have a user name or password, because they would appear in logs',
    );
  }
  if (/^\.|\.\.|^$/.test(url.hostname))
    throw new EgressRefusal('malformed_url', 'The host name has an empty part between dots');
  return url;
}

/** Builds the guard; throws when a range of the operator's is malformed. */
export function createEgressGuard(options: EgressGuardOptions): EgressGuard {
  const judge: AddressCheck = createAddressCheck(options);
  const ports = options.ports ?? PUBLIC_PORTS;

  const refuseAddress = (rule: AddressRule, what: string): never => {
    throw new EgressRefusal(rule, `${what} is not a public address`);
  };

  /** Whether the operator allowed this very host, which then may use http and any port. */
  const checkHost = (hostname: string): boolean => {
    const literal = literalOf(hostname);
    const addresses = literal === null ? (isLocalhost(hostname) ? LOCALHOST_ADDRESSES : []) : [literal];
    const verdicts = addresses.map(judge);
    const allowedByOperator = verdicts.some((verdict) => verdict.allowed && verdict.byOperator);
    const refused = verdicts.find((verdict) => !verdict.allowed);
    // One of localhost's two addresses is enough: only that one is then connected to.
    if (refused?.allowed === false && (literal !== null || !allowedByOperator)) refuseAddress(refused.rule, hostname);
    if (literal !== null && !allowedByOperator) {
      throw new EgressRefusal('ip_literal', `${hostname} is an IP address; use a host name`);
    }
    return allowedByOperator;
  };

  return {
    checkUrl(text) {
      const url = parseUrl(text);
      const allowedByOperator = checkHost(url.hostname);
      if (options.development || allowedByOperator) return url;
      if (url.protocol !== 'https:') throw new EgressRefusal('https_required', 'The URL must use https');
      const port = url.port === '' ? 443 : Number(url.port);
      if (!ports.includes(port)) {
        throw new EgressRefusal('port', `Port ${port} is not one of ${ports.join(', ')}`);
      }
      return url;
    },

    async resolve(hostname) {
      const literal = literalOf(hostname);
      if (literal !== null || isLocalhost(hostname)) {
        checkHost(hostname);
        return literal === null ? LOCALHOST_ADDRESSES.filter((address) => judge(address).allowed) : [literal];
      }
      let addresses: readonly string[];
      try {
        addresses = await options.resolver(hostname);
      } catch (error) {
        throw new NameLookUpError(`the host name could not be looked up${codeOf(error)}`, { cause: error });
      }
      if (addresses.length === 0) throw new NameLookUpError('the host name has no address');
      for (const address of addresses) {
        const verdict = judge(address);
        // One private answer among public ones is how rebinding begins, so the name as a whole is refused.
        if (!verdict.allowed) refuseAddress(verdict.rule, `${hostname} has an IP address that`);
      }
      return addresses;
    },

    checkAddress(address) {
      const verdict = judge(address);
      if (!verdict.allowed) refuseAddress(verdict.rule, 'The address that was connected to');
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
}

const foreignGuard = createEgressGuard({
  allowCidrs: [],
  development: false,
  resolver: () => Promise.reject(new Error('what others fetch is looked up by them')),
});

/**
 * Judges a URL that we hand on to somebody else to fetch, by its form and by the address in it if there is one: https, a
 * port of the web, no user name, a host name that is not `localhost`. What the operator allows for our own network does not
 * count, as it is not from there that the URL is fetched; and no name server is asked, so that a submission of 10,000
 * such URLs costs milliseconds. Throws `EgressRefusal`.
 */
export function checkForeignUrl(text: string): URL {
  return foreignGuard.checkUrl(text);
}
