// The endpoint as its own process. First byte of a connection says what it is: S = sink (answers each total once the client
// says how much comes), F = source, E = echo. Prints {"port":N}.
import { createServer } from 'node:net';

const chunk = Buffer.alloc(262_144, 7);
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.once('data', (first) => {
    const mode = String.fromCharCode(first[0]);
    const rest = first.subarray(9);
    if (mode === 'E') {
      if (first.length > 1) socket.write(first.subarray(1));
      socket.pipe(socket);
      return;
    }
    let left = Number(first.readBigUInt64BE(1));
    if (mode === 'S') {
      left -= rest.length;
      socket.on('data', (bytes) => {
        left -= bytes.length;
        if (left <= 0) socket.write('k');
      });
      return;
    }
    const fill = () => {
      while (left > 0) {
        const size = Math.min(left, chunk.length);
        left -= size;
        if (!socket.write(size === chunk.length ? chunk : chunk.subarray(0, size))) break;
      }
    };
    socket.on('drain', fill);
    fill();
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
);
process.stdin.on('close', () => process.exit(0)).resume();
