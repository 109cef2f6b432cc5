import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../outcome/index.ts';
import { accepted, json, onlyError, QUERY, refused, rows } from '../../../testing/batches/submissions.ts';

describe('broken CSV', () => {
  const csv = (body: string, query = QUERY): Refusal => refused('text/csv', body, { query });

  it('with an unclosed quote is refused with the line where its record begins', () => {
    const body = `prompt,custom_id\r\n"two\r\nlines",a\r\n\r\nok,b\r\n"open,c\r\n${rows(100)}`;
    expect(onlyError(csv(body))).toMatchObject({ index: 2, line: 6, code: 'bad_syntax' });
    expect(csv(body).code).toBe('invalid_csv');
  });

  it('with a stray quote is refused with its line', () => {
    expect(onlyError(csv(`prompt\nsay "hi"\n`))).toMatchObject({ line: 2, code: 'bad_syntax' });
    expect(onlyError(csv(`prompt\n"a"b\n`))).toMatchObject({ line: 2, code: 'bad_syntax' });
  });

  it('of a form that would only fill the memory is refused soon', () => {
    expect(csv(`prompt${','.repeat(2_000_000)}`)).toMatchObject({
      code: 'invalid_csv',
      errors: [{ line: 1, code: 'too_long' }],
    });
    expect(csv(`prompt${',x'.repeat(1_000)}\n`).errors).toMatchObject([{ line: 1, code: 'too_many' }]);
    expect(csv(`prompt\n"${'x\n'.repeat(1_000_000)}`).errors).toMatchObject([{ line: 2, code: 'bad_syntax' }]);
    expect(csv(`prompt\n${'a,b\n'.repeat(100_000)}`).errorCount).toBe(1_000);
    expect(csv(`prompt\n${'a\n'.repeat(100_000)}`).detail).toContain('more than 20000 items');
  });

  it('with ragged rows is refused and names each', () => {
    const refusal = csv(`prompt,custom_id\nA dog, running,x\nok,y\nshort\n`);
    expect(refusal).toMatchObject({ code: 'invalid_csv', errorCount: 2 });
    expect(refusal.errors).toMatchObject([
      { index: 0, line: 2 },
      { index: 2, line: 4 },
    ]);
  });

  it('without a header, or with columns missing, unknown, unnamed or twice, is refused', () => {
    expect(csv('').detail).toContain('empty');
    expect(csv('\n\n').detail).toContain('empty');
    expect(csv(`custom_id\n${rows(10)}`).errors).toMatchObject([{ param: 'prompt', code: 'required' }]);
    expect(csv('prompt,colour\na,b\n').errors).toMatchObject([{ param: 'colour', code: 'unknown_name' }]);
    expect(csv('prompt,\na,b\n').errors).toMatchObject([{ param: '', code: 'unknown_name' }]);
    expect(csv('prompt,prompt\na,b\n').errors).toMatchObject([{ param: 'prompt', code: 'duplicate' }]);
    expect(csv('Prompt\na\n').errors).toMatchObject([
      { param: 'prompt', code: 'required' },
      { param: 'Prompt', code: 'unknown_name' },
    ]);
    expect(csv('Prompt\na\n').errors![1]!.detail).toContain('Did you mean "prompt"?');
    expect(csv('prompt;custom_id\na;b\n').detail).toContain('separated by ";"');
    expect(csv('metadata.,prompt\na,b\n').errors).toMatchObject([{ param: 'metadata.', code: 'unknown_name' }]);
  });

  it('with other columns is accepted when they are to be ignored', () => {
    const body = `notes,prompt,\n${'x,y,z\n'.repeat(10)}`;
    expect(accepted('text/csv', body, { query: `${QUERY}&ignore_columns=true` }).items[0]).toEqual({
      prompt: 'y',
      customId: null,
      params: {},
    });
    expect(csv(body, `${QUERY}&ignore_columns=yes`).errors![0]).toMatchObject({ param: 'notes' });
  });

  it('names the physical line of a bad item, line breaks in quotes and empty lines counted', () => {
    for (const newline of ['\n', '\r\n']) {
      const body = [
        'prompt,custom_id',
        '"one',
        'two",a',
        '',
        'x,..',
        '"  ",c',
        ...Array.from({ length: 8 }, (_, at) => `p,n${at}`),
      ].join(newline);
      expect(csv(body).errors).toMatchObject([
        { index: 1, line: 5, param: 'custom_id' },
        { index: 2, line: 6, param: 'prompt', code: 'blank', custom_id: 'c' },
      ]);
    }
  });

  it('takes an empty cell for a value that was not given, and numbers strictly', () => {
    const body = `prompt,duration_seconds,size\n${'a,,\n'.repeat(9)}a,15,large\n`;
    expect(
      accepted('text/csv', body, { query: `${QUERY}&defaults.duration_seconds=10` }).items.map(
        (item) => item.params.duration_seconds,
      ),
    ).toEqual([...Array<number>(9).fill(10), 15]);
    for (const cell of ['010', '1e1', ' 10', '+10', '0x0a', 'ten']) {
      expect(onlyError(csv(`prompt,duration_seconds\n${'a,10\n'.repeat(9)}a,${cell}\n`))).toMatchObject({
        line: 11,
        param: 'params.duration_seconds',
      });
    }
  });

  it('keeps metadata columns that say one thing, and refuses one that differs from row to row', () => {
    const same = `prompt,metadata.campaign,metadata.empty\n${'a,may,\n'.repeat(5)}${'a,,\n'.repeat(5)}`;
    expect(accepted('text/csv', same, { query: QUERY }).metadata).toEqual({ campaign: 'may' });
    const refusal = csv(`prompt,metadata.campaign\n${'a,may\n'.repeat(9)}a,june\n`);
    expect(onlyError(refusal)).toMatchObject({ index: 9, line: 11, param: 'metadata.campaign', code: 'not_supported' });
    expect(csv(same, `${QUERY}&metadata.campaign=june`).errorCount).toBe(5);
  });
});

describe('the query of an upload', () => {
  it.each([
    [`${QUERY}&colour=red`, 'colour', 'unknown_name'],
    [`${QUERY}&spend_limit=1e3`, 'spend_limit', 'wrong_type'],
    [`${QUERY}&spend_limit=5.5`, 'spend_limit', 'out_of_range'],
    [`${QUERY}&deadline_hours=`, 'deadline_hours', 'wrong_type'],
    [`${QUERY}&defaults=[1]`, 'defaults', 'bad_syntax'],
    [`${QUERY}&metadata={`, 'metadata', 'bad_syntax'],
    [`${QUERY}&defaults.size=large&defaults={"size":"small"}`, 'defaults.size', 'duplicate'],
    [`${QUERY}&defaults.duration_seconds=ten`, 'defaults.duration_seconds', 'unknown_value'],
    [`${QUERY}&metadata.a=%00`, 'metadata.a', 'forbidden_character'],
    [`${QUERY}&ignore_columns=1`, 'ignore_columns', 'unknown_value'],
  ])('%s is refused and named', (query, param, code) => {
    const refusal = refused('text/csv', `prompt\n${rows(10)}`, { query });
    expect(refusal).toMatchObject({ code: 'invalid_request', param });
    expect(onlyError(refusal)).toMatchObject({ param, code });
  });

  it('has no meaning beside a JSON body', () => {
    expect(refused('application/json', json(), { query: 'spend_limit=5' })).toMatchObject({
      code: 'invalid_request',
      param: 'spend_limit',
    });
  });
});
