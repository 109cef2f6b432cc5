import { ServerCommand } from '../server-command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { table } from '../output/terminal.ts';
import { credits } from '../output/wording.ts';

/** Shows the balance. */
export default class CreditsCommand extends ServerCommand {
  static override summary = "Show the account's credits: available, reserved for batches, spent.";
  static override examples = ['<%= config.bin %> credits', '<%= config.bin %> credits --json | jq .available'];

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(CreditsCommand);
    const client = await this.connect(flags);
    const balance = await client.credits.retrieve(this.options);
    const rows = [
      ['available', credits(balance.available)],
      ['reserved', credits(balance.reserved)],
      ['spent', credits(balance.spent)],
      ['issued', credits(balance.issued)],
      ...(balance.debt > 0 ? [['debt', credits(balance.debt)]] : []),
    ];
    await this.show(balance, () => table(rows));
    return EXIT.success;
  }
}
