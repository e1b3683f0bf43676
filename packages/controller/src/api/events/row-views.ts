/**
 * Rows of an event stream as one viewer sees them: the objects of the lists, without what is large (console.md §3.2). What all viewers see
 * the same of a row is made once for all of them.
 */
import type { Filter } from '@stile/protocol/filter';
import type { SessionView, Shown, WorkerView } from '../../events/viewer/stream-view.ts';
import type { Acl, AclResource, ListPermission } from '../../iam/acl.ts';
import type { Access } from '../access.ts';
import { itemActions, resourceIn } from '../resources/item.ts';
import { isListed, sessionEventRow, sessionItem } from '../resources/sessions.ts';
import { showWorker } from '../resources/workers.ts';
import type { VisibleFields } from '../schema/render.ts';
import type { ScopeNode } from '../services.ts';

type ShownSession = Parameters<SessionView['show']>[0];
type SeenSession = Pick<ShownSession, 'id' | 'scope_id' | 'user_id'>;

/** JSON of what all viewers see, without the closing brace. The feed gives all viewers the same row object. */
const sharedTexts = new WeakMap<ShownSession, { readonly scope: ScopeNode; readonly text: string }>();

function sharedText(row: ShownSession, scope: ScopeNode): string {
  const known = sharedTexts.get(row);
  // Views made at different times have different scope objects; their names may differ.
  if (known !== undefined && isSameScope(known.scope, scope)) return known.text;
  const text = JSON.stringify(sessionEventRow(row, scope)).slice(0, -1);
  sharedTexts.set(row, { scope, text });
  return text;
}

function isSameScope(a: ScopeNode, b: ScopeNode): boolean {
  return a === b || (a.id === b.id && a.name === b.name && a.description === b.description);
}

/** What a view of sessions is made of. */
export interface SessionViewParts {
  readonly acl: Acl;
  readonly access: Access;
  readonly ownerId: string;
  readonly permissions: ReadonlyMap<string, ListPermission>;
  readonly scopes: ReadonlyMap<string, ScopeNode>;
  readonly filter: Filter | undefined;
  readonly includeTerminated: boolean;
}

/** Rights to single sessions, as lists apply them. */
export class SeenSessions {
  readonly #parts: Omit<SessionViewParts, 'filter' | 'includeTerminated'>;
  readonly #ids = new Map<
    string,
    { readonly ids: ReadonlySet<string>; readonly ownIds: ReadonlySet<string> }
  >();

  constructor(parts: Omit<SessionViewParts, 'filter' | 'includeTerminated'>) {
    this.#parts = parts;
    for (const [scopeId, { ids, ownIds }] of parts.permissions) {
      this.#ids.set(scopeId, { ids: new Set(ids), ownIds: new Set(ownIds) });
    }
  }

  /** What the viewer may do with the session; undefined when it is not shown. */
  actionsOn(session: SeenSession): readonly string[] | undefined {
    const { permissions, scopes, access, ownerId } = this.#parts;
    const permission = permissions.get(session.scope_id);
    const scope = scopes.get(session.scope_id);
    if (permission === undefined || scope === undefined) return undefined;
    if (!permission.all && !this.#isPermitted(session, permission)) return undefined;
    const actions = itemActions(access, resourceIn(scope, 'session', session.id));
    return isListed(session, actions, ownerId) ? actions : undefined;
  }

  #isPermitted(session: SeenSession, permission: ListPermission): boolean {
    const { ids, ownIds } = this.#ids.get(session.scope_id) ?? {};
    if (ids?.has(session.id) === true) return true;
    if (session.user_id !== this.#parts.ownerId) return false;
    return permission.own || ownIds?.has(session.id) === true;
  }
}

/** The view of sessions. */
export function sessionViewOf(parts: SessionViewParts, seen: SeenSessions): SessionView {
  const { permissions, ownerId, includeTerminated, scopes, access, filter } = parts;
  const show = (row: ShownSession): Shown => {
    const actions = seen.actionsOn(row);
    const scope = scopes.get(row.scope_id);
    if (actions === undefined || scope === undefined) return 'hidden';
    const visible = access.listed(resourceIn(scope, 'session', row.id));
    if (filter !== undefined) {
      const item = sessionItem(row, scope, { actions, visible });
      if (!filter.matches({ item })) return 'left';
    }
    return { json: rowText(row, { scope, actions, visible }) };
  };
  const allowed = parts.acl.allowedIds('session');
  const mayHearGone = (id: string): boolean => allowed?.has(id) !== false;
  return { permissions, ownerId, includeTerminated, show, mayHearGone };
}

function rowText(
  row: ShownSession,
  more: { readonly scope: ScopeNode; readonly actions: readonly string[]; readonly visible: VisibleFields },
): string {
  const { scope, actions, visible } = more;
  if ('isAll' in visible && visible.isAll === true) {
    return `${sharedText(row, scope)},"authorized_actions":${JSON.stringify(actions)}}`;
  }
  // Without id and version nobody could merge it; both say nothing that the row's being there does not.
  return JSON.stringify({
    id: row.id,
    version: row.version,
    ...sessionEventRow(row, scope, { actions, visible }),
  });
}

/** The view of workers; `filter` is one of workers. */
export function workerViewOf(access: Access, scope: ScopeNode, filter: Filter | undefined): WorkerView {
  const resourceOf = (id: string): AclResource => resourceIn(scope, 'worker', id);
  const maySee = (id: string): boolean => itemActions(access, resourceOf(id)).length > 0;
  return {
    maySee,
    show: (worker) => {
      if (!maySee(worker.id)) return 'hidden';
      const item = showWorker(worker, scope, access, { visible: access.listed(resourceOf(worker.id)) });
      if (filter !== undefined && !filter.matches({ item })) return 'left';
      return { json: JSON.stringify({ id: worker.id, version: worker.version, ...item }) };
    },
  };
}
