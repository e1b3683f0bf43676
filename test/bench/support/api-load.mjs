// Rounds of API load from a process of its own: the rate, p50 and p99 of each round; an answer that is not the wanted one fails the bench.
import { percentile } from './statistics.mjs';

/** Clients at once in the benches of the API. */
export const clients = 8;

/**
 * Runs `rounds` rounds after a warm-up.
 * @returns {Promise<{ rate: number[], p50: number[], p99: number[], calls: number, foreignCores: number[] }>}
 */
export async function loadRounds({ load, quiet, progress, call, rounds, roundMs, warmUpMs }) {
  const options = { clients, expected: 200, ...call };
  check(await load.call('load', { ...options, forMs: warmUpMs }));
  const result = { rate: [], p50: [], p99: [], calls: 0, foreignCores: [] };
  for (let round = 0; round < rounds; round += 1) {
    const { value, foreignCores } = await quiet.measure(() =>
      load.call('load', { ...options, forMs: roundMs }),
    );
    const { times, seconds } = check(value);
    result.rate.push(times.length / seconds);
    result.p50.push(percentile(times, 0.5));
    result.p99.push(percentile(times, 0.99));
    result.foreignCores.push(foreignCores);
    result.calls += times.length;
    progress(`round ${round + 1} of ${rounds}: ${Math.round(times.length / seconds)} calls/s`);
  }
  return result;
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
