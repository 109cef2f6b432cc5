import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpClient } from '../outbound/http-client.ts';
import { createGrsai } from './grsai.ts';
import { classifyMessage } from './grsai-refusals.ts';
import { describeConformance, type Wire } from '../../testing/upstreams/conformance.ts';
import { answer, rawAnswer, ScriptedServer, type Reply } from '../../testing/upstreams/scripted-server.ts';
import type { Generation } from './upstream.ts';

const MESSAGES = {
  credits: 'insufficient credits',
  key: 'apikey error',
  rate: 'rate limit exceeded, please slow down',
  model: 'model not found',
  moderation: 'prompt rejected by content moderation',
  invalid: 'invalid params: aspectRatio',
  other: 'something went wrong',
  inner_timeout: 'request timeout',
} as const;

const ok = (data: unknown): Reply => answer(200, { code: 0, msg: 'success', data });
const task = (id: string, fields: Readonly<Record<string, unknown>>): Reply =>
  ok({ id, progress: 100, failure_reason: '', error: '', results: [], ...fields });

const shared: Omit<Wire, 'succeeded' | 'succeededWithoutUrl'> = {
  readSubmission: ({ body }) => {
    const { model, prompt } = body as Record<string, unknown>;
    return { model, prompt };
  },
  accepted: (id) => ok({ id }),
  acceptedWithoutId: ok({ id: '' }),
  refusal: (reason, text) => answer(200, { code: -1, msg: `${MESSAGES[reason]} ${text}`.trim(), data: null }),
  running: (id, progress) => task(id, { status: 'running', progress }),
  failed: (id, reason, text) => task(id, { status: 'failed', failure_reason: REASONS[reason], error: text }),
  withStatus: (id, status) => task(id, { status }),
  gone: answer(200, { code: -22, msg: 'task not found', data: null }),
  pollError: (text) => answer(200, { code: -1, msg: text, data: null }),
};

const REASONS = {
  error: 'error',
  moderation_input: 'input_moderation',
  moderation_output: 'output_moderation',
} as const;

const sora: Wire = {
  ...shared,
  succeeded: (id, url) => task(id, { status: 'succeeded', results: [{ url, removeWatermark: true, pid: 's_1' }] }),
  succeededWithoutUrl: (id, instead) =>
    task(id, { status: 'succeeded', results: instead === undefined ? [] : [{ url: instead, pid: 's_1' }] }),
};

const veo: Wire = {
  ...shared,
  succeeded: (id, url) => task(id, { status: 'succeeded', results: undefined, url }),
  succeededWithoutUrl: (id, instead) => task(id, { status: 'succeeded', results: undefined, url: instead }),
};

const generation: Generation = { model: 'sora-2', prompt: 'a red kite over a harbour', params: {}, token: 'tok-1' };
const CONNECTION = { name: 'grsai', apiKey: 'k', clock: { now: () => new Date() } };

for (const [name, wire, model] of [
  ['grsai sora', sora, 'sora-2'],
  ['grsai veo', veo, 'veo3.1-pro'],
] as const) {
  describeConformance({
    name,
    wire,
    generation: { ...generation, model },
    create: ({ timeoutMs, ...ports }) =>
      createGrsai({ name: 'grsai', ...ports, submitTimeoutMs: timeoutMs, pollTimeoutMs: timeoutMs }),
  });
}

describe('what is sent', () => {
  const sent = async (submission: Generation, baseUrlSuffix = ''): Promise<{ path: string; body: unknown }> => {
    const server = new ScriptedServer();
    const http = createHttpClient();
    try {
      const baseUrl = (await server.start()) + baseUrlSuffix;
      server.reply = ok({ id: 'gen-1' });
      await createGrsai({ ...CONNECTION, baseUrl, http }).submit(submission);
      return server.received[0]!;
    } finally {
      await http.close();
      await server.stop();
    }
  };

  test('sora-2 takes the image, shape, length and size', async () => {
    const params = {
      aspect_ratio: '9:16',
      duration_seconds: 15,
      size: 'large',
      image_url: 'https://img.example/1.png',
    } as const;
    expect(await sent({ ...generation, params })).toMatchObject({
      path: '/v1/video/sora-video',
      body: {
        model: 'sora-2',
        prompt: generation.prompt,
        url: 'https://img.example/1.png',
        aspectRatio: '9:16',
        duration: 15,
        size: 'large',
        webHook: '-1',
        shutProgress: true,
      },
    });
  });

  test('veo takes the first and last frame', async () => {
    const params = { image_url: 'https://img.example/1.png', last_image_url: 'https://img.example/2.png' };
    const { path, body } = await sent({ ...generation, model: 'veo3.1-fast', params });
    expect(path).toBe('/v1/video/veo');
    expect(body).toEqual({
      model: 'veo3.1-fast',
      prompt: generation.prompt,
      firstFrameUrl: 'https://img.example/1.png',
      lastFrameUrl: 'https://img.example/2.png',
      webHook: '-1',
      shutProgress: true,
    });
  });

  test('a callback URL is asked to be called, with progress, so that the first call comes early', async () => {
    const { body } = await sent({ ...generation, callbackUrl: 'https://rushes.example/callbacks/tok-1' });
    expect(body).toMatchObject({ webHook: 'https://rushes.example/callbacks/tok-1', shutProgress: false });
  });

  test('a base URL may end in a slash', async () => {
    expect((await sent(generation, '/')).path).toBe('/v1/video/sora-video');
  });

  test('a model without an endpoint is refused without asking anybody', async () => {
    const http = createHttpClient();
    const upstream = createGrsai({ ...CONNECTION, baseUrl: 'http://127.0.0.1:9', http });
    const result = await upstream.submit({ ...generation, model: 'kling-1' });
    expect(result).toMatchObject({ kind: 'refused', failure: { type: 'model_retired' } });
    await http.close();
  });
});

