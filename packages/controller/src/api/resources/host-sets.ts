/** `/v1/host-sets`: equivalent hosts within a static catalog (http-api.md §2.9). */
import type { HostSet } from '../../host/host.ts';
import type { HostSetDetail } from '../../host/host-service.ts';
import type { Access } from '../access.ts';
import { childListOperation } from '../list/list-operation.ts';
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
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { locateCatalog } from './host-catalogs.ts';
import {
  decodeMemberChange,
  itemActions,
  nameChanges,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const pluginOnly = 'This field is not yet supported for static host sets.';

const schema = schemaOf('HostSet', {
  id: idField,
  host_catalog_id: {
    kind: 'string',
    access: 'create',
    required: 'The field is incorrectly formatted.',
    rule: (value) => (isId(value, ['hcst']) ? undefined : 'The field is incorrectly formatted.'),
    summary: 'The catalog that the set belongs to.',
  },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: {
    kind: 'string',
    access: 'create',
    rule: (value) =>
      value === 'static' || value === '' ? undefined : "Doesn't match the parent resource's type.",
    summary: '`static`.',
  },
  host_ids: { kind: 'strings', access: 'output', summary: 'Hosts of the set, on single reads.' },
  preferred_endpoints: { kind: 'strings', access: 'change', refused: pluginOnly },
  sync_interval_seconds: { kind: 'int32', access: 'change', refused: pluginOnly },
  attributes: { kind: 'object', access: 'change', fields: {}, refused: pluginOnly },
  authorized_actions: actionsField,
});

const memberSchema = schemaOf('HostSetHosts', {
  version: versionField,
  host_ids: { kind: 'strings', access: 'change', summary: 'Ids of hosts of the same catalog.' },
});

const prefixes = ['hsst', 'hsplg', 'hs'];
const facts = { resource: 'host-sets', type: 'host-set', schema } as const;

interface LocatedSet {
  readonly detail: HostSetDetail;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

function valuesOf(row: HostSet, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    host_catalog_id: row.host_catalog_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: 'static',
    authorized_actions: itemActions(access, resourceIn(scope, 'host-set', row.id, row.host_catalog_id)),
  };
}

function show(detail: HostSetDetail, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(
    schema,
    { ...valuesOf(detail.hostSet, scope, access), host_ids: detail.hostIds },
    visible,
  );
}

async function locate(services: ApiServices, id: string): Promise<LocatedSet> {
  const detail = required(await services.hosts.lookupSet(id));
  const { host_catalog_id: catalogId } = detail.hostSet;
  const { scope } = await locateCatalog(services, catalogId);
  return { detail, scope, resource: resourceIn(scope, 'host-set', id, catalogId) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a host set in a static catalog.',
    request: schema,
    response: { schema },
    permission: { type: 'host-set', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const { scope } = await locateCatalog(services, input.host_catalog_id);
      return { scope, resource: resourceIn(scope, 'host-set', undefined, input.host_catalog_id) };
    },
    act: async ({ input, found, access, visible }) => {
      const detail = await services.hosts.createSet({
        hostCatalogId: input.host_catalog_id,
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
    summary: 'Changes a host set.',
    request: schema,
    response: { schema },
    permission: { type: 'host-set', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      return {
        id,
        ...decodeUpdate(schema, call.body, { mask: call.query.list('update_mask'), type: 'static' }),
      };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const detail = await services.hosts.updateSet(input.id, input.version, nameChanges(input.changes));
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

const memberRule = {
  field: 'host_ids',
  isLegalId: (id: string) => isId(id, ['hst', 'hplg', 'h']),
  illegal: () => 'Incorrectly formatted host identifier.',
};

function membersOperation(services: ApiServices, action: 'add' | 'set' | 'remove'): Operation {
  const verb = `${action}-hosts`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the hosts of a set: ${action}.`,
    request: memberSchema,
    response: { schema },
    permission: { type: 'host-set', action: verb },
    parse: ({ id, body }) => ({
      id: requirePathId(id, 'action', prefixes),
      change: decodeMemberChange(action, body, memberRule),
    }),
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      const { version, ids } = input.change;
      const detail = await services.hosts.changeMembers(action, input.id, version, ids);
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return childListOperation<HostSet>(
    {
      ...facts,
      summary: 'Lists the host sets of a catalog.',
      parentParameter: 'host_catalog_id',
      parentPrefixes: ['hcst', 'hcplg', 'hc'],
      lookupParent: async (id) => ({ id, scope: (await locateCatalog(services, id)).scope }),
      source: ({ access, parent }) => ({
        page: (page) => services.hosts.listSets(parent.id, { all: true, ids: [] }, page),
        counted: { table: 'host_set', column: 'host_catalog_id', values: [parent.id] },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => ({
          values: valuesOf(row, parent.scope, access),
          resource: resourceIn(parent.scope, 'host-set', row.id, parent.id),
        })),
      }),
    },
    services,
  );
}

/** The rows of `/v1/host-sets`. */
export function hostSetOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a host set.',
      response: { schema },
      permission: { type: 'host-set', action: 'read' },
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
      summary: 'Deletes a host set and ends the sessions on it.',
      status: 204,
      permission: { type: 'host-set', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.endings.deleteHostSet(input, call.caller.userId);
        return noContent;
      },
    }),
    membersOperation(services, 'add'),
    membersOperation(services, 'set'),
    membersOperation(services, 'remove'),
  ];
}
