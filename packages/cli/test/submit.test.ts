import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rushes, scratchFolder, startRushes } from './rushes.ts';
import { problem, startServer } from './scripted-server.ts';

const ESCAPE = '\u001b';
const PROMPTS = [
  'prompt,custom_id',
  ...Array.from({ length: 10 }, (_, at) => `"a fox, number ${at}",fox-${at}`),
  '',
].join('\r\n');

function file(content: string | Uint8Array, name = 'prompts.csv'): string {
  const path = join(scratchFolder(), name);
  writeFileSync(path, content);
  return path;
}

const SUBMIT = ['--model', 'sora-2', '--yes'];

describe('submitting', () => {
  test('stdout has the id of the batch and nothing else; price, balance and way back are on stderr', async () => {
    const server = await startServer();
    const { code, stdout, stderr } = await rushes(['submit', file(PROMPTS), ...SUBMIT], { server });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'bat_1\n' });
    expect(stderr).toContain('490 credits ($4.90) in all');
    expect(stderr).toContain('100,000 credits ($1,000.00) available');
    expect(stderr).toContain('not refunded: moderation_input');
    expect(stderr).toContain('rushes watch bat_1');
    expect(stdout + stderr).not.toContain(ESCAPE);
  });

  test('the price that was shown is the price that is paid', async () => {
    const server = await startServer();
    server.before = (request) => {
      // Between the estimate and the creation the price goes up.
      if (request.path === '/v1/batches') server.unitPrice = 99;
      return null;
    };
    const { code, stdout } = await rushes(['submit', file(PROMPTS), ...SUBMIT, '--json'], { server });
    expect(code).toBe(7);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'price_changed', status: 409, exit_code: 7 });
    expect(server.batches).toHaveLength(0);
  });

  test('where nobody can be asked, nothing is submitted without --yes, and the answer says how', async () => {
    const server = await startServer();
    const { code, stdout, stderr } = await rushes(['submit', file(PROMPTS), '--model', 'sora-2'], { server });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--yes');
    expect(server.seen('POST', '/v1/batches')).toHaveLength(0);
  });

  test('a dry run shows the price and submits nothing; too few credits are exit code 4', async () => {
    const server = await startServer();
    const dry = ['submit', file(PROMPTS), '--model', 'sora-2', '--dry-run', '--json'];
    const enough = await rushes(dry, { server });
    expect(enough.code).toBe(0);
    expect(JSON.parse(enough.stdout)).toMatchObject({
      dry_run: true,
      batch: null,
      existing: false,
      download: null,
      estimate: { total: 490 },
    });
    server.available = 489;
    expect((await rushes(dry, { server })).code).toBe(4);
    expect(server.seen('POST', '/v1/batches')).toHaveLength(0);
  });

  test('every format and encoding makes the same request', async () => {
    const server = await startServer();
    const rows = Array.from({ length: 10 }, (_, at) => ({ prompt: `狐狸 🦊 ${at}`, custom_id: `f${at}` }));
    const csv = ['prompt,custom_id', ...rows.map((row) => `${row.prompt},${row.custom_id}`)].join('\n');
    const inputs: [string, string | Uint8Array][] = [
      ['a.csv', csv],
      ['b.csv', `\ufeff${csv.replaceAll('\n', '\r\n')}\r\n`],
      ['c.csv', Buffer.from(`\ufeff${csv}`, 'utf16le')],
      ['d.csv', Buffer.from(`\ufeff${csv}`, 'utf16le').swap16()],
      ['e.tsv', csv.replaceAll(',', '\t')],
      ['f.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')],
      ['no-extension', csv],
    ];
    for (const [name, content] of inputs) {
      const { code, stderr } = await rushes(['submit', file(content, name), ...SUBMIT], { server });
      expect(code, `${name}: ${stderr}`).toBe(0);
    }
    expect(server.batches).toHaveLength(1);
    expect(server.seen('POST', '/v1/batches')).toHaveLength(inputs.length);
    expect(server.created[0]?.items).toEqual(rows);
  });

  test('standard input, mapped columns, defaults and metadata reach the server as one request', async () => {
    const server = await startServer();
    const csv = [
      'Text;duration_seconds',
      ...Array.from({ length: 10 }, (_, at) => `"one; ""two"" ${at}";${at % 2 === 0 ? '10' : ''}`),
    ].join('\n');
    const flags = [
      '--column',
      'prompt=Text',
      '--set',
      'aspect_ratio=9:16',
      '--set',
      'duration_seconds=15',
      '--metadata',
      'job=a=b',
    ];
    const { code, stderr } = await rushes(['submit', ...flags, '-', ...SUBMIT, '--spend-limit', '500'], {
      server,
      stdin: csv,
    });
    expect(code, stderr).toBe(0);
    expect(server.created[0]).toMatchObject({
      model: 'sora-2',
      defaults: { aspect_ratio: '9:16', duration_seconds: 15 },
      metadata: { job: 'a=b' },
      spend_limit: 500,
      expected_unit_price: 49,
    });
    expect(server.created[0]?.items.slice(0, 2)).toEqual([
      { prompt: 'one; "two" 0', params: { duration_seconds: 10 } },
      { prompt: 'one; "two" 1' },
    ]);
  });

  test('the rows of a table are never taken for prompts when a column was named', async () => {
    const server = await startServer();
    const wrong = await rushes(['submit', '--column', 'prompt=Text', '-', ...SUBMIT], {
      server,
      stdin: 'Title,Notes\na,b\n',
    });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('there is no column "Text"');
    const plain = await rushes(['submit', '--column', 'prompt=Text', file('a\nb\n', 'p.txt'), ...SUBMIT], { server });
    expect(plain.code).toBe(2);
    expect(server.requests).toHaveLength(0);
  });

  test('columns metadata.* label the batch, with one value for all rows', async () => {
    const server = await startServer();
    const rows = (last: string): string => `prompt,metadata.team\n${'a,red\n'.repeat(8)}a,\na,${last}\n`;
    expect((await rushes(['submit', '-', ...SUBMIT, '--metadata', 'job=1'], { server, stdin: rows('red') })).code).toBe(
      0,
    );
    expect(server.created[0]?.metadata).toEqual({ job: '1', team: 'red' });
    const differs = await rushes(['submit', '-', ...SUBMIT], { server, stdin: rows('blue') });
    expect(differs.code).toBe(2);
    expect(differs.stderr).toContain('<stdin>:11: metadata.team differs from line 2');
  });

  test('10,000 rows go in one request', async () => {
    const server = await startServer();
    server.available = 1_000_000;
    const lines = Array.from(
      { length: 10_000 },
      (_, at) => `a prompt of some length, number ${at}, ${'x'.repeat(200)}`,
    ).join('\n');
    const { code } = await rushes(['submit', file(lines, 'prompts.txt'), ...SUBMIT], { server });
    expect(code).toBe(0);
    expect(server.created[0]?.items).toHaveLength(10_000);
  });
});

