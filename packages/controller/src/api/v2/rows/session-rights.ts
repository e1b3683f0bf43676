/** Whose sessions a caller sees in the Cluster API: everybody's with `session:list` in global, else the own ones (tokens.md §4.2). */
import type { ListPermission } from '../../../iam/acl.ts';
import type { ApiServices, ListPermissions } from '../../services.ts';
import type { Access } from '../../access.ts';
import { resourceIn } from '../../resources/item.ts';
import type { SessionView } from '../../../session/view/session-views.ts';
import { globalResource } from '../cluster-operation.ts';

/** What a caller may list, by scope, and who that is. */
export interface SessionRights {
  readonly rights: { readonly permissions: ListPermissions; readonly ownerId: string };
  /** Those that the caller sees with all fields: grants may show some fields only, and nothing is cut here. */
  readonly whole: <S extends SessionView>(views: readonly S[]) => readonly S[];
}

/** @throws {StileError} permissionDenied (the auth token may not list sessions) */
export async function sessionRights(services: ApiServices, access: Access): Promise<SessionRights> {
  const { acl, caller } = access;
  const ownerId = caller.userId;
  const everybody = globalResource('session');
  const scopes = (await services.scopes.tree()).filter((scope) => scope.type === 'project');
  const byId = new Map(scopes.map((scope) => [scope.id, scope]));
  const whole: SessionRights['whole'] = (views) =>
    views.filter(({ session }) => {
      const scope = byId.get(session.scope_id);
      return scope !== undefined && access.listsWhole(resourceIn(scope, 'session', session.id));
    });
  if (access.may(everybody, 'list')) {
    return { rights: { permissions: acl.listPermissions('session', scopes), ownerId }, whole };
  }
  // The own ones need no grant, but a token that is wide enough.
  const byToken = acl.decideAsGranted(everybody, 'list');
  if (!byToken.authorized) throw access.refused(byToken, everybody, 'list');
  const ids = acl.allowedIds('session');
  const own: ListPermission = {
    all: false,
    own: ids === undefined,
    ids: [],
    ownIds: ids === undefined ? [] : [...ids].toSorted(),
  };
  return { rights: { permissions: new Map(scopes.map((scope) => [scope.id, own])), ownerId }, whole };
}
