/** A clock that stands still until a test moves it; timers that come due are called in order while it moves. */
import type { Clock, Timer } from '@stile/runtime';

/** Time in the hands of a test. */
export class ManualClock implements Clock {
  #nowUs: number;
  #monotonicMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly fn: () => void }>();

  /** Starts at the given time, epoch microseconds; default 2026-11-22T00:00:00Z. */
  constructor(nowUs: number = Date.parse('2026-11-22T00:00:00Z') * 1000) {
    this.#nowUs = nowUs;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), fn };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Lets time pass, milliseconds. What the timers start is not waited for. */
  advance(ms: number): void {
    const untilMs = this.#monotonicMs + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter((timer) => timer.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#moveTo(Math.max(due.atMs, this.#monotonicMs));
      due.fn();
    }
    this.#moveTo(untilMs);
  }

  #moveTo(monotonicMs: number): void {
    this.#nowUs += Math.round((monotonicMs - this.#monotonicMs) * 1000);
    this.#monotonicMs = monotonicMs;
  }
}
