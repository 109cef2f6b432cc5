import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import type { Clock, HttpClient } from '../../src/ports.ts';
import type { Generation, PollResult, SubmitResult, Upstream } from '../../src/upstreams/upstream.ts';
import { answer, rawAnswer, ScriptedServer, type ReceivedRequest, type Reply } from './scripted-server.ts';

/** How one API says what every API has to say. */
export interface Wire {
  /** A submission as the server received it. */
  readSubmission(request: ReceivedRequest): { readonly model: unknown; readonly prompt: unknown };
  accepted(id: string): Reply;
  /** An acceptance without a usable id. */
  readonly acceptedWithoutId: Reply;
  /** The API's own refusals, with the given text wherever the API has free text. */
  refusal(
    reason: 'credits' | 'key' | 'rate' | 'model' | 'moderation' | 'invalid' | 'other' | 'inner_timeout',
    text: string,
  ): Reply;
  running(id: string, progress: number): Reply;
  succeeded(id: string, url: string): Reply;
  /** Succeeded, with the given value where the URL belongs, or nothing there. */
  succeededWithoutUrl(id: string, instead?: unknown): Reply;
  failed(id: string, reason: 'error' | 'moderation_input' | 'moderation_output', text: string): Reply;
  withStatus(id: string, status: unknown): Reply;
  readonly gone: Reply;
  /** An error of the API about a poll other than "no such task". */
  pollError(text: string): Reply;
}

export interface Subject {
  readonly name: string;
  readonly wire: Wire;
  /** For a model that the API serves. */
  readonly generation: Generation;
  create(ports: {
    readonly baseUrl: string;
    readonly apiKey: string;
    readonly http: HttpClient;
    readonly clock: Pick<Clock, 'now'>;
    readonly timeoutMs: number;
  }): Upstream;
}

export const API_KEY = 'sk-conformance-5f2c8a90';
const NOW = new Date('2026-11-21T12:00:00Z');
const ID = 'gen-1';
const HTML = '<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>';

/** Bodies that are no answer of any API, each sent with status 200. */
export const GARBAGE: readonly (readonly [string, Reply])[] = [
  ['an empty body', rawAnswer(200, '')],
  ['an HTML page', rawAnswer(200, HTML, { 'content-type': 'text/html' })],
  ['broken JSON', rawAnswer(200, '{"id":"gen-1","code":0,"data":{"id":')],
  ['a JSON null', rawAnswer(200, 'null')],
  ['a JSON number', rawAnswer(200, '17')],
  ['a JSON string', rawAnswer(200, '"ok"')],
  ['a JSON list', rawAnswer(200, '[]')],
  ['an empty JSON object', rawAnswer(200, '{}')],
  ['JSON of other types', answer(200, { code: '0', id: {}, data: [], status: 1, msg: null })],
  ['bytes that are not UTF-8', rawAnswer(200, new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]))],
  ['204 without a body', rawAnswer(204, '')],
];

export const FAULTS: readonly (readonly [string, Reply])[] = [
  ['a reset connection', { kind: 'reset' }],
  ['a cut-off body', { kind: 'cut_off', body: '{"code":0,"msg":"success","data":{"id":"gen' }],
  ['a whole answer whose body is cut off after it', { kind: 'cut_off', body: '{"code":0,"data":{"id":"gen-1"}}' }],
  ['an endless body', { kind: 'endless' }],
];

