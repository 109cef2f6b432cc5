import { Args, Flags } from '@oclif/core';
import type { WebhookDelivery } from '@rushes/sdk';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { printable, shorten, table } from '../../output/terminal.ts';
import { moment } from '../../output/wording.ts';
import { timeFlag } from '../../flags/time.ts';
import { listFlags, listSize } from '../../flags/paging.ts';

const ERROR_CHARACTERS = 48;
const EXCERPT_CHARACTERS = 200;

type Attempt = WebhookDelivery['attempts'][number];

function outcomeOf(attempt: Attempt | undefined): string {
  if (attempt === undefined) return '';
  const parts = [attempt.status_code === null ? '' : String(attempt.status_code), printable(attempt.error ?? '')];
  return parts.filter((part) => part !== '').join(' ');
}

/** Every attempt of one delivery, with the reason of each failure. */
function details(delivery: WebhookDelivery): string[] {
  const lines = [
    `${delivery.id}  ${printable(delivery.state)}${delivery.exhausted_reason === null ? '' : ` (${printable(delivery.exhausted_reason)})`}`,
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

/** What was sent where, and how it went. */
export default class WebhooksDeliveries extends RushesCommand {
  static override summary = 'List webhook deliveries, newest first, or show one with every attempt.';
  static override description = 'With --json, one delivery a line, with all of its attempts; with an ID, one document.';
  static override examples = [
    '<%= config.bin %> webhooks deliveries --state exhausted',
    { description: 'Why one of them failed', command: '<%= config.bin %> webhooks deliveries whd_3kTz…' },
  ];
  static override args = { id: Args.string({ description: 'Show this delivery with every attempt.' }) };
  static override flags = {
    ...serverFlags,
    ...listFlags,
    endpoint: Flags.string({ summary: 'Only to this endpoint.', helpValue: 'ID' }),
    event: Flags.string({ summary: 'Only of this event.', helpValue: 'ID' }),
    type: Flags.string({ summary: 'Only of events of this type.' }),
    state: Flags.string({ summary: 'Only in this state.', options: ['pending', 'delivered', 'exhausted'] }),
    since: timeFlag({ summary: 'Only deliveries made after this time.' }),
    until: timeFlag({ summary: 'Only deliveries made before this time.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksDeliveries);
    const client = await this.connect(flags);
    const { output } = this;
    if (args.id !== undefined) {
      const delivery = await client.webhookDeliveries.retrieve(args.id, { signal: this.interrupt });
      if (this.jsonEnabled()) await output.document(delivery);
      else for (const line of details(delivery)) await output.line(line);
      return EXIT.success;
    }
    const { limit, pageSize } = listSize(flags);
    const deliveries = client.webhookDeliveries.list(
      {
        limit: pageSize,
        ...(flags.endpoint === undefined ? {} : { endpoint_id: flags.endpoint }),
        ...(flags.event === undefined ? {} : { event_id: flags.event }),
        ...(flags.type === undefined ? {} : { event_type: flags.type }),
        ...(flags.state === undefined ? {} : { state: flags.state }),
        ...(flags.since === undefined ? {} : { created_after: flags.since }),
        ...(flags.until === undefined ? {} : { created_before: flags.until }),
      },
      { signal: this.interrupt },
    );
    return this.printList(deliveries, limit, 'deliveries', (rows) =>
      table(
        [
          ['DELIVERY', 'CREATED (UTC)', 'EVENT', 'STATE', 'TRIES', 'LAST'],
          ...rows.map((delivery) => [
            printable(delivery.id),
            moment(delivery.created_at),
            printable(delivery.event_type),
            printable(delivery.state),
            String(delivery.attempts.length),
            shorten(outcomeOf(delivery.attempts.at(-1)), ERROR_CHARACTERS),
          ]),
        ],
        new Set([4]),
      ),
    );
  }
}
