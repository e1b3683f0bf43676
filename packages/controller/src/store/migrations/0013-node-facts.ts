/** What the Cluster API tells of controllers, workers and traffic (tokens.md §4.2). */
import type { Ddl, Step } from './ddl.ts';

function machineColumns(ddl: Ddl, table: string): readonly string[] {
  return [
    `alter table ${table} add column started_at ${ddl.big}`,
    `alter table ${table} add column cpu_count ${ddl.int}`,
    `alter table ${table} add column memory_bytes ${ddl.big}`,
  ];
}

function statements(ddl: Ddl): readonly string[] {
  return [
    ...machineColumns(ddl, 'worker'),
    ...machineColumns(ddl, 'controller'),
    `alter table controller add column release_version text`,
    `alter table controller add column draining ${ddl.int} not null default 0 check (draining in (0, 1))`,
    // A session that nobody carries has no row: the table is as small as the traffic of the moment.
    `create table session_traffic (
      worker_id text not null,
      session_id text not null,
      measured_at ${ddl.big} not null,
      up_per_second ${ddl.big} not null check (up_per_second >= 0),
      down_per_second ${ddl.big} not null check (down_per_second >= 0),
      primary key (worker_id, session_id)
    ) ${ddl.end}`,
    `create index session_traffic_measured on session_traffic (measured_at)`,
  ];
}

/** Step 13. */
export const nodeFactsStep: Step = { name: '0013-node-facts', statements };
