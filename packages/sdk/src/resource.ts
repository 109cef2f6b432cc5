import type { Transport } from './transport/transport.ts';

/** What every resource of a client is made of: a way to send requests. */
export abstract class Resource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends the requests of this resource. */
  protected get transport(): Transport {
    return this.#transport;
  }
}
