import { describe, expect, test } from 'vitest';
import { clientFor } from '../../test/fixtures.ts';
import { checkpoint, SIGNER } from '../../test/ledger-export-reference.ts';
import { leafHash, ledgerOf, manySteps, SERVER_NAME, Signer } from '../../test/ledger-reference.ts';
import { consistencyPath, inclusionPath } from '../../test/tree-by-definition.ts';
import { answer, refuse, serve } from '../../test/scripted-server.ts';
import { verifyLedgerConsistency, verifyLedgerProof } from './proofs.ts';

const KEYS = { keys: [SIGNER.vkey] };
const entries = ledgerOf(manySteps(40));
const hashes = entries.map((entry) => leafHash(entry));
const lines = (path: readonly Buffer[]): string => path.map((hash) => `${hash.toString('base64')}\n`).join('');
const proofOf = (seq: number, size = entries.length): string =>
  `c2sp.org/tlog-proof@v1\nindex ${seq - 1}\n${lines(inclusionPath(seq - 1, hashes.slice(0, size)))}\n${checkpoint(entries, { size })}`;

describe('a proof of an entry', () => {
  test('shows that it is in the ledger, and nothing else', async () => {
    const [proof, entry] = [proofOf(17), entries[16]!];
    expect(await verifyLedgerProof(proof, entry, KEYS)).toMatchObject({ ok: true, checkpoint: { size: 40 } });
    expect(await verifyLedgerProof(proofOf(1, 1), entries[0]!, KEYS)).toMatchObject({ ok: true });
    expect(await verifyLedgerProof(proof.replace('\n', '\nextra AAAA\n'), entry, KEYS)).toMatchObject({ ok: true });
    const wrong: [string, typeof entry, string[]?][] = [
      [proof, { ...entry, amount: 50 }],
      [proof, { ...entry, reason: '' }],
      [proof, entries[17]!],
      [proofOf(18), entry],
      [proof.replace('index 16', 'index 17'), { ...entry, seq: 18 }],
      [proof.replace('index 16', 'index 016'), entry],
      [proof.replace('@v1', '@v2'), entry],
      [proof.replace('\n40\n', '\n41\n'), entry],
      [proof, entry, [new Signer(9).vkey]],
      ['', entry],
    ];
    for (const [text, about, keys] of wrong) {
      expect((await verifyLedgerProof(text, about, { keys: keys ?? KEYS.keys })).ok, text).toBe(false);
    }
  });
});

describe('a proof between two checkpoints', () => {
  test('shows that one continues the other, and nothing else', async () => {
    const at = (size: number): string => checkpoint(entries, { size });
    const check = (from: string, to: string, proof: string): ReturnType<typeof verifyLedgerConsistency> =>
      verifyLedgerConsistency(proof, from, to, KEYS);
    const proof = lines(consistencyPath(13, hashes));
    expect(await check(at(13), at(40), proof)).toMatchObject({ ok: true });
    expect(await check(at(13), at(13), '')).toMatchObject({ ok: true });
    const other = ledgerOf([...manySteps(40)].map((step, index) => (index === 5 ? { ...step, reason: 'x' } : step)));
    expect((await check(checkpoint(other, { size: 13 }), at(40), proof)).ok).toBe(false);
    expect((await check(at(14), at(40), proof)).ok).toBe(false);
    expect((await check(at(40), at(13), proof)).ok).toBe(false);
    expect((await check(at(13), at(40), proof.trimEnd())).ok).toBe(false);
    expect((await check(at(13), at(40), proof + proof)).ok).toBe(false);
    expect((await check(checkpoint(entries, { size: 13, signer: new Signer(8) }), at(40), proof)).ok).toBe(false);
  });
});

describe('the client', () => {
  test('asks for checkpoints, proofs and keys as text and JSON', async () => {
    const keys = { server_name: SERVER_NAME, keys: [{ key: SIGNER.vkey, status: 'active', created_at: '' }] };
    const server = await serve((request, response) => {
      const answers: Record<string, string> = {
        '/v1/ledger/checkpoint': checkpoint(entries),
        '/v1/ledger/proof': proofOf(17),
        '/v1/ledger/consistency': lines(consistencyPath(13, hashes)),
      };
      const body = answers[request.url.pathname];
      if (request.url.pathname.startsWith('/.well-known/')) answer(response, 200, keys);
      else if (body === undefined) refuse(response, 404, 'not_found');
      else answer(response, 200, body, { 'content-type': 'text/plain; charset=utf-8' });
    });
    const { ledger } = clientFor(server.url);
    expect(await ledger.keys()).toEqual(keys);
    expect(await ledger.checkpoint()).toBe(checkpoint(entries));
    expect(
      await verifyLedgerProof(await ledger.proof({ seq: 17 }), entries[16]!, { keys: await ledger.keys() }),
    ).toMatchObject({ ok: true });
    expect(await ledger.consistency({ from: 13, to: 40 })).toBe(lines(consistencyPath(13, hashes)));
    expect(server.seen.map(({ url }) => url.search)).toEqual(['', '', '?seq=17', '', '?from=13&to=40']);
  });

  test('takes no page of a proxy for a checkpoint', async () => {
    const server = await serve((_, response) =>
      answer(response, 200, '<html>sign in</html>', { 'content-type': 'text/html' }),
    );
    await expect(clientFor(server.url, { maxRetries: 0 }).ledger.checkpoint()).rejects.toThrow(/sign in/);
  });
});
