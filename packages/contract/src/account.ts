import { z } from 'zod';
import { ACCOUNT_SETTINGS, type AccountSettingFact } from './facts/account-settings.ts';
import { LIMITS, type LimitFact } from './facts/limits.ts';
import { PLAN_NAMES } from './facts/plans.ts';
import { ACCOUNT_MODES, ACCOUNT_STATUSES } from './facts/states.ts';
import { accountIds } from './ids.ts';
import { requestId, time, words } from './parts/schema-parts.ts';
import { termsSchema } from './parts/terms.ts';
import type { Account, UpdateAccountRequest } from './types.ts';

/** A limit as a field of an answer. */
function limitField({ description, min }: LimitFact): z.ZodType {
  return z.int().min(min).meta({ description });
}

/** Every limit as fields of an answer to an operator. */
export const limitFields = fieldsOf(LIMITS, limitField);

const settingField = ({ description, min }: AccountSettingFact): z.ZodType =>
  z.int().min(min).nullable().meta({ description });

function fieldsOf<Fact>(facts: Readonly<Record<string, Fact>>, field: (fact: Fact) => z.ZodType): z.ZodRawShape {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, field(fact)]));
}

const visibleLimits = Object.fromEntries(Object.entries<LimitFact>(LIMITS).filter(([, { visible }]) => visible));

export const accountSchema = z
  .object({
    id: accountIds.schema,
    name: z.string(),
    plan: words(PLAN_NAMES),
    mode: words(ACCOUNT_MODES),
    status: words(ACCOUNT_STATUSES),
    ...fieldsOf(visibleLimits, limitField),
    terms: termsSchema,
    ...fieldsOf(ACCOUNT_SETTINGS, settingField),
    created_at: time,
  })
  .meta({
    id: 'Account',
    description: 'The account that the API key belongs to, as the customer sees it.',
  }) as unknown as z.ZodType<Account>;

export const updateAccountRequestSchema = z
  .strictObject({
    ...fieldsOf(ACCOUNT_SETTINGS, (fact) => settingField(fact).exactOptional()),
    request_id: requestId,
  })
  .meta({
    id: 'UpdateAccountRequest',
    description: 'A field that is not sent stays as it is.',
  }) as unknown as z.ZodType<UpdateAccountRequest>;
