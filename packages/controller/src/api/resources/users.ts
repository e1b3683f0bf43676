/** `/v1/users`: for now only which aliases lead somewhere for a user (http-api.md §2.6). */
import type { Alias } from '../../target/target.ts';
import { grantsHash } from '../list/list-operation.ts';
import { listPage, readListParameters } from '../list/list-page.ts';
import { ok, operation, type Call, type Gate, type Operation } from '../operation.ts';
import { fieldErrors, requestMessage } from '../schema/decode.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { idField, shownText, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices } from '../services.ts';
import { readScope, required, requirePathId, resourceIn } from './item.ts';

const aliasSchema = schemaOf('ResolvableAlias', {
  id: idField,
  created_time: shownTime,
  updated_time: shownTime,
  value: shownText,
  destination_id: shownText,
  type: shownText,
});

function requireListedUser(call: Call): string {
  const id = requirePathId(call.id, 'read', ['u']);
  if (id !== 'u_recovery') return id;
  throw fieldErrors(requestMessage, [{ name: 'id', description: 'u_recovery has no aliases.' }]);
}

function show(alias: Alias): object {
  return renderItem(aliasSchema, {
    id: alias.id,
    created_time: alias.created_at,
    updated_time: alias.updated_at,
    value: alias.value,
    destination_id: alias.destination_id,
    type: alias.type,
  });
}

/** Aliases of the targets on which the user may do anything. */
async function listAliases(services: ApiServices, call: Call, userId: string, gate: Gate): Promise<object> {
  const parameters = readListParameters(call.query, services.lists.maxPageSize);
  const [acl, scopes] = await Promise.all([gate.aclFor({ userId }), services.scopes.tree()]);
  const projects = scopes.filter((scope) => scope.type === 'project');
  const permissions = acl.listPermissions('target', projects);
  return listPage<Alias>(
    {
      page: async (page) =>
        permissions.size === 0 ? [] : services.users.resolvableAliases(permissions, page),
      stamps: (row) => row,
      render: (rows) => Promise.resolve(rows.map(show)),
    },
    parameters,
    { resource: 'alias', grantsHash: grantsHash(acl, 'target') },
    services.lists,
  );
}

/** The rows of `/v1/users`. */
export function userOperations(services: ApiServices): readonly Operation[] {
  return [
    operation({
      resource: 'users',
      verb: 'list-resolvable-aliases',
      method: 'GET',
      on: 'item',
      summary: 'Lists the aliases of targets on which the user may do anything.',
      response: { schema: aliasSchema, isList: true },
      permission: { type: 'user', action: 'list-resolvable-aliases' },
      parse: requireListedUser,
      locate: async (id) => {
        const user = required(await services.users.lookup(id));
        const scope = await readScope(services.scopes, user.scope_id);
        return { resource: resourceIn(scope, 'user', id) };
      },
      act: async ({ call, input, gate }) => ok(await listAliases(services, call, input, gate)),
    }),
  ];
}
