import { type Failure } from './failure.ts';
import type { Output } from './output/output.ts';
import { printable } from './output/terminal.ts';

/**
 * Prints an error: with --json the problem document on stdout, and always what happened and what to do next on stderr.
 */
export async function printFailure(failure: Failure, output: Output, json: boolean): Promise<void> {
  const { paintNote } = output;
  for (const place of failure.places) output.note(printable(place));
  const [first = '', ...rest] = failure.message.split('\n');
  output.note(`${paintNote('red', 'Error:')} ${printable(first)}`);
  for (const line of [...rest, ...failure.advice]) output.note(`  ${printable(line)}`);
  if (json) await output.document(failure.problem);
}
