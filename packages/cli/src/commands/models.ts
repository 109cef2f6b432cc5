import { RushesCommand, serverFlags } from '../base-command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { printable, table } from '../output/terminal.ts';
import { count, credits, duration } from '../output/wording.ts';

/** Lists what can be ordered. */
export default class Models extends RushesCommand {
  static override summary = 'List the models with their prices, limits and parameters.';
  static override description = 'With --json, one model a line.';
  static override examples = ['<%= config.bin %> models'];
  static override flags = { ...serverFlags };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(Models);
    const client = await this.connect(flags);
    return this.printList(client.models.list({ signal: this.interrupt }), Infinity, 'models', (rows) =>
      table([
        ['MODEL', 'PRICE', 'PROMPTS', 'READY WITHIN', 'STATE', 'PARAMETERS'],
        ...rows.map((model) => [
          printable(model.id),
          credits(model.unit_price),
          `${count(model.min_items)}-${count(model.max_items)}`,
          duration(model.target_seconds * 1_000),
          printable(model.lifecycle),
          model.params.map((param) => printable(`${param.name}=${param.values?.join('|') ?? 'URL'}`)).join(' '),
        ]),
      ]),
    );
  }
}
