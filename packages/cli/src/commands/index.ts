import Cancel from './cancel.ts';
import CreditsAlert from './credits/alert.ts';
import CreditsCommand from './credits.ts';
import Download from './download.ts';
import Estimate from './estimate.ts';
import Help from './help/index.ts';
import HelpExitCodes from './help/exit-codes.ts';
import LedgerExport from './ledger/export.ts';
import LedgerKeysCommand from './ledger/keys.ts';
import LedgerList from './ledger/list.ts';
import LedgerVerify from './ledger/verify.ts';
import List from './list.ts';
import Login from './login.ts';
import Models from './models.ts';
import Pause from './pause.ts';
import Resume from './resume.ts';
import Status from './status.ts';
import Submit from './submit.ts';
import Tasks from './tasks.ts';
import Watch from './watch.ts';
import WebhooksDeliveries from './webhooks/deliveries.ts';
import WebhooksEndpointsCreate from './webhooks/endpoints/create.ts';
import WebhooksEndpointsDelete from './webhooks/endpoints/delete.ts';
import WebhooksEndpointsList from './webhooks/endpoints/list.ts';
import WebhooksEndpointsRotateSecret from './webhooks/endpoints/rotate-secret.ts';
import WebhooksEndpointsTest from './webhooks/endpoints/test.ts';
import WebhooksEndpointsUpdate from './webhooks/endpoints/update.ts';
import WebhooksListen from './webhooks/listen.ts';
import WebhooksRedeliver from './webhooks/redeliver.ts';
import WebhooksTrigger from './webhooks/trigger.ts';
import WebhooksVerify from './webhooks/verify.ts';

/** Every command by oclif's id: the words that are typed, with a colon between them. */
export const COMMANDS = {
  cancel: Cancel,
  credits: CreditsCommand,
  'credits:alert': CreditsAlert,
  download: Download,
  estimate: Estimate,
  help: Help,
  'help:exit-codes': HelpExitCodes,
  'ledger:export': LedgerExport,
  'ledger:keys': LedgerKeysCommand,
  'ledger:list': LedgerList,
  'ledger:verify': LedgerVerify,
  list: List,
  login: Login,
  models: Models,
  pause: Pause,
  resume: Resume,
  status: Status,
  submit: Submit,
  tasks: Tasks,
  watch: Watch,
  'webhooks:deliveries': WebhooksDeliveries,
  'webhooks:endpoints:create': WebhooksEndpointsCreate,
  'webhooks:endpoints:delete': WebhooksEndpointsDelete,
  'webhooks:endpoints:list': WebhooksEndpointsList,
  'webhooks:endpoints:rotate-secret': WebhooksEndpointsRotateSecret,
  'webhooks:endpoints:test': WebhooksEndpointsTest,
  'webhooks:endpoints:update': WebhooksEndpointsUpdate,
  'webhooks:listen': WebhooksListen,
  'webhooks:redeliver': WebhooksRedeliver,
  'webhooks:trigger': WebhooksTrigger,
  'webhooks:verify': WebhooksVerify,
} as const;
