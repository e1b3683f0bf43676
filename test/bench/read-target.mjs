// Bench: reading one target with 8 keep-alive clients: the token is checked, the grants are evaluated, the answer is made.
import { headersOf, loadRounds } from './support/api-load.mjs';
import { atLeast, figure } from './support/figure.mjs';
import { startProgram } from './support/remote-program.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'read-target';
export const title = 'read one target, 8 clients';
export const deadlineMs = 300_000;

export async function run({ scope, isQuick, quiet, progress }) {
  const { api, target } = await startCluster(scope, { endpointPort: 22, hasWorker: false });
  const result = await loadRounds({
    load: startProgram(scope, 'http-load'),
    quiet,
    progress,
    rounds: isQuick ? 2 : 5,
    roundMs: isQuick ? 2_000 : 5_000,
    warmUpMs: 2_000,
    call: { url: `${api.address}/v1/targets/${target.id}`, method: 'GET', headers: headersOf(api.token) },
  });
  return {
    figures: [
      figure({ name: 'read one target', unit: '/s', values: result.rate, goal: atLeast(2000) }),
      figure({ name: 'read one target, p50', unit: 'ms', values: result.p50 }),
      figure({ name: 'read one target, p99', unit: 'ms', values: result.p99 }),
    ],
    rounds: result.rounds,
    measured: result.measured,
  };
}
