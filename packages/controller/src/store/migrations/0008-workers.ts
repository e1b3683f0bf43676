/**
 * Worker-led enrolment, the overlap of two cluster authorities, and who used the installation in which month
 * (http-api.md §2.16, §2.17).
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
  ];
}

/** Step 8. */
export const workersStep: Step = { name: '0008-workers', statements };
