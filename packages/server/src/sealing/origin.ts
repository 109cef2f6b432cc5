import { accountIds, type AccountUuid } from '@rushes/contract';

/** First line of every checkpoint of an account's tree in one epoch. */
export function originOf(serverName: string, accountUuid: AccountUuid, epoch: number): string {
  const first = `${serverName}/ledger/${accountIds.format(accountUuid)}`;
  return epoch === 1 ? first : `${first}/epoch-${epoch}`;
}
