import type { Estimate } from '@rushes/sdk';
import type { Output } from '../output/output.ts';
import { printable, shorten, table } from '../output/terminal.ts';
import { count, credits, plural } from '../output/wording.ts';
import type { Submission } from './read-submission.ts';

const FIRST_PROMPT_CHARACTERS = 60;

function balance(estimate: Estimate): string {
  const available = `${credits(estimate.available)} available`;
  return estimate.affordable
    ? `${available}, ${count(estimate.available - estimate.total)} left after the reservation`
    : `${available}, ${credits(estimate.shortfall)} missing`;
}

/** Rows with the price and the terms of a submission. */
export function estimateRows(estimate: Estimate, submission: Submission): string[][] {
  const kept = Object.entries(estimate.terms).filter(([, resolution]) => resolution === 'forfeit');
  const rows = [
    ['prompts', `${count(estimate.count)} (${submission.source}, read as ${submission.format})`],
    // Lets the reader see when the wrong column, or a header, was read as prompts.
    ['first', shorten(printable(submission.params.items[0]?.prompt ?? ''), FIRST_PROMPT_CHARACTERS)],
    ['model', printable(estimate.model)],
    ['price', `${credits(estimate.unit_price)} a video, ${credits(estimate.total)} in all`],
    ['balance', balance(estimate)],
    [
      'terms',
      kept.length === 0
        ? 'only successes are charged'
        : `only successes are charged; not refunded: ${kept.map(([reason]) => reason).join(', ')}`,
    ],
  ];
  const limit = submission.params.spend_limit;
  if (limit !== undefined && estimate.total > limit)
    rows.push(['limit', `more than --spend-limit ${count(limit)}: the batch will be refused`]);
  if (estimate.duplicates > 0) rows.push(['note', `${plural(estimate.duplicates, 'prompt')} repeat an earlier one`]);
  for (const warning of estimate.warnings) rows.push(['note', printable(warning)]);
  return rows;
}

/** Shows the estimate on stderr, before a question or an answer. */
export function showEstimate(estimate: Estimate, submission: Submission, output: Output): void {
  for (const line of table(estimateRows(estimate, submission))) output.note(line);
}
