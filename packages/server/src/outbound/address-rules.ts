/**
 * Which IP addresses a customer's URL may lead to: only what the public internet routes. Sources: IANA's special-purpose
 * address registries for IPv4 and IPv6 (RFC 6890 and successors) and the metadata services that clouds document.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Why an address is refused. Stable: it stands in refusals and in the delivery log. */
export type AddressRule =
  | 'unspecified'
  | 'this_network'
  | 'loopback'
  | 'private'
  | 'carrier_grade_nat'
  | 'link_local'
  | 'cloud_metadata'
  | 'ietf_protocol'
  | 'documentation'
  | 'benchmarking'
  | 'six_to_four'
  | 'ipv4_compatible'
  | 'multicast'
  | 'reserved'
  | 'not_global_unicast'
  | 'zone_id'
  | 'denied_by_operator'
  | 'not_an_address';

export type AddressVerdict =
  { readonly allowed: true; readonly byOperator: boolean } | { readonly allowed: false; readonly rule: AddressRule };

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** Earlier lines win, so that a metadata address inside a wider range is called what it is. */
const IPV4_RULES: readonly (readonly [cidr: string, rule: AddressRule])[] = [
  ['169.254.169.254/32', 'cloud_metadata'], // AWS, Azure, Google, DigitalOcean, Oracle, Hetzner
  ['169.254.170.0/24', 'cloud_metadata'], // AWS container credentials
  ['169.254.42.42/32', 'cloud_metadata'], // Scaleway
  ['168.63.129.16/32', 'cloud_metadata'], // Azure's host, a public address
  ['100.100.100.200/32', 'cloud_metadata'], // Alibaba
  ['192.0.0.192/32', 'cloud_metadata'], // Oracle, classic
  ['0.0.0.0/32', 'unspecified'],
  ['0.0.0.0/8', 'this_network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier_grade_nat'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link_local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'ietf_protocol'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'ietf_protocol'], // AS112
  ['192.52.193.0/24', 'ietf_protocol'], // AMT
  ['192.88.99.0/24', 'six_to_four'], // relay anycast, deprecated
  ['192.168.0.0/16', 'private'],
  ['192.175.48.0/24', 'ietf_protocol'], // AS112
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
];

/** What is left over by these must lie in 2000::/3, the only part of IPv6 that is given out for public use. */
const IPV6_RULES: readonly (readonly [cidr: string, rule: AddressRule])[] = [
  ['fd00:ec2::254/128', 'cloud_metadata'], // AWS
  ['fd20:ce::254/128', 'cloud_metadata'], // Google
  ['fd00:42::42/128', 'cloud_metadata'], // Scaleway
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['64:ff9b:1::/48', 'private'], // NAT64 for local use
  ['100::/64', 'reserved'], // discard
  ['2001::/23', 'ietf_protocol'], // Teredo, ORCHID, benchmarking, AMT
  ['2001:db8::/32', 'documentation'],
  ['2620:4f:8000::/48', 'ietf_protocol'], // AS112
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'private'], // unique local
  ['fe80::/10', 'link_local'],
  ['fec0::/10', 'private'], // site-local, deprecated
  ['ff00::/8', 'multicast'],
];

const IPV4_RANGES = IPV4_RULES.map(([cidr, rule]) => ({ range: parseCidr(cidr), rule }));
const IPV6_RANGES = IPV6_RULES.map(([cidr, rule]) => ({ range: parseCidr(cidr), rule }));

const GLOBAL_UNICAST = parseCidr('2000::/3');
const IPV4_COMPATIBLE = parseCidr('::/96');
const NAT64 = parseCidr('64:ff9b::/96');
const SIX_TO_FOUR = parseCidr('2002::/16');

/** A range, or a single address as the range of itself. Throws for anything else. */
function parseCidr(text: string): Range {
  const [address = '', prefix] = text.split('/');
  const width = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) || Number(prefix ?? width) > width) {
    throw new Error(`not an address or CIDR range: ${text}`);
  }
  return [ipaddr.parse(address), Number(prefix ?? width)];
}

function contains([network, prefix]: Range, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, prefix);
}

/** The IPv4 address that an IPv6 one stands for, and whether reaching it that way is acceptable at all. */
function embeddedIpv4(address: ipaddr.IPv6): { inner: ipaddr.IPv4; otherwise: AddressRule | null } | null {
  const bytes = address.toByteArray();
  if (address.isIPv4MappedAddress()) return { inner: address.toIPv4Address(), otherwise: null };
  // DNS64 gives these out for public hosts in networks that have IPv6 only (RFC 6147).
  if (contains(NAT64, address)) return { inner: new ipaddr.IPv4(bytes.slice(12)), otherwise: null };
  if (contains(SIX_TO_FOUR, address)) return { inner: new ipaddr.IPv4(bytes.slice(2, 6)), otherwise: 'six_to_four' };
  const low = bytes.slice(12);
  // :: and ::1 lie in this range too, and have names of their own.
  if (contains(IPV4_COMPATIBLE, address) && !/^::1?$/.test(address.toString())) {
    return { inner: new ipaddr.IPv4(low), otherwise: 'ipv4_compatible' };
  }
  return null;
}

function builtInRule(address: Address): AddressRule | null {
  if (address instanceof ipaddr.IPv4) return IPV4_RANGES.find(({ range }) => contains(range, address))?.rule ?? null;
  const embedded = embeddedIpv4(address);
  if (embedded !== null) return builtInRule(embedded.inner) ?? embedded.otherwise;
  const special = IPV6_RANGES.find(({ range }) => contains(range, address));
  if (special !== undefined) return special.rule;
  return contains(GLOBAL_UNICAST, address) ? null : 'not_global_unicast';
}

export interface AddressRuleOptions {
  /** Ranges that are allowed although they are not public. */
  readonly allowCidrs: readonly string[];
  /** Ranges that are refused whatever else holds. */
  readonly denyCidrs?: readonly string[];
}

/** Judges one address in its textual form, as a URL, a name server or a socket gives it. */
export type AddressCheck = (address: string) => AddressVerdict;

/** Builds the check; throws when a range of the operator's is malformed. */
export function createAddressCheck({ allowCidrs, denyCidrs = [] }: AddressRuleOptions): AddressCheck {
  const allowed = allowCidrs.map(parseCidr);
  const denied = denyCidrs.map(parseCidr);

  return (text) => {
    if (text.includes('%')) return { allowed: false, rule: 'zone_id' };
    if (isIP(text) === 0) return { allowed: false, rule: 'not_an_address' };
    const address = ipaddr.parse(text);
    const embedded = address instanceof ipaddr.IPv6 ? embeddedIpv4(address) : null;
    const forms = embedded === null ? [address] : [address, embedded.inner];
    if (denied.some((range) => forms.some((form) => contains(range, form)))) {
      return { allowed: false, rule: 'denied_by_operator' };
    }
    if (allowed.some((range) => forms.some((form) => contains(range, form)))) {
      return { allowed: true, byOperator: true };
    }
    const rule = builtInRule(address);
    return rule === null ? { allowed: true, byOperator: false } : { allowed: false, rule };
  };
}
