import type { HttpDeps } from '../deps.ts';
import { createOpenApiDocument } from '../openapi.ts';
import type { Route } from '../route.ts';
import { accountRoutes } from './account.ts';
import { adminRoutes } from './admin.ts';
import { batchControlRoutes, batchRoutes } from './batches.ts';
import { callbackRoute } from './callbacks.ts';
import { embedRoute } from './embed.ts';
import { eventRoutes } from './events.ts';
import { ledgerProofRoutes } from './ledger-proofs.ts';
import { ledgerRoutes } from './ledger.ts';
import { modelRoutes } from './models.ts';
import { resultsRoutes } from './results.ts';
import { submissionRoutes } from './submissions.ts';
import { systemRoutes } from './system.ts';
import { taskRoutes } from './tasks.ts';
import { upstreamReportRoutes } from './upstream-report.ts';
import { videoLinkRoutes } from './video-links.ts';
import { webhookDeliveryRoutes } from './webhook-deliveries.ts';
import { webhookEndpointActionRoutes } from './webhook-endpoint-actions.ts';
import { webhookEndpointRoutes } from './webhook-endpoints.ts';

/** What routes need to know that is settled only once the server listens. */
export interface Surroundings {
  readonly stopping: AbortSignal;
  /** Where customers reach the server, without a trailing slash. */
  publicUrl(): string;
}

/** Every route of the API, in the order of the reference. */
export function allRoutes(deps: HttpDeps, around: Surroundings): readonly Route[] {
  const publicUrl = (): string => around.publicUrl();
  const routes: readonly Route[] = [
    ...submissionRoutes(deps),
    ...batchRoutes(deps),
    ...batchControlRoutes(deps),
    ...resultsRoutes(deps, publicUrl),
    ...taskRoutes(deps, publicUrl),
    ...modelRoutes(),
    ...ledgerRoutes(deps),
    ...ledgerProofRoutes(deps),
    ...accountRoutes(deps),
    ...webhookEndpointRoutes(deps),
    ...webhookEndpointActionRoutes(deps),
    ...webhookDeliveryRoutes(deps),
    ...eventRoutes(deps, around.stopping),
    ...videoLinkRoutes(deps),
    embedRoute(deps),
    ...adminRoutes(deps),
    ...upstreamReportRoutes(deps),
    callbackRoute(deps),
    ...systemRoutes(deps, around.stopping, () => document()),
  ];
  let made: object | null = null;
  const document = (): object => {
    made ??= createOpenApiDocument(routes, deps.version, publicUrl());
    return made;
  };
  return routes;
}

/** The document of the API for a server at `serverUrl`. */
export function openApiDocument(deps: HttpDeps, version: string, serverUrl: string): object {
  const around = { stopping: new AbortController().signal, publicUrl: () => serverUrl };
  return createOpenApiDocument(allRoutes(deps, around), version, serverUrl);
}