describe('what is wrong with a file', () => {
  test('every bad row is named by its line, whatever stands in the rows before it', async () => {
    const server = await startServer();
    const csv = ['prompt,duration_seconds', '"two\nlines",10', 'x,ten', 'y', 'z,1,2', ''].join('\n');
    const { code, stdout, stderr } = await rushes(['submit', file(csv), ...SUBMIT, '--json'], { server });
    expect(code).toBe(2);
    expect(stderr).toContain('prompts.csv:4: duration_seconds must be a whole number, not "ten"');
    expect(stderr).toContain('prompts.csv:5: has 1 fields, and the header has 2');
    expect(stderr).toContain('prompts.csv:6: has 3 fields, and the header has 2');
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'invalid_input',
      exit_code: 2,
      error_count: 3,
      errors: [{ line: 4 }, { line: 5 }, { line: 6 }],
    });
    expect(server.requests).toHaveLength(0);
  });

  test("the server's refusal of an item names the line that the item came from", async () => {
    const server = await startServer();
    server.before = (request) =>
      request.path.endsWith('/estimate')
        ? problem(400, 'invalid_items', 'One item is invalid.', {
            errors: [
              {
                index: 2,
                custom_id: 'c',
                param: 'prompt',
                code: 'too_long',
                detail: 'The prompt has more than 5,000 characters.',
              },
            ],
          })
        : null;
    const csv = ['prompt,custom_id', '"a\n\nb",a', 'b,b', '', 'c,c'].join('\n');
    const { code, stdout, stderr } = await rushes(['submit', file(csv), ...SUBMIT, '--json'], { server });
    expect(code).toBe(2);
    expect(stderr).toContain('prompts.csv:7: [c] The prompt has more than 5,000 characters.');
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'invalid_items',
      status: 400,
      trace_id: 'trace-1',
      errors: [{ index: 2, line: 7 }],
    });
  });

  test.each([
    ['an unclosed quote', 'prompt\nfine\n"open\nmore\n', 'prompts.csv:3: this line opens a quote that is never closed'],
    ['text after a quote', 'prompt\n"He said "hi""\n', 'prompts.csv:2: there is text after a closing quote'],
    ['an unknown column', 'prompt,colour\nx,red\n', 'prompts.csv:1: the column "colour" is not known'],
    ['no prompt column', 'text\nx\n', 'prompts.csv:1: there is no column "prompt"'],
    ['a column twice', 'prompt,prompt\nx,y\n', 'prompts.csv:1: the column "prompt" occurs twice'],
    ['an empty file', '', 'prompts.csv: the file is empty'],
    ['bytes of an old code page', Buffer.from('prompt\nfine\ncaf\xe9\n', 'latin1'), 'prompts.csv:3: is not UTF-8'],
    [
      'half a UTF-16 character',
      Buffer.from([0xff, 0xfe, 0x61]),
      'prompts.csv: is not UTF-16LE, although its first bytes say so',
    ],
  ])('%s is refused with its place before anything is sent', async (_, content, message) => {
    const server = await startServer();
    const { code, stderr } = await rushes(['submit', file(content), ...SUBMIT], { server });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(server.requests).toHaveLength(0);
  });

  test('bad JSON lines are named by line', async () => {
    const server = await startServer();
    const lines = ['{"prompt":"a"}', '{"prompt":', '', '[1]', '{"custom_id":"x"}', '{"prompt":"a","colour":1}'].join(
      '\n',
    );
    const { code, stderr } = await rushes(['submit', file(lines, 'p.jsonl'), ...SUBMIT], { server });
    expect(code).toBe(2);
    for (const place of [
      'p.jsonl:2: is not JSON',
      'p.jsonl:4: must be a JSON object',
      'p.jsonl:5: [x] prompt is missing',
      'p.jsonl:6: colour is not known',
    ]) {
      expect(stderr).toContain(place);
    }
  });
});

