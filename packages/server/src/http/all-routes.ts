import type { HttpDeps, Surroundings } from './deps.ts';
import { createOpenApiDocument } from './openapi.ts';
import type { Route } from './route.ts';
import { ROUTE_FILES } from './routes/index.ts';

/** Chapters of the reference in their order. Others stand before the last two, which are not the customer's. */
const FIRST_TAGS: readonly string[] = ['Batches', 'Tasks', 'Videos', 'Models', 'Ledger', 'Account', 'Webhooks'];
const LAST_TAGS: readonly string[] = ['Administration', 'Server'];

function placeOf({ operation: { tag } }: Route): number {
  const first = FIRST_TAGS.indexOf(tag);
  return first >= 0 ? first : FIRST_TAGS.length + 1 + LAST_TAGS.indexOf(tag);
}

/** Every route of the API, in the order of the reference. */
export function allRoutes(deps: HttpDeps, around: Omit<Surroundings, 'openApi'>): readonly Route[] {
  let made: object | null = null;
  const surroundings: Surroundings = {
    stopping: around.stopping,
    publicUrl: () => around.publicUrl(),
    openApi: () => (made ??= createOpenApiDocument(routes, deps.version, around.publicUrl())),
  };
  const routes = ROUTE_FILES.flatMap((routesOf) => routesOf(deps, surroundings)).toSorted(
    (one, other) => placeOf(one) - placeOf(other),
  );
  return routes;
}

/** The document of the API for a server at `serverUrl`. */
export function openApiDocument(deps: HttpDeps, version: string, serverUrl: string): object {
  const around = { stopping: new AbortController().signal, publicUrl: () => serverUrl };
  return createOpenApiDocument(allRoutes(deps, around), version, serverUrl);
}
