/** Examples of the reference documentation; a test holds them to their schemas. */
import { DEFAULT_TERMS, type Batch, type Estimate, type EstimateRequest, type Task } from '@rushes/contract';

export const submissionExample: EstimateRequest = {
  model: 'sora-2',
  items: [
    { prompt: 'A red kite over a grey sea', custom_id: 'kite-1' },
    { prompt: 'A lighthouse at dawn, slow pan', custom_id: 'lighthouse-1', params: { aspect_ratio: '9:16' } },
    { prompt: 'Rain on a tin roof' },
    { prompt: 'A harbour at night' },
    { prompt: 'Snow on the pass' },
    { prompt: 'A market street after rain' },
    { prompt: 'Two foxes in a wheat field' },
    { prompt: 'A tram crosses a bridge' },
    { prompt: 'Bread rising in an oven' },
    { prompt: 'A paper boat in a gutter' },
  ],
  defaults: { aspect_ratio: '16:9', duration_seconds: 10 },
  metadata: { campaign: 'spring' },
  spend_limit: 50_000,
};

export const estimateExample: Estimate = {
  model: 'sora-2',
  count: 100,
  unit_price: 49,
  total: 4_900,
  available: 100_000,
  affordable: true,
  shortfall: 0,
  duplicates: 0,
  terms: DEFAULT_TERMS,
  warnings: [],
};

export const batchExample: Batch = {
  id: 'bat_2k1Kx2ZtPq7wYc9RDfVh3T',
  request_id: 'spring-campaign-1',
  model: 'sora-2',
  status: 'processing',
  paused: false,
  canceling: false,
  counts: { total: 100, queued: 60, processing: 10, succeeded: 28, failed: 2, canceled: 0 },
  credits: { unit_price: 49, reserved: 4_900, held: 3_430, charged: 1_372, refunded: 49, forfeited: 49 },
  metadata: { campaign: 'spring' },
  retry_of: null,
  failure_summary: { timeout: 1, moderation_input: 1 },
  created_at: '2026-11-20T09:30:00.000Z',
  started_at: '2026-11-20T09:30:01.250Z',
  finished_at: null,
  deadline_at: '2026-11-27T09:30:00.000Z',
};

export const taskExample: Task = {
  id: 'tsk_8mXbTzq4WnVdKs2LrYpJ7cFhG5Ea9',
  batch_id: batchExample.id,
  index: 0,
  custom_id: 'kite-1',
  prompt: 'A red kite over a grey sea',
  params: { aspect_ratio: '16:9', duration_seconds: 10 },
  status: 'succeeded',
  attempts: 1,
  failure: null,
  credits: { charged: 49, refunded: 0, forfeited: 0 },
  video: {
    bytes: 1_482_113,
    sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    content_type: 'video/mp4',
  },
  created_at: '2026-11-20T09:30:00.000Z',
  started_at: '2026-11-20T09:30:01.250Z',
  finished_at: '2026-11-20T09:31:12.004Z',
};
