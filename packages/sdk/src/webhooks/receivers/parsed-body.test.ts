import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EVENT, listen, ODD_BODY, recorder, SECRET, sendSigned } from '../../../test/webhook-receivers.ts';
import { signForTest, WebhookVerificationError } from '../index.ts';
import { expressReceiver } from './express.ts';
import { fastifyReceiver } from './fastify.ts';
import { fetchReceiver } from './fetch.ts';
import { honoReceiver } from './hono.ts';
import { koaReceiver } from './koa.ts';
import { nodeReceiver } from './node.ts';

describe('a body that was parsed before', () => {
  const clearError = (errors: unknown[], advice: RegExp): void => {
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(WebhookVerificationError);
    expect(errors[0]).toMatchObject({ reason: 'body_not_raw', message: expect.stringMatching(advice) });
  };

  test('Express: 500 with an error that names express.json, and bytes that were kept are used', async () => {
    const broken = recorder();
    const parsedFirst = express();
    parsedFirst.use(express.json());
    parsedFirst.post('/hooks/rushes', expressReceiver(broken.options));
    expect((await sendSigned(await listen(parsedFirst))).status).toBe(500);
    clearError(broken.errors, /before app\.use\(express\.json\(\)\)/);

    const { options, events } = recorder();
    const keeps = express();
    const keep = (request: unknown, _response: unknown, bytes: Buffer): void => {
      Object.assign(request as object, { rawBody: bytes });
    };
    keeps.use(express.json({ verify: keep }));
    keeps.post('/hooks/rushes', expressReceiver(options));
    expect((await sendSigned(await listen(keeps), ODD_BODY)).status).toBe(204);

    const raw = express();
    raw.post('/hooks/rushes', express.raw({ type: '*/*' }), expressReceiver(options));
    expect((await sendSigned(await listen(raw), ODD_BODY)).status).toBe(204);
    expect(events).toHaveLength(2);
  });

  test('Koa: what koa-bodyparser kept is used; without it, 500 with an error that names it', async () => {
    const { default: bodyParser } = await import('koa-bodyparser');
    const { options, events } = recorder();
    const app = new Koa();
    app.use(bodyParser());
    app.use(koaReceiver(options));
    expect((await sendSigned(await listen(app.callback()), ODD_BODY)).status).toBe(204);
    expect(events).toHaveLength(1);

    const broken = recorder();
    const forgetful = new Koa();
    forgetful.use(bodyParser());
    forgetful.use((context, next) => {
      Object.assign(context.request, { rawBody: undefined });
      return next();
    });
    forgetful.use(koaReceiver(broken.options));
    expect((await sendSigned(await listen(forgetful.callback()))).status).toBe(500);
    clearError(broken.errors, /koa-bodyparser/);
  });

  test('Hono: the text that a middleware read is used; an object alone is an error', async () => {
    const { options, events } = recorder();
    const app = new Hono();
    app.use(async ({ req }, next) => {
      await req.json();
      await next();
    });
    app.post('/hooks/rushes', honoReceiver(options));
    const { body, headers } = await signForTest(ODD_BODY, SECRET);
    expect((await app.request('/hooks/rushes', { method: 'POST', body, headers })).status).toBe(204);
    expect(events).toHaveLength(1);

    const broken = recorder();
    const parsed = new Hono();
    parsed.use(async ({ req }, next) => {
      await req.raw.json();
      await next();
    });
    parsed.post('/hooks/rushes', honoReceiver(broken.options));
    expect((await parsed.request('/hooks/rushes', { method: 'POST', body, headers })).status).toBe(500);
    clearError(broken.errors, /Mount the receiver before/);
  });

  test('Fastify: other routes keep their JSON, and a hook that replaced the body is an error', async () => {
    const { options, events, errors } = recorder();
    const app = Fastify();
    onTestFinished(() => app.close());
    let replaces = false;
    app.addHook('preValidation', async (request) => {
      if (replaces) request.body = JSON.parse(String(request.body));
    });
    await app.register(fastifyReceiver({ ...options, path: '/rushes' }), { prefix: '/hooks' });
    app.post('/echo', async ({ body }) => body);
    const { body, headers } = await signForTest(ODD_BODY, SECRET);
    const hook = { method: 'POST', url: '/hooks/rushes', payload: body, headers } as const;
    expect((await app.inject(hook)).statusCode).toBe(204);
    expect((await app.inject({ method: 'POST', url: '/echo', payload: { a: 1 } })).json()).toEqual({ a: 1 });
    replaces = true;
    expect((await app.inject(hook)).statusCode).toBe(500);
    expect(events).toHaveLength(1);
    clearError(errors, /preValidation/);
  });

  test('fetch handlers and node:http: a request that was read is an error that says so', async () => {
    const { options, errors } = recorder();
    const { body, headers } = await signForTest(EVENT, SECRET);
    const request = new Request('http://x/', { method: 'POST', body, headers });
    await request.json();
    expect((await fetchReceiver(options)(request)).status).toBe(500);
    clearError(errors, /request\.clone\(\)/);

    const broken = recorder();
    const receive = nodeReceiver(broken.options);
    const url = await listen((incoming, response) => {
      incoming.resume().on('end', () => receive(incoming, response));
    });
    expect((await sendSigned(url)).status).toBe(500);
    clearError(broken.errors, /Call the receiver first/);
  });
});
