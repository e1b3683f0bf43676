/** `/v1/aliases`: other names for targets, in the global scope (http-api.md §2.12). */
import { invalidField } from '@stile/protocol/errors';
import { aliasProblem, hostIdField, type Alias } from '../../alias/alias.ts';
import type { AliasChanges } from '../../alias/alias-service.ts';
import type { Access } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type Changes, type Input, type Output } from '../schema/field.ts';
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
import { isId, prefixesOf } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import {
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';
import { targetPrefixes } from './target-lookup.ts';

const wrongScope = 'This field is missing or improperly formatted.';
const wrongType = "This field is required. Current supported values are 'target'.";
const missingValue = 'This field is required.';
const wrongId = 'Incorrectly formatted identifier.';

const schema = schemaOf('Alias', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, ['global']) ? undefined : wrongScope),
    summary: '`global`.',
  },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  value: {
    kind: 'string',
    access: 'change',
    required: missingValue,
    cannotClear: missingValue,
    rule: aliasProblem,
    summary:
      'The name: labels of letters, digits and hyphens with dots between them, unique whatever its case.',
  },
  destination_id: {
    kind: 'string',
    access: 'change',
    rule: (value) => (value === '' || isId(value, targetPrefixes) ? undefined : wrongId),
    summary: 'The target that it leads to.',
  },
  type: {
    kind: 'string',
    access: 'create',
    required: wrongType,
    rule: (value) => (value === 'target' ? undefined : wrongType),
    summary: '`target`.',
  },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      authorize_session_arguments: {
        kind: 'object',
        access: 'change',
        fields: {
          host_id: {
            kind: 'string',
            access: 'change',
            summary: 'The host that sessions by this name go to.',
          },
        },
      },
    },
  },
  authorized_actions: actionsField,
});
type AliasFields = (typeof schema)['fields'];

const prefixes = prefixesOf('alias');
const facts = { resource: 'aliases', type: 'alias', schema } as const;

function valuesOf(row: Alias, scope: ScopeNode, access: Access): Output<AliasFields> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    value: row.value,
    destination_id: row.destination_id,
    type: row.type,
    attributes: row.host_id === null ? null : { authorize_session_arguments: { host_id: row.host_id } },
    authorized_actions: itemActions(access, resourceIn(scope, 'alias', row.id)),
  };
}

function show(row: Alias, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

interface LocatedAlias {
  readonly row: Alias;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedAlias> {
  const row = required(await services.aliases.lookup(id));
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'alias', id) };
}

const noDestination = `This field is required when '${hostIdField}' is specified.`;

function hostIdOf(input: Pick<Input<AliasFields>, 'attributes'>): string | null {
  return input.attributes?.authorize_session_arguments?.host_id || null;
}

function isHostId(id: string): boolean {
  return isId(id, ['hst', 'hplg', 'h']);
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes an alias.',
    request: schema,
    response: { schema },
    permission: { type: 'alias', action: 'create' },
    parse: ({ body }) =>
      decodeCreate(schema, body, {
        also: (decoded, errors) => {
          // The values have the kinds of the table by now.
          const input = decoded as Input<AliasFields>;
          const hostId = hostIdOf(input);
          if (hostId === null) return;
          if (!isHostId(hostId)) errors.push({ name: hostIdField, description: wrongId });
          if ((input.destination_id ?? '') === '') {
            errors.push({ name: 'destination_id', description: noDestination });
          }
        },
      }),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'alias') };
    },
    act: async ({ input, found, access, visible }) => {
      const row = await services.aliases.create({
        value: input.value,
        name: input.name ?? null,
        description: input.description ?? null,
        destinationId: input.destination_id || null,
        hostId: hostIdOf(input),
      });
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function changesOf(changes: Changes<AliasFields>): AliasChanges {
  const { value, destination_id: destinationId, attributes } = changes;
  const sessionArguments = attributes?.authorize_session_arguments;
  return {
    ...(typeof value === 'string' ? { value } : {}),
    ...nameChanges(changes),
    ...(destinationId === undefined ? {} : { destinationId: destinationId || null }),
    ...(attributes === undefined || !('authorize_session_arguments' in attributes)
      ? {}
      : { hostId: sessionArguments?.host_id || null }),
  };
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes an alias.',
    request: schema,
    response: { schema },
    permission: { type: 'alias', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      const mask = call.query.list('update_mask');
      const update = decodeUpdate(schema, call.body, { mask, type: 'target' });
      const changes = changesOf(update.changes);
      if (typeof changes.hostId === 'string' && !isHostId(changes.hostId)) {
        throw invalidField(hostIdField, wrongId);
      }
      return { id, version: update.version, refuseEmpty: update.refuseEmpty, changes };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const row = await services.aliases.update(input.id, input.version, input.changes);
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<Alias>(
    {
      ...facts,
      summary: 'Lists aliases.',
      levels: ['global'],
      wrongScope,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) => services.aliases.list(permissions, page),
        counted: { table: 'alias', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return { values: valuesOf(row, scope, access), resource: resourceIn(scope, 'alias', row.id) };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/aliases`. */
export function aliasOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads an alias.',
      response: { schema },
      permission: { type: 'alias', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) => Promise.resolve(ok(show(found.row, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes an alias; sessions made through it go on.',
      status: 204,
      permission: { type: 'alias', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input }) => {
        await services.aliases.delete(input);
        return noContent;
      },
    }),
  ];
}
