import { isParamName, PARAM_NAMES, PARAMS, readParam, type ParamName } from '@rushes/contract/facts/params';
import type { BatchItem, TaskParams } from '@rushes/sdk';

export type FieldName = 'prompt' | 'custom_id' | ParamName;

const FIELD_NAMES: readonly FieldName[] = ['prompt', 'custom_id', ...PARAM_NAMES];

export function isFieldName(name: string): name is FieldName {
  return FIELD_NAMES.some((known) => known === name);
}

/** `prompt, custom_id, …` for messages. */
export const FIELD_LIST = FIELD_NAMES.join(', ');

/** Which column of the file holds which field of an item. */
export class ColumnSettings {
  readonly #sources: ReadonlyMap<FieldName, string>;
  readonly ignoreUnknown: boolean;

  /** @param sources field to column, where they differ. */
  constructor(sources: ReadonlyMap<FieldName, string>, ignoreUnknown: boolean) {
    this.#sources = sources;
    this.ignoreUnknown = ignoreUnknown;
  }

  /** Name of the column that holds the field. */
  sourceOf(field: FieldName): string {
    return this.#sources.get(field) ?? field;
  }

  /** The field that the column holds; null when the column does not hold a field. */
  fieldOf(column: string): FieldName | null {
    for (const [field, source] of this.#sources) if (source === column) return field;
    return isFieldName(column) && !this.#sources.has(column) ? column : null;
  }

  /** Fields that were mapped by --column, so their columns must exist. */
  get mapped(): ReadonlyMap<FieldName, string> {
    return this.#sources;
  }
}

/** A column `metadata.KEY`. */
export interface MetadataColumn {
  readonly key: string;
  readonly at: number;
}

export interface ItemReading {
  readonly item: BatchItem;
  readonly problems: readonly { readonly param: string | null; readonly detail: string }[];
}

export interface Columns {
  /** The field of each column; null when the column does not hold a field. */
  readonly fields: readonly (FieldName | null)[];
  /** Columns that hold metadata of the batch. */
  readonly metadata: readonly MetadataColumn[];
  readonly problems: readonly string[];
}

function unknownColumns(names: readonly string[]): string {
  const list = names.map((name) => JSON.stringify(name)).join(', ');
  return (
    `${names.length === 1 ? 'the column' : 'the columns'} ${list} ${names.length === 1 ? 'is' : 'are'} not known ` +
    `(known: ${FIELD_LIST}, metadata.*); use --column to say what it holds, as in --column prompt=${names[0] ?? 'Text'}, or --ignore-columns to skip it`
  );
}

const METADATA = 'metadata.';

function metadataColumns(names: readonly string[], fields: readonly (FieldName | null)[]): MetadataColumn[] {
  return names.flatMap((name, at) =>
    fields[at] === null && name.startsWith(METADATA) && name.length > METADATA.length
      ? [{ key: name.slice(METADATA.length), at }]
      : [],
  );
}

/** The columns that the header line names. */
export function readColumns(header: readonly string[], settings: ColumnSettings): Columns {
  const names = header.map((name) => name.trim());
  const fields = names.map((name) => settings.fieldOf(name));
  const problems: string[] = [];
  const metadata = metadataColumns(names, fields);
  const isKnown = (at: number): boolean => fields[at] !== null || metadata.some((column) => column.at === at);
  const unknown = names.filter((_, at) => !isKnown(at));
  if (!fields.includes('prompt')) {
    const wanted = settings.sourceOf('prompt');
    problems.push(
      `there is no column ${JSON.stringify(wanted)}; the first line must name the columns, and it names ${names.join(', ')}`,
    );
  }
  for (const [field, source] of settings.mapped) {
    if (field !== 'prompt' && !fields.includes(field))
      problems.push(`there is no column ${JSON.stringify(source)}, which --column names`);
  }
  const twice = names.find((name, at) => isKnown(at) && names.indexOf(name) !== at);
  if (twice !== undefined) problems.push(`the column ${JSON.stringify(twice)} occurs twice`);
  if (unknown.length > 0 && !settings.ignoreUnknown) problems.push(unknownColumns(unknown));
  return { fields, metadata, problems };
}

/** Builds one item field by field. */
class ItemBuilder {
  readonly #item: { prompt: string; custom_id?: string } = { prompt: '' };
  readonly #params = new Map<string, unknown>();
  readonly problems: { param: string | null; detail: string }[] = [];

  problem(param: string | null, detail: string): void {
    this.problems.push({ param, detail });
  }

  text(field: 'prompt' | 'custom_id', value: string): void {
    this.#item[field] = value;
  }

  param(name: string, value: unknown): void {
    if (this.#params.has(name)) this.problem(name, 'is given twice');
    this.#params.set(name, value);
  }

  build(): ItemReading {
    // The server checks names and values. Its errors have this item's index.
    const params = Object.fromEntries(this.#params) as TaskParams;
    const item: BatchItem = this.#params.size === 0 ? { ...this.#item } : { ...this.#item, params };
    return { item, problems: this.problems };
  }
}

/** The item of a CSV or TSV row. An empty cell means that the row does not set the field. */
export function itemFromRow(row: readonly string[], columns: Columns): ItemReading {
  const builder = new ItemBuilder();
  for (const [at, field] of columns.fields.entries()) {
    const cell = row[at] ?? '';
    if (field === null || (cell === '' && field !== 'prompt')) continue;
    if (field === 'prompt' || field === 'custom_id') {
      builder.text(field, cell);
      continue;
    }
    const reading = readParam(PARAMS[field], cell.trim());
    if (reading.ok) builder.param(field, reading.value);
    else builder.problem(field, reading.detail);
  }
  return builder.build();
}

/** The item of a JSON line: `prompt`, `custom_id` and `params` as in the API, or parameters beside the prompt. */
export function itemFromObject(object: ReadonlyMap<string, unknown>, settings: ColumnSettings): ItemReading {
  const builder = new ItemBuilder();
  for (const [name, value] of object) {
    const field = settings.fieldOf(name);
    if (field === 'prompt' || field === 'custom_id') {
      if (typeof value === 'string') builder.text(field, value);
      else if (field === 'prompt' || value !== null) builder.problem(name, 'must be a string');
    } else if (field !== null && isParamName(field)) {
      if (value !== null) builder.param(field, value);
    } else if (name === 'params' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [param, each] of Object.entries(value)) builder.param(param, each);
    } else if (!settings.ignoreUnknown) {
      builder.problem(name, `is not known (known: ${FIELD_LIST}, params); use --ignore-columns to skip it`);
    }
  }
  if (!object.has(settings.sourceOf('prompt'))) builder.problem('prompt', 'is missing');
  return builder.build();
}
