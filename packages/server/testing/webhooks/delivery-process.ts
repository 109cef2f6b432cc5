/** A process that delivers webhooks until it is killed: `node delivery-process.ts <settings as JSON>`. */
import { silentLogger } from '../silent-logger.ts';
import { openDatabase } from '../../src/db/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { createEgressGuard } from '../../src/outbound/index.ts';
import { createSecretSealer, createWebhookSender, startDelivery } from '../../src/webhooks/index.ts';

export interface DeliveryProcessSettings {
  readonly databaseUrl: string;
  /** Base64. */
  readonly sealingKey: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as DeliveryProcessSettings;
const guard = createEgressGuard({
  allowCidrs: ['127.0.0.0/8'],
  development: false,
  resolver: () => Promise.reject(new Error('tests ask no name server')),
});
startDelivery({
  db: openDatabase({
    url: settings.databaseUrl,
    applicationName: 'rushes-test-delivery',
    maxConnections: 4,
    onConnectionError: () => undefined,
  }),
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  sealer: createSecretSealer({ key: Buffer.from(settings.sealingKey, 'base64'), random: systemRandom }),
  sender: createWebhookSender({ guard, clock: systemClock }),
});
