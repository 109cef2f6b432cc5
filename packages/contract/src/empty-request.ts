import { z } from 'zod';
import { requestId } from './parts/schema-parts.ts';

/** The body of a POST that needs none but may carry a request_id. */
export const emptyRequestSchema = z.strictObject({ request_id: requestId }).meta({ id: 'EmptyRequest' });
