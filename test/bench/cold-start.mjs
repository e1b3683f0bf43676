// Bench: from starting `stile dev` (built) to the first byte through a session: its banner, a login, authorize-session, and a
// connection with the client library; beside it the same with `stile connect`, which starts one more process.
import { Api } from './support/api.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startStile } from './support/process.mjs';
import { sharedClockMs } from './support/concurrency.mjs';
import { startProgram } from './support/remote-program.mjs';
import { listenerAddress, startConnect } from './support/stile-cluster.mjs';
import { Scope } from './support/scope.mjs';

export const name = 'cold-start';
export const title = 'stile dev to the first byte through a session';
export const deadlineMs = 300_000;

const freePorts = ['api', 'cluster', 'proxy', 'ops'].flatMap((purpose) => [
  `-${purpose}-listen-address`,
  '127.0.0.1:0',
]);

export async function run(context) {
  const { isQuick, quiet, progress, scope: whole } = context;
  const rounds = isQuick ? 3 : 7;
  const endpoint = startProgram(whole, 'endpoint');
  const clients = startProgram(whole, 'session-clients');
  const load = startProgram(whole, 'tcp-load');
  const endpointPort = await endpoint.call('listen');
  const startOnce = async () => {
    const scope = new Scope();
    whole.defer(() => scope.close());
    const result = await measure(scope, { endpointPort, clients, load });
    await scope.close();
    return result;
  };
  // The first start fills the file cache.
  await startOnce();
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const { value, foreignCores } = await quiet.measure(startOnce);
    measured.push({ round, foreignCores, ...value });
    progress(`round ${round + 1} of ${rounds}: ${Math.round(value.firstByte)} ms`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const pick = (key) => kept.map((each) => each[key]);
  return {
    rounds: counted,
    measured,
    figures: [
      figure({
        name: 'stile dev to the first byte through a session',
        unit: 'ms',
        values: pick('firstByte'),
        goal: atMost(1500),
      }),
      figure({ name: 'stile dev to its last banner line', unit: 'ms', values: pick('ready') }),
      figure({
        name: 'stile dev to the first byte through stile connect',
        unit: 'ms',
        values: pick('viaConnect'),
      }),
    ],
  };
}

async function measure(scope, { endpointPort, clients, load }) {
  const home = scope.temporaryFolder('home');
  const start = sharedClockMs();
  const dev = startStile(
    ['dev', ...freePorts, '-host-address', '127.0.0.1', '-target-default-port', String(endpointPort)],
    { env: { HOME: home } },
  );
  scope.defer(() => dev.stop());
  await dev.match(/server started! Log data will stream in below:/);
  const ready = sharedClockMs() - start;
  const api = new Api(`http://${listenerAddress(dev.output, 'api')}`);
  await api.login('ampw_1234567890', 'admin', 'password');
  const { authorization_token: token } = await api.authorize('ttcp_1234567890');
  const firstByte = (await clients.call('firstByte', { token })) - start;
  const beforeConnect = sharedClockMs();
  const connect = await startConnect(scope, api, 'ttcp_1234567890');
  await load.call('setUp', { port: connect.port, count: 1, width: 1 });
  const viaConnect = firstByte + sharedClockMs() - beforeConnect;
  return { ready, firstByte, viaConnect };
}
