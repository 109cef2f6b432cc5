import { z } from 'zod';
import { requestId } from './parts/schema-parts.ts';

/** The body of a POST that takes no other field than an optional request_id. */
export const emptyRequestSchema = z.strictObject({ request_id: requestId }).meta({ id: 'EmptyRequest' });
