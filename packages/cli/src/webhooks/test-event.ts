import type { Rushes } from '@rushes/sdk';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { printable } from '../output/terminal.ts';

/** Asks the server to send `webhook.test` to an endpoint, and prints the command that shows the outcome. */
export async function sendTestEvent(
  client: Rushes,
  endpointId: string,
  { output, json, signal }: { readonly output: Output; readonly json: boolean; readonly signal: AbortSignal },
): Promise<ExitCode> {
  const event = await client.webhookEndpoints.test(endpointId, { signal });
  if (json) await output.document({ event });
  else await output.line(`${printable(event.type)}  ${printable(event.id)}`);
  output.note(`See the outcome: rushes webhooks deliveries --event ${printable(event.id)}`);
  return EXIT.success;
}
