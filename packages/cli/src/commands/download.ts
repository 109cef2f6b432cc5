import { Args, Flags } from '@oclif/core';
import { isFinal } from '@rushes/sdk';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { downloadSentence, downloadVideos } from '../batch/download-videos.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Brings the videos of a batch. */
export default class Download extends RushesCommand {
  static override summary = "Bring a batch's videos into a folder, with manifest.csv beside them.";
  static override description = `Files are named <custom_id or five-digit index>.mp4 and appear whole, with their SHA-256 checked. Run again, only what is missing is fetched, and what broke off is resumed.

Works before the batch is final too: then the exit code is 69, and running it again brings the rest.`;
  static override examples = [
    '<%= config.bin %> download bat_3kTz… ./videos',
    { description: 'More at a time', command: '<%= config.bin %> download bat_3kTz… ./videos --concurrency 16' },
  ];
  static override args = {
    id: Args.string({ description: 'Batch, as in "rushes list".', required: true }),
    dir: Args.string({ description: 'Folder; made when it is not there.', required: true }),
  };
  static override flags = {
    ...serverFlags,
    concurrency: Flags.integer({ summary: 'Videos at a time.', min: 1, max: 64 }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Download);
    const client = await this.connect(flags);
    const { report, batch } = await downloadVideos(client, args.id, args.dir, {
      output: this.output,
      signal: this.interrupt,
      concurrency: flags.concurrency,
    });
    if (this.jsonEnabled()) await this.output.document({ batch, download: report });
    else await this.output.line(downloadSentence(report));
    if (isFinal(batch)) return EXIT.success;
    this.output.note(`${batch.id} is not final yet: run it again for the rest.`);
    return EXIT.stillRunning;
  }
}