/** The promises of `Upstream`, tested against a server that speaks the API's wire format, its bad answers included. */
export function describeConformance(subject: Subject): void {
  const { wire, generation } = subject;
  const server = new ScriptedServer();
  let http: ReturnType<typeof createHttpClient>;
  let baseUrl = '';
  const create = (overrides: { readonly baseUrl?: string; readonly timeoutMs?: number } = {}): Upstream =>
    subject.create({ baseUrl, apiKey: API_KEY, http, clock: { now: () => NOW }, timeoutMs: 20_000, ...overrides });

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

  const submit = async (reply: Reply, timeoutMs = 20_000): Promise<SubmitResult> => {
    server.reply = reply;
    const result = await create({ timeoutMs }).submit(generation);
    expect(server.received, 'a submission is sent exactly once').toHaveLength(1);
    expectFitDetails(result);
    return result;
  };
  const poll = async (reply: Reply, timeoutMs = 20_000): Promise<PollResult> => {
    server.reply = reply;
    const result = await create({ timeoutMs }).poll(ID);
    expectFitDetails(result);
    return result;
  };
  const refusalType = (result: SubmitResult): string =>
    result.kind === 'refused' ? result.failure.type : `(${result.kind})`;

  describe(`${subject.name}: submit`, () => {
    test('an accepted submission carries model and prompt as given, and gives the id', async () => {
      expect(await submit(wire.accepted(ID))).toEqual({ kind: 'accepted', upstreamId: ID });
      expect(wire.readSubmission(server.received[0]!)).toEqual({ model: generation.model, prompt: generation.prompt });
      expect(server.received[0]!.headers.authorization).toBe(`Bearer ${API_KEY}`);
    });

    test('a prompt of any characters arrives unchanged', async () => {
      server.reply = wire.accepted(ID);
      const prompt = 'quotes " \\ newline \n tab \t emoji 🎬 中文 \u2028 </script>';
      await create().submit({ ...generation, prompt });
      expect(wire.readSubmission(server.received[0]!).prompt).toBe(prompt);
    });

    test.each([
      ['credits', 'provider_unavailable'],
      ['key', 'provider_unavailable'],
      ['rate', 'provider_rate_limited'],
      ['model', 'model_retired'],
      ['moderation', 'moderation_input'],
      ['invalid', 'invalid_request'],
      ['other', 'provider_error'],
    ] as const)("the API's own refusal (%s) is refused as %s", async (reason, type) => {
      expect(refusalType(await submit(wire.refusal(reason, '')))).toBe(type);
    });

    test('an error that tells of a time-out inside the API leaves open whether something was started', async () => {
      expect(await submit(wire.refusal('inner_timeout', ''))).toMatchObject({ kind: 'unknown' });
    });

    test('an acceptance without a usable id leaves open what was started', async () => {
      expect(await submit(wire.acceptedWithoutId)).toMatchObject({ kind: 'unknown' });
    });

    test.each([...GARBAGE, ...FAULTS])('%s leaves open whether something was started', async (_name, reply) => {
      expect(await submit(reply)).toMatchObject({ kind: 'unknown' });
    });

    test.each([500, 502, 503, 504, 520, 408])('HTTP %i leaves open whether something was started', async (status) => {
      expect(await submit(rawAnswer(status, HTML, { 'retry-after': '5' }))).toMatchObject({ kind: 'unknown' });
    });

    test('a silent server leaves open whether something was started', async () => {
      expect(await submit({ kind: 'silence' }, 300)).toMatchObject({ kind: 'unknown' });
    });

    test('an aborted submission that was under way leaves open whether something was started', async () => {
      server.reply = { kind: 'silence' };
      const controller = new AbortController();
      const submission = create().submit(generation, controller.signal);
      await expect.poll(() => server.received.length).toBe(1);
      controller.abort();
      expect(await submission).toMatchObject({ kind: 'unknown' });
    });

    test('a server that is not there was certainly not asked', async () => {
      const nobody = new ScriptedServer();
      const url = await nobody.start();
      await nobody.stop();
      expect(refusalType(await create({ baseUrl: url }).submit(generation))).toBe('provider_unavailable');
    });

    test.each([401, 402, 403])('HTTP %i is our account, not the customer', async (status) => {
      expect(refusalType(await submit(answer(status, { error: 'invalid prompt' })))).toBe('provider_unavailable');
    });

    test('a 4xx page of some gateway never blames the customer', async () => {
      expect(refusalType(await submit(rawAnswer(400, '<html>invalid content policy</html>')))).toBe('provider_error');
      server.received.length = 0;
      expect(refusalType(await submit(rawAnswer(404, HTML)))).toBe('provider_unavailable');
    });

    test('a redirect started nothing and is not followed', async () => {
      const result = await submit(rawAnswer(308, '', { location: '/elsewhere' }));
      expect(refusalType(result)).toBe('provider_unavailable');
    });

    test.each([
      ['absent', undefined, undefined],
      ['in seconds', '7', 7_000],
      ['as an HTTP date', 'Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
      ['as a date gone by', 'Sat, 21 Nov 2026 11:00:00 GMT', 0],
      ['absurdly long', '99999999999999999999', 3_600_000],
      ['as nonsense', 'soon', undefined],
      ['negative', '-5', undefined],
    ])('429 with Retry-After %s', async (_name, header, retryAfterMs) => {
      const result = await submit(rawAnswer(429, '', header === undefined ? {} : { 'retry-after': header }));
      expect(refusalType(result)).toBe('provider_rate_limited');
      expect(result.kind === 'refused' ? result.failure.retryAfterMs : null).toBe(retryAfterMs);
    });

    test("the operator's detail never holds our key, control characters, or more than 500 characters", async () => {
      const text = `\u0000\u001b[31mkey ${API_KEY}\r\n${'🎬'.repeat(600)}${API_KEY}\ud800`;
      for (const reason of ['other', 'moderation', 'invalid', 'inner_timeout'] as const) {
        server.received.length = 0;
        const result = await submit(wire.refusal(reason, text));
        expect(detailsOf(result)).toContain('[redacted]');
      }
      server.received.length = 0;
      await submit(rawAnswer(500, `${'x'.repeat(495)}${API_KEY}`));
    });
  });

  describe(`${subject.name}: poll`, () => {
    test('a running task is running, and progress may go backwards or be nonsense', async () => {
      expect(await poll(wire.running(ID, 80))).toEqual({ kind: 'running', progress: 80 });
      expect(await poll(wire.running(ID, 20))).toEqual({ kind: 'running', progress: 20 });
      expect(await poll(wire.running(ID, 900))).toEqual({ kind: 'running', progress: 100 });
      expect(await poll(wire.running(ID, -4))).toEqual({ kind: 'running', progress: 0 });
      // JSON has no NaN: this arrives as null.
      expect(await poll(wire.running(ID, Number.NaN))).toEqual({ kind: 'running', progress: null });
    });

    test('a succeeded task gives its URL', async () => {
      const videoUrl = 'https://cdn.example/v/1.mp4?signature=a%2Fb';
      expect(await poll(wire.succeeded(ID, videoUrl))).toEqual({ kind: 'succeeded', videoUrl });
    });

    test.each([
      ['nothing', undefined],
      ['an empty text', ''],
      ['no URL', 'soon'],
      ['a number', 7],
      ['a file', 'file:///etc/passwd'],
      ['a script', 'javascript:alert(1)'],
      ['a URL without end', `https://cdn.example/${'a'.repeat(10_000)}`],
    ])('succeeded with %s for a URL is no success and no failure yet', async (_name, instead) => {
      expect(await poll(wire.succeededWithoutUrl(ID, instead))).toMatchObject({ kind: 'unavailable' });
    });

    test.each([
      ['error', 'provider_error'],
      ['moderation_input', 'moderation_input'],
      ['moderation_output', 'moderation_output'],
    ] as const)('a task failed by %s fails as %s', async (reason, type) => {
      expect(await poll(wire.failed(ID, reason, 'why'))).toMatchObject({ kind: 'failed', failure: { type } });
    });

    test('the text of a failure moderates nobody: only the reason word does', async () => {
      const result = await poll(wire.failed(ID, 'error', `content policy violation ${API_KEY}\u0000\ud800`));
      expect(result).toMatchObject({ kind: 'failed', failure: { type: 'provider_error' } });
    });

    test.each(['exploded', '', null, 7, undefined])('the unknown status word %j ends nothing', async (word) => {
      expect(await poll(wire.withStatus(ID, word))).toMatchObject({ kind: 'unavailable' });
    });

    test('an id that the API does not know (any more) is gone', async () => {
      expect(await poll(wire.gone)).toMatchObject({ kind: 'gone' });
    });

    test('an answer about another task is not taken for this one', async () => {
      const result = await poll(wire.succeeded('gen-2', 'https://cdn.example/v/2.mp4'));
      expect(result).toMatchObject({ kind: 'unavailable' });
    });

    test('an error of the API about the poll ends nothing', async () => {
      expect(await poll(wire.pollError('internal error'))).toMatchObject({ kind: 'unavailable' });
    });

    test('an answer that is right but for bytes that are not UTF-8 ends nothing', async () => {
      const right = wire.succeeded(ID, 'https://cdn.example/ÿ.mp4');
      if (right.kind !== 'answer' || typeof right.body !== 'string') throw new Error('not an answer in text');
      expect(await poll({ ...right, body: Buffer.from(right.body, 'latin1') })).toMatchObject({ kind: 'unavailable' });
    });

    test.each([...GARBAGE, ...FAULTS])('%s ends nothing', async (_name, reply) => {
      expect(await poll(reply)).toMatchObject({ kind: 'unavailable' });
    });

    test.each([401, 403, 404, 500, 502, 503])('HTTP %i ends nothing', async (status) => {
      expect(await poll(rawAnswer(status, HTML))).toMatchObject({ kind: 'unavailable' });
    });

    test('429 and 503 tell when to come back', async () => {
      for (const status of [429, 503]) {
        const result = await poll(rawAnswer(status, '', { 'retry-after': '3' }));
        expect(result).toMatchObject({ kind: 'unavailable', retryAfterMs: 3_000 });
      }
    });

    test('a silent server and one that is not there end nothing', async () => {
      expect(await poll({ kind: 'silence' }, 300)).toMatchObject({ kind: 'unavailable' });
      const nobody = new ScriptedServer();
      const url = await nobody.start();
      await nobody.stop();
      expect(await create({ baseUrl: url }).poll(ID)).toMatchObject({ kind: 'unavailable' });
    });

    test('an id with unusual characters is sent as it is', async () => {
      server.reply = wire.gone;
      await create().poll('a/b?c=d&e "f"');
      expect(decodeURIComponent(JSON.stringify(server.received[0]))).toContain('a/b?c=d&e');
    });
  });
}

function detailsOf(result: SubmitResult | PollResult): string {
  if ('failure' in result) return result.failure.detail;
  return 'detail' in result ? result.detail : '';
}

function expectFitDetails(result: SubmitResult | PollResult): void {
  const detail = detailsOf(result);
  expect(detail.length).toBeLessThanOrEqual(500);
  expect(detail.isWellFormed()).toBe(true);
  expect(detail).not.toMatch(/\p{Cc}/u);
  expect(JSON.stringify(result)).not.toContain(API_KEY);
}
