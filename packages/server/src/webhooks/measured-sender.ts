import type { Metrics } from '../ports.ts';
import type { WebhookAnswer, WebhookSender } from './webhook-sender.ts';

function resultOf({ accepted, statusCode, error }: WebhookAnswer): string {
  if (accepted) return 'accepted';
  if (statusCode !== null) return `http_${Math.floor(statusCode / 100)}xx`;
  return error?.startsWith('not sent') === true ? 'not_sent' : 'no_answer';
}

const ATTEMPT_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/** A sender whose attempts are counted and timed. */
export function measuredSender(sender: WebhookSender, metrics: Metrics): WebhookSender {
  const attempts = metrics.counter({
    name: 'rushes_webhook_attempts_total',
    help: 'Webhook attempts by result: accepted, http_3xx to http_5xx, no_answer, or not_sent (refused by our own rules).',
    labels: ['result'],
  });
  const seconds = metrics.histogram(
    { name: 'rushes_webhook_attempt_seconds', help: 'How long webhook attempts took.', labels: [] },
    ATTEMPT_BUCKETS_S,
  );
  return {
    async send(request) {
      const answer = await sender.send(request);
      attempts.add({ result: resultOf(answer) });
      seconds.observe({}, answer.durationMs / 1_000);
      return answer;
    },
    close: () => sender.close(),
  };
}
