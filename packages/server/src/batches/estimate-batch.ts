import type { Estimate } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import {
  endpointRefusal,
  priceRefusal,
  readAccountCheck,
  reservationRefusal,
  retiredRefusal,
  spendLimitRefusal,
  totalPrice,
  type BatchCaller,
  type AccountCheck,
} from './account-check.ts';
import type { Submission } from './submission/index.ts';

/** Says what a submission would cost and whether it would be accepted. Reserves and stores nothing. */
export async function estimateBatch(
  db: Queryable,
  caller: BatchCaller,
  submission: Submission,
): Promise<Outcome<Estimate>> {
  const account = await readAccountCheck(db, caller, submission);
  const refusal = endpointRefusal(submission, account) ?? retiredRefusal(submission.model);
  if (refusal !== null) return refuse(refusal);
  const total = totalPrice(submission);
  return accept({
    model: submission.model.id,
    count: submission.items.length,
    unit_price: submission.model.unitPrice,
    total,
    available: account.available,
    affordable: account.available >= total && reservationRefusal(account) === null,
    shortfall: Math.max(0, total - account.available),
    duplicates: countDuplicates(submission),
    terms: caller.terms,
    warnings: warnings(submission, account),
  });
}

function countDuplicates({ items }: Submission): number {
  return items.length - new Set(items.map(({ prompt, params }) => JSON.stringify([prompt, params]))).size;
}

function warnings(submission: Submission, account: AccountCheck): string[] {
  const found: string[] = [];
  for (const refusal of [priceRefusal(submission), spendLimitRefusal(submission), reservationRefusal(account)]) {
    if (refusal !== null) found.push(`This batch would be refused (${refusal.code}): ${refusal.detail}`);
  }
  const { model, items } = submission;
  if (model.lifecycle === 'deprecated') found.push(`The model ${model.id} is deprecated and will be retired.`);
  const formulas = items.filter(({ prompt }) => /^[=+@-]/.test(prompt)).length;
  if (formulas > 0) {
    found.push(
      `${formulas} prompts begin with "=", "+", "-" or "@", like spreadsheet formulas. They are used unchanged.`,
    );
  }
  const images = items.filter(({ params }) => params.image_url !== undefined || params.last_image_url !== undefined);
  if (images.length > 0) {
    found.push(`${images.length} items have an image URL. These URLs must be public until the batch has ended.`);
  }
  return found;
}
