// Bench: revoking one auth token with 1,000 live sessions of one connection each under it: from the POST until the client's and the
// endpoint's socket of each are closed; on SQLite and on PostgreSQL.
import { inParallel, sharedClockMs } from './support/concurrency.mjs';
import { closedBoth } from './support/closings.mjs';
import { Api } from './support/api.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startPostgres } from './support/postgres.mjs';
import { startProgram } from './support/remote-program.mjs';
import { median, percentile } from './support/statistics.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'token-revoke';
export const title = 'revoking one auth token until all sockets under it are closed';
export const deadlineMs = 900_000;

/** Sessions made at a time. */
const width = 8;
const clientProcesses = 4;
const tofuToken = 'A1'.repeat(10);

export async function run(context) {
  const { scope, isQuick } = context;
  const count = isQuick ? 200 : 1_000;
  const engines = [
    { engine: 'SQLite', databaseUrl: () => undefined },
    { engine: 'PostgreSQL', databaseUrl: () => startPostgres(scope) },
  ];
  const figures = [];
  const measured = {};
  let rounds;
  for (const { engine, databaseUrl } of engines) {
    const result = await measureEngine(context, { engine, databaseUrl: await databaseUrl(), count });
    measured[engine] = result.measured;
    figures.push(...figuresOf(result.kept, { engine, count }));
    if (rounds === undefined || result.rounds.foreignCores > rounds.foreignCores) rounds = result.rounds;
  }
  return { figures, rounds, measured };
}

async function measureEngine({ scope, isQuick, quiet, progress }, { engine, databaseUrl, count }) {
  const endpoint = startProgram(scope, 'endpoint');
  const clients = startClients(scope);
  const endpointPort = await endpoint.call('listen');
  const cluster = await startCluster(scope, { endpointPort, databaseUrl });
  const rounds = isQuick ? 2 : 5;
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const login = await openSessions(cluster, { clients, firstNumber: round * count, count });
    progress(`${engine}, round ${round + 1} of ${rounds}: ${count} sessions stand`);
    // A token cannot be revoked twice: one attempt, whatever others do meanwhile.
    const { value, foreignCores } = await quiet.measure(() => revoke(cluster.api, login.id), { attempts: 1 });
    const closed = await closedBoth({ endpoint, clients, count: (round + 1) * count });
    const delays = Array.from({ length: count }, (_, index) => closed(round * count + index) - value.startMs);
    requireAll(value.revocation, count);
    const times = {
      first: Math.min(...delays),
      p50: median(delays),
      p99: percentile(delays, 0.99),
      last: Math.max(...delays),
      answer: value.answerMs,
    };
    measured.push({ round, foreignCores, confirmed: value.revocation.sessions_confirmed, ...times });
    progress(
      Object.entries(times)
        .map(([key, ms]) => `${key} ${Math.round(ms)} ms`)
        .join(', '),
    );
  }
  // The next engine must not share the cores with this one.
  await cluster.worker.stop();
  await cluster.controller.stop();
  return { measured, ...withoutDisturbedRounds(measured) };
}

/** The clients, in some processes: one alone would spend longer on taking note of the closed sockets than the worker on closing them. */
function startClients(scope) {
  const programs = Array.from({ length: clientProcesses }, () => startProgram(scope, 'session-clients'));
  return {
    openAll: (connections) =>
      Promise.all(
        programs.map((program, at) => {
          const own = connections.filter((_, index) => index % clientProcesses === at);
          return program.call('openAll', { connections: own, width: width / clientProcesses }, 300_000);
        }),
      ),
    call: async (operation) => {
      const answers = await Promise.all(programs.map((program) => program.call(operation)));
      return new Map(answers.flatMap((answer) => [...answer]));
    },
  };
}

/** A new login, with sessions under it that stand on both sides. */
async function openSessions({ api, installation, target }, { clients, firstNumber, count }) {
  const owner = new Api(api.address);
  const login = await installation.login(owner);
  const connections = [];
  await inParallel(count, width, async (index) => {
    const { authorization_token: token } = await owner.authorize(target.id);
    connections.push({ number: firstNumber + index, token, tofuToken });
  });
  await clients.openAll(connections);
  return login;
}

async function revoke(api, id) {
  const startMs = sharedClockMs();
  const { revocation } = await api.call('POST', `/v1/auth-tokens/${id}:revoke`, {});
  return { startMs, answerMs: sharedClockMs() - startMs, revocation };
}

/** Every session must have been ended; how many are confirmed is measured. */
function requireAll(revocation, count) {
  if (revocation.sessions !== count) {
    throw new Error(`${count} sessions stood, the answer says ${JSON.stringify(revocation)}`);
  }
}

function figuresOf(kept, { engine, count }) {
  const pick = (key) => kept.map((each) => each[key]);
  const label = `revoke to both sockets closed, ${count} sessions, ${engine}`;
  return [
    figure({ name: `${label}, p99`, unit: 'ms', values: pick('p99'), goal: atMost(250) }),
    figure({ name: `${label}, p50`, unit: 'ms', values: pick('p50') }),
    figure({ name: `${label}, first`, unit: 'ms', values: pick('first') }),
    figure({ name: `${label}, last`, unit: 'ms', values: pick('last') }),
    figure({ name: `revoke to the answer, ${engine}`, unit: 'ms', values: pick('answer') }),
    figure({ name: `sessions confirmed by it, ${engine}`, unit: '', values: pick('confirmed') }),
  ];
}
