/** `/v1/sessions`: read, list and cancel (http-api.md §2.15). Nothing else changes a session from outside. */
import {
  closedReasonWords,
  isConnectionEndReason,
  isSessionEndReason,
  terminationReasonWords,
} from '@stile/protocol/session-status';
import { sessionStates, type SessionConnection, type SessionRow } from '../../session/session.ts';
import type { Access, ActionPermission } from '../access.ts';
import { scopeListOperation } from '../list/list-operation.ts';
import { ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeAction, fieldErrors } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  idField,
  scopeField,
  shownList,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { itemActions, readScope, required, requirePathId, resourceIn, scopeInfo } from './item.ts';

const shownCount = { kind: 'uint32', access: 'output' } as const;

const schema = schemaOf('Session', {
  id: idField,
  target_id: shownText,
  scope: scopeField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: shownText,
  expiration_time: shownTime,
  auth_token_id: shownText,
  user_id: shownText,
  host_set_id: shownText,
  host_id: shownText,
  scope_id: shownText,
  endpoint: { ...shownText, summary: '`tcp://host:port`.' },
  states: shownList({ status: shownText, start_time: shownTime, end_time: shownTime }),
  status: { ...shownText, summary: '`pending`, `active`, `canceling` or `terminated`.' },
  certificate: { kind: 'bytes', access: 'output', summary: 'DER.' },
  termination_reason: { ...shownText, summary: 'Why the session ended, in Boundary’s words.' },
  end_reason: { ...shownText, summary: 'Why the session ends or ended, in ours.' },
  ended_by: { ...shownText, summary: 'User, worker or `system`: who ended it.' },
  authorized_actions: actionsField,
  connections: shownList({
    client_tcp_address: shownText,
    client_tcp_port: shownCount,
    endpoint_tcp_address: shownText,
    endpoint_tcp_port: shownCount,
    bytes_up: { kind: 'int64', access: 'output' },
    bytes_down: { kind: 'int64', access: 'output' },
    closed_reason: shownText,
    id: shownText,
    worker_id: shownText,
    status: shownText,
    created_time: shownTime,
    connected_time: shownTime,
    closed_time: shownTime,
    end_reason: shownText,
  }),
  revocation: {
    kind: 'object',
    access: 'output',
    summary: 'After a cancel: workers that carried the session, and those that confirmed its end.',
    fields: {
      workers: { ...shownCount, isAlwaysShown: true },
      workers_confirmed: { ...shownCount, isAlwaysShown: true },
    },
  },
});
type SessionValues = Output<(typeof schema)['fields']>;

const facts = { resource: 'sessions', type: 'session', schema } as const;
const prefixes = ['s'];
/** Longest wait of a cancel for the workers' acknowledgement, milliseconds. */
const cancelWaitMs = 2_000;

interface LocatedSession {
  readonly session: SessionRow;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
  readonly ownerId: string;
}

/** What is the same for everybody who sees the session. */
function sharedValues(session: SessionRow, scope: ScopeNode): SessionValues {
  const reason = session.end_reason;
  return {
    id: session.id,
    target_id: session.target_id,
    scope: scopeInfo(scope),
    created_time: session.created_at,
    updated_time: session.updated_at,
    version: session.version,
    type: session.type,
    expiration_time: session.expires_at,
    auth_token_id: session.auth_token_id,
    user_id: session.user_id,
    host_set_id: session.host_set_id,
    host_id: session.host_id,
    scope_id: session.scope_id,
    endpoint: session.endpoint,
    states: sessionStates(session).map((state) => ({
      status: state.status,
      start_time: state.startedAt,
      end_time: state.endedAt,
    })),
    status: session.status,
    certificate: session.certificate,
    termination_reason:
      session.status === 'terminated' && reason !== null && isSessionEndReason(reason)
        ? terminationReasonWords[reason]
        : null,
    end_reason: reason,
    ended_by: session.ended_by,
  };
}

function rowValues(session: SessionRow, scope: ScopeNode, access: Access): SessionValues {
  const actions = itemActions(access, resourceIn(scope, 'session', session.id));
  return { ...sharedValues(session, scope), authorized_actions: actions };
}

function connectionValues(connection: SessionConnection): NonNullable<SessionValues['connections']>[number] {
  const reason = connection.end_reason;
  return {
    client_tcp_address: connection.client_address,
    client_tcp_port: connection.client_port,
    endpoint_tcp_address: connection.endpoint_address,
    endpoint_tcp_port: connection.endpoint_port,
    bytes_up: connection.bytes_up,
    bytes_down: connection.bytes_down,
    closed_reason: reason !== null && isConnectionEndReason(reason) ? closedReasonWords[reason] : null,
    id: connection.id,
    worker_id: connection.worker_id,
    status: connection.status,
    created_time: connection.created_at,
    connected_time: connection.connected_at,
    closed_time: connection.closed_at,
    end_reason: reason,
  };
}

async function locate(services: ApiServices, id: string): Promise<LocatedSession> {
  const session = required(await services.sessions.lookup(id));
  const scope = await readScope(services.scopes, session.scope_id);
  return { session, scope, resource: resourceIn(scope, 'session', id), ownerId: session.user_id };
}

function readOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads a session with its connections.',
    response: { schema },
    permission: { type: 'session', action: 'read', hasSelf: true },
    parse: ({ id }) => requirePathId(id, 'read', prefixes),
    locate: (id) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      const { session, connections } = required(await services.sessions.read(input));
      const values = {
        ...rowValues(session, found.scope, access),
        connections: connections.map(connectionValues),
      };
      return ok(renderItem(schema, values, visible));
    },
  });
}

const cancelRequest = schemaOf('CancelSessionRequest', {
  version: { kind: 'uint32', access: 'change', summary: 'The version that the caller saw.' },
});

function readCancel(call: Call): { readonly id: string; readonly version: number } {
  const id = requirePathId(call.id, 'action', prefixes);
  const { version = 0 } = decodeAction(cancelRequest.fields, call.body);
  if (version > 0) return { id, version };
  throw fieldErrors('Improperly formatted identifier.', [
    { name: 'version', description: 'Required field.' },
  ]);
}

function cancelOperation(services: ApiServices): Operation {
  const permission: ActionPermission = { type: 'session', action: 'cancel', hasSelf: true };
  return operation({
    ...facts,
    verb: 'cancel',
    method: 'POST',
    on: 'item',
    summary: 'Ends a session and says which workers have confirmed it. Doing it again changes nothing.',
    request: cancelRequest,
    response: { schema },
    permission,
    parse: readCancel,
    locate: ({ id }) => locate(services, id),
    act: async ({ call, input, found, access, visible }) => {
      const { detail, revocation } = await services.sessions.cancel({
        sessionId: input.id,
        version: input.version,
        by: call.caller.userId,
        waitMs: cancelWaitMs,
      });
      const values: SessionValues = {
        ...rowValues(asCanceled(found.session, detail.session), found.scope, access),
        revocation: { workers: revocation.workers, workers_confirmed: revocation.confirmed },
      };
      return ok(renderItem(schema, values, visible));
    },
  });
}

/**
 * The session as the cancel itself left it: `canceling`, also when its end was confirmed while the call waited; unchanged when
 * it was ending before (http-api.md §2.15).
 */
function asCanceled(before: SessionRow, after: SessionRow): SessionRow {
  if (before.status === 'canceling' || before.status === 'terminated') return before;
  if (after.status !== 'terminated' || after.canceling_at === null) return after;
  return {
    ...after,
    status: 'canceling',
    terminated_at: null,
    version: before.version + 1,
    updated_at: after.canceling_at,
  };
}

/** A session in a list, with what the caller may do and see of it. */
export function sessionItem(
  session: SessionRow,
  scope: ScopeNode,
  shown: { readonly actions: readonly string[]; readonly visible: VisibleFields },
): Record<string, unknown> {
  const values = { ...sharedValues(session, scope), authorized_actions: shown.actions };
  return renderItem(schema, values, shown.visible);
}

/** A session in an event stream: as in a list, without certificate and states, which are more than the rest together. */
export function sessionEventRow(
  session: SessionRow,
  scope: ScopeNode,
  shown?: { readonly actions: readonly string[]; readonly visible: VisibleFields },
): Record<string, unknown> {
  const values = { ...sharedValues(session, scope), certificate: null, states: null };
  return shown === undefined
    ? renderItem(schema, values)
    : renderItem(schema, { ...values, authorized_actions: shown.actions }, shown.visible);
}

/** Whether a caller sees a session in a list: with `:self` actions alone only the own ones. */
export function isListed(
  session: Pick<SessionRow, 'user_id'>,
  actions: readonly string[],
  userId: string,
): boolean {
  return session.user_id === userId
    ? actions.length > 0
    : actions.some((action) => !action.endsWith(':self'));
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<SessionRow>(
    {
      ...facts,
      summary: 'Lists sessions.',
      query: [{ name: 'include_terminated', type: 'boolean', summary: 'Show sessions that have ended too.' }],
      levels: ['project'],
      wrongScope: 'This field must be a valid project scope ID or the list operation must be recursive.',
      source: ({ call, access, permissions, scopeOf }) => {
        const includeTerminated = call.query.flag('include_terminated');
        const ownerId = call.caller.userId;
        return {
          // A refresh looks at ended sessions too: who lists without them must hear that they are gone.
          page: (page) =>
            services.sessions.list({
              permissions,
              ownerId,
              includeTerminated: includeTerminated || page.phase === 'updated',
              page,
            }),
          counted: { table: 'session', permissions, ownerId, livingOnly: !includeTerminated },
          stamps: (row) => row,
          hasLeft: (row) => !includeTerminated && row.status === 'terminated',
          render: (rows) =>
            Promise.resolve(
              rows.map((session) => {
                const scope = scopeOf(session.scope_id);
                const values = rowValues(session, scope, access);
                if (!isListed(session, values.authorized_actions ?? [], ownerId)) return undefined;
                return renderItem(schema, values, access.listed(resourceIn(scope, 'session', session.id)));
              }),
            ),
        };
      },
    },
    services,
  );
}

/** The rows of `/v1/sessions`. */
export function sessionOperations(services: ApiServices): readonly Operation[] {
  return [listOperation(services), readOperation(services), cancelOperation(services)];
}
