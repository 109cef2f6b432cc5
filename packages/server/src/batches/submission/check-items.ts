import { batchItemSchema, quoted, shortened, suggestion, type ModelSpec, type TaskParams } from '@rushes/contract';
import { checkParams, isPlainObject, mergeParams } from './check-params.ts';
import type { ItemPlace, Problems } from './problems.ts';
import type { RawItem, RawSubmission, SubmittedItem } from './submission.ts';
import { customIdFault, promptFault } from './text-rules.ts';

const ITEM_FIELDS: readonly string[] = Object.keys(batchItemSchema.shape);

/** A line that could not be read. It takes the place of an item, so that the other items are checked too. */
export class UnreadableItem {
  readonly detail: string;
  constructor(detail: string) {
    this.detail = detail;
  }
}

/** Checks every item and reports every problem. The returned list is complete only when no problem was reported. */
export function checkItems(
  raw: RawSubmission,
  model: ModelSpec | null,
  defaults: TaskParams,
  problems: Problems,
): SubmittedItem[] {
  if (model !== null) checkCount(raw.itemCount, model, problems);
  const firstUse = new Map<string, ItemPlace>();
  const items: SubmittedItem[] = [];
  for (const [index, item] of raw.items.entries()) {
    const checked = checkItem(item, index, model, defaults, firstUse, problems);
    if (checked !== null) items.push(checked);
  }
  return items;
}

function checkCount(count: number, model: ModelSpec, problems: Problems): void {
  if (count < model.minItems) {
    problems.addToItems('too_few', `The batch has ${count} items; ${model.id} needs at least ${model.minItems}.`);
  } else if (count > model.maxItems) {
    const advice = 'Split it into several batches.';
    problems.addToItems(
      'too_many',
      `The batch has ${count > 2 * model.maxItems ? `more than ${2 * model.maxItems}` : count} items; ${model.id} takes at most ${model.maxItems}. ${advice}`,
    );
  }
}

function checkItem(
  { value, line }: RawItem,
  index: number,
  model: ModelSpec | null,
  defaults: TaskParams,
  firstUse: Map<string, ItemPlace>,
  problems: Problems,
): SubmittedItem | null {
  const nowhere: ItemPlace = { index, line, customId: null };
  if (value instanceof UnreadableItem) {
    problems.addToItem(nowhere, null, 'bad_syntax', value.detail);
    return null;
  }
  if (!isPlainObject(value)) {
    problems.addToItem(nowhere, null, 'wrong_type', 'An item must be an object with a `prompt`.');
    return null;
  }
  const { prompt, custom_id: customId, params } = value;
  const idFault = customId === undefined ? null : customIdFault(customId);
  const soundId = typeof customId === 'string' && idFault === null ? customId : null;
  const place: ItemPlace = { index, line, customId: soundId };

  const fault = promptFault(prompt);
  if (fault !== null) problems.addToItem(place, 'prompt', fault.code, fault.detail);
  if (idFault !== null) problems.addToItem(place, 'custom_id', idFault.code, idFault.detail);
  if (soundId !== null) checkUnique(soundId, place, firstUse, problems);
  for (const name of Object.keys(value)) {
    if (ITEM_FIELDS.includes(name)) continue;
    const detail = (): string => `An item has no field ${quoted(name)}.${suggestion(name, ITEM_FIELDS)}`;
    problems.addToItem(place, shortened(name), 'unknown_name', detail);
  }
  const own = checkParams(params, model, (name, code, detail) => {
    problems.addToItem(place, name === '' ? 'params' : `params.${shortened(name)}`, code, detail);
  });
  if (typeof prompt !== 'string') return null;
  return { prompt, customId: soundId, params: mergeParams(defaults, own) };
}

function checkUnique(id: string, place: ItemPlace, firstUse: Map<string, ItemPlace>, problems: Problems): void {
  const first = firstUse.get(id);
  if (first === undefined) {
    firstUse.set(id, place);
    return;
  }
  const where = first.line === null ? `item ${first.index}` : `item ${first.index} (line ${first.line})`;
  problems.addToItem(place, 'custom_id', 'duplicate', `The custom_id ${quoted(id)} is already used by ${where}.`);
}
