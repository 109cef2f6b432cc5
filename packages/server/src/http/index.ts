export type { HttpDeps } from './deps.ts';
export { createHttpServer } from './http-server.ts';
export type { HttpServer, HttpServerOptions } from './http-server.ts';
export { openApiDocument } from './all-routes.ts';
