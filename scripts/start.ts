/** `npm start`: a development server with an account to try it with, kept in .rushes until one removes that. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildWhatIsMissing, operate, ROOT, startServer, type LocalAccount } from './local-server.ts';

const DATA_DIR = path.join(ROOT, '.rushes');
const ACCOUNT_FILE = path.join(DATA_DIR, 'development-account.json');
const PORT = 4600;
const CREDITS = 100_000;
/** Receivers of webhooks on this machine may be reached: it is a development server. */
const SETTINGS = { RUSHES_LOG_LEVEL: 'warn', RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8,::1/128' };

async function developmentAccount(): Promise<LocalAccount> {
  if (existsSync(ACCOUNT_FILE)) return JSON.parse(readFileSync(ACCOUNT_FILE, 'utf8')) as LocalAccount;
  const flags = ['--name', 'Development', '--plan', 'growth', '--mode', 'test', '--credits', String(CREDITS), '--json'];
  const account = JSON.parse(await operate(['account', 'create', ...flags], DATA_DIR, SETTINGS)) as LocalAccount;
  writeFileSync(ACCOUNT_FILE, `${JSON.stringify(account)}\n`, { mode: 0o600 });
  return account;
}

buildWhatIsMissing();
const server = await startServer(DATA_DIR, PORT, SETTINGS);
const stop = new Promise<void>((resolve) => {
  process.once('SIGINT', () => resolve());
  process.once('SIGTERM', () => resolve());
});
const account = await developmentAccount();

console.log(`
Rushes is running at ${server.url} with a simulated video provider. Ctrl-C stops it.

In another terminal, in this folder:

  export RUSHES_API_KEY=${account.api_key}

  npx rushes submit examples/prompts/demo-60.csv --model sora-2 --wait --download videos
  npx rushes credits
  curl -s ${server.url}/v1/batches -H "Authorization: Bearer $RUSHES_API_KEY"
`);

const ended = await Promise.race([stop.then(() => null), server.ended.then((code) => ({ code }))]);
if (ended === null) {
  console.log('Stopping: what is under way is finished or given back first.');
  await server.stop();
} else {
  process.exitCode = ended.code ?? 1;
}
