import { Args, Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { CliError } from '../../cli-error.ts';
import { durationFlag } from '../../flags/duration.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { printable } from '../../output/terminal.ts';
import { EVENT_TYPES } from '../../webhooks/event-filter.ts';
import { attemptWords, forward, isSuccess, receiverUrl } from '../../webhooks/forward.ts';
import { localSecret } from '../../webhooks/local-secret.ts';
import { sampleEvent } from '../../webhooks/sample-events.ts';
import { sendTestEvent } from '../../webhooks/test-event.ts';

const TIMEOUT_DEFAULT_MS = 30_000;
const TEST_TYPE = 'webhook.test';

function usage(message: string, ...advice: string[]): CliError {
  return new CliError('usage', message, { exitCode: EXIT.usage, advice });
}

/** Sends one event to see what a receiver does with it. */
export default class WebhooksTrigger extends RushesCommand {
  static override summary = 'Send a sample event to a receiver, signed as the server signs.';
  static override description = `With --to it comes from here: no server and no API key are needed, and the ids in it exist nowhere. It is signed with the secret of --secret-file (made when there is none), else of RUSHES_WEBHOOK_SECRET, else with a new one that is shown. With --endpoint the server sends a webhook.test, over the way that every event takes. Exit code 1 when the receiver refuses, 8 when there is none.`;
  static override examples = [
    '<%= config.bin %> webhooks trigger batch.completed --to http://localhost:8080/hooks/rushes',
    {
      description: 'From the server, to an endpoint that it knows',
      command: '<%= config.bin %> webhooks trigger webhook.test --endpoint whe_3kTz…',
    },
  ];
  static override args = {
    type: Args.string({ description: `One of ${EVENT_TYPES.join(', ')}.`, required: true }),
  };
  static override flags = {
    ...serverFlags,
    to: Flags.string({ summary: 'Receiver to send to from here.', helpValue: 'URL', exclusive: ['endpoint'] }),
    endpoint: Flags.string({ summary: 'Endpoint that the server sends to.', helpValue: 'ID' }),
    'secret-file': Flags.string({
      summary: 'File with the secret to sign with; made when it is not there.',
      helpValue: 'FILE',
    }),
    timeout: durationFlag({ summary: 'How long the receiver may take; 30s when left out.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksTrigger);
    if (flags.endpoint !== undefined) return this.#fromServer(args.type, flags.endpoint, flags);
    if (flags.to === undefined)
      throw usage('Say where to send it: --to URL from here, or --endpoint ID from the server.');
    const event = sampleEvent(args.type, Date.now());
    if (event === null) {
      throw usage(`There is no event ${JSON.stringify(args.type)}.`, `There are: ${EVENT_TYPES.join(', ')}.`);
    }
    const url = receiverUrl(flags.to);
    const key = await localSecret(flags['secret-file'], process.env);
    if (key.isNew) this.output.note(`Signed with ${key.secret}${key.place === null ? '' : ` (kept in ${key.place})`}`);
    const attempt = await forward(
      event,
      { url, secret: key.secret, timeoutMs: flags.timeout ?? TIMEOUT_DEFAULT_MS },
      this.interrupt,
    );
    const delivered = isSuccess(attempt);
    if (this.jsonEnabled()) {
      const { status, error, duration_ms } = attempt;
      await this.output.document({ event, delivery: { url, delivered, status, error, duration_ms } });
    } else await this.output.line(`${event.type}  ${event.id}  ${printable(attemptWords(attempt))}`);
    if (delivered) return EXIT.success;
    return attempt.reached ? EXIT.failed : EXIT.network;
  }

  async #fromServer(
    type: string,
    endpointId: string,
    flags: { readonly 'base-url': string | undefined },
  ): Promise<ExitCode> {
    if (type !== TEST_TYPE) {
      throw usage(
        `The server sends ${TEST_TYPE} on request, not ${JSON.stringify(type)}.`,
        'A sample of any other type comes from here, with --to URL.',
      );
    }
    const client = await this.connect(flags);
    return sendTestEvent(client, endpointId, {
      output: this.output,
      json: this.jsonEnabled(),
      signal: this.interrupt,
    });
  }
}
