import { describe, expect, it } from 'vitest';
import { endpointIds } from '@rushes/contract';
import {
  accepted,
  items,
  json,
  oneBad,
  onlyError,
  QUERY,
  refused,
  rows,
} from '../../../testing/batches/submissions.ts';
import { testUuid } from '../../../testing/test-uuid.ts';

describe('a sound submission', () => {
  it('keeps every prompt as it was sent, whatever its script', () => {
    const prompts = [
      '中文提示词',
      '🎬 a clip 👩‍👩‍👧',
      '  spaces kept  ',
      '=SUM(A1)',
      'two\nlines',
      'tab\there',
      '"quoted", and comma',
      'é',
      '-',
      "it's",
    ];
    expect(
      accepted('application/json', json({ items: prompts.map((prompt) => ({ prompt })) })).items.map(
        (item) => item.prompt,
      ),
    ).toEqual(prompts);
    const csv = ['prompt', ...prompts.map((prompt) => `"${prompt.replaceAll('"', '""')}"`)].join('\r\n');
    expect(accepted('text/csv', csv, { query: QUERY }).items.map((item) => item.prompt)).toEqual(prompts);
    for (const encode of [utf16le, utf16be]) {
      expect(accepted('text/csv', encode(csv), { query: QUERY }).items.map((item) => item.prompt)).toEqual(prompts);
    }
    expect(accepted('text/csv', `\ufeff${csv}`, { query: QUERY }).items.map((item) => item.prompt)).toEqual(prompts);
  });

  it('is the same request as JSON, CSV and NDJSON, with defaults or with every parameter set', () => {
    const list = items(10, (index) => ({ custom_id: `id-${index}`, params: { size: 'large', duration_seconds: 10 } }));
    const fields = { metadata: { b: '2', a: '1' }, spend_limit: 500, deadline_hours: 24, max_failure_rate: 0.5 };
    const query = `${QUERY}&metadata.a=1&metadata.b=2&spend_limit=500&deadline_hours=24&max_failure_rate=0.5`;
    const bare = items(10, (index) => ({ custom_id: `id-${index}` }));
    const csvRows = list.map((_, index) => `id-${index},prompt ${index}`);
    const hashes = [
      accepted('application/json', json({ items: list, ...fields })),
      accepted('application/json', json({ items: bare, defaults: { duration_seconds: 10, size: 'large' }, ...fields })),
      accepted(
        'text/csv',
        ['custom_id,prompt,size,duration_seconds', ...csvRows.map((row) => `${row},large,10`)].join('\n'),
        { query },
      ),
      accepted('text/csv', ['custom_id,prompt', ...csvRows].join('\r\n'), {
        query: `${query}&defaults.size=large&defaults.duration_seconds=10`,
      }),
      accepted('text/csv', ['custom_id,prompt,metadata.a', ...csvRows.map((row) => `${row},1`)].join('\r\n'), {
        query: `${QUERY}&metadata=${encodeURIComponent('{"b":"2"}')}&spend_limit=500&deadline_hours=24&max_failure_rate=0.5&defaults=${encodeURIComponent('{"size":"large","duration_seconds":10}')}`,
      }),
      accepted('application/x-ndjson', list.map((item) => JSON.stringify(item)).join('\n'), { query }),
      accepted('application/x-ndjson', `${list.map((item) => JSON.stringify(item)).join('\r\n')}\n\n`, { query }),
    ].map((submission) => Buffer.from(submission.requestHash).toString('hex'));
    expect(new Set(hashes)).toHaveLength(1);
  });

  it('is another request when anything that matters differs', () => {
    const base = Buffer.from(accepted('application/json', json()).requestHash);
    for (const change of [
      { items: items(11) },
      { items: items(10, (index) => (index === 9 ? { prompt: 'other' } : {})) },
      { items: items(10, (index) => (index === 0 ? { custom_id: 'a' } : {})) },
      { items: items(10, (index) => (index === 0 ? { params: { size: 'large' } } : {})) },
      { model: 'veo-pro' },
      { metadata: { a: '1' } },
      { spend_limit: 500 },
      { expected_unit_price: 49 },
      { max_failure_rate: 0 },
      { deadline_hours: 1 },
      { webhook_endpoint_id: endpointIds.format(testUuid('01890a5d-ac96-774b-bcce-b302099a8057')) },
    ]) {
      expect(base.equals(accepted('application/json', json(change)).requestHash), JSON.stringify(change)).toBe(false);
    }
    expect(base.equals(accepted('application/json', json({ request_id: 'other' })).requestHash)).toBe(true);
    expect(base.equals(accepted('application/json', json({ deadline_hours: 168 })).requestHash)).toBe(true);
  });

  it('treats __proto__ as a name like any other and never as a prototype', () => {
    const text =
      '{"request_id":"r","model":"sora-2","metadata":{"__proto__":"x","constructor":"y"},"items":' +
      JSON.stringify(items(10)) +
      '}';
    const { metadata } = accepted('application/json', text);
    expect(Object.entries(metadata)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    const polluted = text.replace('"metadata":{', '"defaults":{"__proto__":{"size":"large"}},"metadata":{');
    expect(onlyError(refused('application/json', polluted))).toMatchObject({
      param: 'defaults.__proto__',
      code: 'unknown_name',
    });
    expect(onlyError(refused('application/json', oneBad({ params: { constructor: 1 } })))).toMatchObject({
      code: 'unknown_name',
    });
  });

  it('takes its request_id from the Idempotency-Key header, and refuses two that differ', () => {
    expect(accepted('text/csv', `prompt\n${rows(10)}`, { query: 'model=sora-2', idempotencyKey: 'k' }).requestId).toBe(
      'k',
    );
    expect(accepted('application/json', json(), { idempotencyKey: 'r-1' }).requestId).toBe('r-1');
    expect(refused('application/json', json(), { idempotencyKey: 'k' })).toMatchObject({
      code: 'invalid_request',
      param: 'request_id',
    });
  });

  it('needs no request_id for an estimate and does not mind one', () => {
    expect(
      accepted('text/csv', `prompt\n${rows(10)}`, { query: 'model=sora-2', kind: 'estimate' }).requestId,
    ).toBeNull();
    expect(accepted('application/json', json(), { kind: 'estimate' }).requestId).toBeNull();
  });

  it('reads 10,000 rows with quotes and line breaks well within a request', () => {
    const body = `prompt,custom_id\r\n${Array.from({ length: 10_000 }, (_, at) => `"A long, ""quoted"" prompt ${'中文 🎬 '.repeat(20)}\r\n${at}",id-${at}\r\n`).join('')}`;
    const started = performance.now();
    expect(accepted('text/csv', body, { query: QUERY }).items).toHaveLength(10_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

function utf16le(text: string): Uint8Array {
  return Buffer.from(`\ufeff${text}`, 'utf16le');
}

function utf16be(text: string): Uint8Array {
  return Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
}

describe('the number of items', () => {
  it.each([
    ['sora-2', 9, 'too_few'],
    ['sora-2', 10_001, 'too_many'],
    ['veo-pro', 4, 'too_few'],
    ['sora-2', 0, 'too_few'],
  ])('%s with %d items is refused', (model, count, code) => {
    const refusal = refused('application/json', json({ model, items: items(count) }));
    expect(refusal).toMatchObject({ code: 'invalid_items', param: 'items' });
    expect(onlyError(refusal)).toMatchObject({ index: null, param: 'items', code });
    expect(refusal.detail).toContain(String(count));
    const query = `request_id=r&model=${model}`;
    expect(refused('text/csv', `prompt\n${rows(count)}`, { query })).toMatchObject({
      param: 'items',
      code: 'invalid_items',
    });
    const ndjson = items(count)
      .map((item) => JSON.stringify(item))
      .join('\n');
    expect(refused('application/x-ndjson', ndjson, { query })).toMatchObject({ param: 'items', code: 'invalid_items' });
  });

  it('is accepted at both limits', () => {
    expect(accepted('application/json', json({ items: items(10_000) })).items).toHaveLength(10_000);
    expect(accepted('application/json', json({ model: 'veo-pro', items: items(5) })).items).toHaveLength(5);
  });
});

describe('a bad item', () => {
  it.each([
    [{ prompt: 'x'.repeat(5_001) }, 'prompt', 'too_long'],
    [{ prompt: '🎬'.repeat(5_001) }, 'prompt', 'too_long'],
    [{ prompt: '' }, 'prompt', 'blank'],
    [{ prompt: ' \t\n\u00a0\u2003\u3000\u0085\u200b\ufeff' }, 'prompt', 'blank'],
    [{ prompt: undefined }, 'prompt', 'required'],
    [{ prompt: 5 }, 'prompt', 'wrong_type'],
    [{ prompt: null }, 'prompt', 'wrong_type'],
    [{ prompt: 'a\0b' }, 'prompt', 'forbidden_character'],
    [{ prompt: 'a\ud800b' }, 'prompt', 'forbidden_character'],
    [{ prompt: '\udc00' }, 'prompt', 'forbidden_character'],
    [{ custom_id: '../x' }, 'custom_id', 'bad_format'],
    [{ custom_id: '..' }, 'custom_id', 'bad_format'],
    [{ custom_id: 'a\\b' }, 'custom_id', 'bad_format'],
    [{ custom_id: '' }, 'custom_id', 'bad_format'],
    [{ custom_id: 'x'.repeat(129) }, 'custom_id', 'bad_format'],
    [{ custom_id: 'a\n' }, 'custom_id', 'bad_format'],
    [{ custom_id: 7 }, 'custom_id', 'wrong_type'],
    [{ params: { colour: 'red' } }, 'params.colour', 'unknown_name'],
    [{ params: { last_image_url: 'https://e.org/i.png' } }, 'params.last_image_url', 'not_supported'],
    [{ params: { aspect_ratio: '4:3' } }, 'params.aspect_ratio', 'unknown_value'],
    [{ params: { duration_seconds: 11 } }, 'params.duration_seconds', 'unknown_value'],
    [{ params: { duration_seconds: '10' } }, 'params.duration_seconds', 'unknown_value'],
    [{ params: { duration_seconds: 10.5 } }, 'params.duration_seconds', 'unknown_value'],
    [{ params: { image_url: 'http://e.org/i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: '/i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://e.org/a b' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://user:secret@e.org/' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://169.254.169.254/latest/' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://0x7f.1/i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://[::ffff:10.0.0.1]/i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://localhost./i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: 'https://e.org:6379/i.png' } }, 'params.image_url', 'bad_format'],
    [{ params: { image_url: `https://e.org/${'x'.repeat(2_048)}` } }, 'params.image_url', 'too_long'],
    [{ params: [] }, 'params', 'wrong_type'],
    [{ params: null }, 'params', 'wrong_type'],
    [{ promt: 'x' }, 'promt', 'unknown_name'],
  ])('%j is refused and named', (item, param, code) => {
    const refusal = refused('application/json', oneBad(item));
    expect(refusal.code).toBe('invalid_items');
    expect(onlyError(refusal)).toMatchObject({ index: 3, param, code });
    expect(refusal.detail).toMatch(/^Item 3: /);
  });

  it('counts characters as code points, so that 5,000 emoji are accepted', () => {
    accepted('application/json', oneBad({ prompt: '🎬'.repeat(5_000) }));
  });

  it('with a custom_id used before names its first use', () => {
    const list = items(10, (index) => (index === 2 || index === 7 ? { custom_id: 'same' } : {}));
    const error = onlyError(refused('application/json', json({ items: list })));
    expect(error).toMatchObject({ index: 7, custom_id: 'same', param: 'custom_id', code: 'duplicate' });
    expect(error.detail).toContain('item 2');
  });

  it('is reported together with every other one: all are counted, 100 described', () => {
    const refusal = refused(
      'application/json',
      json({ model: 'sora2', spend_limit: 1.5, items: items(500, () => ({ prompt: '' })) }),
    );
    expect(refusal).toMatchObject({ code: 'invalid_request', errorCount: 502 });
    expect(refusal.errors).toHaveLength(100);
    expect(refusal.errors!.slice(0, 3).map((error) => [error.index, error.param])).toEqual([
      [null, 'model'],
      [null, 'spend_limit'],
      [0, 'prompt'],
    ]);
  });

  it('with a hundred thousand unknown names is answered at once, all of them counted', () => {
    const names = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`name-${at}`, 1]));
    const refusal = refused('application/json', oneBad({ params: names }));
    expect(refusal.errorCount).toBe(100_000);
    expect(JSON.stringify(refusal).length).toBeLessThan(50_000);
  });

  it('that is no object is refused', () => {
    expect(onlyError(refused('application/json', json({ items: [...items(9), 'text'] })))).toMatchObject({
      index: 9,
      code: 'wrong_type',
    });
  });
});

describe('a bad field of the request', () => {
  it.each([
    [{ model: 'sora' }, 'model', 'unknown_value'],
    [{ model: undefined }, 'model', 'required'],
    [{ model: 1 }, 'model', 'wrong_type'],
    [{ request_id: undefined }, 'request_id', 'required'],
    [{ request_id: '' }, 'request_id', 'bad_format'],
    [{ request_id: 'é' }, 'request_id', 'bad_format'],
    [{ request_id: 'a\n' }, 'request_id', 'bad_format'],
    [{ request_id: 'x'.repeat(256) }, 'request_id', 'bad_format'],
    [{ request_id: 1 }, 'request_id', 'wrong_type'],
    [{ items: undefined }, 'items', 'required'],
    [{ items: {} }, 'items', 'wrong_type'],
    [{ spend_limit: -1 }, 'spend_limit', 'out_of_range'],
    [{ spend_limit: 0.5 }, 'spend_limit', 'out_of_range'],
    [{ spend_limit: 2 ** 53 }, 'spend_limit', 'out_of_range'],
    [{ spend_limit: '5' }, 'spend_limit', 'wrong_type'],
    [{ expected_unit_price: -1 }, 'expected_unit_price', 'out_of_range'],
    [{ max_failure_rate: 1.01 }, 'max_failure_rate', 'out_of_range'],
    [{ max_failure_rate: null }, 'max_failure_rate', 'wrong_type'],
    [{ deadline_hours: 0 }, 'deadline_hours', 'out_of_range'],
    [{ deadline_hours: 721 }, 'deadline_hours', 'out_of_range'],
    [{ webhook_endpoint_id: 'whe_nonsense' }, 'webhook_endpoint_id', 'bad_format'],
    [{ metadata: [] }, 'metadata', 'wrong_type'],
    [{ metadata: { a: 1 } }, 'metadata.a', 'wrong_type'],
    [{ metadata: { '': 'x' } }, 'metadata.', 'blank'],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a', 'too_long'],
    [{ metadata: { ['k'.repeat(65)]: 'x' } }, `metadata.${'k'.repeat(64)}`, 'too_long'],
    [{ metadata: { a: 'x\0' } }, 'metadata.a', 'forbidden_character'],
    [{ metadata: { a: '\ud800' } }, 'metadata.a', 'forbidden_character'],
    [{ metadata: { 'a\udc00': 'x' } }, 'metadata.a\ufffd', 'forbidden_character'],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, 'v'])) }, 'metadata', 'too_many'],
    [{ defaults: { size: 'huge' } }, 'defaults.size', 'unknown_value'],
    [{ defaults: { last_image_url: 'https://e.org/' } }, 'defaults.last_image_url', 'not_supported'],
    [{ modle: 'x' }, 'modle', 'unknown_name'],
  ])('%j is refused and named', (fields, param, code) => {
    const refusal = refused('application/json', json(fields));
    expect(refusal).toMatchObject({ code: 'invalid_request', param });
    expect(onlyError(refusal)).toMatchObject({ index: null, param, code });
  });

  it('such as an unknown model says which exist and which was probably meant', () => {
    expect(refused('application/json', json({ model: 'Sora 2' })).detail).toBe(
      'There is no model "Sora 2". Did you mean "sora-2"? The models are sora-2, veo-pro.',
    );
    expect(refused('application/json', json({ model: 'x'.repeat(100_000) })).detail.length).toBeLessThan(300);
  });

  it('such as an infinite number is refused', () => {
    const body = json().replace('{', '{"deadline_hours":1e999,"spend_limit":1e999,');
    expect(refused('application/json', body).errors!.map((error) => error.code)).toEqual([
      'out_of_range',
      'out_of_range',
    ]);
  });
});

describe('a body that is no text', () => {
  it('is refused with the offset of the first bad byte', () => {
    const body = Buffer.from(json());
    const at = body.indexOf('prompt 4');
    for (const bad of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x28, 0xa1]]) {
      const broken = Buffer.concat([body.subarray(0, at), Buffer.from(bad), body.subarray(at)]);
      const refusal = refused('application/json', broken);
      expect(refusal).toMatchObject({ code: 'invalid_request' });
      expect(refusal.detail).toContain(`at byte ${at} `);
    }
    expect(refused('application/json', body.subarray(0, -1)).detail).toContain('line 1');
    expect(refused('text/csv', Buffer.from([0xe4, 0xb8]), { query: QUERY }).detail).toContain('at byte 0 ');
  });

  it('such as UTF-16 with half a pair or half a character is refused', () => {
    const text = `prompt\n${rows(10)}`;
    for (const encode of [utf16le, utf16be]) {
      const whole = Buffer.from(encode(`${text}🎬\n`));
      accepted('text/csv', whole, { query: QUERY });
      const half = Buffer.concat([whole.subarray(0, whole.length - 4), whole.subarray(whole.length - 2)]);
      expect(refused('text/csv', half, { query: QUERY }).detail).toContain(`at byte ${whole.length - 6} `);
      expect(refused('text/csv', whole.subarray(0, -1), { query: QUERY }).detail).toContain(
        `at byte ${whole.length - 2} `,
      );
    }
  });

  it('or of a type or charset that we do not read is refused as such', () => {
    expect(refused('application/xml', '<a/>').code).toBe('unsupported_media_type');
    expect(refused('text/csv; charset=iso-8859-1', 'prompt\n').code).toBe('unsupported_media_type');
    accepted('Application/JSON; charset="UTF-8"', json());
  });
});

