/** Raw bytes to a server and back, for what no HTTP client would send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Opens a connection; `onOpen` writes to it. Resolves with the first `count` whole answers that have a Content-Length. */
export function rawExchanges(url: string, count: number, onOpen: (socket: Socket) => void): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let received = '';
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      onOpen(socket);
    });
    socket.on('data', (chunk: string) => {
      received += chunk;
      const answers = parseAnswers(received);
      if (answers.length < count) return;
      resolve(answers);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error(`the connection was closed after: ${received}`));
    });
  });
}

export async function rawExchange(url: string, onOpen: (socket: Socket) => void): Promise<RawAnswer> {
  const [answer] = await rawExchanges(url, 1, onOpen);
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

function parseAnswers(text: string): RawAnswer[] {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return [];
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const rest = text.slice(headEnd + 4);
  if (status === 100) return parseAnswers(rest);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers['content-length'] ?? 0);
  if (rest.length < length) return [];
  return [{ status, headers, body: rest.slice(0, length) }, ...parseAnswers(rest.slice(length))];
}
