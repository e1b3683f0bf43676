/** `/v1/auth-methods`: ways to log in; logging in itself is in authenticate.ts (http-api.md §2.2). */
import { StileError } from '@stile/protocol/errors';
import type { AuthMethodRow } from '../../auth/auth-method-repository.ts';
import type { PasswordMethodAttributes } from '../../auth/password/password-auth-method.ts';
import type { Access, Located } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type NumberField, type Output } from '../schema/field.ts';
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
import { authenticateOperation } from './authenticate.ts';
import { collectionActions } from './collection-actions.ts';
import { policyChanges, policyFields, policyValues, type PolicyInput } from './second-factor-policy.ts';
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

const wrongScope = "This field must be 'global' or a valid org scope id.";
const wrongType = 'This is a required field and must be "password".';

/** A least length in characters, which `most` characters can meet. */
function minimumField(most: number, summary: string): NumberField & { readonly access: 'change' } {
  return {
    kind: 'uint32',
    access: 'change',
    rule: (value) => (value >= 1 && value <= most ? undefined : `This must be a number from 1 to ${most}.`),
    summary,
  };
}

const schema = schemaOf('AuthMethod', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, ['global', 'org']) ? undefined : wrongScope),
    summary: '`global` or an org.',
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
    rule: (value) => (value === 'password' ? undefined : wrongType),
    summary: '`password`.',
  },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      min_login_name_length: minimumField(128, 'Shortest login name, characters. Default 3.'),
      min_password_length: minimumField(1024, 'Shortest password, characters. Default 8.'),
      ...policyFields,
    },
  },
  is_primary: {
    kind: 'bool',
    access: 'change',
    refused: 'This field is read only.',
    summary: 'Whether it is the primary one of its scope; changed by `primary_auth_method_id` of the scope.',
  },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
});

/** Prefixes of auth method ids. */
const prefixes = ['ampw', 'amoidc', 'amldap'];
const facts = { resource: 'auth-methods', type: 'auth-method', schema } as const;

function valuesOf(row: AuthMethodRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
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
    attributes: {
      min_login_name_length: row.min_login_name_length,
      min_password_length: row.min_password_length,
      ...policyValues(row),
    },
    is_primary: row.is_primary,
    // Only OIDC methods change their state.
    authorized_actions: itemActions(access, resourceIn(scope, 'auth-method', row.id), ['change-state']),
    authorized_collection_actions: collectionActions(access, scope, ['account', 'managed-group'], row.id),
  };
}

function show(row: AuthMethodRow, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

interface LocatedMethod extends Located {
  readonly row: AuthMethodRow;
  readonly scope: ScopeNode;
}

async function locate(services: ApiServices, id: string): Promise<LocatedMethod> {
  const row = required(await services.authMethods.lookup(id));
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'auth-method', id) };
}

/** Attributes of a request; null = the default. */
function attributesOf(
  given: PolicyInput & {
    readonly min_login_name_length?: number | null;
    readonly min_password_length?: number | null;
  },
): PasswordMethodAttributes {
  const { min_login_name_length: minLoginNameLength, min_password_length: minPasswordLength } = given;
  return {
    ...(minLoginNameLength === undefined ? {} : { minLoginNameLength }),
    ...(minPasswordLength === undefined ? {} : { minPasswordLength }),
    secondFactor: policyChanges(given),
  };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes an auth method.',
    request: schema,
    response: { schema },
    permission: { type: 'auth-method', action: 'create' },
    parse: ({ body }) =>
      // Attributes of another type are not judged by the rules of this one.
      decodeCreate(schema, body, { hasAttributes: () => bodyText(body, 'type') === 'password' }),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'auth-method') };
    },
    act: async ({ input, found, access, visible }) => {
      const row = await services.authMethodChanges.createMethod({
        scopeId: input.scope_id,
        name: input.name ?? null,
        description: input.description ?? null,
        attributes: attributesOf(input.attributes ?? {}),
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
    summary: 'Changes an auth method; lengths hold for what is set from then on.',
    request: schema,
    response: { schema },
    permission: { type: 'auth-method', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      const mask = call.query.list('update_mask');
      return { id, ...decodeUpdate(schema, call.body, { mask, type: 'password' }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const { attributes } = input.changes;
      const row = await services.authMethodChanges.updateMethod(input.id, input.version, {
        ...nameChanges(input.changes),
        attributes: attributesOf(attributes ?? {}),
      });
      return ok(show(row, found.scope, access, visible));
    },
  });
}

/** Auth methods have their state in OIDC only, which is not offered. */
function changeStateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'change-state',
    method: 'POST',
    on: 'item',
    summary: 'Not offered: only OIDC auth methods have a state.',
    permission: { type: 'auth-method', action: 'change-state' },
    parse: ({ id }) => requirePathId(id, 'action', prefixes),
    locate: (id) => locate(services, id),
    act: () =>
      Promise.reject(
        new StileError('notFound', 'This endpoint is only available for the "oidc" Auth Method type.'),
      ),
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<AuthMethodRow>(
    {
      ...facts,
      summary: 'Lists auth methods.',
      levels: ['global', 'org'],
      wrongScope,
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0
            ? Promise.resolve([])
            : services.authMethods.list([...permissions.keys()], page),
        counted: { table: 'auth_method', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return { values: valuesOf(row, scope, access), resource: resourceIn(scope, 'auth-method', row.id) };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/auth-methods`. */
export function authMethodOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads an auth method.',
      response: { schema },
      permission: { type: 'auth-method', action: 'read' },
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
      summary:
        'Deletes an auth method with its accounts and their auth tokens, and ends the sessions made with them.',
      permission: { type: 'auth-method', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.accountEndings.deleteAuthMethod(input, call.caller.userId);
        // The one delete that answers a body (http-api.md §1.2).
        return ok({});
      },
    }),
    authenticateOperation(services),
    changeStateOperation(services),
  ];
}
