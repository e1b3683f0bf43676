/** Random numbers that a seed repeats: a test prints its seed, and `STILE_TEST_SEED` runs it again the same way. */
import { randomInt } from 'node:crypto';

/** A source of random numbers. */
export interface SeededRandom {
  readonly seed: number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** A source with the seed of the environment, else a fresh one (mulberry32). */
export function seededRandom(): SeededRandom {
  const given = Number(process.env.STILE_TEST_SEED ?? '');
  const seed = Number.isInteger(given) && given > 0 ? given : randomInt(1, 2 ** 31);
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    seed,
    between,
    pick: (items) => items[between(0, items.length - 1)] ?? items[0],
  };
}
