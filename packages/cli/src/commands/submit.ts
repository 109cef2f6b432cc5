import { Flags } from '@oclif/core';
import { type Batch, type Estimate, isFinal, type Rushes } from '@rushes/sdk';
import { exitCodeOf, stateWord } from '../batch/batch-state.ts';
import { batchSummary } from '../batch/batch-summary.ts';
import { type DownloadReport, downloadSentence, downloadVideos } from '../batch/download-videos.ts';
import { followBatch, wayBack } from '../batch/follow-batch.ts';
import { batchSize } from '../batch/progress.ts';
import { confirm, yesFlag } from '../confirm.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { durationFlag } from '../flags/duration.ts';
import { credits, dated, plural } from '../output/wording.ts';
import { ServerCommand } from '../server-command.ts';
import { chooseRequestId, createBatch, type CreatedBatch } from '../submission/create-batch.ts';
import { aboutLines, readSubmission, type Submission } from '../submission/read-submission.ts';
import { showEstimate } from '../submission/show-estimate.ts';
import { submissionArg, submissionFlags } from '../submission/submission-flags.ts';

/** The output of `submit --json`. Every member is always there. */
interface SubmitDocument {
  readonly dry_run: boolean;
  readonly request_id: string;
  readonly estimate: Estimate;
  /** Null in a dry run. */
  readonly batch: Batch | null;
  /** True when the batch existed already, so this command created none. */
  readonly existing: boolean;
  readonly download: DownloadReport | null;
}

/** What to do after the batch was created. */
interface WaitFlags {
  readonly wait: boolean;
  readonly 'wait-timeout': number | undefined;
  readonly download: string | undefined;
  readonly concurrency: number | undefined;
}

/** Turns a file of prompts into a batch. */
export default class Submit extends ServerCommand {
  static override summary = 'Turn a file of prompts into a batch of videos.';
  static override description = `Reads CSV, TSV, JSON lines or plain lines, shows the price and the balance, asks for a confirmation, and submits.

The same submission is never made twice: the request_id is derived from the prompts, the options and --run-key (the ID of the CI run when left out), so running the same job again finds the same batch. Outside CI, the same file finds its batch again too; --again makes a new batch.`;
  static override examples = [
    {
      description: 'See the price and what is wrong with the file',
      command: '<%= config.bin %> submit prompts.csv --model sora-2 --dry-run',
    },
    {
      description: 'Submit, wait and download the videos (in CI add --yes, because nobody can answer a question there)',
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
  static override args = submissionArg;
  static override flags = {
    ...submissionFlags,
    wait: Flags.boolean({ char: 'w', summary: 'Wait until the batch is final; the exit code says how it ended.' }),
    'wait-timeout': durationFlag({ summary: 'Stop waiting after this time with exit code 69; the batch continues.' }),
    download: Flags.string({
      char: 'd',
      summary: 'Wait, then download the videos and manifest.csv into this folder.',
      helpValue: 'DIR',
    }),
    concurrency: Flags.integer({ summary: 'How many videos to download at the same time.', min: 1, max: 64 }),
    yes: yesFlag,
    'dry-run': Flags.boolean({
      summary: 'Only check the file and show the price; exit code 4 when there are too few credits.',
    }),
    'request-id': Flags.string({
      summary: 'Use this idempotency key instead of the derived one.',
      exclusive: ['run-key', 'again'],
    }),
    'run-key': Flags.string({
      summary: 'Any text that tells this run from the next run with the same prompts.',
      exclusive: ['again'],
    }),
    again: Flags.boolean({ summary: 'Create a new batch even if these prompts were submitted before.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Submit);
    const settings = await this.settings(flags);
    const submission = await readSubmission(args.file, flags, settings.model, this.context, this.interrupt);
    const client = this.client(settings);
    const requestId = chooseRequestId(submission, flags, this.context, this.output);
    const estimate = await aboutLines(submission, client.batches.estimate(submission.params, this.options));
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

    await confirm(question(estimate), flags.yes, this.context, this.interrupt);
    const created = await createBatch(client, { submission, estimate, requestId }, this.interrupt);
    this.#announce(created, flags.again);
    const waits = flags.wait || flags.download !== undefined || flags['wait-timeout'] !== undefined;
    if (!waits) return this.#end({ ...document, ...created }, false);
    return this.#end({ ...document, ...created, ...(await this.#followToEnd(client, created.batch, flags)) }, true);
  }

  /** Waits until the batch is final, and downloads its videos when a folder is given. */
  async #followToEnd(
    client: Rushes,
    created: Batch,
    flags: WaitFlags,
  ): Promise<{ readonly batch: Batch; readonly download: DownloadReport | null }> {
    const watching = { ...this.context, output: this.output, signal: this.interrupt };
    const batch = isFinal(created)
      ? created
      : await followBatch(client, created.id, { ...watching, timeoutMs: flags['wait-timeout'] });
    if (flags.download === undefined) return { batch, download: null };
    const { concurrency } = flags;
    const { report } = await downloadVideos(client, batch.id, flags.download, { ...watching, concurrency });
    this.output.note(downloadSentence(report));
    return { batch, download: report };
  }

  #announce({ batch, existing }: CreatedBatch, again: boolean): void {
    const { output } = this;
    if (!existing) {
      output.note(`Submitted ${batch.id}: ${batchSize(batch)}.`);
      return;
    }
    const when = dated(batch.created_at, this.context.clock.nowMs());
    output.note(
      `These prompts were submitted before: ${batch.id}, ${when}, ${stateWord(batch)}. Nothing is charged again.`,
    );
    if (!again) output.note('  Use --again to create a new batch from them.');
  }

  async #endDryRun(document: SubmitDocument, submission: Submission): Promise<ExitCode> {
    const { estimate } = document;
    const limit = submission.params.spend_limit ?? Infinity;
    if (this.json) await this.output.document(document);
    this.output.note('Dry run: nothing was submitted.');
    return estimate.affordable && estimate.total <= limit ? EXIT.success : EXIT.insufficientCredits;
  }

  /** Prints the batch's id when the command did not wait, else how the batch ended. */
  async #end(document: SubmitDocument & { readonly batch: Batch }, waited: boolean): Promise<ExitCode> {
    const { batch } = document;
    if (this.json) await this.output.document(document);
    else if (waited) await this.output.lines(batchSummary(batch, this.output.paint));
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
    : `There are too few credits for ${order}. Send it anyway? If it was submitted before, the server finds that batch.`;
}
