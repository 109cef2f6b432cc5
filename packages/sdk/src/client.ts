import { Resources } from './resources/index.ts';
import { type Ports, systemPorts } from './transport/ports.ts';
import { resolveSettings, type RushesOptions } from './transport/settings.ts';
import { Transport } from './transport/transport.ts';
import { parseUnverified, signForTest, unwrap, verify } from './webhooks/index.ts';

/**
 * Client of a Rushes server. One instance serves a whole program; it holds no connection of its own.
 *
 * Throws `RushesError` at once when there is no API key or when an option has a value that cannot be right.
 */
export class Rushes extends Resources {
  /** Checks what a webhook endpoint receives. Without a client and an API key: `@rushes/sdk/webhooks`. */
  readonly webhooks = { unwrap, verify, parseUnverified, signForTest } as const;
  /** Address of the server, without a slash at the end. */
  readonly baseUrl: string;

  /**
   * @param options settings; what is left out comes from the environment or has a default
   * @param ports for tests: clock, waiting and chance
   */
  constructor(options: RushesOptions = {}, ports: Ports = systemPorts) {
    const transport = new Transport(resolveSettings(options), ports);
    super(transport);
    this.baseUrl = transport.settings.baseUrl;
  }
}
