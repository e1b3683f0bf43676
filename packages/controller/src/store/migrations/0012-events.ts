/**
 * Event streams: the index by which one look finds what changed in any scope, the streams that are open, and an index for the
 * ids deleted since a time. Each status change of a session costs one more entry at the end of the first.
 */
import type { Ddl, Step } from './ddl.ts';

function statements(ddl: Ddl): readonly string[] {
  return [
    `create index session_updated on session (updated_at)`,
    `create table event_stream (
      id text primary key,
      controller_id text not null,
      auth_token_id text,
      user_id text not null,
      opened_at ${ddl.big} not null
    ) ${ddl.end}`,
    `create index event_stream_auth_token on event_stream (auth_token_id)`,
    `create index event_stream_controller on event_stream (controller_id)`,
  ];
}

/** Step 12. */
export const eventsStep: Step = { name: '0012-events', statements };
