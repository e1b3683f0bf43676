/** `/api/v2/sessions/`: who is connected to what, which sessions move most bytes, and everything about one. */
import { invalidField } from '@stile/protocol/errors';
import type { HotPosition, HotSession, SessionView } from '../../../session/view/session-views.ts';
import { ok, type Call } from '../../operation.ts';
import { readScope, required, resourceIn } from '../../resources/item.ts';
import { isId, isStorable } from '../../schema/text-rules.ts';
import type { ApiServices } from '../../services.ts';
import {
  clusterOperation,
  guardedFailures,
  type ClusterOperation,
  type ClusterParameter,
} from '../cluster-operation.ts';
import {
  pageOfRows,
  pageParameters,
  readPage,
  rowPosition,
  type PageInput,
  type RowPosition,
} from '../paging.ts';
import {
  renderConnection,
  renderHotSession,
  renderNodeError,
  renderSession,
  renderState,
} from '../rendering.ts';
import {
  connectionExample,
  listSchema,
  nextSchema,
  objectSchema,
  ref,
  sessionExample,
  wholeSchema,
} from '../schemas.ts';
import { sessionRights } from './session-rights.ts';

/** The window of the rates, seconds. */
const windowSeconds = 10;
/** Longest login name that is looked for, characters. */
const longestName = 500;
const words = 'session:list in global (recursive): all sessions; without it the own ones';

/** Whose sessions are asked for. */
interface UserFilter {
  readonly username: string | undefined;
  readonly userId: string | undefined;
}

interface ListInput extends PageInput<RowPosition>, UserFilter {
  readonly includeTerminated: boolean;
}

function readUserFilter({ query }: Call): UserFilter {
  const has = (name: string): boolean => query.names.includes(name);
  const [username, userId] = [query.text('username'), query.text('user_id')];
  if (has('username') && has('user_id')) throw invalidField('user_id', 'Not together with username.');
  if (has('username') && (username === '' || username.length > longestName || !isStorable(username))) {
    throw invalidField('username', 'This parameter must be a login name.');
  }
  if (has('user_id') && !isId(userId, ['u']))
    throw invalidField('user_id', 'This parameter must be an id `u_…`.');
  return { username: has('username') ? username : undefined, userId: has('user_id') ? userId : undefined };
}

/** `true` or `false`; the default when it is absent. @throws {StileError} invalidArgument */
function readFlag({ query }: Call, name: string, whenAbsent: boolean): boolean {
  if (!query.names.includes(name)) return whenAbsent;
  const text = query.text(name);
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalidField(name, 'This parameter must be true or false.');
}

/** Ids of the users that are asked for; undefined = all. */
async function userIdsOf(services: ApiServices, filter: UserFilter): Promise<readonly string[] | undefined> {
  if (filter.userId !== undefined) return [filter.userId];
  return filter.username === undefined ? undefined : services.sessionViews.userIdsOf(filter.username);
}

const listParameters: readonly ClusterParameter[] = [
  {
    name: 'username',
    in: 'query',
    description: 'Only sessions of users with this login name. Not together with `user_id`.',
    schema: { type: 'string' },
  },
  {
    name: 'user_id',
    in: 'query',
    description: 'Only sessions of this user.',
    schema: { type: 'string' },
  },
  {
    name: 'exclude_closed_sessions',
    in: 'query',
    description: 'Leave out sessions that have ended; they are kept for an hour.',
    schema: { type: 'boolean', default: true },
  },
  ...pageParameters,
];

function listSessions(services: ApiServices): ClusterOperation {
  const path = 'sessions/';
  const { keys } = services.lists;
  return clusterOperation({
    path,
    method: 'GET',
    operationId: 'listSessions',
    summary: 'Lists sessions, newest first.',
    stability: 'stable',
    resource: 'sessions',
    verb: 'list',
    needs: { type: 'session', action: 'list', hasSelf: true, words },
    parameters: listParameters,
    answer: {
      description: 'Sessions, and the workers whose live counters could not be had.',
      schema: objectSchema(
        {
          sessions: listSchema(ref('Session'), 'Newest first.'),
          errors: listSchema(ref('NodeError'), 'Workers whose live counters could not be had.'),
          next: nextSchema,
        },
        ['sessions', 'errors'],
      ),
      example: {
        sessions: [sessionExample],
        errors: [
          {
            node_id: 'w_0987654321',
            message: 'the worker was last heard of 23 s ago; the counters are of then',
          },
        ],
      },
    },
    failures: guardedFailures,
    parse: (call): ListInput => ({
      ...readPage<RowPosition>(path, call, keys),
      ...readUserFilter(call),
      includeTerminated: !readFlag(call, 'exclude_closed_sessions', true),
    }),
    locate: () => Promise.resolve(),
    authorize: (access) => sessionRights(services, access),
    act: async ({ input, granted }) => {
      const { includeTerminated, limit, after } = input;
      const userIds = await userIdsOf(services, input);
      const rows = await services.sessionViews.list({
        ...granted.rights,
        includeTerminated,
        ...(userIds === undefined ? {} : { userIds }),
        page: { limit: limit + 1, phase: 'created', ...(after === undefined ? {} : { after }) },
      });
      const page = pageOfRows<SessionView, RowPosition>(rows, input, {
        position: ({ session }) => rowPosition(session),
        keys,
      });
      const shown = granted.whole(page.rows);
      const silent = await services.sessionViews.silentWorkers(shown);
      return ok({
        sessions: shown.map(renderSession),
        errors: silent.map(renderNodeError),
        ...page.next,
      });
    },
  });
}

