export { createHttpServer } from './http-server.ts';
export type { HttpServer } from './http-server.ts';
