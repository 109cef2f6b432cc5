import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rushes, scratchFolder } from './rushes.ts';
import { problem, type ScriptedServer, startServer } from './scripted-server.ts';

const ESCAPE = '\u001b';

async function serverWithBatch(): Promise<ScriptedServer> {
  const server = await startServer();
  const items = Array.from({ length: 10 }, (_, at) => ({ prompt: `fox ${at}` }));
  const response = await fetch(`${server.url}/v1/batches`, {
    method: 'POST',
    body: JSON.stringify({ request_id: 'r', model: 'sora-2', items }),
  });
  await response.text();
  server.requests.length = 0;
  return server;
}

describe('exit codes', () => {
  test.each([
    [400, 'invalid_request', 2],
    [401, 'unauthorized', 3],
    [402, 'account_in_debt', 4],
    [403, 'forbidden', 3],
    [404, 'not_found', 5],
    [409, 'state_conflict', 7],
    [413, 'payload_too_large', 2],
    [422, 'request_id_conflict', 7],
  ])(
    'an answer of %i %s ends with %i, and --json prints the problem document on stdout',
    async (status, code, exitCode) => {
      const server = await startServer();
      server.before = () => problem(status, code, 'So it is.');
      const { code: actual, stdout, stderr } = await rushes(['status', 'bat_1', '--json'], { server });
      expect(actual).toBe(exitCode);
      expect(JSON.parse(stdout)).toEqual({
        type: `https://rushes.example/problems/${code}`,
        title: code,
        status,
        detail: 'So it is.',
        code,
        trace_id: 'trace-1',
        exit_code: exitCode,
      });
      expect(stderr).toContain('So it is.');
      expect(stderr).not.toContain(ESCAPE);
      expect(stderr).toContain('trace-1');
    },
  );

  test('too many requests end with 6 once the server asks for more patience than a call has', async () => {
    const server = await startServer();
    server.before = () => {
      const answer = problem(429, 'rate_limited', 'Too many requests.');
      return { ...answer, headers: { ...answer.headers, 'retry-after': '3600' } };
    };
    const { code, stderr } = await rushes(['credits'], { server });
    expect(code).toBe(6);
    expect(stderr).toContain('Try again in 1h00m');
  });

  test('a server that is not there ends with 8', async () => {
    const { code, stdout } = await rushes(['credits', '--json'], { env: { RUSHES_BASE_URL: 'http://127.0.0.1:1' } });
    expect(code).toBe(8);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'network_error', exit_code: 8 });
  });

  test('a page of something else is not taken for an answer', async () => {
    const server = await startServer();
    server.before = () => ({ headers: { 'content-type': 'text/html' }, body: '<html>welcome</html>' });
    const { code, stdout } = await rushes(['credits', '--json'], { server });
    expect(code).toBe(8);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'invalid_response' });
  });

  test('no key ends with 3 and says where one can be', async () => {
    const { code, stdout, stderr } = await rushes(['credits', '--json'], { env: { RUSHES_API_KEY: undefined } });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'no_api_key' });
    expect(stderr).toContain('rushes login');
  });

  test.each([
    [['list', '--nope']],
    [['status']],
    [['status', 'a', 'b']],
    [['submit', 'x', '--format', 'xml']],
    [['list', '--limit', '0']],
    [['submit', 'x', '--max-failure-rate', '2']],
    [['submit', 'x', '--model', 'sora-2', '--wait-timeout', 'soon']],
    [['ledger', 'export', '--from', '2026-02-31']],
    [['nonsense']],
  ])('wrong usage %j ends with 2 and a problem document without the insides of the parser', async (argv) => {
    const { code, stdout } = await rushes([...argv, '--json'], { server: { url: 'http://127.0.0.1:1' } });
    expect(code).toBe(2);
    const document = JSON.parse(stdout) as object;
    expect(Object.keys(document)).toEqual(['type', 'title', 'detail', 'code', 'exit_code']);
    expect(document).toMatchObject({ code: 'usage', exit_code: 2 });
    expect(stdout).not.toContain(ESCAPE);
  });

  test('help exit-codes lists every one of them', async () => {
    const { code, stdout } = await rushes(['help', 'exit-codes', '--json']);
    expect(code).toBe(0);
    const codes = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { code: number }).code);
    expect(codes).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 68, 69, 70, 130]);
  });
});

