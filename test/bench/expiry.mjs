// Bench: how far from its session's end a busy and an idle connection are cut. The clients of this bench do not know the end:
// it is the worker that cuts. Sessions are started one after the other, so that their ends are spread.
import { setTimeout as pause } from 'node:timers/promises';
import { atLeast, figure } from './support/figure.mjs';
import { startProgram } from './support/remote-program.mjs';
import { percentile } from './support/statistics.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'expiry';
export const title = 'cut at the end of the session';
export const deadlineMs = 300_000;

const sessionSeconds = 4;
/** Between two sessions: 16 live at a time, their busy connections move some 50 MB/s each way together. */
const betweenMs = 250;
/** How near to the end counts. */
const toleranceMs = 100;
const tofuToken = 'B2'.repeat(10);

export async function run({ scope, isQuick, progress, quiet }) {
  const count = isQuick ? 20 : 100;
  const endpoint = startProgram(scope, 'endpoint');
  const clients = startProgram(scope, 'session-clients');
  const endpointPort = await endpoint.call('listen');
  const { api, projectId } = await startCluster(scope, { endpointPort });
  const target = await api.createTarget({
    projectId,
    name: 'short sessions',
    port: endpointPort,
    session_max_seconds: sessionSeconds,
  });
  await quiet.wait();
  const ends = new Map();
  const opening = [];
  for (let index = 0; index < count; index += 1) {
    opening.push(openPair({ api, target, clients, index, ends }));
    await pause(betweenMs);
    if ((index + 1) % 25 === 0) progress(`${index + 1} of ${count} sessions`);
  }
  await Promise.all(opening);
  await pause(sessionSeconds * 1000);
  const [near, far] = await closings({ clients, endpoint, count: 2 * count });
  const offsets = (isBusy) =>
    [...ends].map(([index, endMs]) => {
      const number = 2 * index + (isBusy ? 1 : 0);
      return Math.max(near.get(number).wallMs, far.get(number).wallMs) - endMs;
    });
  return { figures: [...figuresOf('busy', offsets(true)), ...figuresOf('idle', offsets(false))] };
}

/** One session with an idle and a busy connection. */
async function openPair({ api, target, clients, index, ends }) {
  const answer = await api.authorize(target.id);
  ends.set(index, Date.parse(answer.expiration));
  const common = { token: answer.authorization_token, tofuToken };
  await clients.call('open', { ...common, number: 2 * index });
  await clients.call('open', { ...common, number: 2 * index + 1, isBusy: true });
}

async function closings({ clients, endpoint, count }) {
  for (const end = Date.now() + 15_000; ;) {
    const both = [await clients.call('closings'), await endpoint.call('closings')];
    if (both.every((map) => map.size >= count)) return both;
    if (Date.now() > end) {
      throw new Error(
        `of ${count} connections ${both.map((map) => map.size).join(' and ')} closed after their end`,
      );
    }
    await pause(100);
  }
}

function figuresOf(kind, offsets) {
  const within = offsets.filter((offset) => Math.abs(offset) <= toleranceMs).length;
  return [
    figure({
      name: `${kind} connections cut within ${toleranceMs} ms of the end, of 100`,
      unit: '',
      values: [(within / offsets.length) * 100],
      goal: atLeast(95),
    }),
    figure({ name: `${kind} connections, p50 of the delay`, unit: 'ms', values: [percentile(offsets, 0.5)] }),
    figure({
      name: `${kind} connections, p95 of the delay`,
      unit: 'ms',
      values: [percentile(offsets, 0.95)],
    }),
    figure({ name: `${kind} connections, earliest`, unit: 'ms', values: [Math.min(...offsets)] }),
  ];
}
