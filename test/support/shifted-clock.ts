/** A clock that goes wrong beside another: of a controller whose time is set back, or differs from that of the next. */
import type { Clock, Timer } from '@stile/runtime';

/** Shows the time of `base`, and some more. Durations and timers are those of `base`. */
export class ShiftedClock implements Clock {
  readonly #base: Clock;
  /** Milliseconds that it is ahead; negative = behind. */
  aheadMs: number;

  constructor(base: Clock, aheadMs = 0) {
    this.#base = base;
    this.aheadMs = aheadMs;
  }

  nowUs(): number {
    return this.#base.nowUs() + this.aheadMs * 1000;
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    return this.#base.setTimer(delayMs, fn);
  }
}
