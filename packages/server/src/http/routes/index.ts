// Written by `npm run generate` from the files that are there.
import type { RoutesOf } from '../route.ts';
import { routes as account } from './account.ts';
import { routes as admin } from './admin.ts';
import { routes as batches } from './batches.ts';
import { routes as callbacks } from './callbacks.ts';
import { routes as embed } from './embed.ts';
import { routes as events } from './events.ts';
import { routes as ledger } from './ledger.ts';
import { routes as ledgerProofs } from './ledger-proofs.ts';
import { routes as metrics } from './metrics.ts';
import { routes as models } from './models.ts';
import { routes as results } from './results.ts';
import { routes as submissions } from './submissions.ts';
import { routes as system } from './system.ts';
import { routes as tasks } from './tasks.ts';
import { routes as upstreamReport } from './upstream-report.ts';
import { routes as videoLinks } from './video-links.ts';
import { routes as webhookDeliveries } from './webhook-deliveries.ts';
import { routes as webhookEndpointActions } from './webhook-endpoint-actions.ts';
import { routes as webhookEndpoints } from './webhook-endpoints.ts';

export const ROUTE_FILES: readonly RoutesOf[] = [
  account,
  admin,
  batches,
  callbacks,
  embed,
  events,
  ledger,
  ledgerProofs,
  metrics,
  models,
  results,
  submissions,
  system,
  tasks,
  upstreamReport,
  videoLinks,
  webhookDeliveries,
  webhookEndpointActions,
  webhookEndpoints,
];