describe('contradictory answers', () => {
  const submitted = async (reply: Reply) => {
    const server = new ScriptedServer();
    const http = createHttpClient();
    try {
      server.reply = reply;
      return await createGrsai({ ...CONNECTION, baseUrl: await server.start(), http }).submit(generation);
    } finally {
      await http.close();
      await server.stop();
    }
  };

  test('an error that names a generation leaves open whether it was started', async () => {
    const result = await submitted(answer(200, { code: -1, msg: 'insufficient credits', data: { id: 'gen-1' } }));
    expect(result).toMatchObject({ kind: 'unknown' });
  });

  test.each(['a b', 'a\u0000', 'x'.repeat(201), 'ü', 17, null, { id: 'x' }])(
    'the id %j cannot be stored and asked for, so what was started is unknown',
    async (id) => {
      expect(await submitted(ok({ id }))).toMatchObject({ kind: 'unknown' });
    },
  );

  test("a 400 in the API's own words is the request's fault unless the words say otherwise", async () => {
    const failureType = async (msg: string): Promise<unknown> => {
      const result = await submitted(answer(400, { code: -1, msg, data: null }));
      return result.kind === 'refused' ? result.failure.type : result.kind;
    };
    expect(await failureType('what is this?')).toBe('invalid_request');
    expect(await failureType('insufficient credits')).toBe('provider_unavailable');
  });
});

describe('words of an answer', () => {
  const server = new ScriptedServer();
  const http = createHttpClient();
  let baseUrl = '';
  beforeAll(async () => {
    baseUrl = await server.start();
  });
  afterAll(async () => {
    await http.close();
    await server.stop();
  });
  const submitted = async (reply: Reply, prompt = generation.prompt): Promise<string> => {
    server.reply = reply;
    const result = await createGrsai({ ...CONNECTION, baseUrl, http }).submit({ ...generation, prompt });
    return result.kind === 'refused' ? result.failure.type : result.kind;
  };
  const polled = async (fields: Readonly<Record<string, unknown>>): Promise<string> => {
    server.reply = task('gen-1', fields);
    const result = await createGrsai({ ...CONNECTION, baseUrl, http }).poll('gen-1');
    return result.kind === 'failed' ? result.failure.type : result.kind;
  };
  const url = 'https://cdn.example/1.mp4';

  test.each(['SUCCEEDED', ' succeeded\n', 'Success', 'completed', '成功'])(
    'a finished video is taken whether it is called succeeded or %j',
    async (status) => {
      expect(await polled({ status, results: [{ url }] })).toBe('succeeded');
      expect(await polled({ status })).toBe('unavailable');
    },
  );

  test.each([
    ['FAILED', 'Input_Moderation', 'moderation_input'],
    ['Failed ', 'input-moderation', 'moderation_input'],
    ['失败', 'OUTPUT MODERATION', 'moderation_output'],
    ['failure', 'moderation', 'provider_error'],
    ['violation', '', 'moderation_output'],
    ['In Progress', '', 'running'],
  ])('the words %j and %j, in whatever case, mean %s', async (status, reason, meaning) => {
    expect(await polled({ status, failure_reason: reason })).toBe(meaning);
  });

  test('a generation that failed since our account is empty is no failure of the task', async () => {
    const fields = { status: 'failed', failure_reason: 'error' };
    expect(await polled({ ...fields, error: 'insufficient credits' })).toBe('provider_unavailable');
    expect(await polled({ ...fields, error: 'no film of "insufficient credits"' })).toBe('provider_error');
  });

  test.each([200, 400, 422])('an error of another form (HTTP %i) that concerns our account is ours', async (status) => {
    const error = { code: 'x', message: 'insufficient credits' };
    expect(await submitted(answer(status, { error }))).toBe('provider_unavailable');
    expect(await submitted(answer(status, { message: 'insufficient balance' }))).toBe('provider_unavailable');
    expect(await submitted(answer(status, { error: 'rate limit exceeded' }))).toBe('provider_rate_limited');
  });

  test('an error of another form says nothing of the prompt, and nothing clear next to an id', async () => {
    expect(await submitted(answer(400, { error: 'blocked by moderation' }))).toBe('provider_error');
    expect(await submitted(answer(200, { error: 'blocked by moderation' }))).toBe('unknown');
    expect(await submitted(answer(200, { id: 'gen-1', error: 'insufficient credits' }))).toBe('unknown');
    expect(await submitted(answer(200, { data: { id: 7 }, error: 'insufficient credits' }))).toBe('unknown');
  });

  test('a reason counts wherever the envelope has it, and a code that is written as text', async () => {
    expect(await submitted(answer(200, { code: -1, message: 'insufficient credits' }))).toBe('provider_unavailable');
    expect(await submitted(answer(200, { code: '-1', msg: '', error: 'blocked by moderation' }))).toBe(
      'moderation_input',
    );
    expect(await submitted(answer(200, { code: '0', msg: 'success', data: { id: 'gen-1' } }))).toBe('accepted');
  });

  test("a prompt repeated by an error is not the upstream's word", async () => {
    const repeated = (prompt: string) => submitted(answer(200, { code: -1, msg: `cannot draw: ${prompt}` }), prompt);
    expect(await repeated('a shop sign: blocked by content moderation')).toBe('provider_error');
    expect(await repeated('a cash machine says insufficient credits')).toBe('provider_error');
  });

  test('"no such task" from a server in trouble does not give a paid generation up', async () => {
    server.reply = answer(503, { code: -22, msg: 'task not found', data: null });
    expect(await createGrsai({ ...CONNECTION, baseUrl, http }).poll('gen-1')).toMatchObject({ kind: 'unavailable' });
  });

  test('an answer behind a byte order mark is read', async () => {
    server.reply = rawAnswer(200, '\ufeff{"code":0,"data":{"id":"gen-1"}}');
    expect(await createGrsai({ ...CONNECTION, baseUrl, http }).submit(generation)).toMatchObject({ kind: 'accepted' });
  });
});

