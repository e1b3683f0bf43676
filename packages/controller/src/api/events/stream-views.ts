/** What a viewer may see of what it asked for, by its present rights: those of the list calls for the same scope (console.md §3.2). */
import { createHash } from 'node:crypto';
import { StileError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { Caller } from '../../auth/token/auth-token-service.ts';
import type { SessionView, StreamView, Topic, WorkerView } from '../../events/viewer/stream-view.ts';
import type { Acl, ListPermission } from '../../iam/acl.ts';
import { Access } from '../access.ts';
import { listableScopes } from '../list/list-operation.ts';
import type { Gate } from '../operation.ts';
import { resourceIn } from '../resources/item.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import type { EventQuery } from './event-query.ts';
import { SeenSessions, sessionViewOf, workerViewOf } from './row-views.ts';

/**
 * The view as it is now. Topics without a right are left out: a page must not break for one of them.
 * @throws {StileError} notFound (scope), unauthenticated, permissionDenied (no right to any of the topics)
 */
export async function streamViewOf(
  services: Pick<ApiServices, 'scopes'>,
  query: EventQuery,
  caller: Caller,
  gate: Gate,
): Promise<StreamView> {
  const [acl, all] = await Promise.all([gate.aclFor(caller), services.scopes.tree()]);
  const access = new Access(acl, caller);
  const root = all.find((scope) => scope.id === query.scopeId);
  if (root === undefined) throw new StileError('notFound', 'Resource not found.');
  const scopes = new Map(all.map((scope) => [scope.id, scope]));
  const permissions = sessionPermissions(acl, access, root, { all, query });
  const wholeScopes = new Set(
    [...(permissions ?? [])].flatMap(([id, { all: isAll }]) => (isAll ? [id] : [])),
  );
  const parts = { acl, access, ownerId: caller.userId, permissions: permissions ?? new Map(), scopes };
  const seen = new SeenSessions(parts);
  const { filter, includeTerminated } = query;
  const sessions = permissions && sessionViewOf({ ...parts, filter, includeTerminated }, seen);
  const workers = workersOf(access, scopes.get(globalScopeId), query);
  const topics = query.topics.filter((topic) => mayHave(topic, { sessions, workers, wholeScopes }));
  if (topics.length === 0) throw refusedView(access, root, query);
  return {
    topics,
    viewKey: viewKeyOf(query),
    rightsKey: rightsKeyOf(acl, permissions, caller.userId),
    ...(sessions !== undefined && topics.includes('sessions') ? { sessions } : {}),
    ...(workers !== undefined && topics.includes('workers') ? { workers } : {}),
    wholeScopes,
    maySee: (session) => seen.actionsOn(session) !== undefined,
    counted: query.ids,
  };
}

/** Whether the viewer may have a topic at all. */
function mayHave(
  topic: Topic,
  found: {
    readonly sessions: SessionView | undefined;
    readonly workers: WorkerView | undefined;
    readonly wholeScopes: ReadonlySet<string>;
  },
): boolean {
  if (topic === 'sessions') return found.sessions !== undefined;
  return topic === 'workers' ? found.workers !== undefined : found.wholeScopes.size > 0;
}

/** Which sessions may be listed where; undefined when listing them is not allowed. */
function sessionPermissions(
  acl: Acl,
  access: Access,
  root: ScopeNode,
  more: { readonly all: readonly ScopeNode[]; readonly query: EventQuery },
): ReadonlyMap<string, ListPermission> | undefined {
  const mayList = (scope: ScopeNode): boolean => access.may(resourceIn(scope, 'session'), 'list');
  if (!more.query.isRecursive) return mayList(root) ? acl.listPermissions('session', [root]) : undefined;
  const within = listableScopes(root, more.all, mayList);
  if (within.length === 0) return undefined;
  return acl.listPermissions(
    'session',
    within.filter((scope) => scope.type === 'project'),
  );
}

/** The refusal of a view without any topic, in the words of the first that was asked for. */
function refusedView(access: Access, root: ScopeNode, { topics }: EventQuery): StileError {
  const global = { scopeId: globalScopeId, parentScopeId: null };
  return topics[0] === 'workers'
    ? access.refusalOf({ ...global, type: 'worker' }, 'list')
    : access.refusalOf(resourceIn(root, 'session'), 'list');
}

function workersOf(access: Access, scope: ScopeNode | undefined, query: EventQuery): WorkerView | undefined {
  if (scope === undefined || !access.may(resourceIn(scope, 'worker'), 'list')) return undefined;
  // A filter is about sessions where there are some.
  return workerViewOf(access, scope, query.topics.includes('sessions') ? undefined : query.filter);
}

/** 96 bits are enough: whoever finds another text of the same hash fools nobody but himself. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

function viewKeyOf(query: EventQuery): string {
  const { topics, scopeId, isRecursive, includeTerminated, filterText } = query;
  return shortHash(JSON.stringify([topics, scopeId, isRecursive, includeTerminated, filterText]));
}

/** Changes whenever the viewer sees other rows, or may do other things with them. */
function rightsKeyOf(
  acl: Acl,
  permissions: ReadonlyMap<string, ListPermission> | undefined,
  userId: string,
): string {
  const grants = [acl.grantsKey('session'), acl.grantsKey('worker')];
  return shortHash(JSON.stringify([userId, grants, [...(permissions ?? [])]]));
}
