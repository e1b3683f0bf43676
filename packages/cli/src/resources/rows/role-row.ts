/** Roles: grants are checked here before they are sent, and `roles explain` says why something is allowed or not (cli.md §2.2, 3.10). */
import { StileError } from '@stile/protocol/errors';
import { deprecatedActions, parseGrant } from '@stile/protocol/grant';
import type { ResourceSpec } from '../resource-spec.ts';
import { nameFields, untypedColumns, untypedListColumns } from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';
import { explanationLines } from '../row-parts/role-explanation.ts';
import { grantScopesSection, grantsSection, principalsSection } from '../row-parts/sections.ts';

/** What is wrong with a grant, or undefined. */
function grantProblem(grant: string): string | undefined {
  const quoted = JSON.stringify(grant);
  try {
    const parsed = parseGrant(grant);
    if (parsed.usesDeprecatedId)
      return `Grant ${quoted} uses the "id" field which is no longer supported. Please use "ids" instead.`;
    const old = parsed.actions.find((action) => Object.hasOwn(deprecatedActions, action));
    return old === undefined
      ? undefined
      : `Grant ${quoted} uses the action "${old}" which is no longer supported. Please use "${deprecatedActions[old] ?? ''}" instead.`;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    return `Grant ${quoted} could not be parsed successfully: ${error.message}`;
  }
}

/** `stile roles`. */
export const roles: ResourceSpec = {
  name: 'roles',
  noun: 'role',
  title: 'Role',
  exampleId: 'r_1234567890',
  exampleCreate:
    "-name ops -principal u_1234567890 -grant 'ids=*;type=target;actions=list,read' -grant-scope-id this",
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  listActions: [
    {
      name: 'principals',
      fields: [
        {
          name: 'principal',
          field: 'principal_ids',
          kind: 'list',
          help: 'ID of a user, group or managed group that has the role.',
        },
      ],
      isOnCreate: true,
      things: 'principals',
      example: '-principal u_1234567890',
    },
    {
      name: 'grants',
      fields: [
        {
          name: 'grant',
          field: 'grant_strings',
          kind: 'list',
          help: "A grant, as 'ids=*;type=target;actions=list,read'.",
        },
      ],
      isOnCreate: true,
      things: 'grants',
      example: "-grant 'ids=*;type=target;actions=list,read'",
      checkValue: grantProblem,
    },
    {
      name: 'grant-scopes',
      fields: [
        {
          name: 'grant-scope-id',
          field: 'grant_scope_ids',
          kind: 'list',
          help: 'Where the grants hold: "this", "children", "descendants", or the ID of a scope.',
        },
      ],
      isOnCreate: true,
      things: 'grant scope IDs',
      example: '-grant-scope-id descendants',
    },
  ],
  actions: [
    {
      words: 'explain',
      summary: 'Explain why a user may do something, or may not',
      description:
        'Says which grant of which role allows an action of a user on a resource; or which grants come closest, and why they do not. Only roles that you may read are named.',
      example: '-user-id u_1234567890 -id ttcp_1234567890 -action authorize-session',
      on: 'collection',
      method: 'GET',
      path: ':explain',
      right: 'read',
      fields: [
        { name: 'user-id', field: 'user_id', isQuery: true, isRequired: true, help: 'ID of the user.' },
        { name: 'id', field: 'id', isQuery: true, isRequired: true, help: 'ID of the resource.' },
        {
          name: 'action',
          field: 'action',
          isQuery: true,
          isRequired: true,
          help: 'What the user wants to do, as "read" or "authorize-session".',
        },
        {
          name: 'type',
          field: 'type',
          isQuery: true,
          help: 'Of actions on a collection, as "list" and "create": the type of what is in the resource.',
        },
      ],
      shows: { kind: 'lines', lines: explanationLines },
    },
  ],
  list: { columns: untypedListColumns, empty: 'No roles found' },
  item: {
    columns: untypedColumns,
    sections: [principalsSection, grantsSection, grantScopesSection],
  },
};
