/** Scopes, users and groups (cli.md §2.2, 3.9, 3.13). */
import { printable, row } from '../../terminal/layout.ts';
import type { Json, ListView, ResourceSpec } from '../resource-spec.ts';
import { cell, collectionActions, objectsOf } from '../table-view.ts';
import { nameFields, typeColumn, untypedColumns, untypedListColumns } from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';
import { idsInScopes } from '../row-parts/sections.ts';

/** Versions of a key, newest last as sent. */
function keyVersions(item: Json): string[] {
  const versions = objectsOf(item['versions']).flatMap((each) => [
    ...row('ID', cell(each, { label: 'ID', field: 'id' }), 6, 17),
    ...row('Version', cell(each, { label: 'Version', field: 'version' }), 8, 15),
    ...row('Created Time', cell(each, { label: 'Created Time', field: 'created_time', kind: 'time' }), 8, 15),
  ]);
  return versions.length === 0 ? [] : ['    Versions:', ...versions];
}

const keys: ListView = {
  columns: [
    { label: 'Scope ID', field: 'scope.id' },
    { label: 'Type', field: 'type' },
    { label: 'Purpose', field: 'purpose' },
    { label: 'Created Time', field: 'created_time', kind: 'time' },
  ],
  sections: [keyVersions],
  empty: 'No keys found',
};

const destructionJobs: ListView = {
  head: { label: 'Key Version ID', field: 'key_version_id' },
  columns: [
    { label: 'Scope ID', field: 'scope.id' },
    { label: 'Status', field: 'status' },
    { label: 'Created Time', field: 'created_time', kind: 'time' },
    { label: 'Completed Count', field: 'completed_count' },
    { label: 'Total Count', field: 'total_count' },
  ],
  empty: 'No keys version destruction jobs found',
};

function destroyedLines(item: Json): string[] {
  const state = typeof item['state'] === 'string' ? printable(item['state']) : '';
  return [`The destroy operation was accepted; its state is ${state}.`];
}

/** `stile scopes`. */
export const scopes: ResourceSpec = {
  name: 'scopes',
  noun: 'scope',
  title: 'Scope',
  exampleId: 'o_1234567890',
  exampleCreate: '-name prod',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: [
    ...nameFields,
    {
      name: 'skip-admin-role-creation',
      field: 'skip_admin_role_creation',
      kind: 'boolean',
      on: 'create',
      isQuery: true,
      help: 'Do not make the role that lets you administer the new scope.',
    },
    {
      name: 'skip-default-role-creation',
      field: 'skip_default_role_creation',
      kind: 'boolean',
      on: 'create',
      isQuery: true,
      help: 'Do not make the role with which users can log in to and list in the new scope.',
    },
    {
      name: 'primary-auth-method-id',
      field: 'primary_auth_method_id',
      on: 'update',
      help: 'ID of the auth method whose accounts become users at their first login.',
    },
    {
      name: 'sessions-on-role-revocation',
      field: 'sessions_on_role_revocation',
      completes: ['keep', 'cancel'],
      help: 'What happens to running sessions when the role that allowed them is taken away: "keep" or "cancel". "null": as the parent scope says.',
    },
  ],
  actions: [
    {
      words: 'attach-storage-policy',
      summary: 'Attach a storage policy to a scope',
      description: 'Attaches a storage policy to a scope. Not every controller has policies.',
      example: '-storage-policy-id pst_1234567890',
      on: 'item',
      method: 'POST',
      path: ':attach-storage-policy',
      version: 'flag',
      fields: [
        {
          name: 'storage-policy-id',
          field: 'storage_policy_id',
          isRequired: true,
          help: 'ID of the policy.',
        },
      ],
      shows: { kind: 'item' },
    },
    {
      words: 'detach-storage-policy',
      summary: 'Detach the storage policy of a scope',
      description: 'Detaches the storage policy of a scope. Not every controller has policies.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':detach-storage-policy',
      version: 'flag',
      fields: [],
      shows: { kind: 'item' },
    },
    {
      words: 'list-keys',
      summary: 'List the keys of a scope',
      description: 'Lists the keys that seal what lies in a scope, with their versions.',
      example: '-scope-id global',
      on: 'scope',
      method: 'GET',
      path: ':list-keys',
      fields: [],
      shows: { kind: 'list', title: 'Key', view: keys },
    },
    {
      words: 'rotate-keys',
      summary: 'Rotate the keys of a scope',
      description: 'Makes a new version of every key of a scope; what is sealed from now on uses it.',
      example: '-scope-id global -rewrap',
      on: 'scope',
      isScopeInBody: true,
      method: 'POST',
      path: ':rotate-keys',
      fields: [
        {
          name: 'rewrap',
          field: 'rewrap',
          kind: 'boolean',
          help: 'Also seal again what old versions have sealed.',
        },
      ],
      shows: { kind: 'sentence', text: 'The rotate operation completed successfully.' },
    },
    {
      words: 'list-key-version-destruction-jobs',
      summary: 'List the destruction of key versions of a scope',
      description: 'Lists the key versions of a scope that are being destroyed, and how far that is.',
      example: '-scope-id global',
      on: 'scope',
      method: 'GET',
      path: ':list-key-version-destruction-jobs',
      fields: [],
      shows: { kind: 'list', title: 'Key Version Destruction Job', view: destructionJobs },
    },
    {
      words: 'destroy-key-version',
      summary: 'Destroy a version of a key',
      description: 'Seals what the version has sealed again, and destroys it. It cannot be taken back.',
      example: '-scope-id global -key-version-id krkv_1234567890',
      on: 'scope',
      isScopeInBody: true,
      method: 'POST',
      path: ':destroy-key-version',
      fields: [
        {
          name: 'key-version-id',
          field: 'key_version_id',
          isRequired: true,
          help: 'ID of the version of a key.',
        },
      ],
      shows: { kind: 'lines', lines: destroyedLines },
    },
  ],
  list: {
    columns: [
      ...untypedListColumns,
      { label: 'PrimaryAuthMethodId', field: 'primary_auth_method_id' },
      { label: 'StoragePolicyId', field: 'storage_policy_id' },
    ],
    empty: 'No child scopes found',
  },
  item: {
    columns: [
      ...untypedColumns,
      { label: 'Primary Auth Method ID', field: 'primary_auth_method_id' },
      { label: 'Sessions On Role Revocation', field: 'sessions_on_role_revocation' },
      { label: 'Storage Policy ID', field: 'storage_policy_id' },
    ],
    scopeHeading: 'Scope (parent)',
    sections: [
      (item) =>
        collectionActions(
          "  Authorized Actions on Scope's Collections:",
          item['authorized_collection_actions'],
        ),
    ],
  },
};

