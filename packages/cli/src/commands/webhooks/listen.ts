import { Flags } from '@oclif/core';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { ServerCommand } from '../../server-command.ts';
import { commaList, eventFilter } from '../../webhooks/event-filter.ts';
import { lastEventSeq } from '../../webhooks/event-feed.ts';
import { receiverUrl } from '../../webhooks/forward.ts';
import { listen, type ListenProgress } from '../../webhooks/listen-loop.ts';
import { jsonReport, textReport } from '../../webhooks/listen-report.ts';
import { listeningInterrupted, startOf } from '../../webhooks/listen-start.ts';
import { RECEIVER_TIMEOUT_MS, localReceiverFlags } from '../../webhooks/local-receiver-flags.ts';
import { localSecret } from '../../webhooks/local-secret.ts';

/** The longest that a server waits for an event. */
const HEARTBEAT_MAX_SECONDS = 30;

/** Brings the account's events to a program on this machine. */
export default class WebhooksListen extends ServerCommand {
  static override summary = 'Follow the events of the account, and forward them to a receiver on this machine.';
  static override description = `The command fetches events and sends each one as a webhook, in order, so this machine does not have to be reachable from outside. No event is missed when the connection or the server is away for a while. Webhooks are signed with the secret of --secret-file, else of RUSHES_WEBHOOK_SECRET, else with a new secret that is shown. When the receiver answers with a failure, the event is sent again a few times and then skipped. When the receiver is not running, the command waits for it. Ctrl-C prints the command that continues from there.`;
  static override examples = [
    '<%= config.bin %> webhooks listen --forward-to http://localhost:8080/hooks/rushes',
    {
      description: 'Only events of batches, from the beginning, one JSON object per line',
      command: "<%= config.bin %> webhooks listen --events 'batch.*' --from beginning --json",
    },
  ];
  static override flags = {
    'forward-to': Flags.string({
      summary: 'URL of the receiver. Without it, events are only shown.',
      helpValue: 'URL',
    }),
    events: Flags.string({
      summary: 'Only these types, separated by commas; batch.* stands for every type that begins with batch.',
      helpValue: 'TYPES',
      multiple: true,
      multipleNonGreedy: true,
    }),
    from: Flags.string({
      summary: 'Where to start: now, at the beginning, or after the event with this number.',
      default: 'now',
      helpValue: 'now|beginning|SEQ',
    }),
    ...localReceiverFlags,
    retries: Flags.integer({
      summary: 'How many more attempts to make when the receiver answers with a failure.',
      default: 2,
      min: 0,
    }),
    heartbeat: Flags.integer({
      summary: 'After this many seconds without an event, show that the command is alive.',
      default: HEARTBEAT_MAX_SECONDS,
      min: 1,
      max: HEARTBEAT_MAX_SECONDS,
    }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(WebhooksListen);
    const wanted = eventFilter(commaList(flags.events ?? []));
    const forwardTo = flags['forward-to'] === undefined ? null : receiverUrl(flags['forward-to']);
    const from = startOf(flags.from);
    const client = await this.connect(flags);
    const key = forwardTo === null ? null : await localSecret(flags['secret-file'], this.context);
    const { timeout: timeoutMs = RECEIVER_TIMEOUT_MS, retries } = flags;
    const receiver =
      forwardTo === null || key === null ? null : { url: forwardTo, secret: key.secret, timeoutMs, retries };
    const report = this.json ? jsonReport(this.output) : textReport(this.output, this.context.clock);
    const progress: ListenProgress = { cursor: null, delivered: 0, failed: 0 };
    try {
      const cursor = from ?? (await lastEventSeq(client, this.interrupt));
      progress.cursor = cursor;
      await report.started({
        server: client.baseUrl,
        cursor,
        forwardTo,
        secret: key?.isNew === true ? key.secret : null,
        secretPlace: key?.place ?? null,
      });
      const isOver = (): boolean => this.output.isClosed;
      const how = { receiver, report, wanted, progress, waitSeconds: flags.heartbeat, machine: this.context, isOver };
      await listen(client, cursor, how, this.interrupt);
      return EXIT.success;
    } catch (error) {
      if (this.interrupt.aborted) throw listeningInterrupted(progress, flags);
      throw error;
    } finally {
      report.ended();
    }
  }
}