describe('callbacks', () => {
  const http = createHttpClient();
  const upstream = createGrsai({ ...CONNECTION, baseUrl: 'http://127.0.0.1:9', http });
  const parse = (posted: unknown) => upstream.parseCallback!(Buffer.from(JSON.stringify(posted)));
  const succeeded = {
    id: 'gen-1',
    progress: 100,
    status: 'succeeded',
    failure_reason: '',
    error: '',
    results: [{ url: 'https://cdn.example/1.mp4', removeWatermark: true, pid: 's_1' }],
  };

  test('a result is read bare and inside the envelope', () => {
    const expected = { upstreamId: 'gen-1', result: { kind: 'succeeded', videoUrl: 'https://cdn.example/1.mp4' } };
    expect(parse(succeeded)).toEqual(expected);
    expect(parse({ code: 0, msg: 'success', data: succeeded })).toEqual(expected);
  });

  test('what cannot be a callback is null', () => {
    for (const posted of [null, [], 'x', {}, { id: 7 }, { data: null }]) expect(parse(posted)).toBeNull();
    expect(upstream.parseCallback!(Buffer.from('id=1'))).toBeNull();
  });
});

/** Forfeits cost the customer credits, so words of moderation must not be seen where there are none. */
test.each([
  ['insufficient credits', 'provider_unavailable'],
  ['Your credit balance is insufficient', 'provider_unavailable'],
  ['余额不足', 'provider_unavailable'],
  ['invalid api key', 'provider_unavailable'],
  ['Too many requests', 'provider_rate_limited'],
  ['concurrency limit reached', 'provider_rate_limited'],
  ['unknown model sora-9', 'model_retired'],
  ['the model sora-2 has been retired', 'model_retired'],
  ['model does not exist', 'model_retired'],
  ['input moderation: violence', 'moderation_input'],
  ['This request violates our usage policies', 'moderation_input'],
  ['内容违规', 'moderation_input'],
  ['prompt is required', 'invalid_request'],
  ['duration must be 10 or 15', 'invalid_request'],
  ['aspectRatio parameter error', 'invalid_request'],
  ['the service is temporarily unavailable', 'provider_unavailable'],
  ['failed to generate', 'provider_error'],
  ['moderate load, generation aborted', 'provider_error'],
  ['violates rate limit policy', 'provider_rate_limited'],
  ['504 gateway timeout', null],
  ['context deadline exceeded', null],
  ['', 'provider_error'],
] as const)('the message "%s" means %s', (message, type) => {
  expect(classifyMessage(message, 'provider_error')).toBe(type);
});
