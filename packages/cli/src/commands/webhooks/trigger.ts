import { EVENT_TYPES } from '@rushes/contract/facts/events';
import { Args, Flags } from '@oclif/core';
import { ServerCommand, type ServerFlags } from '../../server-command.ts';
import { usageError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { printable } from '../../output/terminal.ts';
import { attemptWords, forward, isSuccess, receiverUrl } from '../../webhooks/forward.ts';
import { RECEIVER_TIMEOUT_MS, localReceiverFlags } from '../../webhooks/local-receiver-flags.ts';
import { localSecret } from '../../webhooks/local-secret.ts';
import { sampleEvent } from '../../webhooks/sample-events.ts';
import { sendTestEvent } from '../../webhooks/test-event.ts';

const TEST_TYPE = 'webhook.test';

/** Sends one sample event to a receiver. */
export default class WebhooksTrigger extends ServerCommand {
  static override summary = 'Send a sample event to a receiver, signed as the server signs events.';
  static override description = `With --to, this command sends the event: no server and no API key are needed, and the IDs in the event are made up. It is signed with the secret of --secret-file, else of RUSHES_WEBHOOK_SECRET, else with a new secret that is shown. With --endpoint, the server sends the event webhook.test, in the same way as every other event. Exit code 1 when the receiver refuses the event, 8 when the receiver is not running.`;
  static override examples = [
    '<%= config.bin %> webhooks trigger batch.completed --to http://localhost:8080/hooks/rushes',
    {
      description: 'From the server, to one of its endpoints',
      command: '<%= config.bin %> webhooks trigger webhook.test --endpoint whe_3kTz…',
    },
  ];
  static override args = {
    type: Args.string({ description: `One of ${EVENT_TYPES.join(', ')}.`, required: true }),
  };
  static override flags = {
    to: Flags.string({
      summary: 'URL of the receiver; this command sends the event.',
      helpValue: 'URL',
      exclusive: ['endpoint'],
    }),
    endpoint: Flags.string({ summary: 'ID of the endpoint; the server sends the event.', helpValue: 'ID' }),
    ...localReceiverFlags,
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksTrigger);
    if (flags.endpoint !== undefined) return this.#fromServer(args.type, flags.endpoint, flags);
    if (flags.to === undefined)
      throw usageError(
        'Say where to send the event: --to URL to send it from here, or --endpoint ID to have the server send it.',
      );
    const event = sampleEvent(args.type, this.context.clock.nowMs());
    if (event === null) {
      throw usageError(`There is no event ${JSON.stringify(args.type)}.`, `There are: ${EVENT_TYPES.join(', ')}.`);
    }
    const url = receiverUrl(flags.to);
    const key = await localSecret(flags['secret-file'], this.context);
    if (key.isNew) this.output.note(`Signed with ${key.secret}${key.place === null ? '' : ` (kept in ${key.place})`}`);
    const attempt = await forward(
      event,
      { url, secret: key.secret, timeoutMs: flags.timeout ?? RECEIVER_TIMEOUT_MS },
      this.context,
      this.interrupt,
    );
    const delivered = isSuccess(attempt);
    const { status, error, duration_ms } = attempt;
    await this.show({ event, delivery: { url, delivered, status, error, duration_ms } }, () => [
      `${event.type}  ${event.id}  ${printable(attemptWords(attempt))}`,
    ]);
    if (delivered) return EXIT.success;
    return attempt.reached ? EXIT.failed : EXIT.network;
  }

  async #fromServer(type: string, endpointId: string, flags: ServerFlags): Promise<ExitCode> {
    if (type !== TEST_TYPE) {
      throw usageError(
        `The server can only send ${TEST_TYPE} on request, not ${JSON.stringify(type)}.`,
        'Use --to URL to send any other type from here.',
      );
    }
    const client = await this.connect(flags);
    return sendTestEvent(client, endpointId, {
      output: this.output,
      json: this.json,
      signal: this.interrupt,
    });
  }
}
