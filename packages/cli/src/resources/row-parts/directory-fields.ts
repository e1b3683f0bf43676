/** Flags and labels of auth methods of types oidc and ldap (cli.md §2.2). */
import type { FieldFlag } from '../resource-spec.ts';
import { attribute } from './columns.ts';

/** Fields of an oidc auth method. */
export const oidcFields: readonly FieldFlag[] = [
  attribute('issuer', 'issuer', 'URL of the provider, as its discovery document names it.'),
  attribute('client-id', 'client_id', 'ID that the provider gave to this controller.'),
  attribute('client-secret', 'client_secret', 'Secret that goes with it.', {
    kind: 'reference',
    isSecret: true,
  }),
  attribute('max-age', 'max_age', 'Longest time since the last active login, seconds.', { kind: 'uint' }),
  attribute('signing-algorithm', 'signing_algorithms', 'Signature that is accepted, as RS256.', {
    kind: 'list',
  }),
  attribute('api-url-prefix', 'api_url_prefix', 'URL at which the provider sends people back.'),
  attribute('idp-ca-cert', 'idp_ca_certs', 'CA certificate of the provider, PEM.', { kind: 'references' }),
  attribute('allowed-audience', 'allowed_audiences', 'Audience that is accepted.', { kind: 'list' }),
  attribute('claims-scopes', 'claims_scopes', 'Scope to ask for, beside openid.', { kind: 'list' }),
  attribute('account-claim-maps', 'account_claim_maps', 'Claim and account field, as oid=sub.', {
    kind: 'list',
  }),
  attribute('prompts', 'prompts', 'What the provider shall ask the person for, as select_account.', {
    kind: 'list',
  }),
  attribute(
    'disable-discovered-config-validation',
    'disable_discovered_config_validation',
    'Do not compare the settings with what the provider says of itself.',
    { kind: 'boolean', on: 'update' },
  ),
  attribute('dry-run', 'dry_run', 'Compare with the provider and change nothing.', {
    kind: 'boolean',
    on: 'update',
  }),
];

/** Labels of an oidc auth method. */
export const oidcLabels: Readonly<Record<string, string>> = {
  issuer: 'Issuer',
  client_id: 'Client ID',
  client_secret_hmac: 'Client Secret HMAC',
  max_age: 'Max Age',
  signing_algorithms: 'Signing Algorithms',
  api_url_prefix: 'API URL Prefix',
  callback_url: 'Callback URL',
  idp_ca_certs: 'IDP CA Certs',
  allowed_audiences: 'Allowed Audiences',
  claims_scopes: 'Claims Scopes',
  account_claim_maps: 'Account Claim Maps',
  prompts: 'Prompts',
  state: 'State',
  disable_discovered_config_validation: 'Disable Discovered Config Validation',
};

/** Fields of an ldap auth method. */
export const ldapFields: readonly FieldFlag[] = [
  attribute('urls', 'urls', 'URL of a directory server, tried in order.', { kind: 'list' }),
  attribute('insecure-tls', 'insecure_tls', 'Do not verify the certificate of the directory.', {
    kind: 'boolean',
  }),
  attribute('discover-dn', 'discover_dn', 'Find the person by an anonymous bind.', { kind: 'boolean' }),
  attribute('anon-group-search', 'anon_group_search', 'Search groups by an anonymous bind.', {
    kind: 'boolean',
  }),
  attribute('upn-domain', 'upn_domain', 'Domain behind the login name, as Active Directory wants it.'),
  attribute('start-tls', 'start_tls', 'Begin without TLS and switch to it.', { kind: 'boolean' }),
  attribute('user-dn', 'user_dn', 'Where people are searched.'),
  attribute('user-attr', 'user_attr', 'Attribute that holds the login name.'),
  attribute('user-filter', 'user_filter', 'Filter of the search for people.'),
  attribute('enable-groups', 'enable_groups', 'Look up the groups of a person.', { kind: 'boolean' }),
  attribute('group-dn', 'group_dn', 'Where groups are searched.'),
  attribute('group-attr', 'group_attr', 'Attribute that holds the name of a group.'),
  attribute('group-filter', 'group_filter', 'Filter of the search for groups.'),
  attribute('certificate', 'certificates', 'CA certificate of the directory, PEM.', { kind: 'references' }),
  attribute('client-certificate', 'client_certificate', 'Certificate to show to the directory, PEM.', {
    kind: 'reference',
  }),
  attribute('client-certificate-key', 'client_certificate_key', 'Its private key, PEM.', {
    kind: 'reference',
    isSecret: true,
  }),
  attribute('bind-dn', 'bind_dn', 'Name with which the search binds.'),
  attribute('bind-password', 'bind_password', 'Password of that name.', {
    kind: 'reference',
    isSecret: true,
  }),
  attribute('use-token-groups', 'use_token_groups', 'Take groups from tokenGroups of Active Directory.', {
    kind: 'boolean',
  }),
  attribute(
    'account-attribute-map',
    'account_attribute_maps',
    'Attribute and account field, as mail=email.',
    {
      kind: 'list',
    },
  ),
  attribute('state', 'state', 'Who can use it.', {
    completes: ['inactive', 'active-private', 'active-public'],
  }),
  attribute('max-page-size', 'maximum_page_size', 'Most entries of one answer of the directory.', {
    kind: 'uint',
  }),
  attribute('deref-aliases', 'dereference_aliases', 'When aliases of the directory are followed.', {
    completes: ['NeverDerefAliases', 'DerefInSearching', 'DerefFindingBaseObj', 'DerefAlways'],
  }),
];

/** Labels of an ldap auth method. */
export const ldapLabels: Readonly<Record<string, string>> = {
  urls: 'URLs',
  insecure_tls: 'Insecure TLS',
  discover_dn: 'Discover DN',
  anon_group_search: 'Anonymous Group Search',
  upn_domain: 'UPN Domain',
  start_tls: 'Start TLS',
  user_dn: 'User DN',
  user_attr: 'User Attribute',
  user_filter: 'User Filter',
  enable_groups: 'Enable Groups',
  group_dn: 'Group DN',
  group_attr: 'Group Attribute',
  group_filter: 'Group Filter',
  certificates: 'Certificates',
  client_certificate: 'Client Certificate',
  client_certificate_key_hmac: 'Client Certificate Key HMAC',
  bind_dn: 'Bind DN',
  bind_password_hmac: 'Bind Password HMAC',
  use_token_groups: 'Use Token Groups',
  account_attribute_maps: 'Account Attribute Maps',
  maximum_page_size: 'Maximum Page Size',
  dereference_aliases: 'Dereference Aliases',
};