const resolvableAliases: ListView = {
  columns: [
    typeColumn,
    { label: 'Value', field: 'value' },
    { label: 'Destination ID', field: 'destination_id' },
  ],
  valueColumn: 20,
  empty: 'No aliases found',
};

/** `stile users`. */
export const users: ResourceSpec = {
  name: 'users',
  noun: 'user',
  title: 'User',
  exampleId: 'u_1234567890',
  exampleCreate: '-name jeff',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  listActions: [
    {
      name: 'accounts',
      fields: [{ name: 'account', field: 'account_ids', kind: 'list', help: 'ID of an account.' }],
      isOnCreate: true,
      things: 'accounts',
      example: '-account acctpw_1234567890',
    },
  ],
  actions: [
    {
      words: 'disable',
      summary: 'Disable a user',
      description: 'Disables a user: tokens stop to work, and sessions end at once. Nothing is deleted.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':disable',
      right: 'update',
      version: 'flag',
      fields: [],
      shows: { kind: 'item' },
    },
    {
      words: 'enable',
      summary: 'Enable a user that was disabled',
      description: 'Enables a user that was disabled, who can log in again then.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':enable',
      right: 'update',
      version: 'flag',
      fields: [],
      shows: { kind: 'item' },
    },
    {
      words: 'reset-two-factor',
      summary: 'Remove the second factor of a user who has lost it',
      description:
        'Removes the second factor and the recovery codes of another user, and ends the logins and web sessions of that user.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':reset-two-factor',
      right: 'update',
      fields: [],
      shows: { kind: 'sentence', text: 'The second factor of the user was removed.' },
    },
    {
      words: 'list-resolvable-aliases',
      summary: 'List the aliases that a user can use',
      description: 'Lists the aliases whose targets a user has a right on, page by page as they come.',
      example: '',
      on: 'item',
      method: 'GET',
      path: ':list-resolvable-aliases',
      fields: [],
      verb: 'list',
      noun: 'resolvable aliases',
      shows: { kind: 'list', title: 'Alias', view: resolvableAliases },
    },
  ],
  list: {
    columns: [
      ...untypedListColumns,
      { label: 'Disabled Time', field: 'disabled_time', kind: 'time' },
      { label: 'Primary Account ID', field: 'primary_account_id' },
      { label: 'Login Name', field: 'login_name' },
      { label: 'Full Name', field: 'full_name' },
      { label: 'Email', field: 'email' },
    ],
    empty: 'No users found',
  },
  item: {
    columns: [
      ...untypedColumns,
      { label: 'Disabled Time', field: 'disabled_time', kind: 'time' },
      { label: 'Primary Account Id', field: 'primary_account_id' },
      { label: 'Login Name', field: 'login_name' },
      { label: 'Full Name', field: 'full_name' },
      { label: 'Email', field: 'email' },
      { label: 'Auth Tokens Ended', field: 'revocation.auth_tokens' },
      { label: 'Sessions Ended', field: 'revocation.sessions' },
      { label: 'Of Them Confirmed', field: 'revocation.sessions_confirmed' },
    ],
    sections: [idsInScopes('Accounts', 'accounts')],
  },
};

/** `stile groups`. */
export const groups: ResourceSpec = {
  name: 'groups',
  noun: 'group',
  title: 'Group',
  exampleId: 'g_1234567890',
  exampleCreate: '-name ops',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  listActions: [
    {
      name: 'members',
      fields: [{ name: 'member', field: 'member_ids', kind: 'list', help: 'ID of a user.' }],
      isOnCreate: true,
      things: 'members',
      example: '-member u_1234567890',
    },
  ],
  list: { columns: untypedListColumns, empty: 'No groups found' },
  item: { columns: untypedColumns, sections: [idsInScopes('Members', 'members')] },
};
