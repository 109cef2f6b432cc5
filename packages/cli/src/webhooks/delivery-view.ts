import type { WebhookDelivery } from '@rushes/sdk';
import { printable, shorten } from '../output/terminal.ts';
import { moment } from '../output/wording.ts';

const EXCERPT_CHARACTERS = 200;

/** How an attempt ended: the status of the answer and the reason of a failure. */
export function outcomeOf(attempt: WebhookDelivery['attempts'][number] | undefined): string {
  if (attempt === undefined) return '';
  const parts = [attempt.status_code === null ? '' : String(attempt.status_code), printable(attempt.error ?? '')];
  return parts.filter((part) => part !== '').join(' ');
}

/** Every attempt of one delivery, with the reason of each failure. */
export function deliveryLines(delivery: WebhookDelivery): string[] {
  const why = delivery.exhausted_reason === null ? '' : ` (${printable(delivery.exhausted_reason)})`;
  const lines = [
    `${delivery.id}  ${printable(delivery.state)}${why}`,
    `event     ${printable(delivery.event_id)}  ${printable(delivery.event_type)}`,
    `endpoint  ${printable(delivery.endpoint_id)}`,
    `created   ${moment(delivery.created_at)} UTC`,
  ];
  if (delivery.next_attempt_at !== null) lines.push(`next      ${moment(delivery.next_attempt_at)} UTC`);
  if (delivery.attempts.length === 0) lines.push('No attempt was made yet.');
  for (const attempt of delivery.attempts) {
    const manual = attempt.manual ? ', by hand' : '';
    lines.push(
      `attempt ${attempt.attempt}${manual}: ${moment(attempt.started_at)} UTC, ${attempt.duration_ms} ms, ${outcomeOf(attempt)}`,
    );
    const excerpt = printable(attempt.response_excerpt ?? '').trim();
    if (excerpt !== '') lines.push(`  answered: ${shorten(excerpt, EXCERPT_CHARACTERS)}`);
  }
  return lines;
}
