import type { HttpDeps } from '../src/http/deps.ts';
import { openApiDocument } from '../src/http/all-routes.ts';

/** The document as docs/openapi.json has it: of a server at its default address, made without one. */
export function openApiSnapshot(): string {
  // Routes touch what they are made of only when they answer.
  const nothing = {} as HttpDeps;
  return `${JSON.stringify(openApiDocument(nothing, '0.1.0', 'http://127.0.0.1:4600'), null, 2)}\n`;
}
