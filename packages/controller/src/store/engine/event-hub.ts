/** Delivers events within this process; on SQLite, whose file has one process, that is all there is to do. */
import { toStileError } from '@stile/protocol';
import type { Logger } from '@stile/runtime';
import type { StoreEvent, StoreEvents } from '../events.ts';
import type { Connection } from './connection.ts';
import { UnitContext } from './unit-context.ts';

/** Hands events to the listeners of this process. */
export class EventHub {
  readonly #log: Logger;
  readonly #listeners = new Set<(event: StoreEvent) => void>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Adds a listener; gives back how to take it off. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls every listener, whatever one of them throws. */
  deliver(events: readonly StoreEvent[]): void {
    for (const event of events) {
      for (const listener of this.#listeners) {
        try {
          listener(event);
        } catch (error) {
          // A listener's fault must not keep the others, or the writer, from going on.
          this.#log.error({ err: toStileError(error), event }, 'a listener of store events failed');
        }
      }
    }
  }
}

/** Events of an engine with one controller: what was committed here is all there is. */
export class LocalEvents implements StoreEvents {
  readonly #hub: EventHub;

  constructor(hub: EventHub) {
    this.#hub = hub;
  }

  publish(tx: Connection, ...events: StoreEvent[]): Promise<void> {
    UnitContext.of(tx).add(events);
    return Promise.resolve();
  }

  publishHere(tx: Connection, event: StoreEvent): void {
    UnitContext.of(tx).add([event]);
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.#hub.subscribe(listener);
  }
}
