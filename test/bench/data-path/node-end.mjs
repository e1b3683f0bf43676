// One end of a tunnel as its own process: `client` listens for TCP and dials TLS, `worker` accepts TLS and dials the endpoint.
// Usage: node node-end.mjs <client|worker> <stile|ws> <json options>; prints {"port":N}, and its CPU seconds for each line on stdin.
import { createServer } from 'node:net';
import { TLSSocket, connect as tlsConnect, createSecureContext } from 'node:tls';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import WebSocket, { WebSocketServer, createWebSocketStream } from 'ws';

const [role, kind, text] = process.argv.slice(2);
const options = JSON.parse(text);
// Another build of the runtime can be measured beside this one.
const { CopyLoop, StreamBuffers, TcpStream, WebSocketStream, acceptUpgrade, requestUpgrade } = await import(
  options.runtime
);
const ciphers = 'TLS_AES_128_GCM_SHA256';
const buffers = new StreamBuffers();
const never = new AbortController().signal;
const upgrade = { path: '/v1/proxy', subprotocol: 'boundary-tcp-proxy-v1', signal: never };

const dialTls = () =>
  new Promise((resolve, reject) => {
    const socket = tlsConnect({
      host: '127.0.0.1',
      port: options.workerPort,
      ca: options.cert,
      ciphers,
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });

const acceptTls = (socket, secureContext) =>
  new Promise((resolve) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    // As the worker does: the ClientHello is read first and put back.
    socket.once('data', (hello) => {
      socket.pause();
      socket.unshift(hello);
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on('error', () => undefined);
      tls.once('secure', () => resolve(tls));
    });
  });

async function stileClient(socket) {
  const near = TcpStream.accept(socket, buffers);
  const tls = await dialTls();
  const head = await requestUpgrade({ socket: tls, host: 'bench', userAgent: 'bench', ...upgrade });
  new CopyLoop(near, new WebSocketStream({ socket: tls, role: 'client', buffers, head })).start();
}

async function stileWorker(socket, secureContext) {
  const tls = await acceptTls(socket, secureContext);
  const head = await acceptUpgrade({ socket: tls, ...upgrade });
  const near = new WebSocketStream({ socket: tls, role: 'server', buffers, head });
  const far = await TcpStream.dial({
    host: '127.0.0.1',
    port: options.endpointPort,
    buffers,
    timeoutMs: 5000,
  });
  new CopyLoop(near, far).start();
}

// The naive pair: one message of `ws` a read, its own stream adapter, pipe both ways.
function wsClient(socket) {
  socket.setNoDelay(true);
  const webSocket = new WebSocket(`wss://127.0.0.1:${options.workerPort}/`, {
    ca: options.cert,
    ciphers,
    checkServerIdentity: () => undefined,
    perMessageDeflate: false,
  });
  const stream = createWebSocketStream(webSocket);
  socket.on('error', () => undefined);
  stream.on('error', () => undefined);
  webSocket.once('open', () => socket.pipe(stream).pipe(socket));
}
const webSocketServer =
  kind === 'ws' && role === 'worker'
    ? new WebSocketServer({ noServer: true, perMessageDeflate: false })
    : undefined;
const { createServer: createHttpServer } = await import('node:http');
const httpServer = createHttpServer();
httpServer.on('upgrade', (request, socket, head) => {
  webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
    const stream = createWebSocketStream(webSocket);
    const far = connect(options.endpointPort, '127.0.0.1');
    far.setNoDelay(true);
    far.on('error', () => undefined);
    stream.on('error', () => undefined);
    far.pipe(stream).pipe(far);
  });
});

const secureContext =
  role === 'worker' ? createSecureContext({ cert: options.cert, key: options.key, ciphers }) : undefined;
const handlers = {
  client: { stile: stileClient, ws: wsClient },
  worker: {
    stile: (socket) => stileWorker(socket, secureContext),
    ws: async (socket) => httpServer.emit('connection', await acceptTls(socket, secureContext)),
  },
};
const handle = handlers[role][kind];
const server = createServer(
  { allowHalfOpen: kind === 'stile', pauseOnConnect: kind === 'stile' && role === 'client' },
  (socket) => {
    Promise.resolve(handle(socket)).catch((error) => process.stderr.write(`${role}: ${error}\n`));
  },
);
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'gc') globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    process.stdout.write(
      `${JSON.stringify({ cpu: (user + system) / 1e6, rss: process.memoryUsage().rss })}\n`,
    );
  })
  .on('close', () => process.exit(0));
