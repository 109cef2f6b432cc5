import type { Batch } from '@rushes/sdk';
import type { Paint } from '../output/terminal.ts';
import { printable, table } from '../output/terminal.ts';
import { count, credits, duration, moment } from '../output/wording.ts';
import { settled, stateWord } from './batch-state.ts';

function paintState(state: string, paint: Paint): string {
  if (state === 'completed') return paint('green', state);
  if (state === 'failed' || state === 'canceled') return paint('red', state);
  return state === 'partial' || state === 'paused' ? paint('yellow', state) : paint('cyan', state);
}

function videos(batch: Batch): string {
  const { counts } = batch;
  const parts = [
    `${count(counts.succeeded)} succeeded`,
    counts.failed > 0 ? `${count(counts.failed)} failed` : null,
    counts.canceled > 0 ? `${count(counts.canceled)} canceled` : null,
    counts.processing > 0 ? `${count(counts.processing)} processing` : null,
    counts.queued > 0 ? `${count(counts.queued)} queued` : null,
  ];
  return `${parts.filter((part) => part !== null).join(', ')} of ${count(counts.total)}`;
}

function times(batch: Batch): string {
  const created = `created ${moment(batch.created_at)} UTC`;
  if (batch.finished_at === null) return created;
  return `${created}, finished after ${duration(Date.parse(batch.finished_at) - Date.parse(batch.created_at))}`;
}

/** Lines with the state of a batch and what it cost. */
export function batchSummary(batch: Batch, paint: Paint): string[] {
  const { credits: money } = batch;
  const state = stateWord(batch);
  const rows = [
    ['batch', `${batch.id}  ${printable(batch.model)}  ${paintState(printable(state), paint)}`],
    ['videos', `${videos(batch)}${settled(batch) === batch.counts.total ? '' : `, ${count(settled(batch))} settled`}`],
    ['charged', credits(money.charged)],
    ['refunded', credits(money.refunded)],
    ...(money.forfeited > 0 ? [['forfeited', credits(money.forfeited)]] : []),
    ...(money.held > 0 ? [['held', credits(money.held)]] : []),
  ];
  const failures = Object.entries(batch.failure_summary).map(([type, number]) => `${printable(type)} ${count(number)}`);
  if (failures.length > 0) rows.push(['failures', failures.join(', ')]);
  const labels = Object.entries(batch.metadata).map(([name, value]) => `${printable(name)}=${printable(value)}`);
  if (labels.length > 0) rows.push(['metadata', labels.join(', ')]);
  if (batch.retry_of !== null) rows.push(['retry of', batch.retry_of]);
  rows.push(['time', times(batch)]);
  return table(rows);
}
