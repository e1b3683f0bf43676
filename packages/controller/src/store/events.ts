/**
 * Events that one part of a controller, or another controller, must hear of at once: a session is to end, has ended or changed; a worker
 * was deleted or changed; auth tokens or rights changed.
 * They are delivered after the commit of the unit that published them, never before, and never when it was rolled back.
 */
import type { Connection } from './engine/connection.ts';
import type { StoreEventType } from './schema.ts';

/** What happened. A reader that missed one finds the truth in the rows. */
export type StoreEvent =
  | { readonly type: 'session-ending' | 'session-ended' | 'session-changed'; readonly sessionId: string }
  | { readonly type: 'worker-deleted' | 'worker-changed'; readonly workerId: string }
  /** One or many tokens ended, or may do less: whoever keeps something open for a token reads it again. `subjectId` is one of them. */
  | { readonly type: 'auth-tokens-changed'; readonly subjectId: string }
  /** What some user may do has changed: whoever keeps an answer open asks again. `subjectId` says what was changed. */
  | { readonly type: 'rights-changed'; readonly subjectId: string };

/** The id of what an event is about. */
export function subjectOf(event: StoreEvent): string {
  if ('workerId' in event) return event.workerId;
  return 'sessionId' in event ? event.sessionId : event.subjectId;
}

/** The event of a type about something. */
export function eventAbout(type: StoreEventType, id: string): StoreEvent {
  switch (type) {
    case 'worker-deleted':
    case 'worker-changed':
      return { type, workerId: id };
    case 'auth-tokens-changed':
    case 'rights-changed':
      return { type, subjectId: id };
    case 'session-ending':
    case 'session-ended':
    case 'session-changed':
      return { type, sessionId: id };
  }
}

/** Publishing and hearing of events. */
export interface StoreEvents {
  /** Delivers the events after the commit of `tx`, in order: here at once, on the other controllers within a second. */
  publish(tx: Connection, ...events: StoreEvent[]): Promise<void>;
  /**
   * Delivers the event after the commit of `tx` in this process alone, at no cost: for what happens often, and what the other
   * controllers find by looking at the rows.
   */
  publishHere(tx: Connection, event: StoreEvent): void;
  /**
   * Calls `listener` for each event, own and foreign, at least once; gives back how to stop it. A listener must not throw
   * and returns at once.
   */
  subscribe(listener: (event: StoreEvent) => void): () => void;
}
