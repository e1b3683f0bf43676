/** How long connections take from the permission to their endpoint, as far as both were asked of this controller. */
import type { Clock } from '@stile/runtime';
import type { ConnectionWatch } from '../../session/session-serving.ts';

/** Connections whose end is waited for; the oldest is given up when there are more. */
const mostWaiting = 10_000;

/** Remembers beginnings in memory. */
export class SetUpTimes implements ConnectionWatch {
  readonly #clock: Clock;
  readonly #onSetUp: (scopeId: string, tookMs: number) => void;
  readonly #waiting = new Map<string, { readonly scopeId: string; readonly atMs: number }>();

  constructor(clock: Clock, onSetUp: (scopeId: string, tookMs: number) => void) {
    this.#clock = clock;
    this.#onSetUp = onSetUp;
  }

  authorized(connectionId: string, scopeId: string): void {
    this.#waiting.set(connectionId, { scopeId, atMs: this.#clock.monotonicMs() });
    if (this.#waiting.size <= mostWaiting) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      break;
    }
  }

  connected(connectionId: string): void {
    const begun = this.#waiting.get(connectionId);
    if (begun === undefined) return;
    this.#waiting.delete(connectionId);
    this.#onSetUp(begun.scopeId, this.#clock.monotonicMs() - begun.atMs);
  }
}
