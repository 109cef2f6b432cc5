import type { Model } from '@rushes/sdk';
import type { ExitCode } from '../exit-codes.ts';
import { type Column, printable } from '../output/terminal.ts';
import { count, credits, duration } from '../output/wording.ts';
import { ServerCommand } from '../server-command.ts';

const COLUMNS: readonly Column<Model>[] = [
  { name: 'MODEL', cell: (model) => printable(model.id) },
  { name: 'PRICE', cell: (model) => credits(model.unit_price) },
  { name: 'PROMPTS', cell: (model) => `${count(model.min_items)}-${count(model.max_items)}` },
  { name: 'READY WITHIN', cell: (model) => duration(model.target_seconds * 1_000) },
  { name: 'STATE', cell: (model) => printable(model.lifecycle) },
  {
    name: 'PARAMETERS',
    cell: (model) => model.params.map((param) => printable(`${param.name}=${valuesOf(param)}`)).join(' '),
  },
];

type Param = Model['params'][number];

/** The text after the "=" of a parameter. */
function valuesOf({ kind, values, min, max }: Param): string {
  if (values !== null) return values.join('|');
  if (min !== undefined && max !== undefined) return `${min}..${max}`;
  if (kind === 'boolean') return 'true|false';
  return kind === 'text' ? 'TEXT' : 'URL';
}

/** Lists the models. */
export default class Models extends ServerCommand {
  static override summary = 'List the models with their prices, limits and parameters.';
  static override description = 'With --json, one model per line.';
  static override examples = ['<%= config.bin %> models'];

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(Models);
    const client = await this.connect(flags);
    return this.showRows(client.models.list(this.options), Infinity, { noun: 'models', columns: COLUMNS });
  }
}
