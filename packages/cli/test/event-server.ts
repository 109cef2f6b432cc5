import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ListedEvent } from '@rushes/sdk';
import { onTestFinished } from 'vitest';

/** How long a question for new events is held. */
const HOLD_MS = 30;

/** A server with an event list that can be killed and started again on its address, with its events kept. */
export class EventServer {
  readonly events: ListedEvent[] = [];
  /** The `after` of every question. */
  readonly asked: number[] = [];
  /** Answers instead of the list: a status, as long as there are any. */
  readonly refusals: number[] = [];
  port = 0;
  #server: Server | null = null;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      const query = new URL(request.url ?? '', this.url).searchParams;
      const after = Number(query.get('after') ?? 0);
      const limit = Number(query.get('limit') ?? 50);
      const waits = Number(query.get('wait') ?? 0) > 0;
      this.asked.push(after);
      const status = this.refusals.shift();
      if (status !== undefined) {
        const problem = {
          type: 'about:blank',
          title: 'no',
          status,
          detail: 'not now',
          code: 'unavailable',
          trace_id: 't',
        };
        response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
        return;
      }
      const answer = (): void => {
        const behind = this.events.filter(({ seq }) => seq > after);
        const data = behind.slice(0, limit);
        const has_more = behind.length > data.length;
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ data, has_more, next_cursor: has_more ? String(data.at(-1)?.seq) : null }));
      };
      if (!waits || this.events.some(({ seq }) => seq > after)) answer();
      else setTimeout(answer, HOLD_MS);
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    onTestFinished(() => this.kill());
    return this;
  }

  /** Every connection ends in the middle of what it was doing. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  add(count: number, type = 'task.succeeded'): void {
    for (let at = 0; at < count; at += 1) {
      const seq = this.events.length + 1;
      this.events.push({ seq, id: `evt_${seq}`, type, created_at: '2026-11-20T12:00:00.000Z', data: { seq } });
    }
  }
}
