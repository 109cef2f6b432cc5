import { Resources } from './resources/index.ts';
import { type Ports, systemPorts } from './transport/ports.ts';
import { resolveSettings, type RushesOptions } from './transport/settings.ts';
import { Transport } from './transport/transport.ts';
import { parseUnverified, signForTest, unwrap, verify } from './webhooks/index.ts';

/**
 * Client of a Rushes server. One instance is enough for a whole program; it does not have to be closed.
 *
 * The constructor throws `RushesError` when there is no API key or when an option has an invalid value.
 */
export class Rushes extends Resources {
  /**
   * Verifies the webhooks that your endpoint receives. `@rushes/sdk/webhooks` has the same functions without a client
   * and an API key.
   */
  readonly webhooks = { unwrap, verify, parseUnverified, signForTest } as const;
  /** Address of the server, without a slash at the end. */
  readonly baseUrl: string;

  /**
   * @param options settings; an option that is left out comes from the environment or has a default
   * @param ports for tests: clock, waiting and random numbers
   */
  constructor(options: RushesOptions = {}, ports: Ports = systemPorts) {
    const transport = new Transport(resolveSettings(options), ports);
    super(transport);
    this.baseUrl = transport.settings.baseUrl;
  }
}
