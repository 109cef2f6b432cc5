import { Resolver } from 'node:dns/promises';
import { NAME_SERVER_TIMEOUT_MS, NAME_SERVER_TRIES } from './limits.ts';

/** Every address of a host name, IPv4 and IPv6. Rejects when there is none. */
export type NameResolver = (hostname: string) => Promise<readonly string[]>;

/**
 * Asks the system's name servers. Not getaddrinfo, which keeps one of the process's four pool threads for as long as a
 * dead name server keeps it waiting: four such names would stall every other look-up and file access. The price: the
 * hosts file and search domains do not count.
 *
 * @param nameServers `address:port` each; the system's when left out.
 */
export function createNameResolver(nameServers?: readonly string[]): NameResolver {
  const resolver = new Resolver({ timeout: NAME_SERVER_TIMEOUT_MS, tries: NAME_SERVER_TRIES });
  if (nameServers !== undefined) resolver.setServers(nameServers);
  return async (hostname) => {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    throw v4.status === 'rejected' ? v4.reason : new Error(`${hostname} has no address`);
  };
}
