/** TCP servers that stand for an endpoint: echo, sink, source, or one whose sockets the test drives. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A server on a loopback port. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  /** Sockets accepted so far, also the closed ones. */
  readonly sockets: readonly Socket[];
  /** The next accepted socket. */
  nextSocket(): Promise<Socket>;
  /** Ends the listener and all sockets. */
  close(): Promise<void>;
}

/** Starts a server; `onSocket` drives each accepted socket. Sockets are made with `allowHalfOpen`. */
export async function startTcpServer(onSocket: (socket: Socket) => void): Promise<TestServer> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    sockets,
    nextSocket: async () => {
      const [socket] = (await once(server, 'connection')) as [Socket];
      return socket;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Sends back what it gets. */
export function startEchoServer(): Promise<TestServer> {
  return startTcpServer((socket) => {
    socket.setNoDelay(true);
    socket.pipe(socket);
  });
}
