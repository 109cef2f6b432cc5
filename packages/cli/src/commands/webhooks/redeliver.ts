import { REDELIVERABLE_STATES } from '@rushes/contract/facts/states';
import { Args, Flags } from '@oclif/core';
import type { RedeliverSinceParams, Rushes } from '@rushes/sdk';
import { ServerCommand } from '../../server-command.ts';
import { usageError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { printable } from '../../output/terminal.ts';
import { count as number, isoOf } from '../../output/wording.ts';
import { parseTime } from '../../flags/time.ts';

type State = (typeof REDELIVERABLE_STATES)[number];

/** A time as the server reads it, the id of an event, or its number. */
function sinceOf(text: string): string | number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (/^evt_\w+$/.test(text)) return text;
  const at = parseTime(text);
  if (at !== null) return isoOf(at);
  throw usageError(
    `--since takes a day or a moment (2026-11-20, 2026-11-20T09:30:00Z), the ID of an event or its number, not ${JSON.stringify(text)}.`,
  );
}

/** Sends deliveries again. */
export default class WebhooksRedeliver extends ServerCommand {
  static override summary = 'Send a delivery again, or all deliveries to an endpoint since a time.';
  static override description =
    'Makes one attempt for each delivery, with the same webhook-id, so that a receiver that remembers IDs can skip events that it has handled. Without --state, sends the deliveries that were given up and those that the endpoint missed while it was disabled.';
  static override examples = [
    '<%= config.bin %> webhooks redeliver whd_3kTz…',
    {
      description: 'After an outage of the receiver',
      command: '<%= config.bin %> webhooks redeliver --endpoint whe_3kTz… --since 2026-11-20T09:30:00Z',
    },
  ];
  static override args = {
    id: Args.string({ description: 'ID of a delivery, as shown by "rushes webhooks deliveries".' }),
  };
  static override flags = {
    endpoint: Flags.string({ summary: 'All deliveries to this endpoint; needs --since.', helpValue: 'ID' }),
    since: Flags.string({
      summary: 'Start at this time or event, inclusive.',
      helpValue: 'TIME|EVENT|SEQ',
      dependsOn: ['endpoint'],
    }),
    state: Flags.string({
      summary: 'Only deliveries in this state; may be given several times.',
      options: [...REDELIVERABLE_STATES],
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['endpoint'],
    }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksRedeliver);
    if ((args.id === undefined) === (flags.endpoint === undefined)) {
      throw usageError('Give the ID of a delivery, or --endpoint with --since.');
    }
    if (args.id !== undefined) return this.#one(await this.connect(flags), args.id);
    if (flags.endpoint === undefined || flags.since === undefined) throw usageError('--endpoint needs --since.');
    const states = REDELIVERABLE_STATES.filter((state) => flags.state?.includes(state) === true);
    const since = sinceOf(flags.since);
    return this.#since(await this.connect(flags), flags.endpoint, { since, states });
  }

  async #one(client: Rushes, id: string): Promise<ExitCode> {
    const delivery = await client.webhookDeliveries.redeliver(id, this.options);
    await this.show(delivery, () => [`${printable(delivery.id)} is sent again.`]);
    this.output.note(`See the outcome: rushes webhooks deliveries ${printable(delivery.id)}`);
    return EXIT.success;
  }

  async #since(
    client: Rushes,
    endpointId: string,
    { since, states }: { readonly since: string | number; readonly states: State[] },
  ): Promise<ExitCode> {
    let count = 0;
    const chosen: Pick<RedeliverSinceParams, 'states'> = states.length === 0 ? {} : { states };
    for (let from: string | number | null = since; from !== null;) {
      const asked = { since: from, ...chosen };
      const answer = await client.webhookEndpoints.redeliver(endpointId, asked, this.options);
      count += answer.count;
      from = answer.next_since;
      if (from !== null) this.output.note(`${number(count)} so far; continuing from event ${from}…`);
    }
    await this.show({ endpoint_id: endpointId, count }, () => [
      `${number(count)} ${count === 1 ? 'delivery is' : 'deliveries are'} sent again.`,
    ]);
    return EXIT.success;
  }
}
