/** The objects of the Cluster API as JSON Schema, by the name under which the document has them, and one example of each. */
import type { JsonSchema } from './cluster-operation.ts';

const text = (description: string): JsonSchema => ({ type: 'string', description });
const time = (description: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  description: `${description} RFC 3339, UTC.`,
});
const whole = (description: string): JsonSchema => ({ type: 'integer', minimum: 0, description });
const list = (items: JsonSchema, description: string): JsonSchema => ({ type: 'array', items, description });
const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema => ({
  type: 'object',
  properties,
  required,
});

/** Names of the objects. */
export type ClusterSchemaName =
  'Error' | 'Node' | 'Session' | 'HotSession' | 'SessionState' | 'Connection' | 'NodeError' | 'User';

/** A reference to one of the named objects. */
export const ref = (name: ClusterSchemaName): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

const sessionProperties = {
  id: text('`s_…`.'),
  username: text('Login name of the user at the primary auth method of its scope; absent without one.'),
  user_id: text('`u_…`.'),
  target_id: text('The target it leads to.'),
  scope_id: text('The project of the target.'),
  auth_token_id: text('The auth token with which it was authorized.'),
  node_ids: list({ type: 'string' }, 'Workers that carry or carried a connection of it.'),
  client_address: text('`host:port` of the client of its newest connection; absent before the first.'),
  endpoint: text('`tcp://host:port`.'),
  status: text('`pending`, `active`, `canceling` or `terminated`.'),
  start: time('When it was authorized.'),
  expires: time('When it ends by itself.'),
  end: time('When it ended; absent while it has not.'),
  end_reason: text('Why it ends or ended; absent while it does not.'),
  connections: whole('Connections that are open now.'),
  bytes_up: whole('Client to endpoint, over all its connections.'),
  bytes_down: whole('Endpoint to client, over all its connections.'),
} as const;
const sessionRequired = [
  'id',
  'user_id',
  'target_id',
  'scope_id',
  'auth_token_id',
  'node_ids',
  'endpoint',
  'status',
  'start',
  'expires',
  'connections',
  'bytes_up',
  'bytes_down',
];

/** Every named object. */
export const clusterSchemas: Readonly<Record<ClusterSchemaName, JsonSchema>> = {
  Error: object(
    {
      kind: text('The class of the error, a closed list.'),
      message: text('What is wrong, for people.'),
      details: object(
        {
          request_fields: list(
            object({ name: text('Parameter or field.'), description: text('What is wrong with it.') }, [
              'name',
              'description',
            ]),
            'Parts of the request that are not legal.',
          ),
        },
        [],
      ),
    },
    ['kind', 'message'],
  ),
  Node: object(
    {
      node_id: text('`ctrl_…` or `w_…`.'),
      kind: text('`controller` or `worker`.'),
      name: text('As configured; absent when it has none.'),
      address: object({ network: text('`tcp`.'), address: text('`host:port`.') }, ['network', 'address']),
      build_tag: text('Version of Stile that it runs.'),
      started_at: time('When its process started.'),
      updated_at: time('When it was last heard of.'),
      liveness_status: text(
        '`live`; `draining`: takes nothing new; `unavailable`: not heard of for 15 seconds, or not linked; `dead`: for five minutes.',
      ),
      num_cpus: whole('Processors of its machine.'),
      total_system_memory: whole('Memory of its machine, bytes.'),
      tags: {
        type: 'object',
        additionalProperties: { type: 'array', items: { type: 'string' } },
        description: 'Tags of a worker.',
      },
      metrics: object(
        {
          sessions: whole('Sessions with an open connection on it.'),
          connections: whole('Open connections on it.'),
          bytes_up_per_second: whole('Client to endpoint, mean of the last ten seconds.'),
          bytes_down_per_second: whole('Endpoint to client, mean of the last ten seconds.'),
        },
        ['sessions', 'connections', 'bytes_up_per_second', 'bytes_down_per_second'],
      ),
    },
    ['node_id', 'kind', 'liveness_status', 'tags', 'metrics'],
  ),
  Session: object(sessionProperties, sessionRequired),
  HotSession: object(
    {
      ...sessionProperties,
      bytes_up_per_second: whole('Client to endpoint, mean of the window.'),
      bytes_down_per_second: whole('Endpoint to client, mean of the window.'),
    },
    [...sessionRequired, 'bytes_up_per_second', 'bytes_down_per_second'],
  ),
  SessionState: object(
    {
      status: text('`pending`, `active`, `canceling` or `terminated`.'),
      start: time('When it began.'),
      end: time('When the next one began; absent for the present one.'),
    },
    ['status', 'start'],
  ),
  Connection: object(
    {
      connection_id: text('`sc_…`.'),
      session_id: text('`s_…`.'),
      user_id: text('`u_…`.'),
      username: text('Login name of the user; absent without one.'),
      target_id: text('The target of its session.'),
      status: text('`authorized`, `connected` or `closed`.'),
      client_address: text('`host:port` of the client.'),
      endpoint_address: text('`host:port` that the worker reached; absent before.'),
      bytes_up: whole('Client to endpoint.'),
      bytes_down: whole('Endpoint to client.'),
      start: time('When it was authorized.'),
    },
    [
      'connection_id',
      'session_id',
      'user_id',
      'target_id',
      'status',
      'client_address',
      'bytes_up',
      'bytes_down',
      'start',
    ],
  ),
  NodeError: object(
    { node_id: text('The worker.'), message: text('Why its live counters could not be had.') },
    ['node_id', 'message'],
  ),
  User: object({ username: text('Login name; absent without one.'), user_id: text('`u_…`.') }, ['user_id']),
};

/** `next` of a page. */
export const nextSchema: JsonSchema = text(
  'Opaque: `start` of the next page of the same query. Absent at the end.',
);

/** Pieces of an answer's schema. */
export { list as listSchema, object as objectSchema, whole as wholeSchema };

/** A session, for the examples. */
export const sessionExample: Readonly<Record<string, unknown>> = {
  id: 's_Yk3TQ8vWnA',
  username: 'user',
  user_id: 'u_1234567890',
  target_id: 'ttcp_1234567890',
  scope_id: 'p_1234567890',
  auth_token_id: 'at_9cPq2LxT7e',
  node_ids: ['w_1234567890'],
  client_address: '192.0.2.7:50412',
  endpoint: 'tcp://127.0.0.1:22',
  status: 'active',
  start: '2026-11-21T18:24:26.376640Z',
  expires: '2026-11-22T02:24:26.376640Z',
  connections: 1,
  bytes_up: 5312,
  bytes_down: 104_861_904,
};

/** A connection, for the examples. */
export const connectionExample: Readonly<Record<string, unknown>> = {
  connection_id: 'sc_c0fDQm1xZr',
  session_id: 's_Yk3TQ8vWnA',
  user_id: 'u_1234567890',
  username: 'user',
  target_id: 'ttcp_1234567890',
  status: 'connected',
  client_address: '192.0.2.7:50412',
  endpoint_address: '127.0.0.1:22',
  bytes_up: 5312,
  bytes_down: 104_861_904,
  start: '2026-11-21T18:24:27.001200Z',
};
