// One measured figure of a bench: its values of every round, its unit, and the goal it is judged by.
import { spread } from './statistics.mjs';

/** A goal: the median must be at least this. */
export const atLeast = (value) => ({ relation: '>=', value });

/** A goal: the median must be at most this. */
export const atMost = (value) => ({ relation: '<=', value });

/**
 * A figure. Without a goal it stands beside the others to explain them.
 * @param {object} o
 * @param {string} o.name what was measured
 * @param {string} o.unit
 * @param {number[]} o.values one for each round
 * @param {{ relation: string, value: number }} [o.goal]
 * @param {{ name: string, values: number[] }} [o.peer] the same measure of a peer in the same rounds
 * @param {string} [o.note]
 */
export function figure({ name, unit, values, goal, peer, note }) {
  const own = spread(values);
  const result = { name, unit, ...own, values: values.map(short) };
  for (const key of ['median', 'min', 'max']) result[key] = short(result[key]);
  if (peer !== undefined && peer.values.length === values.length) {
    const ratios = values.map((value, round) => value / peer.values[round]);
    const ratio = spread(ratios);
    result.peer = {
      name: peer.name,
      median: short(spread(peer.values).median),
      ratio: { median: short(ratio.median), min: short(ratio.min), max: short(ratio.max) },
    };
  }
  if (goal !== undefined) {
    result.goal = goal;
    result.met = goal.relation === '>=' ? own.median >= goal.value : own.median <= goal.value;
  }
  if (note !== undefined) result.note = note;
  return result;
}

/** Four significant digits are more than a machine like this can tell apart. */
function short(value) {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
