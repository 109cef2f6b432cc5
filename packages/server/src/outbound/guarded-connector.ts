import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { EgressGuard } from './egress-guard.ts';

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The look-up that `net.connect` calls: it knows only addresses that the guard has checked. */
function guardedLookUp(guard: EgressGuard): LookupFunction {
  return (hostname, options, callback) => {
    guard.resolve(hostname).then(
      (addresses) => {
        const [first = ''] = addresses;
        const all = addresses.map((address) => ({ address, family: familyOf(address) }));
        if (options.all === true) callback(null, all);
        else callback(null, first, familyOf(first));
      },
      (error: unknown) => {
        callback(asError(error), '');
      },
    );
  };
}

/** How undici opens sockets without a guard; tests put another one in its place. */
export function plainConnector(guard: EgressGuard, connectTimeoutMs: number): buildConnector.connector {
  return buildConnector({ allowH2: false, timeout: connectTimeoutMs, lookup: guardedLookUp(guard) });
}

/**
 * Opens sockets to checked addresses only: names by way of the guarded look-up, literals (for which Node calls no
 * look-up) before connecting, and both once more by what the socket says it is connected to.
 */
export function createGuardedConnector(
  guard: EgressGuard,
  connect: buildConnector.connector,
): buildConnector.connector {
  return (options, callback) => {
    const proceed = (): void => {
      connect(options, (...[error, socket]) => {
        if (error !== null) {
          callback(error, null);
          return;
        }
        if (socket.remoteAddress === undefined) {
          socket.destroy();
          callback(new Error('the connection was closed as soon as it stood'), null);
          return;
        }
        try {
          guard.checkAddress(socket.remoteAddress);
        } catch (refusal) {
          socket.destroy();
          callback(asError(refusal), null);
          return;
        }
        callback(null, socket);
      });
    };
    if (isIP(options.hostname) === 0) {
      proceed();
      return;
    }
    guard.resolve(options.hostname).then(proceed, (error: unknown) => {
      callback(asError(error), null);
    });
  };
}
