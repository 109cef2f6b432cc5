import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkpointLogFile } from './checkpoint-lines.ts';
import { latestCheckpoint } from './index.ts';
import { openLedgerWorld } from '../../testing/sealing/ledger-world.ts';

describe('a checkpoint log', () => {
  it('that was lost stops signing', async () => {
    const lone = await openLedgerWorld();
    try {
      const account = await lone.account();
      await lone.grant(account, 1);
      const first = lone.sealer();
      await first.round();
      await first.close();
      await rm(checkpointLogFile(lone.keysDirectory));
      await lone.grant(account, 1);
      const second = lone.sealer();
      await second.round();
      expect((await latestCheckpoint(lone.db, account))?.size).toBe(1);
      const events = await lone.admin.query<{ detail: { reason: string } }>('SELECT detail FROM operator_events');
      expect(events.map(({ detail }) => detail.reason)).toEqual(['log_behind']);
    } finally {
      await lone.close();
    }
  });

  it('with a damaged line in the middle stops signing and says which', async () => {
    const lone = await openLedgerWorld();
    try {
      const account = await lone.account();
      for (const _ of [1, 2]) {
        await lone.grant(account, 1);
        await lone.endLease();
        const sealer = lone.sealer();
        await sealer.round();
        await sealer.close();
      }
      const file = checkpointLogFile(lone.keysDirectory);
      await writeFile(file, (await readFile(file, 'utf8')).replace('"epoch"', '"epok"'));
      await lone.grant(account, 1);
      await expect(lone.sealer().round()).rejects.toThrow('Line 1 of');
      expect((await latestCheckpoint(lone.db, account))?.size).toBe(2);
    } finally {
      await lone.close();
    }
  });

  it('that was replaced under a running sealer is read again before anything is added to it', async () => {
    const lone = await openLedgerWorld();
    try {
      const account = await lone.account();
      const sealer = lone.sealer();
      await lone.grant(account, 1);
      await sealer.round();
      const file = checkpointLogFile(lone.keysDirectory);
      await copyFile(file, `${file}.backup`);
      await rename(`${file}.backup`, file);
      await lone.grant(account, 1);
      await sealer.round();
      expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toHaveLength(2);
      expect((await latestCheckpoint(lone.db, account))?.size).toBe(2);
    } finally {
      await lone.close();
    }
  });

  it('belongs to one server name', async () => {
    const lone = await openLedgerWorld();
    lone.sealer();
    expect(() => lone.sealer({ serverName: 'other.test' })).toThrow('RUSHES_SERVER_NAME');
    await lone.close();
  });
});
