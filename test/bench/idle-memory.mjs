// Bench: memory that an idle connection costs the worker's process: growth of its resident memory over 5,000 connections, and
// again after each has moved 1 MB (half up, half down). Clients are spread over several processes.
import { atMost, figure } from './support/figure.mjs';
import { settledResidentBytes } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { Scope } from './support/scope.mjs';
import { startCluster, startConnect } from './support/stile-cluster.mjs';

export const name = 'idle-memory';
export const title = 'memory of an idle connection on the worker';
export const deadlineMs = 1_200_000;

/** Client and load processes. */
const groups = 4;
const halfMegabyte = 500_000;
/** How long the least memory is looked for. */
const settleMs = 8_000;

export async function run(context) {
  const { isQuick, progress } = context;
  const rounds = isQuick ? 1 : 3;
  const count = isQuick ? 400 : 5_000;
  const values = { idle: [], moved: [], client: [], base: [] };
  for (let round = 0; round < rounds; round += 1) {
    // Fresh processes each round: memory once taken is not given back.
    const scope = new Scope();
    context.scope.defer(() => scope.close());
    const result = await measure(scope, { count, progress });
    for (const key of Object.keys(values)) values[key].push(result[key]);
    await scope.close();
    progress(
      `round ${round + 1} of ${rounds}: ${result.idle.toFixed(1)} kB idle, ${result.moved.toFixed(1)} kB after 1 MB`,
    );
  }
  return {
    figures: [
      figure({
        name: `worker memory per idle connection, ${count} of them`,
        unit: 'kB',
        values: values.idle,
        goal: atMost(70),
      }),
      figure({
        name: 'the same after each has moved 1 MB',
        unit: 'kB',
        values: values.moved,
        goal: atMost(100),
      }),
      figure({ name: 'client memory per idle connection', unit: 'kB', values: values.client }),
      figure({ name: 'worker memory before', unit: 'MB', values: values.base }),
    ],
  };
}

async function measure(scope, { count, progress }) {
  const endpoint = startProgram(scope, 'endpoint');
  const endpointPort = await endpoint.call('listen');
  const { api, target, worker } = await startCluster(scope, { endpointPort });
  const lanes = [];
  for (let index = 0; index < groups; index += 1) {
    const connect = await startConnect(scope, api, target.id);
    const load = startProgram(scope, 'tcp-load');
    // Warms up what is made once: 20 connections that come and go.
    await load.call('setUp', { port: connect.port, count: 20 / groups, width: 1 });
    lanes.push({ connect, load });
  }
  const [before, clientsBefore] = await leastBytes(worker, lanes);
  const each = count / groups;
  const all = (work) => Promise.all(lanes.map(work));
  await all(({ connect, load }) => load.call('hold', { port: connect.port, count: each, width: 8 }, 300_000));
  progress(`${count} connections stand`);
  const [idle, clientsIdle] = await leastBytes(worker, lanes);
  await all(({ load }) => load.call('moveHeld', { up: halfMegabyte, down: halfMegabyte, width: 8 }, 600_000));
  const [moved] = await leastBytes(worker, lanes);
  const held = await all(({ load }) => load.call('countHeld'));
  if (held.reduce((sum, some) => sum + some, 0) !== count) {
    throw new Error(`of ${count} connections only ${held.join(' + ')} still stood at the end`);
  }
  await all(({ load }) => load.call('releaseHeld'));
  return {
    idle: (idle - before) / count / 1000,
    moved: (moved - before) / count / 1000,
    client: (clientsIdle - clientsBefore) / count / 1000,
    base: before / 1e6,
  };
}

/** Resident memory of the worker, and of all clients together. */
async function leastBytes(worker, lanes) {
  const pids = [worker.pid, ...lanes.map(({ connect }) => connect.clientPid)];
  const [first, ...others] = await Promise.all(
    pids.map((pid) => settledResidentBytes(pid, { forMs: settleMs })),
  );
  return [first, others.reduce((sum, bytes) => sum + bytes, 0)];
}
