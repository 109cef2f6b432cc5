import { Flags } from '@oclif/core';
import type { ListedEvent, Rushes } from '@rushes/sdk';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { CliError } from '../../cli-error.ts';
import { durationFlag } from '../../flags/duration.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { deliverLocally, type LocalReceiver } from '../../webhooks/deliver-locally.ts';
import { commaList, eventFilter } from '../../webhooks/event-filter.ts';
import { followEvents, lastEventSeq } from '../../webhooks/event-feed.ts';
import { isSuccess, receiverUrl } from '../../webhooks/forward.ts';
import { jsonReport, type ListenReport, textReport } from '../../webhooks/listen-report.ts';
import { localSecret } from '../../webhooks/local-secret.ts';

/** The longest that a server waits for an event. */
const HEARTBEAT_MAX_SECONDS = 30;
const TIMEOUT_DEFAULT_MS = 30_000;

/** Where things stand; `cursor` is the last event that was dealt with. */
interface Progress {
  cursor: number | null;
  delivered: number;
  failed: number;
}

/** Brings the account's events to a program on this machine. */
export default class WebhooksListen extends RushesCommand {
  static override summary = 'Follow the events of the account, and forward them to a receiver on this machine.';
  static override description = `Nothing needs to be reachable from outside: events are fetched with a cursor, so none is missed when the connection or the server goes away for a while, and each is sent as a webhook, one after the other. The signature is made with the secret of --secret-file (made when there is none), else of RUSHES_WEBHOOK_SECRET, else with a new one that is shown. A receiver that answers with a failure is asked again, then passed over; one that is not running is waited for. Ctrl-C says how to go on from there.`;
  static override examples = [
    '<%= config.bin %> webhooks listen --forward-to http://localhost:8080/hooks/rushes',
    {
      description: 'Only how batches end, from the beginning, one JSON object a line',
      command: "<%= config.bin %> webhooks listen --events 'batch.*' --from beginning --json",
    },
  ];
  static override flags = {
    ...serverFlags,
    'forward-to': Flags.string({ summary: 'Receiver; without it events are only shown.', helpValue: 'URL' }),
    events: Flags.string({
      summary: 'Only these types, with commas between them; batch.* is all of a kind.',
      helpValue: 'TYPES',
      multiple: true,
      multipleNonGreedy: true,
    }),
    from: Flags.string({
      summary: 'Where to begin: now, beginning, or behind the event with this number.',
      default: 'now',
      helpValue: 'now|beginning|SEQ',
    }),
    'secret-file': Flags.string({
      summary: 'File with the secret to sign with; made when it is not there.',
      helpValue: 'FILE',
    }),
    retries: Flags.integer({
      summary: 'Further attempts when the receiver answers with a failure.',
      default: 2,
      min: 0,
    }),
    timeout: durationFlag({ summary: 'How long the receiver may take; a server gives it 5 s; 30s when left out.' }),
    heartbeat: Flags.integer({
      summary: 'Seconds without an event after which a sign of life is shown.',
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
    const key = forwardTo === null ? null : await localSecret(flags['secret-file'], process.env);
    const receiver: LocalReceiver | null =
      forwardTo === null || key === null
        ? null
        : {
            url: forwardTo,
            secret: key.secret,
            timeoutMs: flags.timeout ?? TIMEOUT_DEFAULT_MS,
            retries: flags.retries,
          };
    const report = this.jsonEnabled() ? jsonReport(this.output) : textReport(this.output);
    const progress: Progress = { cursor: null, delivered: 0, failed: 0 };
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
      return await this.#follow(client, cursor, { receiver, report, wanted, progress, waitSeconds: flags.heartbeat });
    } catch (error) {
      if (this.interrupt.aborted) throw interrupted(progress, wayBack(flags, progress.cursor));
      throw error;
    } finally {
      report.ended();
    }
  }

  /** Ends only by throwing, or when nobody reads the output any more. */
  async #follow(client: Rushes, start: number, listening: Listening): Promise<ExitCode> {
    const { report, wanted, progress, waitSeconds } = listening;
    let cursor = start;
    for await (const news of followEvents(client, { after: start, waitSeconds }, this.interrupt)) {
      if (news.kind === 'event') {
        if (wanted(news.event.type)) await this.#deal(news.event, listening);
        cursor = news.event.seq;
        progress.cursor = cursor;
      } else if (news.kind === 'heartbeat') await report.heartbeat(cursor);
      else if (news.kind === 'lost') await report.lost(news.error, news.delayMs, cursor);
      else await report.found(cursor);
      if (this.output.isClosed) break;
    }
    return EXIT.success;
  }

  async #deal(event: ListedEvent, { receiver, report, progress }: Listening): Promise<void> {
    if (receiver === null) return report.event(event, null, 0);
    const { attempt, attempts } = await deliverLocally(
      event,
      receiver,
      (failed, delayMs) => report.retry(event, failed, delayMs),
      this.interrupt,
    );
    if (isSuccess(attempt)) progress.delivered += 1;
    else progress.failed += 1;
    await report.event(event, attempt, attempts);
  }
}

interface Listening {
  readonly receiver: LocalReceiver | null;
  readonly report: ListenReport;
  readonly wanted: (type: string) => boolean;
  readonly progress: Progress;
  readonly waitSeconds: number;
}

/** The seq to begin behind; null for now. */
function startOf(text: string): number | null {
  if (text === 'now') return null;
  if (text === 'beginning') return 0;
  const seq = Number(text);
  if (/^\d{1,15}$/.test(text)) return seq;
  throw new CliError('usage', `--from takes now, beginning or the number of an event, not ${JSON.stringify(text)}.`, {
    exitCode: EXIT.usage,
  });
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function wayBack(
  flags: {
    readonly 'forward-to': string | undefined;
    readonly events: string[] | undefined;
    readonly 'secret-file': string | undefined;
    readonly from: string;
  },
  cursor: number | null,
): string {
  const words = ['rushes webhooks listen'];
  if (flags['forward-to'] !== undefined) words.push(`--forward-to ${quoted(flags['forward-to'])}`);
  for (const events of flags.events ?? []) words.push(`--events ${quoted(events)}`);
  if (flags['secret-file'] !== undefined) words.push(`--secret-file ${quoted(flags['secret-file'])}`);
  return [...words, `--from ${cursor ?? flags.from}`].join(' ');
}

function interrupted({ cursor, delivered, failed }: Progress, command: string): CliError {
  return new CliError(
    'interrupted',
    `Interrupted${cursor === null ? '' : ` behind event ${cursor}`}: ${delivered} delivered, ${failed} given up.`,
    {
      exitCode: EXIT.interrupted,
      advice: [`Go on from here: ${command}`],
      members: { cursor, delivered, failed },
    },
  );
}
