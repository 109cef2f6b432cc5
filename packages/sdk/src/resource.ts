import type { Transport } from './transport/transport.ts';

/** The base of every resource of a client. */
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
