import type { WebhookEndpoint, WebhookEndpointWithSecret } from '@rushes/sdk';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Files } from '../files/files.ts';
import type { Output } from '../output/output.ts';
import { printable } from '../output/terminal.ts';
import { count, moment } from '../output/wording.ts';
import { writeNewSecretFile } from './local-secret.ts';

/** The state of an endpoint in one word. */
export function endpointState(endpoint: WebhookEndpoint): string {
  if (!endpoint.enabled) return 'disabled';
  return endpoint.failing_since === null ? 'enabled' : 'failing';
}

/** Everything about one endpoint, without its secret. */
export function endpointLines(endpoint: WebhookEndpoint): string[] {
  const { events, description, disabled_reason, failing_since, last_delivery_at, previous_secret_expires_at } =
    endpoint;
  const lines = [
    `${endpoint.id}  ${endpointState(endpoint)}`,
    `url       ${printable(endpoint.url)}`,
    `events    ${events.length === 0 ? 'all' : events.map(printable).join(', ')}`,
  ];
  if (description !== null) lines.push(`about     ${printable(description)}`);
  if (disabled_reason !== null) lines.push(`disabled  ${printable(disabled_reason)}`);
  if (failing_since !== null) lines.push(`failing   since ${moment(failing_since)} UTC`);
  if (last_delivery_at !== null) lines.push(`last      delivered ${moment(last_delivery_at)} UTC`);
  if (endpoint.exhausted_count > 0) lines.push(`given up  ${count(endpoint.exhausted_count)}`);
  if (previous_secret_expires_at !== null) {
    lines.push(`old key   also signs until ${moment(previous_secret_expires_at)} UTC`);
  }
  return lines;
}

/**
 * Throws when the file cannot be written. This is checked before the request, because the secret is in one answer only.
 */
export async function checkSecretFile(files: Files, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const why = path === '' ? 'it has no name' : (await files.exists(path)) ? 'it exists already' : null;
  if (why === null) return;
  throw new CliError(
    'file_error',
    `${JSON.stringify(path)} cannot be used for the secret: ${why}. Nothing was done. Name a new file.`,
    {
      exitCode: EXIT.usage,
    },
  );
}

/** Shows an endpoint and its secret. The secret is written to the named file, else to stdout. */
export async function showWithSecret(
  endpoint: WebhookEndpointWithSecret,
  secretFile: string | undefined,
  { output, json, files }: { readonly output: Output; readonly json: boolean; readonly files: Files },
): Promise<void> {
  const { secret, ...view } = endpoint;
  if (secret === null) {
    // The answer with the secret was lost on its way, and the server cannot show it again.
    output.note(
      `The answer with the secret did not arrive, and the secret is not shown again. Create a new one: rushes webhooks endpoints rotate-secret ${endpoint.id}`,
    );
  } else if (secretFile !== undefined) {
    try {
      await writeNewSecretFile(files, secretFile, secret);
    } catch (error) {
      output.note(`The secret cannot be written to the file, and the server shows it only once. Here it is: ${secret}`);
      throw error;
    }
    output.note(`The secret is in ${secretFile}.`);
  }
  const shown = secretFile === undefined ? secret : null;
  if (json) {
    await output.document(secretFile === undefined ? endpoint : view);
    return;
  }
  for (const line of endpointLines(endpoint)) await output.line(line);
  if (shown === null) return;
  await output.line(`secret    ${shown}`);
  output.note('The secret is shown only once. Store it where the receiver reads it.');
}
