import type { AccountUuid } from '@rushes/contract';

/** What the worker tells its operator: each once, while it lasts. */
export type WorkerNotice =
  | {
      /** Something of one account fails whenever it is written. It is tried again for ever, apart from the others. */
      readonly type: 'account.quarantined';
      readonly accountUuid: AccountUuid;
      /** What could not be written, for instance `settling`. */
      readonly what: string;
      readonly reason: string;
    }
  | { readonly type: 'account.released'; readonly accountUuid: AccountUuid; readonly what: string }
  | {
      /** Tasks wait for a route of which nothing runs, and which the worker that tells of it does not serve. */
      readonly type: 'route.unserved';
      readonly route: string;
      readonly batches: number;
      readonly tasks: number;
    };

export type Tell = (notice: WorkerNotice) => void;
