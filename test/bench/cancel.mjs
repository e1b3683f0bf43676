// Bench: cancel -> both sockets closed, with 1,000 live sessions of one connection each: from the POST until the client's and
// the endpoint's socket are closed, a few cancels under way at a time.
import { closedBoth } from './support/closings.mjs';
import { atMost, figure } from './support/figure.mjs';
import { inParallel, sharedClockMs } from './support/concurrency.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { percentile } from './support/statistics.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'cancel';
export const title = 'cancel until both sockets are closed';
export const deadlineMs = 600_000;

/** Cancels under way at a time. */
const width = 8;
const tofuToken = 'A1'.repeat(10);

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 1 : 5;
  const count = isQuick ? 100 : 1_000;
  const endpoint = startProgram(scope, 'endpoint');
  const clients = startProgram(scope, 'session-clients');
  const endpointPort = await endpoint.call('listen');
  const { api, target } = await startCluster(scope, { endpointPort });
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const sessions = await openSessions({ api, target, clients, firstNumber: round * count, count });
    progress(`round ${round + 1} of ${rounds}: ${count} sessions stand`);
    // Sessions cannot be ended twice: one attempt, whatever others do meanwhile.
    const { value: posted, foreignCores } = await quiet.measure(() => cancelAll(api, sessions), {
      attempts: 1,
    });
    const closed = await closedBoth({ endpoint, clients, count: (round + 1) * count });
    const delays = sessions.map(({ number }) => closed(number) - posted.get(number).startMs);
    const answers = sessions.map(({ number }) => posted.get(number).answerMs);
    measured.push({
      round,
      foreignCores,
      p50: percentile(delays, 0.5),
      p99: percentile(delays, 0.99),
      slowest: Math.max(...delays),
      answerP50: percentile(answers, 0.5),
      answerP99: percentile(answers, 0.99),
    });
    await checkTerminated(api, sessions[0].sessionId);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const pick = (key) => kept.map((each) => each[key]);
  const label = `cancel to both sockets closed, ${count} live sessions`;
  return {
    rounds: counted,
    measured,
    figures: [
      figure({ name: `${label}, p50`, unit: 'ms', values: pick('p50') }),
      figure({ name: `${label}, p99`, unit: 'ms', values: pick('p99'), goal: atMost(250) }),
      figure({ name: `${label}, slowest`, unit: 'ms', values: pick('slowest') }),
      figure({ name: 'cancel to answer of the API, p50', unit: 'ms', values: pick('answerP50') }),
      figure({ name: 'cancel to answer of the API, p99', unit: 'ms', values: pick('answerP99') }),
    ],
  };
}

async function openSessions({ api, target, clients, firstNumber, count }) {
  const sessions = [];
  await inParallel(count, width, async (index) => {
    const answer = await api.authorize(target.id);
    const number = firstNumber + index;
    sessions.push({ number, sessionId: answer.session_id, token: answer.authorization_token });
  });
  const connections = sessions.map(({ number, token }) => ({ number, token, tofuToken }));
  await clients.call('openAll', { connections, width }, 300_000);
  // A cancel names the version it has seen; reading it is no part of what is timed.
  await inParallel(count, width, async (index) => {
    const { version } = await api.call('GET', `/v1/sessions/${sessions[index].sessionId}`);
    sessions[index].version = version;
  });
  return sessions;
}

/** When each cancel began, and how long its answer took. */
async function cancelAll(api, sessions) {
  const posted = new Map();
  await inParallel(sessions.length, width, async (index) => {
    const { number, sessionId, version } = sessions[index];
    const startMs = sharedClockMs();
    await api.call('POST', `/v1/sessions/${sessionId}:cancel`, { version });
    posted.set(number, { startMs, answerMs: sharedClockMs() - startMs });
  });
  return posted;
}

/** The record must agree with the sockets. */
async function checkTerminated(api, sessionId) {
  for (const end = Date.now() + 15_000; ;) {
    const { status } = await api.call('GET', `/v1/sessions/${sessionId}`);
    if (status === 'terminated') return;
    if (Date.now() > end) throw new Error(`session ${sessionId} is ${status} 15 s after its cancel`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
