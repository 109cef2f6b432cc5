import { Args, Flags } from '@oclif/core';
import { isFinal } from '@rushes/sdk';
import { ServerCommand } from '../server-command.ts';
import { batchArg } from '../batch/batch-arg.ts';
import { downloadSentence, downloadVideos } from '../batch/download-videos.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Downloads the videos of a batch. */
export default class Download extends ServerCommand {
  static override summary = 'Download the videos of a batch into a folder, with a list in manifest.csv.';
  static override description = `Files are named <custom_id or five-digit index>.mp4. A file appears only when it is complete and its SHA-256 is right. Run the command again to fetch missing videos and to resume interrupted downloads.

It also works before the batch is final: then the exit code is 69, and running it again fetches the rest.`;
  static override examples = [
    '<%= config.bin %> download bat_3kTz… ./videos',
    {
      description: 'Download more videos at the same time',
      command: '<%= config.bin %> download bat_3kTz… ./videos --concurrency 16',
    },
  ];
  static override args = {
    ...batchArg,
    dir: Args.string({ description: 'Folder; it is created when it does not exist.', required: true }),
  };
  static override flags = {
    concurrency: Flags.integer({ summary: 'How many videos to download at the same time.', min: 1, max: 64 }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Download);
    const client = await this.connect(flags);
    const { report, batch } = await downloadVideos(client, args.id, args.dir, {
      output: this.output,
      clock: this.context.clock,
      files: this.context.files,
      signal: this.interrupt,
      concurrency: flags.concurrency,
    });
    await this.show({ batch, download: report }, () => [downloadSentence(report)]);
    if (isFinal(batch)) return EXIT.success;
    this.output.note(`${batch.id} is not final yet. Run the command again later for the other videos.`);
    return EXIT.stillRunning;
  }
}
