/** `/v1/scopes`: global, orgs and projects (http-api.md §2.1). Their keys are in scope-keys.ts. */
import { type FieldError, invalidField } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { ScopeRow } from '../../iam/scope-repository.ts';
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
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { scopeCollectionActions } from './collection-actions.ts';
import { itemActions, nameChanges, readScope, required, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('Scope', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: 'Missing value for scope_id.',
    rule: (value) =>
      isScopeId(value, ['global', 'org', 'project']) ? undefined : 'Improperly formatted identifier.',
    summary: 'The parent scope: `global` for an org, an org for a project.',
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
    summary: '`global`, `org` or `project`; follows from the parent.',
  },
  primary_auth_method_id: {
    kind: 'string',
    access: 'update',
    rule: (value) =>
      isId(value, ['ampw', 'amoidc', 'amldap']) ? undefined : 'Improperly formatted identifier.',
    summary: 'Accounts of it get a user at their first login.',
  },
  sessions_on_role_revocation: {
    kind: 'string',
    access: 'change',
    enum: ['keep', 'cancel'],
    summary:
      'What happens to running sessions when the role that allowed them is taken away: `keep` or `cancel`. Absent: as the parent scope says, at last `keep`.',
  },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
  storage_policy_id: shownText,
});

const facts = { resource: 'scopes', type: 'scope', schema } as const;

/** Actions that a scope of a type lacks (http-api.md §2.1). */
const missingActions: Readonly<Record<ScopeNode['type'], readonly string[]>> = {
  global: ['delete'],
  org: [],
  project: ['attach-storage-policy', 'detach-storage-policy'],
};

/** The scope in whose name a scope is read: its parent, global its own (grants.md §2.5). */
async function parentOf(services: ApiServices, row: ScopeRow): Promise<ScopeNode> {
  return readScope(services.scopes, row.parent_id ?? globalScopeId);
}

function valuesOf(row: ScopeRow, parent: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  const self: ScopeNode = {
    id: row.id,
    parentId: row.parent_id,
    type: row.type,
    name: row.name,
    description: row.description,
  };
  return {
    id: row.id,
    scope_id: row.parent_id,
    scope: scopeInfo(parent),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    primary_auth_method_id: row.primary_auth_method_id,
    sessions_on_role_revocation: row.sessions_on_role_revocation,
    authorized_actions: itemActions(access, resourceIn(parent, 'scope', row.id), missingActions[row.type]),
    authorized_collection_actions: scopeCollectionActions(access, self),
  };
}

/** Words of a wrong id, by verb (http-api.md §1.7). */
const idFaults = {
  read: 'Invalid formatted identifier.',
  update: 'Improperly formatted path identifier.',
  delete: 'Incorrectly formatted identifier.',
} as const;

function requireScopeId(id: string, verb: keyof typeof idFaults): string {
  if (isScopeId(id, ['global', 'org', 'project'])) return id;
  throw invalidField('id', idFaults[verb]);
}

interface LocatedScope {
  readonly row: ScopeRow;
  readonly parent: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedScope> {
  const row = required(await services.scopes.lookupRow(id));
  const parent = await parentOf(services, row);
  return { row, parent, resource: resourceIn(parent, 'scope', id) };
}

function show(row: ScopeRow, parent: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, parent, access), visible);
}

/** What is wrong with the type of a new scope, as far as the id of its parent tells. */
function typeProblem(type: string, parentId: string): string | undefined {
  switch (type) {
    case '':
      return undefined;
    case 'global':
      return 'Cannot create a global scope.';
    case 'org':
      return parentId === globalScopeId
        ? undefined
        : 'Org scopes can only be created under the global scope.';
    case 'project':
      return parentId.startsWith('o_') ? undefined : 'Project scopes can only be created under an org scope.';
    default:
      return 'This field must be one of org, project.';
  }
}

function bodyTypeProblem(decoded: Readonly<Record<string, unknown>>, errors: FieldError[]): void {
  const { type, scope_id: parentId } = decoded;
  if (typeof type !== 'string' || typeof parentId !== 'string') return;
  const description = typeProblem(type, parentId);
  if (description !== undefined) errors.push({ name: 'type', description });
}

