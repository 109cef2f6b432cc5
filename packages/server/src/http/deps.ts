import type { KeyHasher } from '../accounts/index.ts';
import type { BatchService } from '../batches/index.ts';
import type { Database } from '../db/index.ts';
import type { EgressGuard } from '../outbound/index.ts';
import type { CallbackInbox } from '../generations/index.ts';
import type { MetricRegistry } from '../metrics/index.ts';
import type { Clock, Logger, Random, VideoStorage } from '../ports.ts';
import type { LinkSigner } from '../videos/index.ts';
import type { SecretSealer } from '../webhooks/index.ts';

/** What the HTTP side is made of. */
export interface HttpDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly batches: BatchService;
  readonly keyHasher: KeyHasher;
  readonly linkSigner: LinkSigner;
  readonly videoStorage: VideoStorage;
  readonly webhookSealer: SecretSealer;
  readonly webhookGuard: EgressGuard;
  readonly callbacks: CallbackInbox;
  readonly metrics: MetricRegistry;
  /** Whether GET /metrics is answered without an operator key. */
  readonly metricsArePublic: boolean;
  /** Tells an error of a database that is away or overloaded from a defect. */
  readonly isUnavailable: (error: unknown) => boolean;
  /** Names of migrations that the database lacks. */
  readonly pendingMigrations: () => Promise<readonly string[]>;
  /** Name of this server in the checkpoints of the ledger. */
  readonly serverName: string;
  /** Where customers reach the server, without a trailing slash; null: the address that it listens on. */
  readonly publicUrl: string | null;
  readonly version: string;
}

/** What routes need to know that is settled only once the server listens. */
export interface Surroundings {
  readonly stopping: AbortSignal;
  /** Where customers reach the server, without a trailing slash. */
  publicUrl(): string;
  /** The description of the whole API. */
  readonly openApi: () => object;
}
