/**
 * Events that one part of a controller, or another controller, must hear of at once: a session is to end, or has ended.
 * They are delivered after the commit of the unit that published them, never before, and never when it was rolled back.
 */
import type { Logger } from '@stile/runtime';
import { toStileError } from '@stile/protocol';
import type { Connection } from './connection.ts';
import { UnitContext } from './unit-context.ts';

/** What happened to a session. A reader that missed one finds the truth in the session's row. */
export interface StoreEvent {
  readonly type: 'session-ending' | 'session-ended';
  readonly sessionId: string;
}

/** Publishing and hearing of events. */
export interface StoreEvents {
  /** Delivers the event after the commit of `tx`, here at once and on the other controllers within a second. */
  publish(tx: Connection, event: StoreEvent): Promise<void>;
  /**
   * Calls `listener` for each event, own and foreign, at least once; gives back how to stop it. A listener must not throw
   * and returns at once.
   */
  subscribe(listener: (event: StoreEvent) => void): () => void;
}

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

  publish(tx: Connection, event: StoreEvent): Promise<void> {
    UnitContext.of(tx).add(event);
    return Promise.resolve();
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.#hub.subscribe(listener);
  }
}