describe('the same submission', () => {
  const submit = async (
    server: { url: string },
    path: string,
    env: Record<string, string> = {},
    flags: string[] = [],
  ): Promise<string> => {
    const { code, stdout, stderr } = await rushes(['submit', path, ...SUBMIT, ...flags], { server, env });
    expect(code, stderr).toBe(0);
    return stdout.trim();
  };

  test('is the same batch from another path, and another batch with one changed byte', async () => {
    const server = await startServer();
    const first = await submit(server, file(PROMPTS));
    expect(await submit(server, file(PROMPTS, 'moved.csv'))).toBe(first);
    expect(await submit(server, file(PROMPTS.replace('number 3', 'number 4')))).not.toBe(first);
    expect(await submit(server, file(PROMPTS), {}, ['--set', 'aspect_ratio=9:16'])).not.toBe(first);
    expect(server.batches).toHaveLength(3);
  });

  test('is found again by a rerun of the same CI job, and not by the next run', async () => {
    const server = await startServer();
    const path = file(PROMPTS);
    const run = (id: string, attempt: string): Promise<string> =>
      submit(server, path, { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: id, GITHUB_RUN_ATTEMPT: attempt });
    const monday = await run('1001', '1');
    expect(await run('1001', '2')).toBe(monday);
    expect(await run('1002', '1')).not.toBe(monday);
    expect(await submit(server, path)).not.toBe(monday);
  });

  test('--run-key takes the place of the CI run', async () => {
    const server = await startServer();
    const path = file(PROMPTS);
    const one = await submit(server, path, { GITHUB_RUN_ID: '1' }, ['--run-key', 'nightly']);
    expect(await submit(server, path, { GITHUB_RUN_ID: '2' }, ['--run-key', 'nightly'])).toBe(one);
  });

  test('outside CI it is shown with its date, ends as its state says, and --again makes a new one', async () => {
    const server = await startServer();
    server.endsAs = 'partial';
    server.failed = 2;
    const path = file(PROMPTS);
    await submit(server, path);
    server.finish(server.batches[0]!);
    const { code, stdout, stderr } = await rushes(['submit', path, ...SUBMIT, '--json'], { server });
    expect(code).toBe(68);
    expect(JSON.parse(stdout)).toMatchObject({ existing: true, batch: { id: 'bat_1', status: 'partial' } });
    expect(stderr).toMatch(/submitted before: bat_1, 2026-11-20 12:00:00 UTC \(.*ago|just now\), partial/);
    expect(stderr).toContain('--again');
    expect(await submit(server, path, {}, ['--again'])).toBe('bat_2');
    expect(await submit(server, path, {}, ['--again'])).toBe('bat_3');
  });

  test('is not bought twice after a change of price or of --spend-limit', async () => {
    const server = await startServer();
    const path = file(PROMPTS);
    await submit(server, path, {}, ['--spend-limit', '500']);
    server.unitPrice = 60;
    const { code, stdout } = await rushes(['submit', path, ...SUBMIT, '--spend-limit', '9000', '--json'], { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ existing: true, batch: { id: 'bat_1' } });
    expect(server.batches).toHaveLength(1);
  });

  test('is found even when its own cost has emptied the account', async () => {
    const server = await startServer();
    const path = file(PROMPTS);
    await submit(server, path);
    server.available = 0;
    expect(await submit(server, path)).toBe('bat_1');
  });

  test('with a --request-id of another submission is a conflict', async () => {
    const server = await startServer();
    await submit(server, file(PROMPTS), {}, ['--request-id', 'order-1']);
    const other = await rushes(
      ['submit', file(PROMPTS.replace('fox', 'cat')), ...SUBMIT, '--request-id', 'order-1', '--json'],
      { server },
    );
    expect(other.code).toBe(7);
    expect(JSON.parse(other.stdout)).toMatchObject({ code: 'request_id_conflict', status: 422 });
  });
});

