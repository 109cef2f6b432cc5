import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { createNameResolver } from './name-resolver.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

const A = 1;
const AAAA = 28;
const NAME_ERROR = 3;

/** A name server that answers any name: per record type the bytes of one address, or a name error. */
async function nameServer(records: ReadonlyMap<number, readonly number[]>): Promise<string> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  socket.on('message', (query, from) => {
    const questionEnd = query.indexOf(0, 12) + 5;
    const question = query.subarray(12, questionEnd);
    const type = question.readUInt16BE(question.length - 4);
    const address = records.get(type);
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | (address === undefined ? NAME_ERROR : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(address === undefined ? 0 : 1, 6);
    // A pointer to the name in the question, the type, class IN, a lifetime of 0, the address (RFC 1035, section 4.1.3).
    const answer = address === undefined ? [] : [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, address.length, ...address];
    socket.send(Buffer.concat([head, question, Buffer.from(answer)]), from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return `127.0.0.1:${socket.address().port}`;
}

const V4 = [10, 0, 0, 1];
const V6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

describe('the name resolver', () => {
  it('gives the addresses of both kinds, so that none escapes the check', async () => {
    const server = await nameServer(
      new Map([
        [A, V4],
        [AAAA, V6],
      ]),
    );
    await expect(createNameResolver([server])('both.example')).resolves.toEqual(['10.0.0.1', '2001:db8::1']);
  });

  it('is content with one kind', async () => {
    await expect(createNameResolver([await nameServer(new Map([[A, V4]]))])('v4.example')).resolves.toEqual([
      '10.0.0.1',
    ]);
    await expect(createNameResolver([await nameServer(new Map([[AAAA, V6]]))])('v6.example')).resolves.toEqual([
      '2001:db8::1',
    ]);
  });

  it('rejects a name that does not exist, with the reason', async () => {
    const server = await nameServer(new Map());
    await expect(createNameResolver([server])('gone.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
