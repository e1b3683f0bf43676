/** `/v1/host-catalogs`: static lists of hosts (http-api.md §2.9). */
import type { HostCatalog } from '../../host/host.ts';
import type { Access } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  collectionActionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { collectionActions } from './collection-actions.ts';
import {
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const wrongScope = 'This field must be a valid project scope id.';
const wrongType = 'This is a required field and must be either "static" or "plugin".';

const schema = schemaOf('HostCatalog', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, ['project']) ? undefined : wrongScope),
    summary: 'The project that the catalog lives in.',
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
    required: wrongType,
    rule: (value) => {
      if (value === 'static') return undefined;
      return value === 'plugin' ? 'Plugin host catalogs are not supported.' : wrongType;
    },
    summary: '`static`.',
  },
  worker_filter: {
    kind: 'string',
    access: 'change',
    refused: 'Worker filter on host catalogs is an Enterprise-only feature',
  },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
});

const prefixes = ['hcst', 'hcplg', 'hc'];
const facts = { resource: 'host-catalogs', type: 'host-catalog', schema } as const;

function valuesOf(row: HostCatalog, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    authorized_actions: itemActions(access, resourceIn(scope, 'host-catalog', row.id)),
    authorized_collection_actions: collectionActions(access, scope, ['host-set', 'host'], row.id),
  };
}

function show(row: HostCatalog, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

/** A catalog with its scope. */
export interface LocatedCatalog {
  readonly row: HostCatalog;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

/**
 * The catalog of that id.
 * @throws {StileError} notFound
 */
export async function locateCatalog(services: ApiServices, id: string): Promise<LocatedCatalog> {
  const row = required(await services.hosts.lookupCatalog(id));
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'host-catalog', id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a static host catalog.',
    request: schema,
    response: { schema },
    permission: { type: 'host-catalog', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'host-catalog') };
    },
    act: async ({ input, found, access, visible }) => {
      const row = await services.hosts.createCatalog({
        scopeId: input.scope_id,
        name: input.name ?? null,
        description: input.description ?? null,
      });
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes a host catalog.',
    request: schema,
    response: { schema },
    permission: { type: 'host-catalog', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      return {
        id,
        ...decodeUpdate(schema, call.body, { mask: call.query.list('update_mask'), type: 'static' }),
      };
    },
    locate: ({ id }) => locateCatalog(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const row = await services.hosts.updateCatalog(input.id, input.version, nameChanges(input.changes));
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<HostCatalog>(
    {
      ...facts,
      summary: 'Lists host catalogs.',
      levels: ['project'],
      wrongScope: 'This field must be a valid project scope ID or the list operation must be recursive.',
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) => services.hosts.listCatalogs(permissions, page),
        counted: { table: 'host_catalog', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return {
            values: valuesOf(row, scope, access),
            resource: resourceIn(scope, 'host-catalog', row.id),
          };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/host-catalogs`. */
export function hostCatalogOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a host catalog.',
      response: { schema },
      permission: { type: 'host-catalog', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locateCatalog(services, id),
      act: ({ found, access, visible }) => Promise.resolve(ok(show(found.row, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a host catalog with its sets and hosts, and ends the sessions on them.',
      status: 204,
      permission: { type: 'host-catalog', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locateCatalog(services, id),
      act: async ({ input, call }) => {
        await services.endings.deleteHostCatalog(input, call.caller.userId);
        return noContent;
      },
    }),
  ];
}
