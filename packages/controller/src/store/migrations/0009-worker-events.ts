/**
 * That a worker was deleted is an event too. Step 5 knows it by now, but databases were made before it did: on those a worker could not be
 * deleted. SQLite keeps no events in the table, and cannot change a check.
 */
import type { Ddl, Step } from './ddl.ts';

function statements(ddl: Ddl): readonly string[] {
  if (ddl.engine === 'sqlite') return [];
  return [
    `alter table store_event drop constraint if exists store_event_type_check`,
    `alter table store_event add constraint store_event_known_type
      check (type in ('session-ending', 'session-ended', 'worker-deleted'))`,
  ];
}

/** Step 9. */
export const workerEventsStep: Step = { name: '0009-worker-events', statements };