describe('help', () => {
  test('a mistyped command is answered with the one that was meant', async () => {
    const { code, stderr } = await rushes(['sumbit', 'x.csv']);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean "rushes submit"?');
    expect((await rushes(['ledger', 'exprot'])).stderr).toContain('Did you mean "rushes ledger export"?');
  });

  test('no flag takes an API key or a webhook secret', async () => {
    for (const name of ['submit', 'login', 'webhooks verify']) {
      const { stdout } = await rushes([...name.split(' '), '--help']);
      expect(stdout).not.toMatch(/--(api-)?key\b|--secret(?!-file)\b/);
    }
  });
});

describe('lists', () => {
  test('with --json every object is one line, and --limit says on stderr that there is more', async () => {
    const server = await serverWithBatch();
    server.before = (request) =>
      request.path === '/v1/batches' && request.query.get('cursor') === null
        ? { body: { data: [server.batches[0], server.batches[0]], has_more: true, next_cursor: 'c2' } }
        : null;
    const all = await rushes(['list', '--all', '--json'], { server });
    expect(
      all.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(['bat_1', 'bat_1', 'bat_1']);
    const two = await rushes(['list', '--limit', '2', '--json'], { server });
    expect(two.stdout.trim().split('\n')).toHaveLength(2);
    expect(two.stderr).toContain('more batches');
    expect((await rushes(['list'], { server })).stdout).toContain('bat_1  2026-11-20 12:00:00  sora-2');
  });

  test('a prompt cannot write to the terminal', async () => {
    const server = await serverWithBatch();
    server.before = (request) => {
      if (!request.path.endsWith('/tasks')) return null;
      const task = {
        index: 0,
        custom_id: null,
        prompt: 'red\u001b[31m\u001b]0;title\u0007\nnext',
        status: 'queued',
        attempts: 0,
        failure: null,
        credits: { charged: 0 },
      };
      return { body: { data: [task], has_more: false, next_cursor: null } };
    };
    const { stdout } = await rushes(['tasks', 'bat_1'], { server });
    expect(stdout).not.toContain(ESCAPE);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('one batch', () => {
  test('status shows it, and --exit-code ends as its state says', async () => {
    const server = await serverWithBatch();
    server.looksUntilFinal = 3;
    const shown = await rushes(['status', 'bat_1'], { server });
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('bat_1  sora-2  queued');
    expect(shown.stdout).not.toContain(ESCAPE);
    expect((await rushes(['status', 'bat_1', '--exit-code'], { server })).code).toBe(69);
    server.endsAs = 'failed';
    const last = await rushes(['status', 'bat_1', '--exit-code', '--json'], { server });
    expect(last.code).toBe(1);
    expect(JSON.parse(last.stdout)).toEqual(server.batches[0]);
  });

  test('watch --json prints one line for each change, the end last', async () => {
    const server = await serverWithBatch();
    server.looksUntilFinal = 4;
    const { code, stdout } = await rushes(['watch', 'bat_1', '--json'], { server });
    expect(code).toBe(0);
    const states = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: string }).status);
    expect(states).toEqual(['queued', 'completed']);
  });

  test('cancel shows the consequences in credits and does nothing without a yes', async () => {
    const server = await serverWithBatch();
    const asked = await rushes(['cancel', 'bat_1'], { server });
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('490 credits ($4.90) come back at once.');
    expect(asked.stderr).toContain('3 videos already running finish');
    const cancels = (): (string | null)[] =>
      server.seen('POST', '/v1/batches/bat_1/cancel').map((request) => request.query.get('preview'));
    expect(cancels()).toEqual(['true']);
    const done = await rushes(['cancel', 'bat_1', '--yes', '--json'], { server });
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ preview: false, refunded: 490, still_running: 3 });
    expect(cancels()).toEqual(['true', 'true', null]);
  });

  test('download of a batch that is not final brings what there is and ends with 69', async () => {
    const server = await serverWithBatch();
    server.looksUntilFinal = Infinity;
    const folder = join(scratchFolder(), 'out');
    const { code, stdout } = await rushes(['download', 'bat_1', folder, '--json'], { server });
    expect(code).toBe(69);
    expect(JSON.parse(stdout)).toMatchObject({ download: { videos: 10, fetched: 10 } });
    expect(readdirSync(folder)).toContain('00000.mp4');
  });

  test('a video with other bytes than promised is reported and leaves no file', async () => {
    const server = await serverWithBatch();
    server.before = (request) => (request.path === '/v/3' ? { body: Buffer.from('a video, more or lesS') } : null);
    const folder = join(scratchFolder(), 'out');
    const { code, stdout, stderr } = await rushes(['download', 'bat_1', folder, '--json'], { server });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'download_failed', batch_id: 'bat_1' });
    expect(stderr).toContain('video 3');
    expect(existsSync(join(folder, '00003.mp4'))).toBe(false);
    expect(existsSync(join(folder, '00004.mp4'))).toBe(true);
  });
});

