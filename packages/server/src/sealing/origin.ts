import { formatId } from '@rushes/contract';

/** First line of every checkpoint of an account's tree in one epoch. */
export function originOf(serverName: string, accountUuid: string, epoch: number): string {
  const first = `${serverName}/ledger/${formatId('acct', accountUuid)}`;
  return epoch === 1 ? first : `${first}/epoch-${epoch}`;
}
