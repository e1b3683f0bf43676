/**
 * What belongs to one run of a unit of work beside its statements: the events to deliver when it has committed. Found by
 * the `tx` that the unit was given, so that repositories can publish without passing a second value around.
 */
import { StileError } from '@stile/protocol';
import type { Connection } from './connection.ts';
import type { StoreEvent } from '../events.ts';

const contexts = new WeakMap<Connection, UnitContext>();

/** Collects the events of one run of one unit. A run that is rolled back takes its events with it. */
export class UnitContext {
  readonly #events: StoreEvent[] = [];

  /** Ties the context to the handle that the unit gets. */
  static attach(tx: Connection): UnitContext {
    const context = new UnitContext();
    contexts.set(tx, context);
    return context;
  }

  /** @throws {StileError} internal when `tx` is not the handle of a unit */
  static of(tx: Connection): UnitContext {
    const context = contexts.get(tx);
    if (context === undefined) {
      throw new StileError('internal', 'events are published with the tx of Database.write');
    }
    return context;
  }

  /** Keeps events for the commit. */
  add(events: readonly StoreEvent[]): void {
    for (const event of events) this.#events.push(event);
  }

  /** Events in the order they were published. */
  get events(): readonly StoreEvent[] {
    return this.#events;
  }
}

/** What a statement gets that comes after its unit has ended. */
export function unitIsOver(): StileError {
  return new StileError('internal', 'the unit of work is over: its tx cannot be used any more');
}

/** What a unit gets that does not end in time. */
export function unitTookTooLong(): StileError {
  return new StileError('deadlineExceeded', 'a unit of work took too long and was rolled back');
}
