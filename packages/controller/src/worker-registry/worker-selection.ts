/**
 * Which workers may carry a new session: live ones that pass the target's filter, in random order. Authorize calls it for
 * each session, so the live rows are kept for a moment.
 */
import { randomInt } from 'node:crypto';
import { StileError } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { WorkerFilters } from './worker-filter.ts';
import type { Worker } from './worker.ts';
import { listLiveWorkers } from './worker-repository.ts';

/** How long the live rows are kept, milliseconds: short beside the liveness of 15 s. */
const keepMs = 500;
/** Most addresses in one authorization token: it must stay short enough to paste. */
const mostWorkers = 16;

/** A live worker with the address that clients dial. */
export interface SelectedWorker {
  readonly workerId: string;
  readonly address: string;
}

/** Chooses workers. */
export class WorkerSelection {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #filters: WorkerFilters;
  #kept: { readonly untilMs: number; readonly workers: Promise<Worker[]> } | undefined;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly filters: WorkerFilters;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#filters = options.filters;
  }

  /**
   * Live workers that pass the filter, in random order.
   * @throws {StileError} unavailable (none is live), failedPrecondition (the filter drops all)
   */
  async select(filter: string | null): Promise<SelectedWorker[]> {
    const live = await this.#liveWorkers();
    if (live.length === 0) {
      throw new StileError('unavailable', 'No workers are available to handle this session.');
    }
    const matching = live.filter((worker) => this.#filters.matches(filter, worker));
    if (matching.length === 0) {
      throw new StileError(
        'failedPrecondition',
        'No workers are available to handle this session, or all have been filtered.',
      );
    }
    return shuffled(matching)
      .slice(0, mostWorkers)
      .flatMap((worker) =>
        worker.address === null ? [] : [{ workerId: worker.id, address: worker.address }],
      );
  }

  /** The next `select` reads again: a worker came, went, or began to drain. */
  forget(): void {
    this.#kept = undefined;
  }

  #liveWorkers(): Promise<Worker[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#kept !== undefined && nowMs < this.#kept.untilMs) return this.#kept.workers;
    const workers = listLiveWorkers(this.#database.reader, this.#clock.nowUs());
    const kept = { untilMs: nowMs + keepMs, workers };
    this.#kept = kept;
    // Nobody hears of the same failure twice, and of no live worker only once: whoever comes next reads again.
    workers.then(
      (rows) => rows.length === 0 && this.#drop(kept),
      () => this.#drop(kept),
    );
    return workers;
  }

  #drop(kept: { readonly workers: Promise<Worker[]> }): void {
    if (this.#kept === kept) this.#kept = undefined;
  }
}

/** A copy in random order (Fisher-Yates, from the CSPRNG). */
export function shuffled<T>(items: readonly T[]): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    const [a, b] = [copy[last], copy[other]];
    if (a === undefined || b === undefined) break;
    copy[last] = b;
    copy[other] = a;
  }
  return copy;
}
