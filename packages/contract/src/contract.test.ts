/** What is made from the facts: schemas, types, readers and documents. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PAGES_WITH_TABLES, pageWithTables } from '../generator/doc-tables.ts';
import { indexFile, typesFile } from '../generator/files.ts';
import { webhookEventSchemas } from './events.ts';
import { ACCOUNT_SETTINGS } from './facts/account-settings.ts';
import { EVENTS, EVENT_TYPES, type Sample } from './facts/events.ts';
import { LEDGER_EXPORT_COLUMNS, LEAF_FIELDS } from './facts/ledger-fields.ts';
import { LIMITS, planLimits, effectiveLimits, visibleLimits, type LimitFact } from './facts/limits.ts';
import { PARAMS, paramRules, readParam, type ParamFact } from './facts/params.ts';
import { PLAN_NAMES } from './facts/plans.ts';
import { exportedLedgerEntrySchema } from './ledger.ts';
import { makeTaskParamsSchema } from './parts/task-params.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('the generated files', () => {
  it('are what `npm run generate -w packages/contract` writes', async () => {
    expect(await read('packages/contract/src/index.ts')).toBe(indexFile());
    expect(await read('packages/contract/src/types.ts')).toBe(await typesFile());
  });

  it.each(PAGES_WITH_TABLES)(
    'docs/%s has the tables of parameters, limits and events as the facts have them',
    async (name) => {
      const page = new URL(`../../../docs/${name}`, import.meta.url);
      expect(await readFile(page, 'utf8')).toBe(await pageWithTables(page));
    },
  );
});

const MORE_PARAMS: Record<string, ParamFact> = {
  ...PARAMS,
  invented: { kind: 'integer', description: 'Invented.', models: { 'sora-2': { min: 0, max: 9_999 } } },
  invented_text: { kind: 'text', description: 'What not to show.', models: { 'veo-pro': { maxLength: 5 } } },
  invented_flag: { kind: 'boolean', description: 'With sound.', models: { 'veo-pro': {} } },
};

describe('a parameter of any kind', () => {
  const schema = makeTaskParamsSchema(MORE_PARAMS);

  it.each([
    ['invented', [0, 9_999], [-1, 10_000, 1.5, '7', true]],
    ['invented_text', ['blur', '🎬'.repeat(5)], ['', 'blurry', 5]],
    ['invented_flag', [true, false], ['true', 1]],
    ['size', ['small', 'large'], ['huge', 1]],
    ['duration_seconds', [10, 15], [11, '10']],
  ])('%s: its entry is enough for the schema', (name, right, wrong) => {
    for (const value of right) expect([value, schema.safeParse({ [name]: value }).success]).toEqual([value, true]);
    for (const value of wrong) expect([value, schema.safeParse({ [name]: value }).success]).toEqual([value, false]);
  });

  it.each([
    ['invented', '42', 42],
    ['invented', '-1', -1],
    ['invented', '4.5', null],
    ['invented', '', null],
    ['invented_text', '42', '42'],
    ['invented_flag', 'TRUE', true],
    ['invented_flag', 'false', false],
    ['invented_flag', '1', null],
    ['duration_seconds', '10', 10],
    ['duration_seconds', 'ten', null],
    ['aspect_ratio', '9:16', '9:16'],
  ])('%s is read from the text %j as %j', (name, text, value) => {
    const reading = readParam(MORE_PARAMS[name]!, text);
    expect(reading.ok ? reading.value : null).toBe(value);
  });

  it('is accepted by the models that its entry names, and by no other', () => {
    expect(paramRules('sora-2', MORE_PARAMS)).toMatchObject({ invented: { kind: 'integer', min: 0, max: 9_999 } });
    expect(paramRules('sora-2', MORE_PARAMS)).not.toHaveProperty('invented_text');
    const veo = Object.keys(paramRules('veo-pro', MORE_PARAMS));
    expect(veo).not.toContain('invented');
    expect(veo.slice(-2)).toEqual(['invented_text', 'invented_flag']);
  });
});

describe('an event', () => {
  const sample: Sample = {
    batchId: 'bat_1',
    taskId: 'tsk_1',
    endpointId: 'whe_1',
    requestId: 'r',
    at: (minutesAgo) => new Date(Date.UTC(2026, 10, 20) - minutesAgo * 60_000).toISOString(),
  };

  it.each(EVENT_TYPES)('%s has an example that its schema accepts', (type) => {
    const event = { id: 'evt_1', type, created_at: sample.at(0), data: EVENTS[type].example(sample) };
    expect(webhookEventSchemas[type].safeParse(event).error).toBeUndefined();
    expect(webhookEventSchemas[type].safeParse({ ...event, data: {} }).success).toBe(false);
  });
});

describe('a limit', () => {
  it('has a value for every plan, none below its least', () => {
    for (const plan of PLAN_NAMES) {
      for (const [name, value] of Object.entries(planLimits(plan))) {
        const { min } = (LIMITS as Record<string, LimitFact>)[name]!;
        expect([name, plan, value >= min]).toEqual([name, plan, true]);
      }
    }
  });

  it('is what the account has, and what its plan says where the account is older than the limit', () => {
    expect(effectiveLimits({ weight: 7 }, 'growth')).toEqual({ ...planLimits('growth'), weight: 7 });
    expect(planLimits('pilot')).toMatchObject({ rate_limit_per_min: 60, max_concurrent_tasks: 10, weight: 1 });
    expect(visibleLimits(planLimits('pilot'))).toMatchObject({ rate_limit_per_min: 60, max_concurrent_tasks: 10 });
    expect(visibleLimits(planLimits('pilot'))).not.toHaveProperty('weight');
  });
});

describe('the documents', () => {
  it('docs/api.md names every setting of the account', async () => {
    const text = await read('docs/api.md');
    for (const name of Object.keys(ACCOUNT_SETTINGS)) expect(text).toContain(name);
  });

  it('docs/ledger-verification.md has the fields of an entry in order, and those of the leaf', async () => {
    const text = await read('docs/ledger-verification.md');
    const section = text.slice(text.indexOf('| field'), text.indexOf('Numbers are at most'));
    const names = section.split('\n').flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)]);
    expect(names.map((match) => match[1])).toEqual(LEDGER_EXPORT_COLUMNS);
    const leaf = /then (\d+) fields in this order:\n\n((?:`\w+`,?\s+)+)/.exec(text);
    const inLeaf = ['account_id', ...LEAF_FIELDS.map(({ name }) => name)];
    expect(leaf?.[1]).toBe(String(inLeaf.length));
    expect([...(leaf?.[2] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1])).toEqual(inLeaf);
  });

  it('an exported entry has exactly the columns of an export', () => {
    expect(exportedLedgerEntrySchema.safeParse({}).error?.issues.map(({ path }) => path[0])).toEqual(
      LEDGER_EXPORT_COLUMNS,
    );
  });
});
