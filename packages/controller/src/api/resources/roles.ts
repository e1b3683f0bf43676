/** `/v1/roles`: bundles of grants, who holds them and where they apply (http-api.md §2.8, grants.md §2.2). */
import { quoted } from '@stile/protocol';
import { StileError } from '@stile/protocol/errors';
import {
  grantJson,
  parseGrantForEvaluation,
  validateGrantForWrite,
  type ParsedGrant,
} from '@stile/protocol/grant';
import { othersTurn } from '@stile/runtime';
import { grantsOfTurn } from '../../iam/iam-service.ts';
import type { ListedRole, RoleDetail } from '../../iam/role/role-service.ts';
import type { Access } from '../access.ts';
import type { JsonObject } from '../http/body.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeCreate, fieldErrors, fieldsMessage } from '../schema/decode.ts';
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
  type MemberChange,
  type MemberRule,
} from './item.ts';

const wrongScope = 'This field is missing or improperly formatted.';
const everyLevel = ['global', 'org', 'project'] as const;

const schema = schemaOf(
  'Role',
  {
    id: idField,
    scope_id: {
      kind: 'string',
      access: 'create',
      required: wrongScope,
      rule: (value) => (isScopeId(value, everyLevel) ? undefined : wrongScope),
      summary: 'The scope that the role lives in.',
    },
    scope: scopeField,
    name: nameField,
    description: descriptionField,
    created_time: shownTime,
    updated_time: shownTime,
    version: versionField,
    grant_scope_ids: {
      kind: 'strings',
      access: 'output',
      summary: 'Where the grants apply: `this`, `children`, `descendants` or scope ids.',
    },
    principal_ids: { kind: 'strings', access: 'output', summary: 'Who holds the role, on single reads.' },
    principals: shownList({ id: shownText, type: shownText, scope_id: shownText }),
    grant_strings: {
      kind: 'strings',
      access: 'output',
      summary: 'The grants as submitted, on single reads.',
    },
    grants: shownList({
      raw: { ...shownText, summary: 'As submitted.' },
      canonical: { ...shownText, summary: 'The form that is compared.' },
      json: {
        kind: 'object',
        access: 'output',
        fields: {
          id: shownText,
          ids: { kind: 'strings', access: 'output' },
          type: shownText,
          actions: { kind: 'strings', access: 'output' },
        },
      },
    }),
    authorized_actions: actionsField,
  },
  {
    emptyMask: {
      message: 'No valid fields provided in the update mask.',
      description: 'No valid fields provided in the update mask.',
    },
  },
);

const prefixes = ['r'];
const facts = { resource: 'roles', type: 'role', schema } as const;
type RoleValues = Output<(typeof schema)['fields']>;

function listedValues({ role, grantScopes }: ListedRole, scope: ScopeNode, access: Access): RoleValues {
  return {
    id: role.id,
    scope_id: role.scope_id,
    scope: scopeInfo(scope),
    name: role.name,
    description: role.description,
    created_time: role.created_at,
    updated_time: role.updated_at,
    version: role.version,
    grant_scope_ids: grantScopes,
    authorized_actions: itemActions(access, resourceIn(scope, 'role', role.id)),
  };
}

/** A grant in three forms; one that cannot be read any more has two. */
function shownGrant({ raw, canonical }: RoleDetail['grants'][number]): {
  readonly raw: string;
  readonly canonical: string;
  readonly json?: object;
} {
  try {
    const { id, ids, type, actions } = grantJson(parseGrantForEvaluation(raw));
    return { raw, canonical, json: { id, ids, type, actions } };
  } catch (error) {
    if (error instanceof StileError) return { raw, canonical };
    throw error;
  }
}

/** A role may have thousands of grants, each of which is read again. */
async function shownGrants(grants: RoleDetail['grants']): Promise<ReturnType<typeof shownGrant>[]> {
  const shown: ReturnType<typeof shownGrant>[] = [];
  for (const grant of grants) {
    shown.push(shownGrant(grant));
    if (shown.length % grantsOfTurn === 0) await othersTurn();
  }
  return shown;
}

async function show(
  detail: RoleDetail,
  scope: ScopeNode,
  access: Access,
  visible: VisibleFields,
): Promise<object> {
  const { grants, principals } = detail;
  return renderItem(
    schema,
    {
      ...listedValues(detail, scope, access),
      principal_ids: principals.map((principal) => principal.id),
      principals: principals.map(({ id, type, scopeId }) => ({ id, type, scope_id: scopeId })),
      grant_strings: grants.map((grant) => grant.raw),
      grants: visible.includes('grants') ? await shownGrants(grants) : [],
    },
    visible,
  );
}

