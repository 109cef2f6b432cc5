export const EVENT_TYPES = [
  'batch.processing',
  'batch.completed',
  'batch.partial',
  'batch.failed',
  'batch.canceled',
  'batch.paused',
  'task.succeeded',
  'task.failed',
  'task.canceled',
  'credits.low',
  'ledger.epoch_opened',
  'webhook_endpoint.failing',
  'webhook_endpoint.disabled',
  'webhook.test',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];
