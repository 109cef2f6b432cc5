/** Where a customer wants events sent. */
import {
  endpointIds,
  type EventType,
  type Page,
  type WebhookEndpoint,
  type WebhookEndpointWithSecret,
  type AccountUuid,
  type EndpointUuid,
} from '@rushes/contract';
import { lockLimits } from '../accounts/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Random } from '../ports.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { EgressRefusal, NameLookUpError, type EgressGuard } from '../outbound/index.ts';
import { getEndpoint, pageOfEndpoints } from './endpoint-view.ts';
import {
  CREATION_LOOK_UP_TIMEOUT_MS,
  MAX_DESCRIPTION_LENGTH,
  MAX_ENDPOINTS_PER_ACCOUNT,
  WEBHOOK_SECRET_BYTES,
} from './limits.ts';
import type { SecretSealer } from './secret-sealing.ts';
import { formatWebhookSecret } from './signing.ts';

export interface EndpointDependencies {
  readonly random: Random;
  readonly sealer: SecretSealer;
  readonly guard: EgressGuard;
}

export interface NewEndpoint {
  readonly accountUuid: AccountUuid;
  readonly url: string;
  readonly description: string | null;
  /** Only these events; empty for every event. */
  readonly events: readonly EventType[];
}

/** Turned down when the form or the present addresses are refused; a name that does not exist yet is accepted. */
export async function checkTarget(guard: EgressGuard, url: string): Promise<Outcome<null>> {
  try {
    const { hostname } = guard.checkUrl(url);
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        resolve(null);
      }, CREATION_LOOK_UP_TIMEOUT_MS);
    });
    await Promise.race([guard.resolve(hostname), enough]).finally(() => {
      clearTimeout(timer);
    });
    return accept(null);
  } catch (error) {
    if (error instanceof NameLookUpError) return accept(null);
    if (error instanceof EgressRefusal)
      return refuse({ code: 'invalid_request', detail: `${error.message}.`, param: 'url' });
    throw error;
  }
}

export function checkDescription(description: string | null): Outcome<null> {
  if (description === null) return accept(null);
  if (description.length > MAX_DESCRIPTION_LENGTH) {
    const detail = `\`description\` can have at most ${MAX_DESCRIPTION_LENGTH} characters.`;
    return refuse({ code: 'invalid_request', detail, param: 'description' });
  }
  if (description.includes('\0') || !description.isWellFormed()) {
    const detail = '`description` must not contain NUL characters or unpaired surrogates.';
    return refuse({ code: 'invalid_request', detail, param: 'description' });
  }
  return accept(null);
}

const COUNT = 'SELECT count(*) AS endpoints FROM webhook_endpoints WHERE account_id = $1 AND deleted_at IS NULL';
/** The first event to be sent is the next one. */
const INSERT = `
INSERT INTO webhook_endpoints (account_id, endpoint_id, url, description, event_types, sealed_secret, fanned_out_seq, created_at)
SELECT c.account_id, $2, $3, $4, $5::text[], $6, c.last_event_seq, n.now
FROM credit_accounts c, (SELECT rushes_now() AS now) n WHERE c.account_id = $1`;

/** An endpoint that was checked and given its id and secret, and is not stored yet. */
export interface PreparedEndpoint extends NewEndpoint {
  readonly endpointUuid: EndpointUuid;
  readonly secret: string;
  readonly sealedSecret: Uint8Array;
}

/** Everything that waits for name servers or can be refused without the database, so that no transaction waits for it. */
export async function prepareEndpoint(
  { random, sealer, guard }: EndpointDependencies,
  input: NewEndpoint,
): Promise<Outcome<PreparedEndpoint>> {
  const describable = checkDescription(input.description);
  if (!describable.ok) return describable;
  const target = await checkTarget(guard, input.url);
  if (!target.ok) return target;
  const endpointUuid = endpointIds.newUuid(random);
  const key = random.bytes(WEBHOOK_SECRET_BYTES);
  const sealedSecret = sealer.seal(key, { accountUuid: input.accountUuid, endpointUuid });
  return accept({ ...input, endpointUuid, secret: formatWebhookSecret(key), sealedSecret });
}

/** Stores a prepared endpoint; the answer is the only one that ever has the secret. `tx` must be a transaction: the account stays locked to its end, for the limit's sake. */
export async function insertEndpoint(
  tx: Queryable,
  prepared: PreparedEndpoint,
): Promise<Outcome<WebhookEndpointWithSecret>> {
  // Two creations at once cannot both be the last one.
  await lockLimits(tx, prepared.accountUuid);
  const [count] = await tx.query<{ endpoints: number }>(COUNT, [prepared.accountUuid]);
  if (count === undefined || count.endpoints >= MAX_ENDPOINTS_PER_ACCOUNT) {
    const detail = `The account has ${MAX_ENDPOINTS_PER_ACCOUNT} webhook endpoints, which is the maximum. Delete one first.`;
    return refuse({ code: 'state_conflict', detail });
  }
  await tx.query(INSERT, [
    prepared.accountUuid,
    prepared.endpointUuid,
    prepared.url,
    prepared.description,
    [...new Set(prepared.events)],
    prepared.sealedSecret,
  ]);
  const endpoint = await getEndpoint(tx, prepared.accountUuid, prepared.endpointUuid);
  if (endpoint === null) throw new Error(`account ${prepared.accountUuid} has no credit account`);
  return accept({ ...endpoint, secret: prepared.secret });
}

export interface EndpointPage {
  readonly limit: number;
  /** The `next_cursor` of the page before, or null. */
  readonly cursor: string | null;
}

/** The account's endpoints, newest first. */
export async function listEndpoints(
  db: Queryable,
  accountUuid: AccountUuid,
  page: EndpointPage,
): Promise<Outcome<Page<WebhookEndpoint>>> {
  const before = page.cursor === null ? null : Buffer.from(page.cursor, 'base64url').toString();
  if (before !== null && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(before)) {
    return refuse({
      code: 'invalid_request',
      detail: '`cursor` is not from this list. Send the `next_cursor` of the previous page, unchanged.',
      param: 'cursor',
    });
  }
  return accept(await pageOfEndpoints(db, accountUuid, { before, limit: page.limit }));
}

/**
 * True when this call deleted it. The row stays for the log of its deliveries, the secret goes at once; what still
 * waits for it ends as exhausted in the next round of a delivery loop.
 */
export async function deleteEndpoint(
  db: Queryable,
  accountUuid: AccountUuid,
  endpointUuid: EndpointUuid,
): Promise<boolean> {
  const deleted = await db.query(
    `UPDATE webhook_endpoints e SET deleted_at = n.now, enabled = false, sealed_secret = '', retired_secrets = '{}', retired_until = '{}'
     FROM (SELECT rushes_now() AS now) n
     WHERE e.account_id = $1 AND e.endpoint_id = $2 AND e.deleted_at IS NULL
     RETURNING e.endpoint_id`,
    [accountUuid, endpointUuid],
  );
  return deleted.length > 0;
}
