/** Auth methods, accounts, auth tokens and managed groups (cli.md §2.2, 3.13). */
import type { Column, FieldFlag, ResourceSpec } from '../resource-spec.ts';
import { collectionActions } from '../table-view.ts';
import { attribute, idList, itemColumns, listColumns, nameFields } from '../row-parts/columns.ts';
import { ldapFields, ldapLabels, oidcFields, oidcLabels } from '../row-parts/directory-fields.ts';
import { authMethodParent, scopeParent } from '../row-parts/parents.ts';

/** `stile auth-methods`. */
export const authMethods: ResourceSpec = {
  name: 'auth-methods',
  noun: 'auth method',
  title: 'Auth Method',
  exampleId: 'ampw_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'password',
      fields: [
        attribute('min-login-name-length', 'min_login_name_length', 'Shortest login name, characters.', {
          kind: 'uint',
        }),
        attribute('min-password-length', 'min_password_length', 'Shortest password, characters.', {
          kind: 'uint',
        }),
      ],
      example: '-name password -min-password-length 12',
      exampleUpdate: '-min-password-length 16',
    },
    {
      name: 'oidc',
      exampleId: 'amoidc_1234567890',
      fields: oidcFields,
      example: '-name sso -issuer https://login.example -client-id stile -client-secret env://CLIENT_SECRET',
      exampleUpdate: '-claims-scopes groups -max-age null',
    },
    {
      name: 'ldap',
      exampleId: 'amldap_1234567890',
      fields: ldapFields,
      example:
        '-name directory -urls ldaps://ldap.example -user-dn ou=people,dc=example -state active-public',
      exampleUpdate: '-urls ldaps://ldap2.example -enable-groups=false',
    },
  ],
  actions: [
    {
      words: 'change-state oidc',
      summary: 'Change the state of an oidc-type auth method',
      description: 'Makes an auth method usable for everybody, for those who know its ID, or for nobody.',
      example: '-state active-public',
      exampleId: 'amoidc_1234567890',
      on: 'item',
      method: 'POST',
      path: ':change-state',
      version: 'flag',
      fields: [
        attribute('state', 'state', 'The new state.', {
          isRequired: true,
          completes: ['inactive', 'active-private', 'active-public'],
        }),
        attribute(
          'disable-discovered-config-validation',
          'disable_discovered_config_validation',
          'Do not compare the settings with what the provider says of itself.',
          { kind: 'boolean' },
        ),
      ],
      verb: 'change-state',
      noun: 'oidc-type auth method',
      shows: { kind: 'item' },
    },
  ],
  list: {
    columns: [...listColumns, { label: 'Is Primary For Scope', field: 'is_primary' }],
    valueColumn: 26,
    empty: 'No auth methods found',
  },
  item: {
    columns: [...itemColumns, { label: 'Is Primary For Scope', field: 'is_primary' }],
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
      ...oidcLabels,
      ...ldapLabels,
    },
  },
};

const loginName = attribute('login-name', 'login_name', 'Name to log in with.');

/** A password that somebody sets: read from elsewhere, or asked twice. */
function passwordField(name: string, field: string, question: string, isTwice: boolean): FieldFlag {
  return { name, field, kind: 'secret', help: 'The password.', ask: { question, isTwice } };
}

/** `stile accounts`. */
export const accounts: ResourceSpec = {
  name: 'accounts',
  noun: 'account',
  title: 'Account',
  exampleId: 'acctpw_1234567890',
  parent: authMethodParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'password',
      fields: [
        loginName,
        { ...passwordField('password', 'attributes.password', 'the password', true), on: 'create' },
      ],
      example: '-login-name jeff -password env://PASSWORD',
      exampleUpdate: '-login-name jeff2',
    },
    {
      name: 'oidc',
      exampleId: 'acctoidc_1234567890',
      exampleParent: 'amoidc_1234567890',
      fields: [
        attribute('subject', 'subject', 'Subject, as the provider knows the person.', { on: 'create' }),
        attribute('issuer', 'issuer', "Issuer. The default is the auth method's.", { on: 'create' }),
      ],
      example: '-subject 12345',
    },
    {
      name: 'ldap',
      exampleId: 'acctldap_1234567890',
      exampleParent: 'amldap_1234567890',
      fields: [{ ...loginName, on: 'create' }],
      example: '-login-name jeff',
    },
  ],
  actions: [
    {
      words: 'set-password',
      summary: 'Set the password of an account',
      description:
        'Sets the password of an account. Logins of that account end, and with them their sessions.',
      example: '-password env://PASSWORD',
      on: 'item',
      method: 'POST',
      path: ':set-password',
      version: 'flag',
      fields: [passwordField('password', 'password', 'the new password', true)],
      shows: { kind: 'item' },
    },
    {
      words: 'change-password',
      summary: 'Change the password of an account',
      description: 'Changes the password of an account whose present one you know, as your own.',
      example: '-current-password env://PASSWORD -new-password env://NEW_PASSWORD',
      on: 'item',
      method: 'POST',
      path: ':change-password',
      version: 'flag',
      fields: [
        passwordField('current-password', 'current_password', 'the current password', false),
        passwordField('new-password', 'new_password', 'the new password', true),
      ],
      shows: { kind: 'item' },
    },
  ],
  list: { columns: listColumns, empty: 'No accounts found' },
  item: {
    columns: [...itemColumns, { label: 'Auth Method ID', field: 'auth_method_id' }],
    sections: [idList('Managed Group IDs', 'managed_group_ids')],
    attributes: {
      login_name: 'Login Name',
      subject: 'Subject',
      issuer: 'Issuer',
      full_name: 'Full Name',
      email: 'Email',
      dn: 'DN',
      member_of_groups: 'Member Of Groups',
      token_claims: 'Token Claims',
      userinfo_claims: 'Userinfo Claims',
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

/** `stile auth-tokens`. */
export const authTokens: ResourceSpec = {
  name: 'auth-tokens',
  noun: 'auth token',
  title: 'Auth Token',
  exampleId: 'at_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'delete'],
  fields: [],
  knowsSelf: true,
  list: { columns: authTokenColumns, valueColumn: 33, empty: 'No auth tokens found' },
  item: { columns: [...authTokenColumns, { label: 'ID', field: 'id' }] },
};

/** `stile managed-groups`. */
export const managedGroups: ResourceSpec = {
  name: 'managed-groups',
  noun: 'managed group',
  title: 'Managed Group',
  exampleId: 'mgoidc_1234567890',
  exampleParent: 'amoidc_1234567890',
  parent: authMethodParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'oidc',
      fields: [
        attribute('filter', 'filter', 'Expression over the claims of a login that makes it a member.', {
          isRequired: true,
        }),
      ],
      example: `-name ops -filter '"ops" in "/token/groups"'`,
      exampleUpdate: `-filter '"dev" in "/token/groups"'`,
    },
    {
      name: 'ldap',
      exampleId: 'mgldap_1234567890',
      exampleParent: 'amldap_1234567890',
      fields: [
        attribute('group-names', 'group_names', 'Name of a group of the directory.', { kind: 'list' }),
      ],
      example: '-name ops -group-names ops -group-names admins',
      exampleUpdate: '-group-names ops',
    },
  ],
  list: { columns: listColumns, empty: 'No managed groups found' },
  item: {
    columns: [...itemColumns, { label: 'Auth Method ID', field: 'auth_method_id' }],
    sections: [idList('Member IDs', 'member_ids')],
    attributes: { filter: 'Filter', group_names: 'Group Names' },
  },
};
