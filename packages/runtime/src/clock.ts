/** Time as a value: every class that waits or stamps gets a Clock, so that a test can hold one of its own. */

/** A timer that can be called off; `cancel` is idempotent. */
export interface Timer {
  /** The callback will not run any more. */
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** Now, epoch microseconds UTC (millisecond resolution of the system clock). */
  nowUs(): number;
  /** A clock that never goes back, milliseconds since some start. For durations and timeouts. */
  monotonicMs(): number;
  /**
   * Calls `fn` once, after at least `delayMs` milliseconds; any delay up to 2^53 ms. A timer does not keep the process
   * alive: what must stay up has a socket.
   */
  setTimer(delayMs: number, fn: () => void): Timer;
}

/** Longest delay that Node's timers take (2^31 − 1 ms, 24.8 days); longer ones would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

function setLongTimer(delayMs: number, fn: () => void): Timer {
  let handle: NodeJS.Timeout | undefined;
  const endsAtMs = performance.now() + Math.max(0, delayMs);
  const arm = (): void => {
    const leftMs = Math.max(0, endsAtMs - performance.now());
    // A timer may fire up to a millisecond early against performance.now(); rounding up keeps "at least".
    const isLast = leftMs <= longestTimerMs;
    handle = setTimeout(isLast ? fn : arm, isLast ? Math.ceil(leftMs) : longestTimerMs);
    handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowUs: () => Date.now() * 1000,
  monotonicMs: () => performance.now(),
  setTimer: setLongTimer,
};
