/** Lists of ids in pieces that one statement takes: SQLite has 32,766 parameters at most, PostgreSQL 65,535. */

/** Ids in one statement; far below the parameter limits of both engines. */
export const chunkSize = 500;

/** Cuts a list into pieces of at most `chunkSize`. */
export function* chunksOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += chunkSize) yield items.slice(start, start + chunkSize);
}
