// Bench: setting up a connection over a live session, the controller's permission included: connect to the local port of
// `stile connect`, send a byte, await its echo.
import { atLeast, atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { cpuSeconds } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { startCluster, startConnect } from './support/stile-cluster.mjs';

export const name = 'set-up';
export const title = 'connection set-up over a live session';
export const deadlineMs = 600_000;

const sequential = 300;
const wideCount = 400;
const width = 32;

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 7;
  const endpoint = startProgram(scope, 'endpoint');
  const load = startProgram(scope, 'tcp-load');
  const endpointPort = await endpoint.call('listen');
  const cluster = await startCluster(scope, { endpointPort });
  const stile = await startConnect(scope, cluster.api, cluster.target.id);
  const pids = { client: stile.clientPid, worker: cluster.worker.pid, controller: cluster.controller.pid };
  const peers = [
    { ...stile, pids },
    { name: 'raw TCP', port: endpointPort, pids: {} },
  ];
  for (const { port } of peers) await load.call('setUp', { port, count: 100, width: 4 });

  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { name: peer, port, pids: shares } of rotated(peers, round)) {
      const one = await quiet.measure(() => load.call('setUp', { port, count: sequential, width: 1 }));
      const wide = await quiet.measure(() =>
        withCpu(shares, () => load.call('setUp', { port, count: wideCount, width })),
      );
      measured.push({
        round,
        peer,
        p50: percentile(one.value.times, 0.5),
        p99: percentile(one.value.times, 0.99),
        rate: wideCount / wide.value.seconds,
        widep50: percentile(wide.value.times, 0.5),
        cpu: wide.value.cpu,
        foreignCores: Math.max(one.foreignCores, wide.foreignCores),
      });
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const pick = (peer, key) => kept.filter((each) => each.peer === peer).map((each) => each[key]);
  const shown = (label, key, { unit, goal }) =>
    figure({
      name: label,
      unit,
      values: pick('stile', key),
      peer: { name: 'raw TCP', values: pick('raw TCP', key) },
      goal,
    });
  return {
    figures: [
      shown('set-up p50, one after the other', 'p50', { unit: 'ms', goal: atMost(8) }),
      shown('set-up p99, one after the other', 'p99', { unit: 'ms', goal: atMost(25) }),
      shown(`set-ups, ${width} wide`, 'rate', { unit: '/s', goal: atLeast(250) }),
      shown(`set-up p50, ${width} wide`, 'widep50', { unit: 'ms' }),
      ...Object.keys(pids).map((who) =>
        figure({
          name: `CPU of the ${who} per set-up, ${width} wide`,
          unit: 'ms',
          values: pick('stile', 'cpu').map((cpu) => (cpu[who] / wideCount) * 1000),
        }),
      ),
    ],
    rounds: counted,
    measured,
  };
}

/** Work, and the CPU seconds that processes used meanwhile. */
async function withCpu(pids, work) {
  const before = Object.entries(pids).map(([who, pid]) => [who, pid, cpuSeconds(pid)]);
  const value = await work();
  return {
    ...value,
    cpu: Object.fromEntries(before.map(([who, pid, used]) => [who, cpuSeconds(pid) - used])),
  };
}
