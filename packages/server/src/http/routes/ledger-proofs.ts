import { ledgerKeysSchema } from '@rushes/contract';
import { z } from 'zod';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import {
  awaitSeal,
  checkpointOfSize,
  consistencyPath,
  inclusionPath,
  latestCheckpoint,
  publishedKeys,
  renderConsistencyProof,
  renderInclusionProof,
} from '../../sealing/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Answer } from '../exchange.ts';
import { integerParameter } from '../parameters.ts';
import { readRoute, type Operation, type Route } from '../route.ts';
import { success } from '../successes.ts';

const TAG = 'Ledger';
const SCOPE = 'ledger:read';
const SEAL_WAIT_MS = 2_000;

const NOTHING_SEALED = refuse({
  code: 'not_found',
  detail: 'This ledger has no signed checkpoint yet. New entries get one within a second. Ask again then.',
});

function text(body: string): Outcome<Answer> {
  const headers = { 'Cache-Control': 'no-store' };
  return accept({ kind: 'text', status: 200, contentType: 'text/plain; charset=utf-8', body, headers });
}

function describe(id: string, summary: string, description: string): Omit<Operation, 'query' | 'body'> {
  return {
    id,
    tag: TAG,
    summary,
    description,
    successes: [{ status: 200, description: 'Text.', content: [{ mediaType: 'text/plain', schema: 'text' }] }],
    refusals: ['not_found'],
  };
}

function behindTheEnd(param: string, size: number): Outcome<never> {
  const detail = `\`${param}\` is larger than the latest checkpoint, which has ${size} entries.`;
  return refuse({ code: 'invalid_request', detail, param });
}

const entryNumber = (description: string) => integerParameter(1, Number.MAX_SAFE_INTEGER, description);

/** Checkpoints, and proofs that lead to them: docs/ledger-verification.md. */
export function routes(deps: HttpDeps): readonly Route[] {
  const { db, clock } = deps;
  return [
    readRoute({
      path: '/v1/ledger/checkpoint',
      scope: SCOPE,
      operation: describe(
        'getLedgerCheckpoint',
        'Get the latest signed checkpoint of the ledger',
        'A signed note (c2sp.org/tlog-checkpoint). Keep it, so that you can compare the ledger with it later.',
      ),
      async handle({ caller }) {
        await awaitSeal(db, clock, caller.accountUuid, SEAL_WAIT_MS);
        const tree = await latestCheckpoint(db, caller.accountUuid);
        return tree === null ? NOTHING_SEALED : text(tree.checkpoint);
      },
    }),
    readRoute({
      path: '/v1/ledger/proof',
      scope: SCOPE,
      query: z.strictObject({
        seq: entryNumber('Number of the entry.'),
        size: entryNumber(
          'Size of the checkpoint that the proof leads to; it must have been published. The default is the latest.',
        ).exactOptional(),
      }),
      operation: describe(
        'getLedgerInclusionProof',
        'Get a proof that an entry is in the ledger of a checkpoint',
        'A proof in the format c2sp.org/tlog-proof@v1, including the checkpoint.',
      ),
      async handle({ caller: { accountUuid }, query: { seq, size } }) {
        await awaitSeal(db, clock, accountUuid, SEAL_WAIT_MS);
        const latest = await latestCheckpoint(db, accountUuid);
        if (latest === null) return NOTHING_SEALED;
        if (size !== undefined && size > latest.size) return behindTheEnd('size', latest.size);
        const tree =
          size === undefined || size === latest.size ? latest : await checkpointOfSize(db, accountUuid, size);
        if (tree === null) {
          const detail = `There is no published checkpoint of exactly ${size ?? 0} entries. Leave out \`size\` for the latest one.`;
          return refuse({ code: 'not_found', detail });
        }
        if (seq > tree.size) return behindTheEnd('seq', tree.size);
        const path = await inclusionPath(db, accountUuid, { epoch: tree.epoch, seq, size: tree.size });
        return text(renderInclusionProof(seq, path, tree.checkpoint));
      },
    }),
    readRoute({
      path: '/v1/ledger/consistency',
      scope: SCOPE,
      query: z.strictObject({
        from: entryNumber('Size of the earlier ledger in entries, for example of a checkpoint that you kept.'),
        to: entryNumber(
          'Size of the later ledger in entries. The default is the size of the latest checkpoint.',
        ).exactOptional(),
      }),
      operation: describe(
        'getLedgerConsistencyProof',
        'Get a proof that the ledger begins with the whole ledger of an earlier size',
        'The hashes of RFC 6962, section 2.1.2, in base64, one per line. Empty when the sizes are equal.',
      ),
      async handle({ caller: { accountUuid }, query: { from, to } }) {
        const latest = await latestCheckpoint(db, accountUuid);
        if (latest === null) return NOTHING_SEALED;
        const end = to ?? latest.size;
        if (end > latest.size) return behindTheEnd('to', latest.size);
        if (from > end) return behindTheEnd('from', end);
        return text(
          renderConsistencyProof(await consistencyPath(db, accountUuid, { epoch: latest.epoch, from, to: end })),
        );
      },
    }),
    keysRoute(deps),
  ];
}

function keysRoute({ db, serverName }: HttpDeps): Route {
  return {
    method: 'get',
    path: '/.well-known/rushes-ledger-keys',
    access: { kind: 'public' },
    operation: {
      id: 'getLedgerKeys',
      tag: TAG,
      summary: 'Get the public keys that sign the checkpoints of all ledgers of this server',
      query: null,
      body: [],
      successes: [
        success(
          200,
          'The keys. Retired keys stay in the list, so that old checkpoints can be checked.',
          ledgerKeysSchema,
        ),
      ],
    },
    async answer() {
      const keys = (await publishedKeys(db)).map(({ key, status, createdAt }) => ({
        key,
        status,
        created_at: createdAt.toISOString(),
      }));
      return json({ server_name: serverName, keys });
    },
  };
}
