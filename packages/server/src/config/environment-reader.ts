/** Reads typed values from an environment and collects all problems, instead of stopping at the first one. */
import ipaddr from 'ipaddr.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export class EnvironmentReader {
  readonly problems: string[] = [];
  readonly #environment: Environment;
  /** What to call a variable in a problem when its value came from a command line option. */
  readonly #shownAs: Readonly<Record<string, string>>;

  constructor(environment: Environment, shownAs: Readonly<Record<string, string>> = {}) {
    this.#environment = environment;
    this.#shownAs = shownAs;
  }

  /** The text, or null when unset or empty: `RUSHES_PORT=` in a compose file means "not set". */
  optional(name: string): string | null {
    const value = this.#environment[name]?.trim();
    return value === undefined || value === '' ? null : value;
  }

  problem(name: string, explanation: string): void {
    this.problems.push(`${this.#shownAs[name] ?? name} ${explanation}`);
  }

  /** Says what the value is; never used for secrets. */
  #malformed(name: string, value: string, wanted: string): void {
    this.problem(name, `is ${JSON.stringify(value)}, but must be ${wanted}`);
  }

  text(name: string, fallback: string, pattern: RegExp, wanted: string): string {
    const value = this.optional(name);
    if (value === null) return fallback;
    if (!pattern.test(value)) this.#malformed(name, value, wanted);
    return value;
  }

  oneOf<const T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.optional(name);
    if (value === null) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.#malformed(name, value, `one of ${choices.join(', ')}`);
    return found ?? fallback;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.optional(name);
    if (value === null) return fallback;
    const parsed = parseInteger(value, min, max);
    if (parsed === null) this.#malformed(name, value, wholeNumber(min, max));
    return parsed ?? fallback;
  }

  /** A decimal from 0 to 1. */
  share(name: string, fallback: number): number {
    const value = this.optional(name);
    if (value === null) return fallback;
    const parsed = /^(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    if (parsed >= 0 && parsed <= 1) return parsed;
    this.#malformed(name, value, 'a number from 0 to 1');
    return fallback;
  }

  /** `min-max`, or one number for both. */
  range(name: string, fallback: readonly [number, number], max: number): readonly [number, number] {
    const value = this.optional(name);
    if (value === null) return fallback;
    const [low = '', high = low, ...more] = value.split('-').map((part) => part.trim());
    const parsed = [parseInteger(low, 0, max), parseInteger(high, 0, max)] as const;
    if (parsed[0] !== null && parsed[1] !== null && parsed[0] <= parsed[1] && more.length === 0)
      return [parsed[0], parsed[1]];
    this.#malformed(name, value, `min-max with min <= max, each ${wholeNumber(0, max)}, for example 200-800`);
    return fallback;
  }

  integers(name: string, fallback: readonly number[], maxLength: number, max: number): readonly number[] {
    const value = this.optional(name);
    if (value === null) return fallback;
    const parts = value.split(',').map((part) => parseInteger(part.trim(), 0, max));
    const numbers = parts.filter((part) => part !== null);
    if (numbers.length === parts.length && parts.length <= maxLength) return numbers;
    this.#malformed(name, value, `1 to ${String(maxLength)} values separated by commas, each ${wholeNumber(0, max)}`);
    return fallback;
  }

  /** `name=number,name=number`. */
  integersByName(name: string, known: readonly string[], min: number, max: number): Readonly<Record<string, number>> {
    const value = this.optional(name);
    const result: Record<string, number> = {};
    for (const pair of value?.split(',') ?? []) {
      const [key = '', number = '', ...more] = pair.split('=').map((part) => part.trim());
      const parsed = parseInteger(number, min, max);
      if (!known.includes(key))
        this.problem(name, `names ${JSON.stringify(key)}, which does not exist; the names are ${known.join(', ')}`);
      else if (key in result) this.problem(name, `names ${key} twice`);
      else if (parsed === null || more.length > 0)
        this.#malformed(name, pair, `name=number, the number ${wholeNumber(min, max)}`);
      else result[key] = parsed;
    }
    return result;
  }

  /** An http(s) address without a trailing slash; it may have a path, and nothing behind that. */
  httpUrl(name: string): string | null {
    const value = this.optional(name);
    if (value === null) return null;
    const url = URL.canParse(value) ? new URL(value) : null;
    const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
    if (isPlain && (url.protocol === 'http:' || url.protocol === 'https:')) return url.href.replace(/\/+$/, '');
    // Not quoted: somebody may have put a password into it.
    this.problem(name, 'must be an http:// or https:// address without user name, query or fragment');
    return null;
  }

  /** Never quoted in a problem: it carries a password. */
  postgresUrl(name: string): string | null {
    const value = this.optional(name);
    if (value === null) return null;
    if (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value)) return value;
    this.problem(name, 'must look like postgres://user:password@host:5432/database');
    return null;
  }

  /** Ranges in canonical form; a single address becomes a range of one. */
  cidrs(name: string): readonly string[] {
    const value = this.optional(name);
    const parts = value?.split(',').map((part) => part.trim()) ?? [];
    return parts.flatMap((part) => {
      const cidr = canonicalCidr(part);
      if (cidr === null)
        this.problem(
          name,
          `has ${JSON.stringify(part)}, which is not an IP address or a range such as 10.0.0.0/8 or fd00::/8`,
        );
      return cidr === null ? [] : [cidr];
    });
  }
}

function parseInteger(text: string, min: number, max: number): number | null {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : null;
}

function wholeNumber(min: number, max: number): string {
  return `a whole number from ${String(min)} to ${String(max)}`;
}

function canonicalCidr(text: string): string | null {
  const [address = ''] = text.split('/');
  // ipaddr.js also reads 010.1 and 0x7f.1 as addresses, each in its own way.
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return null;
  if (!text.includes('/')) {
    const single = ipaddr.parse(address);
    return `${single.toString()}/${single.kind() === 'ipv4' ? '32' : '128'}`;
  }
  if (!ipaddr.isValidCIDR(text)) return null;
  const [parsed, bits] = ipaddr.parseCIDR(text);
  return `${parsed.toString()}/${String(bits)}`;
}
