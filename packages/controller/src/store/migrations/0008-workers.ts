/**
 * Worker-led enrolment, the overlap of two cluster authorities, the deletion of workers as an event, and who used the
 * installation in which month (http-api.md §2.16, §2.17).
 */
import type { Ddl, Step } from './ddl.ts';

function statements(ddl: Ddl): readonly string[] {
  return [
    `alter table worker add column registration_key ${ddl.bytes}`,
    `alter table worker add column registration_secret_sealed ${ddl.bytes}`,
    `create unique index worker_registration_key on worker (registration_key)`,
    `alter table cluster_authority add column retired_at ${ddl.big}`,
    `create table monthly_active_user (
      month text not null check (length(month) = 7),
      user_id text not null,
      primary key (month, user_id)
    ) ${ddl.end}`,
    // SQLite keeps no events in the table, and cannot change a check.
    ...(ddl.engine === 'postgres'
      ? [
          `alter table store_event drop constraint store_event_type_check`,
          `alter table store_event add constraint store_event_type_check
            check (type in ('session-ending', 'session-ended', 'worker-deleted'))`,
        ]
      : []),
  ];
}

/** Step 8. */
export const workersStep: Step = { name: '0008-workers', statements };