interface LocatedRole {
  readonly detail: RoleDetail;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedRole> {
  const detail = required(await services.roles.lookup(id));
  const scope = await readScope(services.scopes, detail.role.scope_id);
  return { detail, scope, resource: resourceIn(scope, 'role', id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a role without grants and principals.',
    request: schema,
    response: { schema },
    permission: { type: 'role', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'role') };
    },
    act: async ({ input, found, access, visible }) => {
      const detail = await services.roles.create({
        scopeId: input.scope_id,
        name: input.name ?? null,
        description: input.description ?? null,
      });
      return ok(await show(detail, found.scope, access, visible));
    },
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes name and description of a role.',
    request: schema,
    response: { schema },
    permission: { type: 'role', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      return { id, ...decodeUpdate(schema, call.body, { mask: call.query.list('update_mask') }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const detail = await services.roles.update(input.id, input.version, nameChanges(input.changes));
      return ok(await show(detail, found.scope, access, visible));
    },
  });
}

/** A part of a role that add, set and remove calls change. */
interface Part {
  /** Plural, as in the verbs: `grants`. */
  readonly name: 'grants' | 'principals' | 'grant-scopes';
  /** Field of the body with the list. */
  readonly field: string;
  readonly schemaName: string;
  readonly summary: string;
}

interface PartInput {
  readonly id: string;
  readonly change: MemberChange;
  readonly grants: readonly ParsedGrant[];
}

const parts: readonly Part[] = [
  {
    name: 'principals',
    field: 'principal_ids',
    schemaName: 'RolePrincipals',
    summary: 'Ids of users and groups.',
  },
  { name: 'grants', field: 'grant_strings', schemaName: 'RoleGrants', summary: 'Grants, as text or JSON.' },
  {
    name: 'grant-scopes',
    field: 'grant_scope_ids',
    schemaName: 'RoleGrantScopes',
    summary: '`this`, `children`, `descendants` or scope ids.',
  },
];

const principalPrefixes = ['u', 'g', 'mgoidc', 'mgldap'];
const grantScopeWords: ReadonlySet<string> = new Set(['this', 'children', 'descendants', 'global']);

function ruleOf(part: Part): MemberRule {
  const { field } = part;
  switch (part.name) {
    case 'principals':
      return {
        field,
        isLegalId: (id) => isId(id, principalPrefixes) && id !== 'u_recovery',
        illegal: (id) =>
          id === 'u_recovery'
            ? 'u_recovery cannot be assigned to a role'
            : 'Must only have valid user, group, and/or managed group ids.',
      };
    case 'grants':
      // Each grant has a text of its own: `parsedGrants`.
      return { field, isLegalId: () => true, illegal: () => '' };
    case 'grant-scopes':
      return {
        field,
        isLegalId: (id) => grantScopeWords.has(id) || isScopeId(id, everyLevel),
        illegal: (id) => `Unknown value ${quoted(id)}.`,
      };
  }
}

/**
 * Most grants of one request, and most characters of all of them: reading one takes 40 µs, and everybody else waits meanwhile. A role may
 * have more, by several requests.
 */
const mostGrants = 2000;
const mostGrantCharacters = 262_144;

/** @throws {StileError} invalidArgument for too many, and for the first that may not be written */
function parsedGrants(action: MemberChange['action'], grants: readonly string[]): readonly ParsedGrant[] {
  if (
    grants.length > mostGrants ||
    grants.reduce((sum, grant) => sum + grant.length, 0) > mostGrantCharacters
  ) {
    const description = `At most ${mostGrants} grants of ${mostGrantCharacters} characters in all can be given at once.`;
    throw fieldErrors(fieldsMessage, [{ name: 'grant_strings', description }]);
  }
  return grants.map((grant) =>
    validateGrantForWrite(grant, { explain: action === 'set', forRemoval: action === 'remove' }),
  );
}

function parsePart(part: Part, action: MemberChange['action'], id: string, body: JsonObject): PartInput {
  const pathId = requirePathId(id, 'action', prefixes);
  const change = decodeMemberChange(action, body, ruleOf(part));
  return { id: pathId, change, grants: part.name === 'grants' ? parsedGrants(action, change.ids) : [] };
}

function changePart(
  services: ApiServices,
  part: Part,
  action: MemberChange['action'],
  { input, by }: { readonly input: PartInput; readonly by: string },
): Promise<RoleDetail> {
  const change = { id: input.id, version: input.change.version, by };
  switch (part.name) {
    case 'grants':
      return services.roles.changeGrants(action, change, input.grants);
    case 'principals':
      return services.roles.changePrincipals(action, change, input.change.ids);
    case 'grant-scopes':
      return services.roles.changeGrantScopes(action, change, input.change.ids);
  }
}

function partOperation(services: ApiServices, part: Part, action: MemberChange['action']): Operation {
  const verb = `${action}-${part.name}`;
  const request = schemaOf(part.schemaName, {
    version: versionField,
    [part.field]: { kind: 'strings', access: 'change', summary: part.summary },
  });
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the ${part.name} of a role: ${action}.`,
    request,
    response: { schema },
    permission: { type: 'role', action: verb },
    parse: ({ id, body }) => parsePart(part, action, id, body),
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const detail = await changePart(services, part, action, { input, by: call.caller.userId });
      return ok(await show(detail, found.scope, access, visible));
    },
  });
}

/** Items of a list have neither principals nor grants (http-api.md §2.8). */
function listOperation(services: ApiServices): Operation {
  return scopeListOperation<ListedRole>(
    {
      ...facts,
      summary: 'Lists roles.',
      levels: everyLevel,
      wrongScope,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0 ? Promise.resolve([]) : services.roles.list(permissions, page),
        counted: { table: 'iam_role', permissions },
        stamps: ({ role }) => role,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.role.scope_id);
          return {
            values: listedValues(row, scope, access),
            resource: resourceIn(scope, 'role', row.role.id),
          };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/roles`, but for `:explain`. */
export function roleOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a role.',
      response: { schema },
      permission: { type: 'role', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ found, access, visible }) => ok(await show(found.detail, found.scope, access, visible)),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a role; its principals lose its grants.',
      status: 204,
      permission: { type: 'role', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.roles.delete(input, call.caller.userId);
        return noContent;
      },
    }),
    ...parts.flatMap((part) =>
      (['add', 'set', 'remove'] as const).map((action) => partOperation(services, part, action)),
    ),
  ];
}
