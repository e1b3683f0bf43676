/** `/api/v2/users/`: the people of the installation. */
import type { UserRow } from '../../../iam/user-repository.ts';
import { ok } from '../../operation.ts';
import { resourceIn } from '../../resources/item.ts';
import type { ApiServices } from '../../services.ts';
import {
  clusterOperation,
  globalResource,
  guardedFailures,
  type ClusterOperation,
} from '../cluster-operation.ts';
import {
  offsetParameter,
  pageOfRows,
  pageParameters,
  readPage,
  rowPosition,
  type RowPosition,
} from '../paging.ts';
import { renderUser } from '../rendering.ts';
import { listSchema, nextSchema, objectSchema, ref } from '../schemas.ts';

/** The rows about users. */
export function clusterUserOperations(services: ApiServices): readonly ClusterOperation[] {
  const path = 'users/';
  const { keys } = services.lists;
  const list = clusterOperation({
    path,
    method: 'GET',
    operationId: 'listUsers',
    summary: 'Lists the users of the installation, newest first.',
    stability: 'unstable',
    resource: 'users',
    verb: 'list',
    needs: { type: 'user', action: 'list', words: 'user:list in global' },
    parameters: [...pageParameters, offsetParameter],
    answer: {
      description: 'Users on whom the caller may do anything.',
      schema: objectSchema({ users: listSchema(ref('User'), 'Newest first.'), next: nextSchema }, ['users']),
      example: { users: [{ username: 'admin', user_id: 'u_1234567890' }] },
    },
    failures: guardedFailures,
    parse: (call) => readPage<RowPosition>(path, call, keys),
    locate: () => Promise.resolve(),
    authorize: async (access) => {
      access.require({ type: 'user', action: 'list' }, { resource: globalResource('user') });
      const scopes = (await services.scopes.tree()).filter((scope) => scope.type !== 'project');
      const byId = new Map(scopes.map((scope) => [scope.id, scope]));
      const isWhole = ({ id, scope_id: scopeId }: UserRow): boolean => {
        const scope = byId.get(scopeId);
        return scope !== undefined && access.listsWhole(resourceIn(scope, 'user', id));
      };
      return { permissions: access.acl.listPermissions('user', scopes), isWhole };
    },
    act: async ({ input, granted }) => {
      const { limit, after, offset } = input;
      const rows = await services.users.people({
        permissions: granted.permissions,
        limit: limit + 1,
        after,
        offset,
      });
      const page = pageOfRows<UserRow, RowPosition>(rows, input, { position: rowPosition, keys });
      return ok({ users: page.rows.filter(granted.isWhole).map(renderUser), ...page.next });
    },
  });
  return [list];
}