/** The setting, whose enumeration was checked. */
function settingOf(value: string | null | undefined): ScopeRow['sessions_on_role_revocation'] | undefined {
  return value === 'keep' || value === 'cancel' || value === undefined ? value : null;
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes an org or a project, with its default roles.',
    query: [
      {
        name: 'skip_admin_role_creation',
        type: 'boolean',
        summary: 'Without a role for its administration.',
      },
      { name: 'skip_default_role_creation', type: 'boolean', summary: 'Without the role of default grants.' },
    ],
    request: schema,
    response: { schema },
    permission: { type: 'scope', action: 'create' },
    parse: ({ body, query }) => ({
      fields: decodeCreate(schema, body, { also: bodyTypeProblem }),
      skipAdminRole: query.flag('skip_admin_role_creation'),
      skipDefaultRole: query.flag('skip_default_role_creation'),
    }),
    locate: async ({ fields }) => {
      const parent = await readScope(services.scopes, fields.scope_id);
      return { parent, resource: resourceIn(parent, 'scope') };
    },
    act: async ({ input, found, access, visible, call }) => {
      const { fields, skipAdminRole, skipDefaultRole } = input;
      const row = await services.scopeService.create({
        parent: found.parent,
        name: fields.name ?? null,
        description: fields.description ?? null,
        sessionsOnRoleRevocation: settingOf(fields.sessions_on_role_revocation ?? null) ?? null,
        creatorId: call.caller.userId,
        skipAdminRole,
        skipDefaultRole,
      });
      return ok(show(row, found.parent, access, visible));
    },
  });
}

/** The type that the id of a scope tells. */
function typeOf(id: string): ScopeNode['type'] {
  if (id === globalScopeId) return 'global';
  return id.startsWith('o_') ? 'org' : 'project';
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes a scope.',
    request: schema,
    response: { schema },
    permission: { type: 'scope', action: 'update' },
    parse: (call) => {
      const id = requireScopeId(call.id, 'update');
      const mask = call.query.list('update_mask');
      return { id, ...decodeUpdate(schema, call.body, { mask, type: typeOf(id) }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const { changes } = input;
      const primaryAuthMethodId = changes.primary_auth_method_id;
      const setting = settingOf(changes.sessions_on_role_revocation);
      const row = await services.scopeService.update(input.id, input.version, {
        ...nameChanges(changes),
        ...(primaryAuthMethodId === undefined ? {} : { primaryAuthMethodId }),
        ...(setting === undefined ? {} : { sessionsOnRoleRevocation: setting }),
      });
      return ok(show(row, found.parent, access, visible));
    },
  });
}

function requireDeletable(id: string): string {
  if (id === globalScopeId) {
    throw invalidField('id', 'Invalid to delete the global scope.');
  }
  return requireScopeId(id, 'delete');
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<ScopeRow>(
    {
      ...facts,
      summary: 'Lists the scopes in a scope.',
      levels: ['global', 'org'],
      wrongScope: "Must be 'global' or a valid org scope id when listing.",
      defaultScopeId: globalScopeId,
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0
            ? Promise.resolve([])
            : services.scopes.listRows([...permissions.keys()], page),
        counted: { table: 'scope', column: 'parent_id', values: [...permissions.keys()] },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const parent = scopeOf(row.parent_id ?? globalScopeId);
          return { values: valuesOf(row, parent, access), resource: resourceIn(parent, 'scope', row.id) };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/scopes`, but for its keys. */
export function scopeOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a scope.',
      response: { schema },
      permission: { type: 'scope', action: 'read' },
      parse: ({ id }) => requireScopeId(id, 'read'),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(show(found.row, found.parent, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a scope with everything in it, and ends the sessions that stood on any of it.',
      status: 204,
      permission: { type: 'scope', action: 'delete' },
      parse: ({ id }) => requireDeletable(id),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.scopeEnding.delete(input, call.caller.userId);
        return noContent;
      },
    }),
  ];
}
