import { RushesCommand } from '../../base-command.ts';
import { COMMAND_IDS } from '../../command-files.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { showHelp } from '../../help.ts';
import { unknownCommand } from '../../suggest.ts';

/** Help by words, as `rushes help submit`. */
export default class Help extends RushesCommand {
  static override summary = 'Show the help of a command.';
  static override examples = ['<%= config.bin %> help submit', '<%= config.bin %> help exit-codes'];
  static override strict = false;

  override async perform(): Promise<ExitCode> {
    const { argv } = await this.parse(Help);
    const words = argv.map(String);
    const unknown = unknownCommand(words, COMMAND_IDS);
    if (unknown !== null) throw unknown;
    await showHelp(words, this.output);
    return EXIT.success;
  }
}
