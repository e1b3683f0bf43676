/** Every kind of resource that the command line knows, as data (cli.md §2.2, 3.5–3.13). */
import { authMethodParent, nameFields, scopeParent } from './parents.ts';
import type { Column, ResourceSpec } from './resource-spec.ts';
import { hostCatalogs, hosts, hostSets } from './host-specs.ts';
import { connectionsSection, statesSection, tagsSection } from './session-sections.ts';
import { cell, collectionActions, objectsOf } from './table-view.ts';
import { targets } from './target-spec.ts';
import { block } from '../terminal/layout.ts';

/** Columns that most items have. */
const itemColumns: readonly Column[] = [
  { label: 'Created Time', field: 'created_time', kind: 'time' },
  { label: 'Description', field: 'description' },
  { label: 'ID', field: 'id' },
  { label: 'Name', field: 'name' },
  { label: 'Updated Time', field: 'updated_time', kind: 'time' },
  { label: 'Version', field: 'version' },
];
const typeColumn: Column = { label: 'Type', field: 'type' };
const listColumns: readonly Column[] = [
  { label: 'Version', field: 'version' },
  typeColumn,
  { label: 'Name', field: 'name' },
  { label: 'Description', field: 'description' },
];

const scopes: ResourceSpec = {
  name: 'scopes',
  noun: 'scope',
  title: 'Scope',
  exampleId: 'o_1234567890',
  exampleScope: 'global',
  exampleCreate: '-name prod',
  parent: scopeParent,
  verbs: ['read', 'list'],
  fields: [],
  list: {
    columns: [
      ...listColumns.filter((column) => column !== typeColumn),
      { label: 'PrimaryAuthMethodId', field: 'primary_auth_method_id' },
      { label: 'StoragePolicyId', field: 'storage_policy_id' },
    ],
    empty: 'No child scopes found',
  },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Primary Auth Method ID', field: 'primary_auth_method_id' },
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

const sessions: ResourceSpec = {
  name: 'sessions',
  noun: 'session',
  title: 'Session',
  exampleId: 's_1234567890',
  exampleScope: 'p_1234567890',
  exampleCreate: '',
  parent: scopeParent,
  verbs: ['read', 'list'],
  fields: [],
  listFlags: [{ name: 'include-terminated', type: 'boolean', help: 'Also list sessions that have ended.' }],
  list: {
    columns: [
      { label: 'Status', field: 'status' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Expiration Time', field: 'expiration_time', kind: 'time' },
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
      { label: 'User ID', field: 'user_id' },
      { label: 'Target ID', field: 'target_id' },
    ],
    empty: 'No sessions found',
  },
  item: {
    columns: [
      { label: 'Auth Token ID', field: 'auth_token_id' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Endpoint', field: 'endpoint' },
      { label: 'Expiration Time', field: 'expiration_time', kind: 'time' },
      { label: 'Host ID', field: 'host_id' },
      { label: 'Host Set ID', field: 'host_set_id' },
      { label: 'ID', field: 'id' },
      { label: 'Status', field: 'status' },
      { label: 'Target ID', field: 'target_id' },
      { label: 'Termination Reason', field: 'termination_reason' },
      typeColumn,
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
      { label: 'User ID', field: 'user_id' },
      { label: 'Version', field: 'version' },
    ],
    sections: [statesSection, connectionsSection],
  },
};

const authMethods: ResourceSpec = {
  name: 'auth-methods',
  noun: 'auth method',
  title: 'Auth Method',
  exampleId: 'ampw_1234567890',
  exampleScope: 'global',
  exampleCreate: '-name password',
  parent: scopeParent,
  verbs: ['read', 'list'],
  fields: [],
  list: {
    columns: [...listColumns, { label: 'Is Primary For Scope', field: 'is_primary' }],
    valueColumn: 26,
    empty: 'No auth methods found',
  },
  item: {
    columns: [...itemColumns, typeColumn, { label: 'Is Primary For Scope', field: 'is_primary' }],
    sections: [
      (item) =>
        collectionActions(
          "  Authorized Actions on Auth Method's Collections:",
          item['authorized_collection_actions'],
        ),
    ],
    attributes: {
      min_login_name_length: 'Minimum Login Name Length',
      min_password_length: 'Minimum Password Length',
    },
  },
};

const authTokenColumns: readonly Column[] = [
  { label: 'Approximate Last Used Time', field: 'approximate_last_used_time', kind: 'time' },
  { label: 'Auth Method ID', field: 'auth_method_id' },
  { label: 'Created Time', field: 'created_time', kind: 'time' },
  { label: 'Expiration Time', field: 'expiration_time', kind: 'time' },
  { label: 'Updated Time', field: 'updated_time', kind: 'time' },
  { label: 'User ID', field: 'user_id' },
];

const authTokens: ResourceSpec = {
  name: 'auth-tokens',
  noun: 'auth token',
  title: 'Auth Token',
  exampleId: 'self',
  exampleScope: 'global',
  exampleCreate: '',
  parent: scopeParent,
  verbs: ['read', 'list', 'delete'],
  fields: [],
  list: { columns: authTokenColumns, valueColumn: 33, empty: 'No auth tokens found' },
  item: { columns: [...authTokenColumns, { label: 'ID', field: 'id' }] },
};

const accounts: ResourceSpec = {
  name: 'accounts',
  noun: 'account',
  title: 'Account',
  exampleId: 'acctpw_1234567890',
  exampleScope: 'global',
  exampleCreate: '-login-name jeff',
  parent: authMethodParent,
  verbs: ['read', 'list'],
  fields: [],
  list: { columns: listColumns, empty: 'No accounts found' },
  item: {
    columns: [...itemColumns, typeColumn, { label: 'Auth Method ID', field: 'auth_method_id' }],
    attributes: { login_name: 'Login Name' },
  },
};

const users: ResourceSpec = {
  name: 'users',
  noun: 'user',
  title: 'User',
  exampleId: 'u_1234567890',
  exampleScope: 'global',
  exampleCreate: '-name jeff',
  parent: scopeParent,
  verbs: ['read', 'list'],
  fields: [],
  list: {
    columns: [
      ...listColumns.filter((column) => column !== typeColumn),
      { label: 'Primary Account ID', field: 'primary_account_id' },
      { label: 'Login Name', field: 'login_name' },
      { label: 'Full Name', field: 'full_name' },
      { label: 'Email', field: 'email' },
    ],
    empty: 'No users found',
  },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Primary Account Id', field: 'primary_account_id' },
      { label: 'Login Name', field: 'login_name' },
      { label: 'Full Name', field: 'full_name' },
      { label: 'Email', field: 'email' },
    ],
    sections: [
      (item, width) => {
        const rows = objectsOf(item['accounts']).flatMap((account) => [
          ...block(
            {
              ID: cell(account, { label: 'ID', field: 'id' }),
              'Scope ID': cell(account, { label: 'Scope ID', field: 'scope_id' }),
            },
            4,
            width,
          ),
          '',
        ]);
        return rows.length === 0 ? [] : ['', '  Accounts:', ...rows];
      },
    ],
  },
};

const workers: ResourceSpec = {
  name: 'workers',
  noun: 'worker',
  title: 'Worker',
  exampleId: 'w_1234567890',
  exampleScope: 'global',
  exampleCreate: '-name worker-1',
  parent: scopeParent,
  verbs: ['read', 'list', 'update', 'delete'],
  fields: nameFields,
  list: {
    columns: [
      ...listColumns,
      { label: 'Address', field: 'address' },
      { label: 'ReleaseVersion', field: 'release_version' },
      { label: 'Last Status Time', field: 'last_status_time', kind: 'time' },
    ],
    valueColumn: 29,
    empty: 'No workers found',
  },
  item: {
    columns: [
      ...itemColumns,
      typeColumn,
      { label: 'Active Connection Count', field: 'active_connection_count', kind: 'present' },
      { label: 'Address', field: 'address' },
      { label: 'Controller-Generated Activation Token', field: 'controller_generated_activation_token' },
      { label: 'Last Status Time', field: 'last_status_time', kind: 'utc' },
      { label: 'Local Storage State', field: 'local_storage_state' },
      { label: 'Release Version', field: 'release_version' },
    ],
    sectionsBeforeActions: [tagsSection],
  },
};

/** Every spec. */
export const specs: readonly ResourceSpec[] = [
  accounts,
  authMethods,
  authTokens,
  hostCatalogs,
  hostSets,
  hosts,
  scopes,
  sessions,
  targets,
  users,
  workers,
];
