import { ITEM_LIMITS } from '@rushes/contract/facts/item-limits';
import { isParamName, PARAM_NAMES, PARAMS, readParam } from '@rushes/contract/facts/params';
import { Args, Flags } from '@oclif/core';
import type { TaskParams } from '@rushes/sdk';
import { usageError } from '../cli-error.ts';
import { ColumnSettings, type FieldName, FIELD_LIST, isFieldName } from '../input/columns.ts';
import { INPUT_FORMATS } from '../input/format.ts';

/** The prompts that a command is about. */
export const submissionArg = {
  file: Args.string({ description: 'File with the prompts, or - for standard input.', required: true }),
} as const;

/** The flags that `submit` and `estimate` share: how to read the file, and the settings of the batch. */
export const submissionFlags = {
  model: Flags.string({
    char: 'm',
    summary: 'Name of the model, as shown by "rushes models". .rushes.json can have a default.',
  }),
  format: Flags.option({ options: INPUT_FORMATS })({
    summary: 'Format of the file, if its name and first line do not show it.',
  }),
  column: Flags.string({
    summary: 'Which column of the file holds a field.',
    helpValue: 'FIELD=COLUMN',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'ignore-columns': Flags.boolean({ summary: 'Skip unknown columns instead of refusing the file.' }),
  set: Flags.string({
    summary: 'Set a parameter for every video whose row does not set it.',
    helpValue: 'PARAM=VALUE',
    multiple: true,
    multipleNonGreedy: true,
  }),
  metadata: Flags.string({
    summary: 'Add a label to the batch.',
    helpValue: 'KEY=VALUE',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'spend-limit': Flags.integer({
    summary: 'Refuse the batch when it costs more than this many credits.',
    min: 0,
    helpValue: 'CREDITS',
  }),
  'expected-unit-price': Flags.integer({
    summary:
      'Refuse the batch when a video does not cost exactly this many credits. The default is the price that was shown.',
    min: 0,
    helpValue: 'CREDITS',
  }),
  'max-failure-rate': Flags.custom<number>({
    parse: async (text) => {
      const rate = Number(text);
      if (/^\d*\.?\d+$/.test(text) && rate >= 0 && rate <= 1) return rate;
      throw usageError(`--max-failure-rate must be a number from 0 to 1, not ${text}.`);
    },
  })({ summary: 'Pause the batch when more than this share of its finished videos failed.', helpValue: '0..1' }),
  'deadline-hours': Flags.integer({
    summary: 'Videos that wait longer than this many hours fail and are refunded.',
    min: 1,
    max: ITEM_LIMITS.deadlineHoursMax,
  }),
  'webhook-endpoint': Flags.string({
    summary: 'Send the events of this batch only to this endpoint.',
    helpValue: 'whe_…',
  }),
} as const;

/**
 * `name=value` pairs of a repeatable flag, in order. Throws for text without "=" and for a name that is given twice.
 */
function pairs(flag: string, texts: readonly string[] | undefined): [string, string][] {
  const read = (texts ?? []).map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`--${flag} takes NAME=VALUE, not ${JSON.stringify(text)}.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  const names = read.map(([name]) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw usageError(`--${flag} sets ${twice} twice.`);
  return read;
}

/** How to read the columns: the values of --column and --ignore-columns. */
export function columnSettings(columns: readonly string[] | undefined, ignoreUnknown: boolean): ColumnSettings {
  const sources = new Map<FieldName, string>();
  for (const [field, column] of pairs('column', columns)) {
    if (!isFieldName(field)) throw usageError(`--column ${field}=…: the field must be one of ${FIELD_LIST}.`);
    if ([...sources.values()].includes(column))
      throw usageError(`--column uses the column ${JSON.stringify(column)} for two fields.`);
    sources.set(field, column);
  }
  return new ColumnSettings(sources, ignoreUnknown);
}

/** The parameters of --set; undefined when it was not given. */
export function defaultParams(settings: readonly string[] | undefined): TaskParams | undefined {
  const read = pairs('set', settings).map(([name, text]) => {
    if (!isParamName(name))
      throw usageError(`--set ${name}=…: the parameter must be one of ${PARAM_NAMES.join(', ')}.`);
    const reading = readParam(PARAMS[name], text);
    if (!reading.ok) throw usageError(`--set ${name} ${reading.detail}.`);
    return [name, reading.value] as const;
  });
  // The server checks which values a model accepts.
  return read.length === 0 ? undefined : Object.fromEntries(read);
}

/** The labels of --metadata. */
export function metadataOf(texts: readonly string[] | undefined): Record<string, string> {
  return Object.fromEntries(pairs('metadata', texts));
}
