/** How long to wait before trying again: doubling with full jitter, so that many workers do not come back at once. */

/** Delays between attempts, `minMs` up to `maxMs`. */
export interface BackoffOptions {
  /** Shortest delay, milliseconds; more than 0. */
  readonly minMs: number;
  /** Longest delay, milliseconds. */
  readonly maxMs: number;
  /** Uniform in [0, 1); default `Math.random` (no secret depends on it). */
  readonly random?: () => number;
}

/** Counts failed attempts and gives the delay before the next. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #ceilingMs: number;

  constructor(options: BackoffOptions) {
    this.#minMs = options.minMs;
    this.#maxMs = Math.max(options.minMs, options.maxMs);
    this.#random = options.random ?? Math.random;
    this.#ceilingMs = options.minMs;
  }

  /** Milliseconds to wait now: between `minMs` and a ceiling that doubles with each call up to `maxMs`. */
  next(): number {
    const delayMs = this.#minMs + this.#random() * (this.#ceilingMs - this.#minMs);
    this.#ceilingMs = Math.min(this.#maxMs, this.#ceilingMs * 2);
    return Math.round(delayMs);
  }

  /** After a success: start over at `minMs`. */
  reset(): void {
    this.#ceilingMs = this.#minMs;
  }
}
