/** `/v1/groups`: users who hold roles together (http-api.md §2.7). */
import { quoted } from '@stile/protocol';
import type { GroupDetail } from '../../iam/group/group-service.ts';
import type { Access } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownList,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import {
  decodeMemberChange,
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const wrongScope = 'This field is missing or improperly formatted.';
const everyLevel = ['global', 'org', 'project'] as const;

const schema = schemaOf('Group', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, everyLevel) ? undefined : wrongScope),
    summary: 'The scope that the group lives in.',
  },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  member_ids: { kind: 'strings', access: 'output', summary: 'Users of the group, on single reads.' },
  members: shownList({ id: shownText, scope_id: shownText }),
  authorized_actions: actionsField,
});

const memberSchema = schemaOf('GroupMembers', {
  version: versionField,
  member_ids: { kind: 'strings', access: 'change', summary: 'Ids of users.' },
});

const prefixes = ['g'];
const facts = { resource: 'groups', type: 'group', schema } as const;

type GroupRow = GroupDetail['group'];

function valuesOf(row: GroupRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    authorized_actions: itemActions(access, resourceIn(scope, 'group', row.id)),
  };
}

function show(detail: GroupDetail, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(
    schema,
    {
      ...valuesOf(detail.group, scope, access),
      member_ids: detail.members.map((member) => member.id),
      members: detail.members.map((member) => ({ id: member.id, scope_id: member.scopeId })),
    },
    visible,
  );
}

interface LocatedGroup {
  readonly detail: GroupDetail;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedGroup> {
  const detail = required(await services.groups.lookup(id));
  const scope = await readScope(services.scopes, detail.group.scope_id);
  return { detail, scope, resource: resourceIn(scope, 'group', id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a group.',
    request: schema,
    response: { schema },
    permission: { type: 'group', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'group') };
    },
    act: async ({ input, found, access, visible }) => {
      const detail = await services.groups.create({
        scopeId: input.scope_id,
        name: input.name ?? null,
        description: input.description ?? null,
      });
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes a group.',
    request: schema,
    response: { schema },
    permission: { type: 'group', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      return { id, ...decodeUpdate(schema, call.body, { mask: call.query.list('update_mask') }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const detail = await services.groups.update(input.id, input.version, nameChanges(input.changes));
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

const memberRule = {
  field: 'member_ids',
  isLegalId: (id: string) => isId(id, ['u']) && id !== 'u_recovery',
  illegal: (id: string) =>
    id === 'u_recovery'
      ? 'u_recovery cannot be assigned to a group.'
      : `Must only contain valid user ids but found ${quoted(id)}.`,
};

function membersOperation(services: ApiServices, action: 'add' | 'set' | 'remove'): Operation {
  const verb = `${action}-members`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the users of a group: ${action}.`,
    request: memberSchema,
    response: { schema },
    permission: { type: 'group', action: verb },
    parse: ({ id, body }) => ({
      id: requirePathId(id, 'action', prefixes),
      change: decodeMemberChange(action, body, memberRule),
    }),
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const { version, ids } = input.change;
      const by = call.caller.userId;
      const detail = await services.groups.changeMembers(action, input.id, { version, memberIds: ids, by });
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

/** Items of a list have no members (http-api.md §2.7). */
function listOperation(services: ApiServices): Operation {
  return scopeListOperation<GroupRow>(
    {
      ...facts,
      summary: 'Lists groups.',
      levels: everyLevel,
      wrongScope,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0 ? Promise.resolve([]) : services.groups.list(permissions, page),
        counted: { table: 'iam_group', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return { values: valuesOf(row, scope, access), resource: resourceIn(scope, 'group', row.id) };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/groups`. */
export function groupOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a group.',
      response: { schema },
      permission: { type: 'group', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(show(found.detail, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a group; its users lose the roles that it held.',
      status: 204,
      permission: { type: 'group', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.groups.delete(input, call.caller.userId);
        return noContent;
      },
    }),
    membersOperation(services, 'add'),
    membersOperation(services, 'set'),
    membersOperation(services, 'remove'),
  ];
}
