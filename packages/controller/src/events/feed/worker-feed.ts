/**
 * The changes of workers, read once for all viewers: there are few, so every look reads all and compares. Looks are two seconds
 * apart, as heartbeats are; one follows an event at once.
 */
import { toStileError } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { listWorkers } from '../../worker-registry/worker-repository.ts';
import type { Worker } from '../../worker-registry/worker.ts';

/** What a viewer is told. */
export interface WorkerListener {
  workersChanged(changed: readonly Worker[], removedIds: readonly string[]): void;
}

/** What the feed stands on. */
export interface WorkerFeedOptions {
  readonly database: Pick<Database, 'reader' | 'events'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time between two looks, milliseconds. */
const lookMs = 2_000;
/** Shortest time between two looks that events ask for, milliseconds. */
const gatherMs = 50;

/** Reads while it has listeners. Owns its timer; `close` once. */
export class WorkerFeed {
  readonly #options: WorkerFeedOptions;
  readonly #listeners = new Set<WorkerListener>();
  readonly #unsubscribe: () => void;
  /** What the workers were at the last look: a text that changes with all that is shown. */
  #known = new Map<string, string>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #isAsked = false;

  constructor(options: WorkerFeedOptions) {
    this.#options = options;
    this.#unsubscribe = options.database.events.subscribe((event) => {
      if (event.type === 'worker-changed' || event.type === 'worker-deleted') this.#ask();
    });
  }

  /** Tells the listener of every change from now on; the caller reads the workers as they are after this. */
  attach(listener: WorkerListener): void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#arm(0);
  }

  /** Idempotent. */
  detach(listener: WorkerListener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#known = new Map();
  }

  /** Stops and waits for the look under way. Idempotent. */
  async close(): Promise<void> {
    this.#unsubscribe();
    for (const listener of this.#listeners) this.detach(listener);
    await this.#looking;
  }

  #ask(): void {
    if (this.#listeners.size === 0) return;
    if (this.#looking === undefined) this.#arm(gatherMs);
    else this.#isAsked = true;
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#looking = this.#look().then(() => {
        this.#looking = undefined;
        if (this.#listeners.size === 0) return;
        this.#arm(this.#isAsked ? gatherMs : lookMs);
        this.#isAsked = false;
      });
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      const workers = await listWorkers(this.#options.database.reader);
      const before = this.#known;
      this.#known = new Map(workers.map((worker) => [worker.id, shownText(worker)]));
      const changed = workers.filter((worker) => before.get(worker.id) !== this.#known.get(worker.id));
      const removed = [...before.keys()].filter((id) => !this.#known.has(id));
      if (changed.length === 0 && removed.length === 0) return;
      for (const listener of this.#listeners) listener.workersChanged(changed, removed);
    } catch (error) {
      this.#options.log.warn({ err: toStileError(error) }, 'workers cannot be read; trying again');
    }
  }
}

/** Everything of a worker that a row of the list shows. */
function shownText(worker: Worker): string {
  return JSON.stringify([
    worker.version,
    worker.updated_at,
    worker.last_seen_at,
    worker.active_connections,
    worker.draining,
    worker.controller_id,
    worker.address,
    worker.release_version,
    worker.description,
    worker.config_tags,
    worker.api_tags,
  ]);
}
