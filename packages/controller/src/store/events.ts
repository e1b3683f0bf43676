/**
 * Events that one part of a controller, or another controller, must hear of at once: a session is to end, or has ended; a worker
 * was deleted.
 * They are delivered after the commit of the unit that published them, never before, and never when it was rolled back.
 */
import type { Connection } from './engine/connection.ts';

/** What happened. A reader that missed one finds the truth in the row of the session, or finds no row of the worker. */
export type StoreEvent =
  | { readonly type: 'session-ending' | 'session-ended'; readonly sessionId: string }
  | { readonly type: 'worker-deleted'; readonly workerId: string };

/** The id of the session or worker that an event is about. */
export function subjectOf(event: StoreEvent): string {
  return event.type === 'worker-deleted' ? event.workerId : event.sessionId;
}

/** The event of a type about a session or worker. */
export function eventAbout(type: StoreEvent['type'], id: string): StoreEvent {
  return type === 'worker-deleted' ? { type, workerId: id } : { type, sessionId: id };
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
