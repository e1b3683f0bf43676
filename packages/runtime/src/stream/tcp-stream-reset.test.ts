/** A TCP stream is gone after `reset`, in whatever state it was. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'vitest';
import { StreamBuffers } from './stream-buffers.ts';
import { TcpStream } from './tcp-stream.ts';

let server: Server;
let peer: Socket;
let stream: TcpStream;

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  const [socket] = (await accepted) as [Socket];
  stream = TcpStream.accept(socket, new StreamBuffers());
});

afterEach(() => {
  peer.destroy();
  server.close();
});

test('fresh', async () => {
  stream.reset();
  await stream.closed;
});

test('after its own end, whose shutdown is on its way or done', async () => {
  stream.end();
  stream.reset();
  await stream.closed;
});

test('after an orderly close that the peer does not answer', async () => {
  stream.close();
  await once(peer.resume(), 'end');
  stream.reset();
  await stream.closed;
});
