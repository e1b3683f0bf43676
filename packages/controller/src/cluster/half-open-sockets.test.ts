import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { systemClock } from '@stile/runtime';
import { afterEach, expect, test } from 'vitest';
import { HalfOpenSockets } from './half-open-sockets.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** The server's ends of some connections, in the order in which they came. */
async function acceptedSockets(count: number): Promise<Socket[]> {
  const server = createServer();
  const accepted = new Promise<Socket[]>((resolve) => {
    const sockets: Socket[] = [];
    server.on('connection', (socket) => {
      if (sockets.push(socket) === count) resolve(sockets);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  for (const client of clients) client.on('error', () => undefined);
  cleanUps.push(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  return accepted;
}

test('of sockets that come in one turn of the event loop each drives out another one, the oldest first', async () => {
  const halfOpen = new HalfOpenSockets(systemClock, { deadlineMs: 10_000, mostSockets: 2 });
  cleanUps.push(() => halfOpen.close());
  const sockets = await acceptedSockets(5);
  for (const socket of sockets) halfOpen.add(socket);
  expect(halfOpen.size).toBe(2);
  expect(sockets.map((socket) => socket.destroyed)).toEqual([true, true, true, false, false]);
});

test('a released socket is neither counted nor driven out', async () => {
  const halfOpen = new HalfOpenSockets(systemClock, { deadlineMs: 10_000, mostSockets: 1 });
  cleanUps.push(() => halfOpen.close());
  const [first, second] = await acceptedSockets(2);
  if (first === undefined || second === undefined) throw new Error('two sockets were accepted');
  cleanUps.push(() => first.destroy());
  halfOpen.add(first);
  halfOpen.release(first);
  halfOpen.add(second);
  expect(halfOpen.size).toBe(1);
  expect(first.destroyed).toBe(false);
});
