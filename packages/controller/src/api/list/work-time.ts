/** How long one list request may work on its rows, and how it shares the event loop meanwhile: a filter can be costly. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@stile/runtime';

/** A walk gives the event loop to others after this long, milliseconds: the costliest filter takes some 10 ms a row. */
const turnMs = 20;
/** A request works this long on its rows, milliseconds; then it too gives a short page and a token. */
const maxWorkMs = 1_000;

/** Shares the event loop while a request looks at many rows, and tells when the request has had its time. */
export class WorkTime {
  readonly #clock: Clock;
  #turnBeganMs: number;
  #workedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnBeganMs = clock.monotonicMs();
  }

  /** Ends a turn: the others have theirs first. False when the time of the request is used up. */
  async goesOn(): Promise<boolean> {
    this.#workedMs += this.#clock.monotonicMs() - this.#turnBeganMs;
    await setImmediate();
    this.begin();
    return this.#workedMs < maxWorkMs;
  }

  /** Whether the turn is over. */
  get isTurnOver(): boolean {
    return this.#clock.monotonicMs() - this.#turnBeganMs >= turnMs;
  }

  /** A turn begins: what came before was waiting for others. */
  begin(): void {
    this.#turnBeganMs = this.#clock.monotonicMs();
  }
}
