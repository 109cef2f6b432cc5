import { Flags } from '@oclif/core';
import { ServerCommand } from '../../server-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { pinsPath, readPins, savePin } from '../../ledger/pinned-keys.ts';
import { fetchKeys, unknownKeys } from '../../ledger/server-keys.ts';
import { printable, table } from '../../output/terminal.ts';
import { isoOf } from '../../output/wording.ts';

/** Shows the keys that a server signs its checkpoints with, and pins them. */
export default class LedgerKeysCommand extends ServerCommand {
  static override summary = 'Show the keys that sign ledger checkpoints, and pin them.';
  static override description =
    'Compares the keys that the server publishes with the pinned ones. "ledger verify" trusts pinned keys. So before you use --trust, compare each key with the one that the operator gave you in another way. Exit code 1 when the server has a key that is not pinned.';
  static override examples = ['<%= config.bin %> ledger keys', '<%= config.bin %> ledger keys --trust'];
  static override flags = {
    trust: Flags.boolean({ summary: 'Pin the keys that the server publishes now.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerKeysCommand);
    const client = await this.connect(flags);
    const published = await fetchKeys(client, this.interrupt);
    if (flags.trust) {
      await savePin(this.context, {
        ...published,
        base_url: client.baseUrl,
        pinned_at: isoOf(this.context.clock.nowMs()),
      });
      this.output.note(`Pinned in ${pinsPath(this.context)}.`);
    }
    const pin = (await readPins(this.context)).find(({ base_url: baseUrl }) => baseUrl === client.baseUrl);
    const unknown = new Set(unknownKeys(published, pin ?? { ...published, keys: [] }));
    const rows = published.keys.map(({ key, status }) => ({ key, status, pinned: !unknown.has(key) }));
    const document = { server_name: published.server_name, pinned_at: pin?.pinned_at ?? null, keys: rows };
    await this.show(document, () =>
      table([
        ['', 'STATUS', 'KEY'],
        ...rows.map(({ key, status, pinned }) => [pinned ? 'pinned' : 'NOT PINNED', printable(status), key]),
      ]),
    );
    return unknown.size === 0 ? EXIT.success : EXIT.failed;
  }
}
