import { describe, expect, it } from 'vitest';
import {
  checkForeignUrl,
  createEgressGuard,
  EgressRefusal,
  NameLookUpError,
  type EgressGuardOptions,
} from './egress-guard.ts';
import type { NameResolver } from './name-resolver.ts';

const noResolver: NameResolver = () => Promise.reject(new Error('no name server is asked here'));

function guardWith(options: Partial<EgressGuardOptions> = {}) {
  return createEgressGuard({ allowCidrs: [], development: false, resolver: noResolver, ...options });
}

function ruleOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    if (error instanceof EgressRefusal) return error.rule;
    throw error;
  }
  return 'allowed';
}

describe('a URL is refused by its form', () => {
  it.each([
    ['https://example.com/hook', 'allowed'],
    ['https://example.com:8443/hook?x=1', 'allowed'],
    ['https://example.com./hook', 'allowed'],
    ['https://xn--bcher-kva.example/', 'allowed'],
    ['https://bücher.example/', 'allowed'],
    ['http://example.com/hook', 'https_required'],
    ['ftp://example.com/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['javascript:alert(1)', 'scheme'],
    ['gopher://example.com/', 'scheme'],
    ['https://user:pass@example.com/', 'userinfo'],
    ['https://user@example.com/', 'userinfo'],
    ['https://@example.com/', 'userinfo'],
    ['https://example.com@127.0.0.1/', 'userinfo'],
    ['https://example.com:22/', 'port'],
    ['https://example.com:6379/', 'port'],
    ['https://example.com:0/', 'port'],
    ['https://example.com:65536/', 'malformed_url'],
    ['', 'malformed_url'],
    ['/hook', 'malformed_url'],
    ['example.com/hook', 'malformed_url'],
    ['https:example.com', 'malformed_url'],
    ['https:\\\\example.com', 'malformed_url'],
    ['https:///example.com', 'malformed_url'],
    ['https://', 'malformed_url'],
    ['https://exa mple.com/', 'malformed_url'],
    [' https://example.com/', 'malformed_url'],
    ['https://example.com/\n', 'malformed_url'],
    ['ht\ntps://example.com/', 'malformed_url'],
    ['https://example.com/\0', 'malformed_url'],
    ['https://example.com/\ud800', 'malformed_url'],
    ['https://example..com/', 'malformed_url'],
    ['https://./', 'malformed_url'],
    ['https://1.2.3.4.5/', 'malformed_url'],
    ['https://256.1.1.1/', 'malformed_url'],
    ['https://[fe80::1%25eth0]/', 'malformed_url'],
    ['https://[fe80::1%eth0]/', 'malformed_url'],
    ['https://[::1%25lo]/', 'malformed_url'],
    ['https://[::1/', 'malformed_url'],
    [`https://example.com/${'x'.repeat(2_048)}`, 'malformed_url'],
  ])('%j: %s', (url, rule) => {
    expect(ruleOf(() => guardWith().checkUrl(url))).toBe(rule);
  });
});

describe('a URL with an address in it is refused, however the address is written', () => {
  it.each([
    ['https://127.0.0.1/', 'loopback'],
    ['https://127.1/', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0x7f000001/', 'loopback'],
    ['https://0x7f.1/', 'loopback'],
    ['https://0177.0.0.1/', 'loopback'],
    ['https://017700000001/', 'loopback'],
    ['https://127.0.0.1./', 'loopback'],
    ['https://127。0。0。1/', 'loopback'],
    ['https://１２７.0.0.1/', 'loopback'],
    ['https://①②⑦.0.0.1/', 'loopback'],
    ['https://127%2e0%2e0%2e1/', 'loopback'],
    ['https://１２７。０。０。１/', 'loopback'],
    ['https://𝟭𝟮𝟳.𝟬.𝟬.𝟭/', 'loopback'],
    ['https://127｡0｡0｡1/', 'loopback'],
    ['https://0x7f.0.0.01/', 'loopback'],
    ['https://0177.0x0.1/', 'loopback'],
    ['https://0x7F000001/', 'loopback'],
    ['https://0300.0xa8.1/', 'private'],
    ['https://ⓛocalhost/', 'loopback'],
    ['https://localhost/', 'loopback'],
    ['https://LOCALHOST/', 'loopback'],
    ['https://localhost./', 'loopback'],
    ['https://any.localhost/', 'loopback'],
    ['https://[::1]/', 'loopback'],
    ['https://[0:0:0:0:0:0:0:1]/', 'loopback'],
    ['https://[::ffff:127.0.0.1]/', 'loopback'],
    ['https://[::ffff:7f00:1]/', 'loopback'],
    ['https://[::127.0.0.1]/', 'loopback'],
    ['https://[64:ff9b::127.0.0.1]/', 'loopback'],
    ['https://[64:ff9b::7f00:1]/', 'loopback'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'cloud_metadata'],
    ['https://[64:ff9b:1::7f00:1]/', 'private'],
    ['https://[::ffff:0:127.0.0.1]/', 'not_global_unicast'],
    ['https://[0000:0000:0000:0000:0000:ffff:7f00:0001]/', 'loopback'],
    ['https://[2002:7f00:1::]/', 'loopback'],
    ['https://0/', 'unspecified'],
    ['https://0.0.0.0/', 'unspecified'],
    ['https://[::]/', 'unspecified'],
    ['https://0.1.2.3/', 'this_network'],
    ['https://10.0.0.1/', 'private'],
    ['https://172.16.0.1/', 'private'],
    ['https://172.31.255.255/', 'private'],
    ['https://192.168.0.1/', 'private'],
    ['https://[fc00::1]/', 'private'],
    ['https://[fd12:3456::1]/', 'private'],
    ['https://[fec0::1]/', 'private'],
    ['https://[64:ff9b:1::1]/', 'private'],
    ['https://[::ffff:10.0.0.1]/', 'private'],
    ['https://[64:ff9b::a00:1]/', 'private'],
    ['https://[2002:c0a8:1::1]/', 'private'],
    ['https://100.64.0.1/', 'carrier_grade_nat'],
    ['https://100.127.255.255/', 'carrier_grade_nat'],
    ['https://169.254.1.1/', 'link_local'],
    ['https://[fe80::1]/', 'link_local'],
    ['https://169.254.169.254/latest/meta-data/', 'cloud_metadata'],
    ['https://2852039166/', 'cloud_metadata'],
    ['https://[::ffff:a9fe:a9fe]/', 'cloud_metadata'],
    ['https://169.254.170.2/', 'cloud_metadata'],
    ['https://168.63.129.16/', 'cloud_metadata'],
    ['https://100.100.100.200/', 'cloud_metadata'],
    ['https://[fd00:ec2::254]/', 'cloud_metadata'],
    ['https://192.0.0.8/', 'ietf_protocol'],
    ['https://[2001::1]/', 'ietf_protocol'],
    ['https://[2001:10::1]/', 'ietf_protocol'],
    ['https://[2001:1ff::1]/', 'ietf_protocol'],
    ['https://192.0.2.1/', 'documentation'],
    ['https://198.51.100.1/', 'documentation'],
    ['https://203.0.113.1/', 'documentation'],
    ['https://[2001:db8::1]/', 'documentation'],
    ['https://[3fff:fff::1]/', 'documentation'],
    ['https://198.18.0.1/', 'benchmarking'],
    ['https://198.19.255.255/', 'benchmarking'],
    ['https://192.88.99.1/', 'six_to_four'],
    ['https://[2002:808:808::1]/', 'six_to_four'],
    ['https://[::8.8.8.8]/', 'ipv4_compatible'],
    ['https://224.0.0.1/', 'multicast'],
    ['https://[ff02::1]/', 'multicast'],
    ['https://240.0.0.1/', 'reserved'],
    ['https://255.255.255.255/', 'reserved'],
    ['https://[100::1]/', 'reserved'],
    ['https://[5f00::1]/', 'not_global_unicast'],
    ['https://[4000::1]/', 'not_global_unicast'],
    // Public ones too: a certificate names a host, and an address hides whose it is.
    ['https://8.8.8.8/', 'ip_literal'],
    ['https://172.32.0.1/', 'ip_literal'],
    ['https://100.128.0.1/', 'ip_literal'],
    ['https://[2606:4700::1111]/', 'ip_literal'],
    ['https://[2001:200::1]/', 'ip_literal'],
    ['https://[64:ff9b::8.8.8.8]/', 'ip_literal'],
  ])('%s: %s', (url, rule) => {
    expect(ruleOf(() => guardWith().checkUrl(url))).toBe(rule);
  });

  it('and the refusal names the rule', () => {
    expect(() => guardWith().checkUrl('https://10.1.2.3/')).toThrow('10.1.2.3 is not a public address (rule: private)');
  });
});

describe('what a name resolves to', () => {
  const resolving = (...addresses: string[]) => guardWith({ resolver: () => Promise.resolve(addresses) });

  it('is handed on when every address is public', async () => {
    const addresses = ['93.184.215.14', '2606:4700::1111'];
    await expect(resolving(...addresses).resolve('example.com')).resolves.toEqual(addresses);
  });

  it.each([
    [['93.184.215.14', '10.0.0.1'], 'private'],
    [['93.184.215.14', '::1'], 'loopback'],
    [['2606:4700::1111', '127.0.0.1'], 'loopback'],
    [['93.184.215.14', '::ffff:169.254.169.254'], 'cloud_metadata'],
    [['fe80::1%eth0'], 'zone_id'],
    [['example.org'], 'not_an_address'],
    [[''], 'not_an_address'],
  ])('%j is refused as a whole: %s', async (addresses, rule) => {
    await expect(resolving(...addresses).resolve('example.com')).rejects.toMatchObject({ rule });
  });

  it('is a look-up error when there is nothing', async () => {
    await expect(resolving().resolve('example.com')).rejects.toBeInstanceOf(NameLookUpError);
    await expect(guardWith().resolve('example.com')).rejects.toBeInstanceOf(NameLookUpError);
  });

  it('is asked of nobody for localhost and for addresses', async () => {
    const guard = guardWith({ allowCidrs: ['127.0.0.0/8'] });
    await expect(guard.resolve('localhost.')).resolves.toEqual(['127.0.0.1']);
    await expect(guard.resolve('127.0.0.1')).resolves.toEqual(['127.0.0.1']);
    await expect(guard.resolve('10.0.0.1')).rejects.toMatchObject({ rule: 'private' });
    await expect(guard.resolve('8.8.8.8')).rejects.toMatchObject({ rule: 'ip_literal' });
  });
});

describe('a URL that somebody else fetches', () => {
  it.each([
    ['https://cdn.example.com/frame.png', 'allowed'],
    ['http://cdn.example.com/frame.png', 'https_required'],
    ['https://cdn.example.com:22/frame.png', 'port'],
    ['https://user@cdn.example.com/frame.png', 'userinfo'],
    ['https://localhost/frame.png', 'loopback'],
    ['https://2130706433/frame.png', 'loopback'],
    ['https://[::ffff:10.0.0.1]/frame.png', 'private'],
    ['https://169.254.169.254/latest/meta-data/', 'cloud_metadata'],
    ['https://8.8.8.8/frame.png', 'ip_literal'],
  ])('%s: %s', (url, rule) => {
    expect(ruleOf(() => checkForeignUrl(url))).toBe(rule);
  });
});

describe('what the operator allows', () => {
  it('may be reached by address, over http and on any port', () => {
    const guard = guardWith({ allowCidrs: ['10.0.0.0/8', 'fd00::/8', '127.0.0.1'] });
    for (const url of [
      'http://10.1.2.3:9000/',
      'http://[fd00::1]/',
      'http://[::ffff:10.1.2.3]/',
      'http://localhost:1/',
    ]) {
      expect(
        ruleOf(() => guard.checkUrl(url)),
        url,
      ).toBe('allowed');
    }
    expect(ruleOf(() => guard.checkUrl('http://127.0.0.2/'))).toBe('loopback');
    expect(ruleOf(() => guard.checkUrl('http://192.168.0.1/'))).toBe('private');
    expect(ruleOf(() => guard.checkUrl('http://example.com/'))).toBe('https_required');
  });

  it('gives way to what the operator denies', () => {
    const guard = guardWith({ allowCidrs: ['10.0.0.0/8'], denyCidrs: ['10.9.0.0/16', '93.184.215.0/24'] });
    expect(ruleOf(() => guard.checkUrl('http://10.8.0.1/'))).toBe('allowed');
    expect(ruleOf(() => guard.checkUrl('http://10.9.0.1/'))).toBe('denied_by_operator');
    expect(ruleOf(() => guard.checkUrl('https://[::ffff:10.9.0.1]/'))).toBe('denied_by_operator');
    expect(ruleOf(() => guard.checkAddress('93.184.215.14'))).toBe('denied_by_operator');
  });

  it('in development is http and every port, for public hosts too, but no private address', () => {
    const guard = guardWith({ development: true });
    expect(ruleOf(() => guard.checkUrl('http://example.com:3000/'))).toBe('allowed');
    expect(ruleOf(() => guard.checkUrl('http://127.0.0.1:3000/'))).toBe('loopback');
  });

  it.each(['10.0.0.0/33', '10.0.0.0/-1', '10.0.0/8', 'fd00::/129', 'localhost', '10.0.0.0/', '0x7f.1/8'])(
    'is an error at start when %j is no range',
    (cidr) => {
      expect(() => guardWith({ allowCidrs: [cidr] })).toThrow(cidr);
    },
  );
});
