// Bench: authorize-session with 8 keep-alive clients, on embedded SQLite (durable) and on PostgreSQL (its default: fsync on).
import { headersOf, loadRounds } from './support/api-load.mjs';
import { atLeast, figure } from './support/figure.mjs';
import { startPostgres } from './support/postgres.mjs';
import { startProgram } from './support/remote-program.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'authorize';
export const title = 'authorize-session, 8 clients';
export const deadlineMs = 600_000;

export async function run(context) {
  const { scope } = context;
  const figures = [];
  const measured = {};
  const counted = [];
  const engines = [
    { engine: 'SQLite', goal: atLeast(900), databaseUrl: () => undefined },
    { engine: 'PostgreSQL', goal: atLeast(300), databaseUrl: () => startPostgres(scope) },
  ];
  for (const { engine, goal, databaseUrl } of engines) {
    const cluster = await startCluster(scope, { endpointPort: 22, databaseUrl: await databaseUrl() });
    const result = await measure(context, cluster);
    measured[engine] = result.measured;
    counted.push(result.rounds);
    figures.push(
      figure({ name: `authorize-session on ${engine}`, unit: '/s', values: result.rate, goal }),
      figure({ name: `authorize-session on ${engine}, p50`, unit: 'ms', values: result.p50 }),
      figure({ name: `authorize-session on ${engine}, p99`, unit: 'ms', values: result.p99 }),
    );
    // The next engine must not share the cores with this one.
    await cluster.worker.stop();
    await cluster.controller.stop();
  }
  return { figures, rounds: mostDisturbed(counted), measured };
}

/** The counts of the engine that others disturbed more. */
function mostDisturbed(counts) {
  return counts.reduce((worst, each) => (each.foreignCores > worst.foreignCores ? each : worst));
}

function measure({ scope, isQuick, quiet, progress }, { api, target }) {
  return loadRounds({
    load: startProgram(scope, 'http-load'),
    quiet,
    progress,
    rounds: isQuick ? 2 : 5,
    roundMs: isQuick ? 2_000 : 5_000,
    warmUpMs: 2_000,
    call: {
      url: `${api.address}/v1/targets/${target.id}:authorize-session`,
      method: 'POST',
      headers: headersOf(api.token),
      bodies: ['{}'],
    },
  });
}