interface HotInput extends PageInput<HotPosition> {
  readonly nodeId: string | undefined;
}

function readHotInput(path: string, call: Call, services: ApiServices): HotInput {
  const { query } = call;
  const nodeId = query.text('node_id');
  const isGiven = query.names.includes('node_id');
  if (isGiven && nodeId !== 'local' && !isId(nodeId, ['w', 'ctrl'])) {
    throw invalidField('node_id', 'This parameter must be `w_…`, `ctrl_…` or `local`.');
  }
  return {
    ...readPage<HotPosition>(path, call, services.lists.keys),
    nodeId: isGiven ? nodeId : undefined,
  };
}

function listHotSessions(services: ApiServices): ClusterOperation {
  const path = 'sessions/hot/';
  const { keys } = services.lists;
  const example = { ...sessionExample, bytes_up_per_second: 531, bytes_down_per_second: 10_486_190 };
  return clusterOperation({
    path,
    method: 'GET',
    operationId: 'listHotSessions',
    summary: 'Lists the sessions that moved bytes in the last ten seconds, busiest first.',
    description:
      'A session that has ended since is among them. The order is that of the moment: a session may change its place between two pages.',
    stability: 'unstable',
    resource: 'sessions',
    verb: 'hot',
    needs: { type: 'session', action: 'list', hasSelf: true, words },
    parameters: [
      {
        name: 'node_id',
        in: 'query',
        description: 'Only what this node carries: `w_…`. A controller, or `local`, carries nothing.',
        schema: { type: 'string' },
      },
      ...pageParameters,
    ],
    answer: {
      description: 'Sessions with their rates.',
      schema: objectSchema(
        {
          sessions: listSchema(ref('HotSession'), 'Busiest first.'),
          window_seconds: wholeSchema('The window over which rates are taken.'),
          next: nextSchema,
        },
        ['sessions', 'window_seconds'],
      ),
      example: { sessions: [example], window_seconds: windowSeconds },
    },
    failures: { ...guardedFailures, 404: 'There is no such node.' },
    parse: (call) => readHotInput(path, call, services),
    locate: async ({ nodeId }) =>
      nodeId === undefined ? undefined : required(await services.nodes.lookup(nodeId)),
    authorize: (access) => sessionRights(services, access),
    act: async ({ input, found, granted }) => {
      const { limit, after } = input;
      const rows =
        found?.kind === 'controller'
          ? []
          : await services.sessionViews.hot(
              { ...granted.rights, workerId: found?.id },
              { limit: limit + 1, after },
            );
      const page = pageOfRows<HotSession, HotPosition>(rows, input, {
        position: ({ session, rates }) => ({ rate: rates.up + rates.down, id: session.id }),
        keys,
      });
      return ok({
        sessions: granted.whole(page.rows).map(renderHotSession),
        window_seconds: windowSeconds,
        ...page.next,
      });
    },
  });
}

function readSession(services: ApiServices): ClusterOperation {
  return clusterOperation({
    path: 'sessions/{session_id}/',
    method: 'GET',
    operationId: 'readSession',
    summary: 'Reads a session with its states and all its connections.',
    stability: 'stable',
    resource: 'sessions',
    verb: 'read',
    needs: {
      type: 'session',
      action: 'read',
      hasSelf: true,
      words: 'session:read in the scope of the session, or session:read:self for the own',
    },
    parameters: [{ name: 'session_id', in: 'path', description: '`s_…`.', schema: { type: 'string' } }],
    answer: {
      description: 'The session.',
      schema: objectSchema(
        {
          session: ref('Session'),
          states: listSchema(ref('SessionState'), 'Newest first; the first is the status.'),
          connections: listSchema(ref('Connection'), 'Newest first, closed ones among them.'),
        },
        ['session', 'states', 'connections'],
      ),
      example: {
        session: sessionExample,
        states: [
          { status: 'active', start: '2026-11-21T18:24:27Z' },
          { status: 'pending', start: '2026-11-21T18:24:26.376640Z', end: '2026-11-21T18:24:27Z' },
        ],
        connections: [connectionExample],
      },
    },
    failures: { ...guardedFailures, 404: 'There is no such session.' },
    parse: ({ params }) => {
      const id = params['session_id'] ?? '';
      if (isId(id, ['s'])) return id;
      throw invalidField('session_id', 'This must be an id `s_…`.');
    },
    locate: async (id) => {
      const session = required(await services.sessions.lookup(id));
      return { session, scope: await readScope(services.scopes, session.scope_id) };
    },
    authorize: (access, { session, scope }) => {
      const resource = resourceIn(scope, 'session', session.id);
      access.requireWhole(
        { type: 'session', action: 'read', hasSelf: true },
        { resource, ownerId: session.user_id },
      );
    },
    act: async ({ input }) => {
      const detail = required(await services.sessionViews.read(input));
      return ok({
        session: renderSession(detail),
        states: detail.states.map(renderState),
        connections: detail.connections.map(renderConnection),
      });
    },
  });
}

/** The rows about sessions. */
export function clusterSessionOperations(services: ApiServices): readonly ClusterOperation[] {
  return [listSessions(services), listHotSessions(services), readSession(services)];
}
