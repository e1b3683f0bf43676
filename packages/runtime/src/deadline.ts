/** A bound on how long to wait for something that may never come. */
import type { StileError } from '@stile/protocol/errors';

/**
 * The result of `work`, or the error of `onLate` when it takes longer than `ms` milliseconds. The work itself goes on: the
 * caller closes what it stands on. A late failure of it is not an unhandled rejection.
 * @throws {StileError} what `onLate` makes
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, onLate: () => StileError): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(onLate()), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
