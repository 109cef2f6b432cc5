/** The promises of what only some upstreams can: finding a submission by its token, and answering for many ids at once. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import type { HttpClient } from '../../src/ports.ts';
import type { LookUpResult, PollResult, Upstream } from '../../src/upstreams/upstream.ts';
import { API_KEY, FAULTS, GARBAGE } from './conformance.ts';
import { rawAnswer, ScriptedServer, type Reply } from './scripted-server.ts';

/** How one API says what its look-up and its polls of many say. */
export interface CapabilityWire {
  found(id: string): Reply;
  readonly foundWithoutId: Reply;
  readonly notStarted: Reply;
  /** It cannot tell yet. */
  readonly undecided: Reply;
  readonly refusal: Reply;
  /** In the order given; an id with null is one that the API does not know. */
  results(tasks: readonly (readonly [id: string, task: 'running' | 'succeeded' | null])[]): Reply;
}

export interface CapabilitySubject {
  readonly name: string;
  readonly wire: CapabilityWire;
  create(ports: {
    readonly baseUrl: string;
    readonly apiKey: string;
    readonly http: HttpClient;
    readonly clock: { now(): Date };
    readonly timeoutMs: number;
  }): Upstream;
}

export function describeCapabilities({ name, wire, create }: CapabilitySubject): void {
  const server = new ScriptedServer();
  let http: ReturnType<typeof createHttpClient>;
  let baseUrl = '';
  const upstream = (overrides: { readonly baseUrl?: string; readonly timeoutMs?: number } = {}): Upstream =>
    create({ baseUrl, apiKey: API_KEY, http, clock: { now: () => new Date() }, timeoutMs: 20_000, ...overrides });
  const lookUp = async (reply: Reply, timeoutMs = 20_000): Promise<LookUpResult> => {
    server.reply = reply;
    return upstream({ timeoutMs }).lookUp!('tok-1');
  };
  const pollMany = async (reply: Reply, timeoutMs = 20_000): Promise<readonly PollResult[]> => {
    server.reply = reply;
    return upstream({ timeoutMs }).pollMany!(['a', 'b', 'c']);
  };
  const kinds = (results: readonly PollResult[]): string[] => results.map(({ kind }) => kind);
  const nothing = ['unavailable', 'unavailable', 'unavailable'];

  const unclear: readonly (readonly [string, Reply])[] = [
    ['an upstream that does not know yet', wire.undecided],
    ['a refusal', wire.refusal],
    ['a find without an id', wire.foundWithoutId],
    ...GARBAGE,
    ...FAULTS,
    ...[401, 403, 404, 429, 500, 503].map((status) => [`HTTP ${status}`, rawAnswer(status, '')] as const),
  ];

  beforeAll(async () => {
    http = createHttpClient();
    baseUrl = await server.start();
  });
  afterEach(() => {
    server.received.length = 0;
  });
  afterAll(async () => {
    await http.close();
    await server.stop();
  });

  test(`${name} has both methods`, () => {
    const methods = upstream();
    expect([typeof methods.lookUp, typeof methods.pollMany]).toEqual(['function', 'function']);
  });

  describe(`${name}: look-up by token`, () => {
    test('gives the id of what was started, and says when nothing was', async () => {
      expect(await lookUp(wire.found('gen-1'))).toEqual({ kind: 'found', upstreamId: 'gen-1' });
      expect(JSON.stringify(server.received[0]!.body)).toContain('tok-1');
      expect(await lookUp(wire.notStarted)).toEqual({ kind: 'not_started' });
    });

    test.each(unclear)('%s leaves it open: never "not started"', async (_name, reply) => {
      expect(await lookUp(reply)).toMatchObject({ kind: 'cannot_tell' });
    });

    test('a silent server and one that is not there leave it open', async () => {
      expect(await lookUp({ kind: 'silence' }, 300)).toMatchObject({ kind: 'cannot_tell' });
      const nobody = new ScriptedServer();
      const url = await nobody.start();
      await nobody.stop();
      expect(await upstream({ baseUrl: url }).lookUp!('tok-1')).toMatchObject({ kind: 'cannot_tell' });
    });
  });

  describe(`${name}: a poll of many`, () => {
    test('gives each id its own answer, in whatever order they came', async () => {
      const reply = wire.results([
        ['c', null],
        ['a', 'running'],
        ['b', 'succeeded'],
      ]);
      expect(kinds(await pollMany(reply))).toEqual(['running', 'succeeded', 'gone']);
      expect(server.received).toHaveLength(1);
    });

    test('ends nothing for an id that the answer leaves out, and takes no notice of one that was not asked for', async () => {
      const reply = wire.results([
        ['b', 'succeeded'],
        ['z', 'succeeded'],
      ]);
      expect(kinds(await pollMany(reply))).toEqual(['unavailable', 'succeeded', 'unavailable']);
    });

    test.each([...GARBAGE, ...FAULTS, ['a refusal', wire.refusal] as const])(
      '%s ends nothing',
      async (_name, reply) => {
        expect(kinds(await pollMany(reply))).toEqual(nothing);
      },
    );

    test('a server that asks to come back later is told to the caller', async () => {
      const results = await pollMany(rawAnswer(429, '', { 'retry-after': '3' }));
      expect(results).toMatchObject(nothing.map((kind) => ({ kind, retryAfterMs: 3_000 })));
    });

    test('a silent server ends nothing', async () => {
      expect(kinds(await pollMany({ kind: 'silence' }, 300))).toEqual(nothing);
    });

    test('more ids than one request takes are asked for in several', async () => {
      server.reply = wire.results([]);
      const ids = Array.from({ length: 450 }, (_, index) => `id-${index}`);
      expect(await upstream().pollMany!(ids)).toHaveLength(450);
      expect(server.received.length).toBeGreaterThan(1);
    });
  });
}
