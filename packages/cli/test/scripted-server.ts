import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Batch, BatchStatus, Estimate, TaskResult } from '@rushes/sdk';
import { onTestFinished } from 'vitest';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Strings and bytes go as they are, anything else as JSON. */
  readonly body: unknown;
}

type Handler = (request: SeenRequest) => Answer | null | Promise<Answer | null>;

export interface ItemBody {
  readonly prompt: string;
  readonly custom_id?: string;
  readonly params?: Record<string, unknown>;
}

interface CreateBody {
  readonly request_id: string;
  readonly model: string;
  readonly items: readonly ItemBody[];
  readonly expected_unit_price?: number;
  readonly spend_limit?: number;
  readonly metadata?: Record<string, string>;
  readonly defaults?: Record<string, unknown>;
}

export function problem(status: number, code: string, detail: string, members: object = {}): Answer {
  const body = {
    type: `https://rushes.example/problems/${code}`,
    title: code,
    status,
    detail,
    code,
    trace_id: 'trace-1',
    ...members,
  };
  return { status, headers: { 'content-type': 'application/problem+json' }, body };
}

/**
 * A server that speaks as much of the API as one account with a few batches needs: idempotent creation, a price, a
 * balance, and batches that end as the test says. `before` may answer in its place.
 */
export class ScriptedServer {
  url = '';
  readonly requests: SeenRequest[] = [];
  readonly created: CreateBody[] = [];
  readonly batches: Batch[] = [];
  before: Handler = () => null;
  unitPrice = 49;
  available = 100_000;
  createdAt = '2026-11-20T12:00:00.000Z';
  /** Looks at a batch until it ends; Infinity for a batch that never does. */
  looksUntilFinal = 2;
  endsAs: BatchStatus = 'completed';
  failed = 0;
  videoBytes: Uint8Array = Buffer.from('a video, more or less');
  readonly #looks = new Map<string, number>();

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return this;
  }

  /** Requests of one method and path, in order. */
  seen(method: string, path: string): SeenRequest[] {
    return this.requests.filter((request) => request.method === method && request.path === path);
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.url);
    const request: SeenRequest = {
      method: incoming.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: await text(incoming),
    };
    this.requests.push(request);
    const answer = (await this.before(request)) ?? this.#answer(request);
    const raw = typeof answer.body === 'string' || answer.body instanceof Uint8Array;
    response.writeHead(answer.status ?? 200, {
      'content-type': raw ? 'application/octet-stream' : 'application/json',
      ...answer.headers,
    });
    // A connection that breaks before all of the promised bytes were sent.
    const breaksOff = answer.headers?.['content-length'] !== undefined;
    if (breaksOff) response.write(answer.body, () => response.destroy());
    else response.end(raw ? answer.body : JSON.stringify(answer.body));
  }

  #answer(request: SeenRequest): Answer {
    const route = `${request.method} ${request.path.replace(/bat_\w+/, ':id').replace(/\/v\/\d+$/, '/v/:index')}`;
    const id = /bat_\w+/.exec(request.path)?.[0] ?? '';
    switch (route) {
      case 'POST /v1/batches/estimate':
        return { body: this.estimate(JSON.parse(request.body) as CreateBody) };
      case 'POST /v1/batches':
        return this.#create(JSON.parse(request.body) as CreateBody);
      case 'GET /v1/batches':
        return { body: { data: this.#named(request.query.get('request_id')), has_more: false, next_cursor: null } };
      case 'GET /v1/batches/:id':
        return this.#look(id);
      case 'GET /v1/batches/:id/results':
        return { body: this.#results(id) };
      case 'POST /v1/batches/:id/cancel':
        return { body: { batch: this.#find(id), refunded: 490, still_running: 3 } };
      case 'GET /v/:index':
        return { body: this.videoBytes };
      case 'GET /v1/credits':
        return { body: { available: this.available, reserved: 0, spent: 0, issued: this.available, debt: 0 } };
      default:
        return problem(404, 'not_found', `There is no ${request.path}.`);
    }
  }

  #named(requestId: string | null): Batch[] {
    return this.batches.filter((batch) => requestId === null || batch.request_id === requestId);
  }

  estimate(body: CreateBody): Estimate {
    const total = body.items.length * this.unitPrice;
    return {
      model: body.model,
      count: body.items.length,
      unit_price: this.unitPrice,
      total,
      available: this.available,
      affordable: total <= this.available,
      shortfall: Math.max(0, total - this.available),
      duplicates: 0,
      terms: { moderation_input: 'forfeit', moderation_output: 'refund', canceled: 'refund' },
      warnings: [],
    };
  }

  #create(body: CreateBody): Answer {
    const before = this.created.findIndex((each) => each.request_id === body.request_id);
    if (before !== -1) {
      return JSON.stringify(this.created[before]) === JSON.stringify(body)
        ? { headers: { 'idempotent-replayed': 'true' }, body: this.batches[before] }
        : problem(422, 'request_id_conflict', 'This request_id was used for another request.');
    }
    const { unit_price: price, total, shortfall, affordable } = this.estimate(body);
    if (body.expected_unit_price !== undefined && body.expected_unit_price !== price) {
      return problem(409, 'price_changed', `A video costs ${price} credits now.`);
    }
    if (body.spend_limit !== undefined && total > body.spend_limit)
      return problem(402, 'spend_limit_exceeded', 'Too much.');
    if (!affordable) {
      return problem(402, 'insufficient_credits', 'Too few credits.', {
        required: total,
        available: this.available,
        shortfall,
      });
    }
    const batch = this.#batch(body, `bat_${this.batches.length + 1}`);
    this.created.push(body);
    this.batches.push(batch);
    return { status: 201, body: batch };
  }

  #batch(body: CreateBody, id: string): Batch {
    const total = body.items.length;
    return {
      id,
      request_id: body.request_id,
      model: body.model,
      status: 'queued',
      paused: false,
      canceling: false,
      counts: { total, queued: total, processing: 0, succeeded: 0, failed: 0, canceled: 0 },
      credits: {
        unit_price: this.unitPrice,
        reserved: total * this.unitPrice,
        held: total * this.unitPrice,
        charged: 0,
        refunded: 0,
        forfeited: 0,
      },
      metadata: body.metadata ?? {},
      retry_of: null,
      failure_summary: {},
      created_at: this.createdAt,
      started_at: null,
      finished_at: null,
      deadline_at: '2026-11-27T12:00:00.000Z',
    };
  }

  #find(id: string): Batch {
    const batch = this.batches.find((each) => each.id === id);
    if (batch === undefined) throw new Error(`the test made no ${id}`);
    return batch;
  }

  #look(id: string): Answer {
    const batch = this.batches.find((each) => each.id === id);
    if (batch === undefined)
      return problem(404, 'not_found', `This account does not have the batch ${id}. Check the id and the API key.`);
    const looks = (this.#looks.get(id) ?? 0) + 1;
    this.#looks.set(id, looks);
    if (looks >= this.looksUntilFinal) this.finish(batch);
    return { body: batch };
  }

  finish(batch: Batch): void {
    const { counts, credits } = batch;
    batch.status = this.endsAs;
    batch.finished_at = '2026-11-20T12:10:00.000Z';
    Object.assign(counts, { queued: 0, processing: 0, failed: this.failed, succeeded: counts.total - this.failed });
    Object.assign(credits, {
      held: 0,
      charged: counts.succeeded * credits.unit_price,
      refunded: this.failed * credits.unit_price,
    });
    if (this.failed > 0) batch.failure_summary = { timeout: this.failed };
  }

  #results(id: string): string {
    const at = this.batches.findIndex((each) => each.id === id);
    const items = this.created[at]?.items ?? [];
    return items.map((item, index) => `${JSON.stringify(this.#task(id, item, index))}\n`).join('');
  }

  #task(id: string, item: ItemBody, index: number): TaskResult {
    const ok = index >= this.failed;
    const sha256 = createHash('sha256').update(this.videoBytes).digest('hex');
    return {
      id: `tsk_${index}`,
      batch_id: id,
      index,
      custom_id: item.custom_id ?? null,
      prompt: item.prompt,
      params: {},
      status: ok ? 'succeeded' : 'failed',
      attempts: 1,
      failure: ok ? null : { type: 'timeout', message: 'The video was not finished in time.' },
      credits: { charged: ok ? this.unitPrice : 0, refunded: ok ? 0 : this.unitPrice, forfeited: 0 },
      video: ok ? { bytes: this.videoBytes.length, sha256, content_type: 'video/mp4' } : null,
      created_at: this.createdAt,
      started_at: this.createdAt,
      finished_at: this.createdAt,
      link: ok ? { url: `${this.url}/v/${index}`, expires_at: '2099-01-01T00:00:00.000Z' } : null,
    };
  }
}

export async function startServer(): Promise<ScriptedServer> {
  return new ScriptedServer().start();
}
