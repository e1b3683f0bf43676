/** `/v1/hosts`: the addresses of a static catalog (http-api.md §2.9). */
import { addressProblem } from '../../host/host.ts';
import type { HostDetail } from '../../host/host-service.ts';
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
import { itemActions, nameChanges, required, requirePathId, resourceIn, scopeInfo } from './item.ts';

const shortAddress = 'Address length must be between 3 and 255 characters.';

const schema = schemaOf('Host', {
  id: idField,
  host_catalog_id: {
    kind: 'string',
    access: 'create',
    required: 'The field is incorrectly formatted.',
    rule: (value) => (isId(value, ['hcst']) ? undefined : 'The field is incorrectly formatted.'),
    summary: 'The catalog that the host belongs to.',
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
  host_set_ids: { kind: 'strings', access: 'output', summary: 'Sets that the host is in.' },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      address: {
        kind: 'string',
        access: 'change',
        isAlwaysShown: true,
        required: shortAddress,
        cannotClear: shortAddress,
        rule: (value) => addressProblem(value.trim(), 'Address for static hosts'),
        summary: 'Host name or IP address, 3 to 255 characters, without a port.',
      },
    },
  },
  authorized_actions: actionsField,
});

const prefixes = ['hst', 'hplg', 'h'];
const facts = { resource: 'hosts', type: 'host', schema } as const;

interface LocatedHost {
  readonly detail: HostDetail;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

function valuesOf(detail: HostDetail, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  const { host } = detail;
  return {
    id: host.id,
    host_catalog_id: host.host_catalog_id,
    scope: scopeInfo(scope),
    name: host.name,
    description: host.description,
    created_time: host.created_at,
    updated_time: host.updated_at,
    version: host.version,
    type: 'static',
    host_set_ids: detail.hostSetIds,
    attributes: { address: host.address },
    authorized_actions: itemActions(access, resourceIn(scope, 'host', host.id, host.host_catalog_id)),
  };
}

function show(detail: HostDetail, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(detail, scope, access), visible);
}

async function locate(services: ApiServices, id: string): Promise<LocatedHost> {
  const detail = required(await services.hosts.lookupHost(id));
  const { scope } = await locateCatalog(services, detail.host.host_catalog_id);
  return { detail, scope, resource: resourceIn(scope, 'host', id, detail.host.host_catalog_id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Adds a host to a static catalog.',
    request: schema,
    response: { schema },
    permission: { type: 'host', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const { scope } = await locateCatalog(services, input.host_catalog_id);
      return { scope, resource: resourceIn(scope, 'host', undefined, input.host_catalog_id) };
    },
    act: async ({ input, found, access, visible }) => {
      const detail = await services.hosts.createHost({
        hostCatalogId: input.host_catalog_id,
        name: input.name ?? null,
        description: input.description ?? null,
        address: (input.attributes?.address ?? '').trim(),
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
    summary: 'Changes a host.',
    request: schema,
    response: { schema },
    permission: { type: 'host', action: 'update' },
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
      const { attributes } = input.changes;
      const address = attributes?.address;
      const detail = await services.hosts.updateHost(input.id, input.version, {
        ...nameChanges(input.changes),
        ...(typeof address === 'string' ? { address: address.trim() } : {}),
      });
      return ok(show(detail, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return childListOperation<HostDetail>(
    {
      ...facts,
      summary: 'Lists the hosts of a catalog.',
      parentParameter: 'host_catalog_id',
      parentPrefixes: ['hcst', 'hcplg', 'hc'],
      lookupParent: async (id) => ({ id, scope: (await locateCatalog(services, id)).scope }),
      source: ({ access, parent }) => ({
        page: (page) => services.hosts.listHosts(parent.id, { all: true, ids: [] }, page),
        counted: { table: 'host', column: 'host_catalog_id', values: [parent.id] },
        stamps: (row) => row.host,
        render: listedItems(schema, access, (row) => ({
          values: valuesOf(row, parent.scope, access),
          resource: resourceIn(parent.scope, 'host', row.host.id, parent.id),
        })),
      }),
    },
    services,
  );
}

/** The rows of `/v1/hosts`. */
export function hostOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a host.',
      response: { schema },
      permission: { type: 'host', action: 'read' },
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
      summary: 'Deletes a host and ends the sessions on it.',
      status: 204,
      permission: { type: 'host', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.endings.deleteHost(input, call.caller.userId);
        return noContent;
      },
    }),
  ];
}
