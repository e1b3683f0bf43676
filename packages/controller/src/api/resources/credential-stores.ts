/** `/v1/credential-stores`: static stores of credentials (http-api.md §2.13). */
import { StileError, type FieldError } from '@stile/protocol/errors';
import type { CredentialStore } from '../../credential/credential.ts';
import type { Access } from '../access.ts';
import type { JsonObject } from '../http/body.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeCreate, given, isObject } from '../schema/decode.ts';
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
import { prefixesOf } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { collectionActions } from './collection-actions.ts';
import {
  bodyText,
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const wrongScope = 'This field must be a valid project scope id.';
const wrongType = 'This is a required field and must be a known credential store type.';

const schema = schemaOf('CredentialStore', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, ['project']) ? undefined : wrongScope),
    summary: 'The project that the store lives in.',
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
    rule: (value) => (value === 'static' || value === 'vault' ? undefined : wrongType),
    summary: '`static`. Stores of type `vault` are not offered.',
  },
  attributes: {
    kind: 'json',
    access: 'create',
    isWriteOnly: true,
    summary: 'Static stores have none; what is given is ignored.',
  },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
});

/** Prefixes of ids of static stores, and of all. */
export const staticStorePrefixes: readonly string[] = [...prefixesOf('credentialStoreStatic'), 'cs'];
const prefixes = [...staticStorePrefixes, 'csvlt'];
const facts = { resource: 'credential-stores', type: 'credential-store', schema } as const;

function valuesOf(row: CredentialStore, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
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
    authorized_actions: itemActions(access, resourceIn(scope, 'credential-store', row.id)),
    authorized_collection_actions: collectionActions(access, scope, ['credential'], row.id),
  };
}

function show(row: CredentialStore, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

/** A store with its scope. */
export interface LocatedStore {
  readonly row: CredentialStore;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

/**
 * The store of that id.
 * @throws {StileError} notFound
 */
export async function locateStore(services: ApiServices, id: string): Promise<LocatedStore> {
  const row = required(await services.credentials.lookupStore(id));
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'credential-store', id) };
}

/** What a Vault store lacks: told as recorded before it is said that there are none. */
function vaultProblems(body: JsonObject): FieldError[] {
  if (bodyText(body, 'type') !== 'vault') return [];
  const raw = given(body, 'attributes');
  const attributes = isObject(raw) ? raw : {};
  const missing = ['address', 'token'].filter((name) => bodyText(attributes, name) === '');
  return [
    ...missing.map((name) => ({
      name: `attributes.${name}`,
      description: 'Field required for creating a vault credential store.',
    })),
    ...(bodyText(attributes, 'worker_filter') === ''
      ? []
      : [
          {
            name: 'attributes.worker_filter',
            description: 'Worker Filter field is not supported in OSS',
          },
        ]),
  ];
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a static credential store.',
    request: schema,
    response: { schema },
    permission: { type: 'credential-store', action: 'create' },
    parse: ({ body }) =>
      decodeCreate(schema, body, { also: (_decoded, errors) => errors.push(...vaultProblems(body)) }),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'credential-store') };
    },
    act: async ({ input, found, access, visible }) => {
      if (input.type === 'vault')
        throw new StileError('unsupported', 'Vault credential stores are not offered');
      const row = await services.credentials.createStore({
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
    summary: 'Changes a credential store.',
    request: schema,
    response: { schema },
    permission: { type: 'credential-store', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      const mask = call.query.list('update_mask');
      return { id, ...decodeUpdate(schema, call.body, { mask, type: 'static' }) };
    },
    locate: ({ id }) => locateStore(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const row = await services.credentials.updateStore(input.id, input.version, nameChanges(input.changes));
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<CredentialStore>(
    {
      ...facts,
      summary: 'Lists credential stores.',
      levels: ['project'],
      wrongScope: 'This field must be a valid project scope ID or the list operation must be recursive.',
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) => services.credentials.listStores(permissions, page),
        counted: { table: 'credential_store', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return {
            values: valuesOf(row, scope, access),
            resource: resourceIn(scope, 'credential-store', row.id),
          };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/credential-stores`. */
export function credentialStoreOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a credential store.',
      response: { schema },
      permission: { type: 'credential-store', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locateStore(services, id),
      act: ({ found, access, visible }) => Promise.resolve(ok(show(found.row, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a credential store with its credentials, which leave their targets.',
      status: 204,
      permission: { type: 'credential-store', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locateStore(services, id),
      act: async ({ input }) => {
        await services.credentials.deleteStore(input);
        return noContent;
      },
    }),
  ];
}
