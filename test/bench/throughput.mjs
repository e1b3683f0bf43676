// Bench: one stream client -> worker -> endpoint, each way, against `ssh -L` in the same run; CPU seconds per GB beside it.
import { atLeast, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { cpuSeconds } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { missingSshPrograms, startSshTunnel } from './support/ssh-peer.mjs';
import { rotated } from './support/statistics.mjs';
import { startCluster, startConnect } from './support/stile-cluster.mjs';

export const name = 'throughput';
export const title = 'one stream against ssh -L';
export const deadlineMs = 900_000;

/** Streams at once in the measure without a goal. */
const manyStreams = 8;

export async function run({ scope, isQuick, quiet, progress }) {
  const missing = missingSshPrograms();
  if (missing.length > 0) return { skipped: `not installed: ${missing.join(', ')}` };
  const rounds = isQuick ? 2 : 7;
  const bytes = isQuick ? 100e6 : 500e6;

  const endpoint = startProgram(scope, 'endpoint');
  const load = startProgram(scope, 'tcp-load');
  const endpointPort = await endpoint.call('listen');
  const cluster = await startCluster(scope, { endpointPort });
  const connect = await startConnect(scope, cluster.api, cluster.target.id);
  const stile = { ...connect, serverPid: cluster.worker.pid };
  const ssh = await startSshTunnel(scope, { endpointPort, load });
  const peers = [stile, ssh, { name: 'raw TCP', port: endpointPort }];

  for (const peer of peers) {
    await load.call('checkEcho', { port: peer.port, bytes: 20e6 });
    for (const direction of ['up', 'down']) {
      await load.call('transfer', { port: peer.port, direction, bytes: bytes / 5 });
    }
  }
  const cases = ['up', 'down'].flatMap((direction) => [
    { direction, streams: 1 },
    { direction, streams: manyStreams },
  ]);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const each of cases) {
      for (const peer of rotated(peers, round)) {
        const part = Math.floor(bytes / each.streams);
        const { value, foreignCores } = await quiet.measure(() =>
          transfer(load, peer, { ...each, bytes: part }),
        );
        measured.push({ round, peer: peer.name, ...each, ...value, foreignCores });
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  return { figures: figuresOf(kept), rounds: counted, measured };
}

/** One transfer: MB/s, and CPU seconds per GB of the tunnel's two processes. */
async function transfer(load, peer, { direction, bytes, streams }) {
  const before = [peer.clientPid, peer.serverPid].map((pid) => (pid === undefined ? 0 : cpuSeconds(pid)));
  const { seconds } = await load.call('transfer', { port: peer.port, direction, bytes, streams });
  const total = bytes * streams;
  const [client, server] = [peer.clientPid, peer.serverPid].map((pid, index) =>
    pid === undefined ? 0 : ((cpuSeconds(pid) - before[index]) / total) * 1e9,
  );
  return { megabytesPerSecond: total / seconds / 1e6, client, server };
}

function figuresOf(measured) {
  const pick = (peer, direction, { streams = 1, key = 'megabytesPerSecond' } = {}) =>
    measured
      .filter((each) => each.peer === peer && each.direction === direction && each.streams === streams)
      .map((each) => each[key]);
  return ['up', 'down'].flatMap((direction) => {
    const own = pick('stile', direction);
    const ssh = pick('ssh -L', direction);
    const many = { streams: manyStreams };
    return [
      figure({
        name: `one stream ${direction}, ratio to ssh -L`,
        unit: '×',
        values: own.map((value, round) => value / ssh[round]),
        goal: atLeast(1),
      }),
      figure({
        name: `one stream ${direction}`,
        unit: 'MB/s',
        values: own,
        peer: { name: 'ssh -L', values: ssh },
      }),
      figure({
        name: `one stream ${direction}, worker CPU (peer: sshd)`,
        unit: 's/GB',
        values: pick('stile', direction, { key: 'server' }),
        peer: { name: 'sshd', values: pick('ssh -L', direction, { key: 'server' }) },
      }),
      figure({
        name: `one stream ${direction}, client CPU (peer: ssh)`,
        unit: 's/GB',
        values: pick('stile', direction, { key: 'client' }),
        peer: { name: 'ssh', values: pick('ssh -L', direction, { key: 'client' }) },
      }),
      figure({
        name: `${manyStreams} streams ${direction}`,
        unit: 'MB/s',
        values: pick('stile', direction, many),
        peer: { name: 'ssh -L', values: pick('ssh -L', direction, many) },
      }),
      figure({ name: `raw TCP, one stream ${direction}`, unit: 'MB/s', values: pick('raw TCP', direction) }),
    ];
  });
}
