/** Reading accepted sockets into one buffer: it must work on every Node that we support, and say so where it cannot. */
import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import { readInto } from './read-into.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** An accepted TCP socket that has read nothing, and its peer. */
async function tcpPair(): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [Socket];
  listener.close();
  return { client, server };
}

describe.each([
  ['an accepted TCP socket', tcpPair],
  ['an accepted TLS socket', tlsPair],
] as const)('%s', (_name, makePair) => {
  test('is read into the buffer, stops when paused, goes on, and still ends', async () => {
    const { client, server } = await makePair();
    sockets.push(client, server);
    const buffer = Buffer.alloc(16_384);
    let text = '';
    let isEnded = false;
    server.on('end', () => (isEnded = true));
    expect(
      readInto(server, buffer, (length) => {
        text += buffer.toString('latin1', 0, length);
      }),
    ).toBe(true);
    server.on('data', () => {
      throw new Error('a read that went past the buffer');
    });
    client.write('one ');
    server.resume();
    await expect.poll(() => text).toBe('one ');
    server.pause();
    await new Promise((resolve) => client.write('two', resolve));
    expect(text).toBe('one ');
    server.resume();
    await expect.poll(() => text).toBe('one two');
    client.end();
    await expect.poll(() => isEnded).toBe(true);
  });
});

test('a socket that is not what this Node makes is left as it is', () => {
  const bare = new Socket();
  sockets.push(bare);
  expect(readInto(bare, Buffer.alloc(10), () => undefined)).toBe(false);
});
