/** Awaiting a state that no event announces: asks again until an answer comes or the deadline passes. */

import { setTimeout as pause } from 'node:timers/promises';

/** Pause between two questions, milliseconds. */
const pauseMs = 20;

/** The first answer that is not undefined; fails with the deadline. */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  deadlineMs = 15_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`no answer within ${deadlineMs} ms: ${ask.toString()}`);
    await pause(pauseMs);
  }
}
