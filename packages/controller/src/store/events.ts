/**
 * Events that one part of a controller, or another controller, must hear of at once: a session is to end, or has ended.
 * They are delivered after the commit of the unit that published them, never before, and never when it was rolled back.
 */
import type { Connection } from './engine/connection.ts';

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