describe('ledger export', () => {
  test('the bytes of the server go to stdout unchanged', async () => {
    const server = await startServer();
    server.before = () => ({ body: 'seq,kind\r\n1,grant\r\n' });
    const { code, stdout } = await rushes(
      ['ledger', 'export', '--from', '2026-11-01', '--to', '2026-12-01T00:00:00+01:00'],
      { server },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'seq,kind\r\n1,grant\r\n' });
    const { query } = server.requests[0]!;
    expect(Object.fromEntries(query)).toEqual({
      format: 'csv',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-11-30T23:00:00.000Z',
    });
  });

  test('a file appears only when it is whole, and what was there stays until then', async () => {
    const server = await startServer();
    const folder = scratchFolder();
    const target = join(folder, 'november.csv');
    writeFileSync(target, 'the one before');
    server.before = () => ({ headers: { 'content-length': '1000' }, body: 'seq,kind\r\n' });
    const cut = await rushes(['ledger', 'export', '-o', target], { server });
    expect(cut.code).toBe(8);
    expect(readFileSync(target, 'utf8')).toBe('the one before');
    expect(readdirSync(folder)).toEqual(['november.csv']);
    server.before = () => ({ body: 'seq,kind\r\n1,grant\r\n' });
    expect((await rushes(['ledger', 'export', '-o', target], { server })).code).toBe(0);
    expect(readFileSync(target, 'utf8')).toBe('seq,kind\r\n1,grant\r\n');
  });
});

describe('credits alert', () => {
  async function accountServer(): Promise<ScriptedServer> {
    const server = await startServer();
    let threshold: number | null = 10_000;
    server.before = (request) => {
      if (request.path !== '/v1/account') return null;
      if (request.method === 'PATCH') threshold = JSON.parse(request.body).low_credits_threshold;
      return { body: { id: 'acct_1', low_credits_threshold: threshold } };
    };
    return server;
  }

  test('shows, sets and turns off the threshold; without a flag nothing is changed', async () => {
    const server = await accountServer();
    const alert = async (...flags: string[]) => (await rushes(['credits', 'alert', ...flags], { server })).stdout;
    expect(await alert()).toBe('The event credits.low is sent below 10,000 credits ($100.00).\n');
    expect(await alert('--below', '25000')).toContain('25,000');
    expect(JSON.parse(await alert('--json'))).toEqual({ id: 'acct_1', low_credits_threshold: 25_000 });
    expect(await alert('--off')).toBe('The event credits.low is never sent.\n');
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET', 'PATCH']);
  });

  test.each([['--below', '0'], ['--below', 'x'], ['--below', '5', '--off'], ['5']])(
    '%s %s is a usage error, and nothing is asked for',
    async (...flags) => {
      const server = await accountServer();
      expect((await rushes(['credits', 'alert', ...flags], { server })).code).toBe(2);
      expect(server.requests).toEqual([]);
    },
  );
});

test('list --request-id shows the batch of a submission whose answer was lost, and no other', async () => {
  const server = await serverWithBatch();
  const found = await rushes(['list', '--request-id', 'r', '--json'], { server });
  expect(JSON.parse(found.stdout)).toMatchObject({ id: 'bat_1', request_id: 'r' });
  const none = await rushes(['list', '--request-id', 'R', '--json'], { server });
  expect([none.code, none.stdout]).toEqual([0, '']);
});

test('a folder that is a file is named with what is wrong about it', async () => {
  const server = await serverWithBatch();
  const folder = scratchFolder();
  writeFileSync(join(folder, 'videos'), '');
  const { code, stderr } = await rushes(['download', 'bat_1', 'videos'], { server, cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toContain('There is a file where a folder is needed. Name another folder.');
});
