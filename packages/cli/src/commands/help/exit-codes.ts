import { RushesCommand } from '../../base-command.ts';
import { EXIT, EXIT_MEANINGS, type ExitCode } from '../../exit-codes.ts';
import { table } from '../../output/terminal.ts';

/** Lists the exit codes. */
export default class HelpExitCodes extends RushesCommand {
  static override summary = 'List the exit codes and what they mean.';
  static override examples = ['<%= config.bin %> help exit-codes'];

  override async perform(): Promise<ExitCode> {
    await this.parse(HelpExitCodes);
    if (this.json) for (const meaning of EXIT_MEANINGS) await this.output.jsonLine(meaning);
    else {
      const rows = EXIT_MEANINGS.map(({ code, name, meaning }) => [String(code), name, meaning]);
      await this.output.lines(table(rows, new Set([0])));
    }
    return EXIT.success;
  }
}
