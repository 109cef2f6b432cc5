import { EXIT } from './exit-codes.ts';

/**
 * Turns the first Ctrl-C (or SIGTERM) into an aborted signal, so that a command can say where things stand; the second
 * one ends the program at once.
 */
export function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort(new Error(name));
    });
  }
  return controller.signal;
}
