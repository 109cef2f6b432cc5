import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { pinsPath, readPins, savePin } from '../../ledger/pinned-keys.ts';
import { fetchKeys, unknownKeys } from '../../ledger/server-keys.ts';
import { printable, table } from '../../output/terminal.ts';

/** Shows the keys that a server signs its checkpoints with, and pins them. */
export default class LedgerKeysCommand extends RushesCommand {
  static override summary = 'Show the keys that sign ledger checkpoints, and pin them.';
  static override description =
    'Compares what the server publishes with what is pinned. Pinned keys are what "ledger verify" believes: compare a key with what the operator told you another way before --trust. Exit code 1 when the server has a key that is not pinned.';
  static override examples = ['<%= config.bin %> ledger keys', '<%= config.bin %> ledger keys --trust'];
  static override flags = {
    ...serverFlags,
    trust: Flags.boolean({ summary: 'Pin the keys that the server publishes now.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerKeysCommand);
    const client = await this.connect(flags);
    const published = await fetchKeys(client, this.interrupt);
    if (flags.trust) {
      await savePin(process.env, { ...published, base_url: client.baseUrl, pinned_at: new Date().toISOString() });
      this.output.note(`Pinned in ${pinsPath(process.env)}.`);
    }
    const pin = (await readPins(process.env)).find(({ base_url: baseUrl }) => baseUrl === client.baseUrl);
    const unknown = new Set(unknownKeys(published, pin ?? { ...published, keys: [] }));
    const rows = published.keys.map(({ key, status }) => ({ key, status, pinned: !unknown.has(key) }));
    if (this.jsonEnabled()) {
      await this.output.document({ server_name: published.server_name, pinned_at: pin?.pinned_at ?? null, keys: rows });
    } else {
      const lines = rows.map(({ key, status, pinned }) => [pinned ? 'pinned' : 'NOT PINNED', printable(status), key]);
      for (const line of table([['', 'STATUS', 'KEY'], ...lines])) await this.output.line(line);
    }
    return unknown.size === 0 ? EXIT.success : EXIT.failed;
  }
}
