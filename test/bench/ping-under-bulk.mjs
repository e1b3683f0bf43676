// Bench: 64-byte round trips on one connection while another of the same session runs bulk through the same worker.
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { missingSshPrograms, startSshTunnel } from './support/ssh-peer.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { startCluster, startConnect } from './support/stile-cluster.mjs';

export const name = 'ping-under-bulk';
export const title = '64-byte ping beside bulk';
export const deadlineMs = 600_000;

/** One ping run. */
const pings = { maxCount: 10_000, forMs: 3_000 };

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 7;
  const endpoint = startProgram(scope, 'endpoint');
  const load = startProgram(scope, 'tcp-load');
  const bulk = startProgram(scope, 'tcp-load');
  const endpointPort = await endpoint.call('listen');
  const cluster = await startCluster(scope, { endpointPort });
  const peers = [await startConnect(scope, cluster.api, cluster.target.id)];
  // ssh is only a companion here: without it the goals can still be judged.
  const missing = missingSshPrograms();
  if (missing.length === 0) peers.push(await startSshTunnel(scope, { endpointPort, load }));
  peers.push({ name: 'raw TCP', port: endpointPort });

  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const direction of ['idle', 'up', 'down']) {
      for (const peer of rotated(peers, round)) {
        const { value, foreignCores } = await quiet.measure(() =>
          pingBeside({ load, bulk }, peer, direction),
        );
        measured.push({ round, peer: peer.name, direction, ...value, foreignCores });
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  return {
    figures: figuresOf(kept, missing),
    rounds: counted,
    measured,
    ...(missing.length === 0
      ? {}
      : { note: `not installed, so without ssh beside it: ${missing.join(', ')}` }),
  };
}

async function pingBeside({ load, bulk }, { port }, direction) {
  if (direction !== 'idle') await bulk.call('startBulk', { port, direction });
  try {
    const times = await load.call('ping', { port, ...pings });
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), count: times.length };
  } finally {
    if (direction !== 'idle') await bulk.call('endBulk');
  }
}

function figuresOf(measured, missing) {
  const pick = (peer, direction, key) =>
    measured.filter((each) => each.peer === peer && each.direction === direction).map((each) => each[key]);
  const beside = { idle: 'nothing else', up: 'bulk up', down: 'bulk down' };
  return ['up', 'down', 'idle'].flatMap((direction) =>
    ['p50', 'p99'].map((key) =>
      figure({
        name: `ping ${key} beside ${beside[direction]}`,
        unit: 'ms',
        values: pick('stile', direction, key),
        peer:
          missing.length === 0
            ? { name: 'ssh -L', values: pick('ssh -L', direction, key) }
            : { name: 'raw TCP', values: pick('raw TCP', direction, key) },
        ...(key === 'p50' && direction !== 'idle' ? { goal: atMost(10) } : {}),
      }),
    ),
  );
}