describe('broken JSON', () => {
  it.each([
    ['', 'The body is empty.'],
    ['  \n ', 'The body is empty.'],
    ['{"a": 1,\n "b" 2}', 'line 2, column 6: ":" is expected'],
    ['{"a": 1,}', 'line 1, column 9: a name in double quotes'],
    ['[1,]', 'line 1, column 4: a value'],
    ['{"a": "x\n"}', 'line 1, column 9: a control character'],
    ['{"a": "\\x"}', 'line 1, column 8: unknown escape'],
    ['{"a": "x', 'line 1, column 7: this string has no closing quote'],
    ['{"a": nul}', 'line 1, column 7: a value'],
    ['{"a": 01}', 'line 1, column 8: "," or "}"'],
    ['{"a": [1 2]}', 'line 1, column 10: "," or "]"'],
    ["{'a': 1}", 'line 1, column 2: a name'],
    ['{"a": 1} x', 'line 1, column 10: the end'],
    ['{"a": ', 'line 1, column 7: the text ends where a value'],
    ['['.repeat(1_000_000), 'nested more than 16 deep'],
    ['{"spend_limit": 1,\n "spend_limit": 2}', 'line 2, column 2: this name occurs twice in the object'],
    ['{"a": [{}, {"b": 1, "c": [], "b": 2}]}', 'line 1, column 30: this name occurs'],
    ['{"a": {"b": 1}, "\\u0061": 2}', 'line 1, column 17: this name occurs'],
    ['{"a": "b", "b": 1, "c": 2, "c": 3}', 'line 1, column 28: this name occurs'],
    ['{"a": 1, "a": 2', 'line 1, column 16: the text ends where'],
  ])('%.40j is refused with its place', (body, detail) => {
    expect(refused('application/json', body)).toMatchObject({ code: 'invalid_request' });
    expect(refused('application/json', body).detail).toContain(detail);
  });

  it('is not seen where a name comes again in another object, or as a value', () => {
    const body = '{"a": "b", "b": ["a", "a", {"a": "a"}, {"a": [{"a": {}}, "a"]}], "c": {"a": "c", "\\"c": "a"}}';
    expect(refused('application/json', body).detail).not.toContain('not valid JSON');
  });

  it('is told from sound JSON of another shape', () => {
    for (const body of ['[]', '"x"', 'null', '5']) {
      expect(refused('application/json', body).detail).toBe('The body must be a JSON object.');
    }
  });

  it('of millions of values is refused before it fills the memory', () => {
    expect(refused('application/json', `{"items":[${'0,'.repeat(1_100_000)}0]}`).detail).toContain(
      'more than 250000 values',
    );
  });

  it('in one line of NDJSON is one bad item beside the others', () => {
    const lines = items(10).map((item) => JSON.stringify(item));
    lines[4] = '{"prompt": "x"';
    lines[6] = '{"prompt": ""}';
    lines[8] = '{"prompt": "a", "prompt": "b"}';
    const refusal = refused('application/x-ndjson', `\n${lines.join('\n')}`, { query: QUERY });
    expect(refusal.errors).toMatchObject([
      { index: 4, line: 6, code: 'bad_syntax' },
      { index: 6, line: 8, param: 'prompt', code: 'blank' },
      { index: 8, line: 10, code: 'bad_syntax' },
    ]);
  });
});
