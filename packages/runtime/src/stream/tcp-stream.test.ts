import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startTcpServer } from '../../../../test/support/echo-server.ts';
import { CopyLoop } from './copy.ts';
import { StreamBuffers } from './stream-buffers.ts';
import { TcpStream } from './tcp-stream.ts';

const buffers = new StreamBuffers();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('dialing', () => {
  it('tells a refused endpoint from one that does not resolve, and from being stopped', async () => {
    const dial = (host: string, port: number, more = {}): Promise<TcpStream> =>
      TcpStream.dial({ host, port, buffers, timeoutMs: 10_000, ...more });
    await expect(dial('127.0.0.1', 1)).rejects.toMatchObject({
      code: 'endpointRefused',
      message: 'endpoint 127.0.0.1:1 refused the connection',
    });
    await expect(dial('no-such-host.invalid', 22)).rejects.toMatchObject({ code: 'endpointUnreachable' });
    const before = AbortSignal.abort();
    await expect(dial('127.0.0.1', 1, { signal: before })).rejects.toMatchObject({ code: 'aborted' });
    const during = new AbortController();
    const dialing = dial('localhost', 1, { signal: during.signal });
    during.abort();
    await expect(dialing).rejects.toMatchObject({ code: 'aborted' });
  });

  it('reads nothing before it is started, and gives the address it reached', async () => {
    const server = await startTcpServer((socket) => socket.write('early'));
    closers.push(() => server.close());
    const arrival = server.nextSocket();
    const stream = await TcpStream.dial({ host: 'localhost', port: server.port, buffers, timeoutMs: 5000 });
    closers.push(() => stream.reset());
    await arrival;
    expect(stream.remoteAddress).toEqual({ host: '127.0.0.1', port: server.port });
    const text = await new Promise<string>((resolve) => {
      stream.start({
        onBytes: (pieces) => {
          resolve(Buffer.concat(pieces).toString());
          return 'ready';
        },
        onEnd: () => undefined,
        onReset: () => undefined,
        onWritable: () => undefined,
      });
    });
    expect(text).toBe('early');
  });
});

describe('copy loop between two streams that have half-close', () => {
  it('ends one direction and goes on with the other until both have ended', async () => {
    const endpoint = await startTcpServer((socket) => {
      let asked = '';
      socket.on('data', (piece: Buffer) => {
        asked += piece.toString();
      });
      socket.on('end', () => socket.end(`you said ${asked}`));
    });
    const entry = await startTcpServer(() => undefined);
    closers.push(
      () => endpoint.close(),
      () => entry.close(),
    );
    const accepted = entry.nextSocket();
    const local = connect({ port: entry.port, host: entry.host, allowHalfOpen: true });
    const near = TcpStream.accept(await accepted, buffers);
    const far = await TcpStream.dial({ host: endpoint.host, port: endpoint.port, buffers, timeoutMs: 5000 });
    const copy = new CopyLoop(near, far);
    copy.start();
    local.end('a question');
    const [answer] = (await once(local, 'data')) as [Buffer];
    expect(answer.toString()).toBe('you said a question');
    await once(local, 'end');
    expect(await copy.done).toEqual({ by: 'near', kind: 'closed' });
    expect([copy.bytesUp, copy.bytesDown]).toEqual([10, 19]);
  });
});