describe('waiting', () => {
  test.each([
    ['completed', 0, 0],
    ['partial', 3, 68],
    ['failed', 10, 1],
    ['canceled', 0, 70],
  ])('a %s batch with %i failures ends with exit code %i', async (status, failed, exitCode) => {
    const server = await startServer();
    Object.assign(server, { endsAs: status, failed });
    const { code, stdout, stderr } = await rushes(['submit', file(PROMPTS), ...SUBMIT, '--wait', '--json'], { server });
    expect(code).toBe(exitCode);
    expect(JSON.parse(stdout)).toMatchObject({ existing: false, batch: { id: 'bat_1', status } });
    // Without a terminal there are lines, not a bar.
    expect(stderr).toContain('bat_1 queued 0/10 0%');
    expect(stdout + stderr).not.toContain(ESCAPE);
  });

  test('--download brings the videos and the manifest, and a second run fetches nothing again', async () => {
    const server = await startServer();
    Object.assign(server, { endsAs: 'partial', failed: 2 });
    const folder = join(scratchFolder(), 'videos');
    const argv = ['submit', file(PROMPTS), ...SUBMIT, '--download', folder, '--json'];
    const first = await rushes(argv, { server });
    expect(first.code, first.stderr).toBe(68);
    expect(JSON.parse(first.stdout)).toMatchObject({
      download: { directory: folder, videos: 8, fetched: 8, already_present: 0 },
    });
    expect(readdirSync(folder)).toHaveLength(9);
    expect(readFileSync(join(folder, 'manifest.csv'), 'utf8').split('\r\n')[3]).toMatch(
      /^2,fox-2,succeeded,,fox-2\.mp4,21,[0-9a-f]{64},49$/,
    );
    const second = await rushes(argv, { server });
    expect(JSON.parse(second.stdout)).toMatchObject({ existing: true, download: { fetched: 0, already_present: 8 } });
  });

  test('Ctrl-C while the batch is being made says that it may exist, and running again finds it', async () => {
    const server = await startServer();
    const path = file(PROMPTS);
    const { interrupt, ended } = startRushes(['submit', path, ...SUBMIT], { server });
    let release = (): void => undefined;
    const made = new Promise<void>((resolve) => {
      server.before = (request) => {
        if (request.path !== '/v1/batches') return null;
        resolve();
        // The answer stays away; what was asked for happens all the same.
        return new Promise((answer) => (release = () => answer(null)));
      };
    });
    await made;
    interrupt();
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Run the same command again to find it');
    release();
    await expect.poll(() => server.batches.length).toBe(1);
    server.before = () => null;
    expect((await rushes(['submit', path, ...SUBMIT], { server })).stdout).toBe('bat_1\n');
    expect(server.batches).toHaveLength(1);
  });

  test('--wait-timeout gives up with 69, and so does a pause', async () => {
    const server = await startServer();
    server.looksUntilFinal = Infinity;
    const path = file(PROMPTS);
    const late = await rushes(['submit', path, ...SUBMIT, '--wait-timeout', '1s', '--json'], { server });
    expect(late.code).toBe(69);
    expect(JSON.parse(late.stdout)).toMatchObject({ code: 'still_running', batch_id: 'bat_1' });
    server.batches[0]!.paused = true;
    const paused = await rushes(['watch', 'bat_1'], { server });
    expect(paused.code).toBe(69);
    expect(paused.stderr).toContain('bat_1 is paused');
  });
});
