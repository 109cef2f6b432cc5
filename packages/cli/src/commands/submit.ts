import { randomUUID } from 'node:crypto';
import { Args, Flags } from '@oclif/core';
import { AbortError, type Batch, type Estimate, isFinal, type Rushes, UnprocessableEntityError } from '@rushes/sdk';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { exitCodeOf, stateWord } from '../batch/batch-state.ts';
import { batchSummary } from '../batch/batch-summary.ts';
import { type DownloadReport, downloadSentence, downloadVideos } from '../batch/download-videos.ts';
import { followBatch, wayBack } from '../batch/follow-batch.ts';
import { batchSize } from '../batch/progress.ts';
import { CliError } from '../cli-error.ts';
import { confirm } from '../confirm.ts';
import { durationFlag } from '../flags/duration.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { credits, dated, plural } from '../output/wording.ts';
import { findByRequestId } from '../submission/find-by-request-id.ts';
import { aboutLines, readSubmission, type Submission } from '../submission/read-submission.ts';
import { deriveRequestId } from '../submission/request-id.ts';
import { runKey } from '../submission/run-key.ts';
import { showEstimate } from '../submission/show-estimate.ts';
import { submissionFlags } from '../submission/submission-flags.ts';

/** What `submit --json` prints; members are never left out. */
interface SubmitDocument {
  readonly dry_run: boolean;
  readonly request_id: string;
  readonly estimate: Estimate;
  /** Null in a dry run. */
  readonly batch: Batch | null;
  /** The batch was there already; this command made none. */
  readonly existing: boolean;
  readonly download: DownloadReport | null;
}

/** How the batch got its request_id. */
interface RequestId {
  readonly value: string;
  /** Made from what is submitted, so that a batch that has it is this very order. */
  readonly derived: boolean;
}

