/** `/v1/events`: what happens, as it happens, in server-sent events (console.md §3). No resource of Boundary's. */
import { anonymousUserId } from '@stile/protocol/ids';
import { acceptsGzip, GzipResponse, SharedPieces } from '../http/gzip-response.ts';
import { refusal } from '../access.ts';
import { readEventQuery } from '../events/event-query.ts';
import { streamViewOf } from '../events/stream-views.ts';
import type { Operation } from '../operation.ts';
import type { ApiServices } from '../services.ts';

/** Longest `Last-Event-ID` that is looked at; ours have some 45 characters. */
const longestPosition = 128;

/** The row of the table. */
export function eventOperations(services: ApiServices): readonly Operation[] {
  const shared = new SharedPieces();
  return [
    {
      resource: 'events',
      verb: 'list',
      method: 'GET',
      on: 'collection',
      summary:
        'Streams changes of sessions and workers as server-sent events: a snapshot, then deltas. Rights are those of the lists.',
      query: [
        { name: 'topic', type: 'string', summary: '`sessions`, `workers`, `overview`; several with commas.' },
        {
          name: 'scope_id',
          type: 'string',
          summary: 'Project whose sessions are shown, or with `recursive` a scope above. Default `global`.',
        },
        { name: 'recursive', type: 'boolean', summary: 'Descend into child scopes.' },
        { name: 'include_terminated', type: 'boolean', summary: 'Show sessions that have ended too.' },
        { name: 'filter', type: 'string', summary: 'Filter expression over `/item/…`.' },
        {
          name: 'ids',
          type: 'string',
          summary: 'At most 100 sessions whose counters are sent, with commas.',
        },
      ],
      permission: { type: 'session', action: 'list' },
      isStream: true,
      isNoUse: true,
      run: async (call, gate) => {
        const query = readEventQuery(call.query);
        const { caller } = call;
        if (caller.userId === anonymousUserId) throw refusal(caller);
        const header = call.headers['last-event-id'];
        const lastEventId = typeof header === 'string' ? header.slice(0, longestPosition) : undefined;
        const stream = await services.eventStreams.admit({
          caller,
          view: (now) => streamViewOf(services, query, now, gate),
          lastEventId,
        });
        const isGzip = acceptsGzip(call.headers);
        return {
          status: 200,
          headers: {
            'Content-Type': 'text/event-stream',
            'Cache-Control': 'no-store',
            // Proxies that gather answers would hold events back.
            'X-Accel-Buffering': 'no',
            Vary: 'Accept-Encoding',
            ...(isGzip ? { 'Content-Encoding': 'gzip' } : {}),
          },
          stream: (response) => stream.attach(isGzip ? new GzipResponse(response, shared) : response),
        };
      },
    },
  ];
}
