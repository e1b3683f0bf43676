// Rounds of API load from a process of its own: the rate, p50 and p99 of each round; an answer that is not the wanted one fails the bench.
import { withoutDisturbedRounds } from './machine.mjs';
import { percentile } from './statistics.mjs';

/** Clients at once in the benches of the API. */
export const clients = 8;

/**
 * Runs `rounds` rounds after a warm-up.
 * @returns {Promise<{ rate: number[], p50: number[], p99: number[], calls: number, rounds: object, measured: object[] }>}
 */
export async function loadRounds({ load, quiet, progress, call, rounds, roundMs, warmUpMs }) {
  const options = { clients, expected: 200, ...call };
  check(await load.call('load', { ...options, forMs: warmUpMs }));
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const { value, foreignCores } = await quiet.measure(() =>
      load.call('load', { ...options, forMs: roundMs }),
    );
    const { times, seconds } = check(value);
    measured.push({
      round,
      foreignCores,
      calls: times.length,
      rate: times.length / seconds,
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
    });
    progress(`round ${round + 1} of ${rounds}: ${Math.round(times.length / seconds)} calls/s`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const pick = (key) => kept.map((each) => each[key]);
  const calls = measured.reduce((sum, each) => sum + each.calls, 0);
  return { rate: pick('rate'), p50: pick('p50'), p99: pick('p99'), calls, rounds: counted, measured };
}

/** The answer of a load run, when every call was answered as wanted. */
export function check(answer) {
  const { failures, firstFailure, times } = answer;
  if (Object.keys(failures).length > 0 || times.length === 0) {
    throw new Error(`calls failed: ${JSON.stringify(failures)}, the first with ${firstFailure}`);
  }
  return answer;
}

/** Headers of a call with a token. */
export function headersOf(token) {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}