/** Turns a file of prompts into a batch. */
export default class Submit extends RushesCommand {
  static override summary = 'Turn a file of prompts into a batch of videos.';
  static override description = `Reads CSV, TSV, JSON lines or plain lines, shows the price and the balance, asks, and submits.

The same submission is never made twice: the request_id is derived from the prompts, the options and --run-key (by default the id of the CI run), so running the same job again finds the same batch. Outside CI, the same file finds its batch again too; --again makes a new one.`;
  static override examples = [
    {
      description: 'See the price and what is wrong with the file',
      command: '<%= config.bin %> submit prompts.csv --model sora-2 --dry-run',
    },
    {
      description: 'Submit, wait, and bring the videos (in CI, nobody is asked)',
      command: '<%= config.bin %> submit prompts.csv --model sora-2 --yes --wait --download ./videos',
    },
    {
      description: 'Use another column, and vertical videos',
      command: '<%= config.bin %> submit shots.csv --model veo-pro --column prompt=Text --set aspect_ratio=9:16',
    },
    {
      description: 'Read standard input',
      command: 'cat prompts.txt | <%= config.bin %> submit - --model sora-2 --yes',
    },
  ];
  static override args = {
    file: Args.string({ description: 'File of prompts, or - for standard input.', required: true }),
  };
  static override flags = {
    ...submissionFlags,
    ...serverFlags,
    wait: Flags.boolean({ char: 'w', summary: 'Wait until the batch is final; the exit code says how it ended.' }),
    'wait-timeout': durationFlag({ summary: 'Stop waiting after this time with exit code 69; the batch goes on.' }),
    download: Flags.string({
      char: 'd',
      summary: 'Wait, then bring the videos and manifest.csv into this folder.',
      helpValue: 'DIR',
    }),
    concurrency: Flags.integer({ summary: 'Videos to download at a time.', min: 1, max: 64 }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    'dry-run': Flags.boolean({
      summary: 'Only check the file and show the price; exit code 4 when there are too few credits.',
    }),
    'request-id': Flags.string({
      summary: 'Use this idempotency key instead of the derived one.',
      exclusive: ['run-key', 'again'],
    }),
    'run-key': Flags.string({
      summary: 'What tells this run from the next one with the same prompts.',
      exclusive: ['again'],
    }),
    again: Flags.boolean({ summary: 'Make a new batch even if these prompts were submitted before.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Submit);
    const settings = await this.settings(flags);
    const submission = await readSubmission(args.file, flags, settings.model, this.interrupt);
    const client = this.client(settings);
    const requestId = this.#requestId(submission, flags);
    const estimate = await aboutLines(
      submission,
      client.batches.estimate(submission.params, { signal: this.interrupt }),
    );
    showEstimate(estimate, submission, this.output);
    const document = {
      dry_run: flags['dry-run'],
      request_id: requestId.value,
      estimate,
      batch: null,
      existing: false,
      download: null,
    };
    if (flags['dry-run']) return this.#endDryRun(document, submission);

    await confirm(question(estimate), flags.yes, this.interrupt);
    const { batch, existing } = await this.#create(client, submission, estimate, requestId);
    this.#announce(batch, existing, flags.again);
    const waits = flags.wait || flags.download !== undefined || flags['wait-timeout'] !== undefined;
    if (!waits) return this.#end({ ...document, batch, existing }, false);

    const final = isFinal(batch)
      ? batch
      : await followBatch(client, batch.id, {
          output: this.output,
          signal: this.interrupt,
          timeoutMs: flags['wait-timeout'],
        });
    const download =
      flags.download === undefined ? null : await this.#download(client, final, flags.download, flags.concurrency);
    return this.#end({ ...document, batch: final, existing, download }, true);
  }

  #requestId(
    submission: Submission,
    flags: { 'request-id': string | undefined; 'run-key': string | undefined; again: boolean },
  ): RequestId {
    if (flags['request-id'] !== undefined) return { value: flags['request-id'], derived: false };
    if (flags.again) return { value: deriveRequestId(submission.params, `again:${randomUUID()}`), derived: true };
    if (flags['run-key'] !== undefined)
      return { value: deriveRequestId(submission.params, `key:${flags['run-key']}`), derived: true };
    const run = runKey(process.env);
    if (run.unknownCi) {
      this.output.note(
        'This CI system gives no id of its run: the same prompts are the same batch tomorrow too. See --run-key.',
      );
    }
    return { value: deriveRequestId(submission.params, run.value), derived: true };
  }

  async #create(
    client: Rushes,
    submission: Submission,
    estimate: Estimate,
    requestId: RequestId,
  ): Promise<{ batch: Batch; existing: boolean }> {
    // What was shown is what is paid: another price now is refused instead of charged.
    const params = { expected_unit_price: estimate.unit_price, ...submission.params, request_id: requestId.value };
    try {
      const request = client.batches.create(params, { signal: this.interrupt }).withResponse();
      const { data, response } = await aboutLines(submission, request);
      return { batch: data, existing: response.headers.get('idempotent-replayed') === 'true' };
    } catch (error) {
      if (error instanceof AbortError) {
        throw new CliError('interrupted', 'Interrupted while the batch was being submitted; it may have been made.', {
          exitCode: EXIT.interrupted,
          advice: [
            `Run the same command again to find it, or find it with "rushes list --request-id '${requestId.value}'".`,
          ],
          members: { request_id: requestId.value },
          cause: error,
        });
      }
      if (!(error instanceof UnprocessableEntityError) || !requestId.derived) throw error;
      // A derived id can only have been used for this same order, with another guard: at the price or limit of that day.
      const batch = await findByRequestId(client, requestId.value, this.interrupt);
      if (batch === null) throw error;
      return { batch, existing: true };
    }
  }

  #announce(batch: Batch, existing: boolean, again: boolean): void {
    const { output } = this;
    if (!existing) {
      output.note(`Submitted ${batch.id}: ${batchSize(batch)}.`);
      return;
    }
    output.note(
      `These prompts were submitted before: ${batch.id}, ${dated(batch.created_at, Date.now())}, ${stateWord(batch)}. Nothing is charged again.`,
    );
    if (!again) output.note('  --again makes a new batch of them.');
  }

  async #download(
    client: Rushes,
    batch: Batch,
    directory: string,
    concurrency: number | undefined,
  ): Promise<DownloadReport> {
    const { report } = await downloadVideos(client, batch.id, directory, {
      output: this.output,
      signal: this.interrupt,
      concurrency,
    });
    this.output.note(downloadSentence(report));
    return report;
  }

  async #endDryRun(document: SubmitDocument, submission: Submission): Promise<ExitCode> {
    const { estimate } = document;
    const limit = submission.params.spend_limit ?? Infinity;
    if (this.jsonEnabled()) await this.output.document(document);
    this.output.note('Dry run: nothing was submitted.');
    return estimate.affordable && estimate.total <= limit ? EXIT.success : EXIT.insufficientCredits;
  }

  /** stdout has the batch's id when nobody waited for it, else how it ended. */
  async #end(document: SubmitDocument & { readonly batch: Batch }, waited: boolean): Promise<ExitCode> {
    const { batch } = document;
    if (this.jsonEnabled()) await this.output.document(document);
    else if (waited) for (const line of batchSummary(batch, this.output.paint)) await this.output.line(line);
    else await this.output.line(batch.id);
    if (isFinal(batch)) return exitCodeOf(batch);
    for (const line of wayBack(batch.id)) this.output.note(`  ${line}`);
    return EXIT.success;
  }
}

function question(estimate: Estimate): string {
  const order = `${plural(estimate.count, 'video')} of ${estimate.model} for at most ${credits(estimate.total)}`;
  return estimate.affordable
    ? `Submit ${order}?`
    : `There are too few credits for ${order}. Ask the server all the same, which finds the batch if it was submitted before?`;
}
