/**
 * Answers of a controller as the API's definitions shape them: one item of every kind, with every field that can be filled, for
 * tests that need no particular content.
 */
import type { SeenRequest, StubAnswer } from './stub-api.ts';

/** JSON of an answer. */
type Json = Readonly<Record<string, unknown>>;

const time = '2026-11-22T10:00:00.123456Z';
const later = '2026-11-22T18:00:00Z';
const global = { id: 'global', type: 'global', name: 'global', description: 'Global Scope' };
const project = {
  id: 'p_1234567890',
  type: 'project',
  name: 'web',
  description: 'The web project',
  parent_scope_id: 'o_1234567890',
};
const crud = ['no-op', 'read', 'update', 'delete'];
const times = { created_time: time, updated_time: time };
const named = { name: 'a name', description: 'a description', ...times, version: 3 };

/** A resource in the global scope. */
function inGlobal(id: string, more: Json = {}): Json {
  return { id, scope_id: 'global', scope: global, ...named, authorized_actions: crud, ...more };
}

/** A resource in a project. */
function inProject(id: string, more: Json = {}): Json {
  return { id, scope_id: 'p_1234567890', scope: project, ...named, authorized_actions: crud, ...more };
}

const plugin = { id: 'pl_1234567890', name: 'aws', description: 'Built-in AWS plugin' };
const hmac = 'EvIdLBTUnShBAD_yp1BgzyLZQjrQaDvEaLeGJpDD5xo';

/** One item of every kind, by the words that a command begins with; a type's words come before the resource's. */
const items: Readonly<Record<string, Json>> = {
  accounts: inGlobal('acctpw_1234567890', {
    type: 'password',
    auth_method_id: 'ampw_1234567890',
    attributes: { login_name: 'jeff' },
    managed_group_ids: ['mgoidc_1234567890'],
  }),
  'accounts oidc': inGlobal('acctoidc_1234567890', {
    type: 'oidc',
    auth_method_id: 'amoidc_1234567890',
    attributes: {
      issuer: 'https://login.example',
      subject: '12345',
      full_name: 'Jeff Example',
      email: 'jeff@example.com',
      token_claims: { sub: '12345', groups: ['ops'] },
      userinfo_claims: { sub: '12345' },
    },
  }),
  'accounts ldap': inGlobal('acctldap_1234567890', {
    type: 'ldap',
    auth_method_id: 'amldap_1234567890',
    attributes: {
      login_name: 'jeff',
      full_name: 'Jeff Example',
      email: 'jeff@example.com',
      dn: 'cn=jeff,ou=people,dc=example',
      member_of_groups: ['ops', 'admins'],
    },
  }),
  aliases: inGlobal('alt_1234567890', {
    value: 'web.example',
    destination_id: 'ttcp_1234567890',
    type: 'target',
    attributes: { authorize_session_arguments: { host_id: 'hst_1234567890' } },
  }),
  'auth-methods': inGlobal('ampw_1234567890', {
    type: 'password',
    attributes: { min_login_name_length: 3, min_password_length: 12 },
    is_primary: true,
    authorized_collection_actions: { accounts: ['create', 'list'] },
  }),
  'auth-methods oidc': inGlobal('amoidc_1234567890', {
    type: 'oidc',
    attributes: {
      state: 'active-public',
      issuer: 'https://login.example',
      client_id: 'stile',
      client_secret_hmac: hmac,
      max_age: 3600,
      signing_algorithms: ['RS256'],
      api_url_prefix: 'https://stile.example:9200',
      callback_url: 'https://stile.example:9200/v1/auth-methods/oidc:authenticate:callback',
      allowed_audiences: ['stile'],
      claims_scopes: ['groups'],
      account_claim_maps: ['oid=sub'],
      prompts: ['select_account'],
    },
    authorized_collection_actions: { accounts: ['create', 'list'], 'managed-groups': ['create', 'list'] },
  }),
  'auth-methods ldap': inGlobal('amldap_1234567890', {
    type: 'ldap',
    attributes: {
      state: 'active-public',
      start_tls: true,
      urls: ['ldaps://ldap.example'],
      user_dn: 'ou=people,dc=example',
      user_attr: 'uid',
      enable_groups: true,
      group_dn: 'ou=groups,dc=example',
      bind_dn: 'cn=reader,dc=example',
      bind_password_hmac: hmac,
      account_attribute_maps: ['mail=email'],
      maximum_page_size: 500,
      dereference_aliases: 'DerefAlways',
    },
  }),
  'auth-tokens': {
    id: 'at_1234567890',
    scope_id: 'global',
    scope: global,
    user_id: 'u_1234567890',
    auth_method_id: 'ampw_1234567890',
    account_id: 'acctpw_1234567890',
    ...times,
    approximate_last_used_time: time,
    expiration_time: later,
    authorized_actions: ['no-op', 'read', 'read:self', 'delete', 'delete:self'],
  },
  'credential-libraries': inProject('clvlt_1234567890', {
    credential_store_id: 'csvlt_1234567890',
    type: 'vault-generic',
    attributes: { path: 'database/creds/ops', http_method: 'POST', http_request_body: '{}' },
    credential_type: 'username_password',
    credential_mapping_overrides: { username_attribute: 'user' },
  }),
  'credential-libraries vault-ssh-certificate': inProject('clvsclt_1234567890', {
    credential_store_id: 'csvlt_1234567890',
    type: 'vault-ssh-certificate',
    attributes: {
      path: 'ssh/sign/ops',
      username: 'root',
      key_type: 'ed25519',
      ttl: '10m',
      extensions: { 'permit-pty': '' },
      additional_valid_principals: ['admin'],
    },
    credential_type: 'ssh_certificate',
  }),
  'credential-libraries vault-ldap': inProject('clvllt_1234567890', {
    credential_store_id: 'csvlt_1234567890',
    type: 'vault-ldap',
    attributes: { path: 'ldap/creds/ops' },
    credential_type: 'username_password_domain',
  }),
  'credential-stores': inProject('csst_1234567890', {
    type: 'static',
    authorized_collection_actions: { credentials: ['create', 'list'] },
  }),
  'credential-stores vault': inProject('csvlt_1234567890', {
    type: 'vault',
    attributes: {
      address: 'https://vault.example:8200',
      namespace: 'ops',
      tls_server_name: 'vault.example',
      tls_skip_verify: true,
      token_hmac: hmac,
      token_status: 'current',
      worker_filter: '"vault" in "/tags/type"',
    },
    authorized_collection_actions: { 'credential-libraries': ['create', 'list'] },
  }),
  credentials: inProject('credup_1234567890', {
    credential_store_id: 'csst_1234567890',
    type: 'username_password',
    attributes: { username: 'postgres', password_hmac: hmac },
  }),
  'credentials username-password-domain': inProject('credupd_1234567890', {
    credential_store_id: 'csst_1234567890',
    type: 'username_password_domain',
    attributes: { username: 'jeff', domain: 'example', password_hmac: hmac },
  }),
  'credentials password': inProject('credp_1234567890', {
    credential_store_id: 'csst_1234567890',
    type: 'password',
    attributes: { password_hmac: hmac },
  }),
  'credentials ssh-private-key': inProject('credspk_1234567890', {
    credential_store_id: 'csst_1234567890',
    type: 'ssh_private_key',
    attributes: { username: 'root', private_key_hmac: hmac, private_key_passphrase_hmac: hmac },
  }),
  'credentials json': inProject('credjson_1234567890', {
    credential_store_id: 'csst_1234567890',
    type: 'json',
    attributes: { object_hmac: hmac },
  }),
  groups: inGlobal('g_1234567890', {
    member_ids: ['u_1234567890', 'u_0987654321'],
    members: [
      { id: 'u_1234567890', scope_id: 'global' },
      { id: 'u_0987654321', scope_id: 'o_1234567890' },
    ],
  }),
  'host-catalogs': inProject('hcst_1234567890', {
    type: 'static',
    authorized_collection_actions: { 'host-sets': ['create', 'list'], hosts: ['create', 'list'] },
  }),
  'host-catalogs plugin': inProject('hcplg_1234567890', {
    type: 'plugin',
    plugin_id: plugin.id,
    plugin,
    attributes: { region: 'eu-central-1', zones: ['a', 'b'] },
    secrets_hmac: hmac,
    worker_filter: '"aws" in "/tags/type"',
  }),
  'host-sets': inProject('hsst_1234567890', {
    host_catalog_id: 'hcst_1234567890',
    type: 'static',
    host_ids: ['hst_1234567890', 'hst_0987654321'],
  }),
  'host-sets plugin': inProject('hsplg_1234567890', {
    host_catalog_id: 'hcplg_1234567890',
    plugin,
    type: 'plugin',
    preferred_endpoints: ['cidr:10.0.0.0/8'],
    sync_interval_seconds: 600,
    attributes: { filters: ['tag:web'] },
  }),
  hosts: inProject('hst_1234567890', {
    host_catalog_id: 'hcst_1234567890',
    type: 'static',
    host_set_ids: ['hsst_1234567890'],
    attributes: { address: '10.0.0.5' },
    ip_addresses: ['10.0.0.5'],
    dns_names: ['web.example'],
    external_id: 'i-1',
    external_name: 'web',
  }),
  'managed-groups': inGlobal('mgoidc_1234567890', {
    type: 'oidc',
    auth_method_id: 'amoidc_1234567890',
    attributes: { filter: '"ops" in "/token/groups"' },
    member_ids: ['acctoidc_1234567890'],
  }),
  'managed-groups ldap': inGlobal('mgldap_1234567890', {
    type: 'ldap',
    auth_method_id: 'amldap_1234567890',
    attributes: { group_names: ['ops', 'admins'] },
    member_ids: ['acctldap_1234567890'],
  }),
  policies: inGlobal('pst_1234567890', {
    type: 'storage',
    attributes: {
      retain_for: { days: 365, overridable: true },
      delete_after: { days: 400, overridable: false },
    },
  }),
  roles: inGlobal('r_1234567890', {
    grant_scope_ids: ['children', 'this'],
    principal_ids: ['g_1234567890', 'u_1234567890'],
    principals: [
      { id: 'g_1234567890', type: 'group', scope_id: 'global' },
      { id: 'u_1234567890', type: 'user', scope_id: 'global' },
    ],
    grant_strings: ['ids=*;type=target;actions=read,list'],
    grants: [
      {
        raw: 'ids=*;type=target;actions=read,list',
        canonical: 'ids=*;type=target;actions=list,read',
        json: { ids: ['*'], type: 'target', actions: ['list', 'read'] },
      },
    ],
  }),
  scopes: {
    ...inGlobal('o_1234567890', { type: 'org', primary_auth_method_id: 'ampw_1234567890' }),
    sessions_on_role_revocation: 'cancel',
    storage_policy_id: 'pst_1234567890',
    authorized_collection_actions: { scopes: ['create', 'list'], roles: ['list'] },
  },
  'session-recordings': {
    id: 'sr_1234567890',
    scope: global,
    session_id: 's_1234567890',
    storage_bucket_id: 'sb_1234567890',
    bytes_up: '1024',
    bytes_down: '4096',
    ...times,
    start_time: time,
    end_time: later,
    duration: '28800s',
    type: 'ssh',
    state: 'available',
    endpoint: 'ssh://10.0.0.5:22',
    authorized_actions: ['read'],
  },
  sessions: {
    id: 's_1234567890',
    target_id: 'ttcp_1234567890',
    scope: project,
    scope_id: project.id,
    ...times,
    version: 2,
    type: 'tcp',
    expiration_time: later,
    auth_token_id: 'at_1234567890',
    user_id: 'u_1234567890',
    host_set_id: 'hsst_1234567890',
    host_id: 'hst_1234567890',
    endpoint: 'tcp://10.0.0.5:22',
    states: [
      { status: 'canceling', start_time: later },
      { status: 'active', start_time: time, end_time: later },
    ],
    status: 'canceling',
    termination_reason: 'canceled',
    end_reason: 'user disabled',
    ended_by: 'u_1234567890',
    authorized_actions: ['read', 'cancel'],
    connections: [
      {
        client_tcp_address: '10.0.0.9',
        client_tcp_port: 50_000,
        endpoint_tcp_address: '::1',
        endpoint_tcp_port: 22,
        bytes_up: '1024',
        bytes_down: '4096',
        closed_reason: 'canceled',
      },
    ],
  },
  'storage-buckets': inGlobal('sb_1234567890', {
    type: 'plugin',
    plugin_id: plugin.id,
    plugin,
    bucket_name: 'recordings',
    bucket_prefix: 'eu/',
    attributes: { region: 'eu-central-1' },
    secrets_hmac: hmac,
    worker_filter: '"aws" in "/tags/type"',
  }),
  targets: inProject('ttcp_1234567890', {
    type: 'tcp',
    host_source_ids: ['hsst_1234567890'],
    host_sources: [{ id: 'hsst_1234567890', host_catalog_id: 'hcst_1234567890' }],
    session_max_seconds: 28_800,
    session_connection_limit: -1,
    egress_worker_filter: '"eu" in "/tags/region"',
    brokered_credential_source_ids: ['credup_1234567890'],
    brokered_credential_sources: [{ id: 'credup_1234567890', credential_store_id: 'csst_1234567890' }],
    injected_application_credential_source_ids: ['credspk_1234567890'],
    injected_application_credential_sources: [
      { id: 'credspk_1234567890', credential_store_id: 'csst_1234567890' },
    ],
    attributes: { default_port: 22, default_client_port: 2222 },
    address: '10.0.0.5',
    aliases: [{ id: 'alt_1234567890', value: 'web.example' }],
    authorized_actions: [...crud, 'authorize-session'],
  }),
  'targets ssh': inProject('tssh_1234567890', {
    type: 'ssh',
    session_max_seconds: 28_800,
    session_connection_limit: 1,
    address: '10.0.0.5',
    attributes: { default_port: 22, enable_session_recording: true, storage_bucket_id: 'sb_1234567890' },
  }),
  'targets rdp': inProject('trdp_1234567890', {
    type: 'rdp',
    session_max_seconds: 3600,
    session_connection_limit: 1,
    address: '10.0.0.6',
    attributes: { default_port: 3389 },
  }),
  users: inGlobal('u_1234567890', {
    account_ids: ['acctpw_1234567890'],
    accounts: [{ id: 'acctpw_1234567890', scope_id: 'global' }],
    login_name: 'jeff',
    full_name: 'Jeff Example',
    email: 'jeff@example.com',
    primary_account_id: 'acctpw_1234567890',
    disabled_time: later,
  }),
  workers: inGlobal('w_1234567890', {
    address: '10.0.0.7:9202',
    canonical_tags: { region: ['east', 'west'] },
    config_tags: { type: ['prod'] },
    api_tags: { region: ['east', 'west'] },
    last_status_time: time,
    active_connection_count: 0,
    type: 'pki',
    release_version: 'Stile v0.1.0',
    directly_connected_downstream_workers: ['w_0987654321'],
    registration_fingerprint: '23b7-e270-94f1-1507-3be9-0026-454d-209a',
    local_storage_state: 'available',
  }),
  'workers controller-led': inGlobal('w_1234567890', {
    type: 'pki',
    controller_generated_activation_token:
      'neslat_2KsmuDXbC2tnGHJ3wKHkCdhYHs2hDPjXs4FPhVfvFjU4o3v6hZVw6MVWrjCWtQF',
  }),
};

const authority = {
  certs: [
    { id: 'current', public_key_sha256: 'ab'.repeat(32), not_before_time: time, not_after_time: later },
    { id: 'next', public_key_sha256: 'cd'.repeat(32), not_before_time: later, not_after_time: later },
  ],
};

/** Answers of calls that answer with something else than the resource, by the verb behind the path. */
const others: Readonly<Record<string, StubAnswer>> = {
  'authorize-session': {
    status: 200,
    body: {
      session_id: 's_1234567890',
      target_id: 'ttcp_1234567890',
      scope: project,
      created_time: time,
      user_id: 'u_1234567890',
      host_set_id: 'hsst_1234567890',
      host_id: 'hst_1234567890',
      type: 'tcp',
      authorization_token: 'A'.repeat(100),
      connection_limit: -1,
      endpoint: 'tcp://10.0.0.5:22',
      endpoint_port: 22,
      expiration: later,
      credentials: [
        {
          credential_source: {
            id: 'credup_1234567890',
            name: 'db',
            credential_store_id: 'csst_1234567890',
            type: 'static',
            credential_type: 'username_password',
          },
          secret: { raw: 'e30', decoded: { username: 'postgres', password: 'open-sesame' } },
          credential: { username: 'postgres', password: 'open-sesame' },
        },
      ],
    },
  },
  'list-keys': {
    status: 200,
    body: {
      items: [
        {
          id: 'krk_1234567890',
          scope: global,
          purpose: 'rootKey',
          created_time: time,
          type: 'kek',
          versions: [{ id: 'krkv_1234567890', version: 1, created_time: time }],
        },
        {
          id: 'kdk_1234567890',
          scope: global,
          purpose: 'database',
          created_time: time,
          type: 'dek',
          versions: [
            { id: 'kdkv_0987654321', version: 2, created_time: later },
            { id: 'kdkv_1234567890', version: 1, created_time: time },
          ],
        },
      ],
    },
  },
  'list-resolvable-aliases': {
    status: 200,
    body: {
      items: [
        {
          id: 'alt_1234567890',
          ...times,
          value: 'web.example',
          destination_id: 'ttcp_1234567890',
          type: 'target',
        },
      ],
      response_type: 'complete',
    },
  },
  'list-key-version-destruction-jobs': {
    status: 200,
    body: {
      items: [
        {
          key_version_id: 'kdkv_1234567890',
          scope: global,
          status: 'running',
          created_time: time,
          completed_count: '5',
          total_count: '10',
        },
      ],
    },
  },
  'rotate-keys': { status: 204 },
  'destroy-key-version': { status: 200, body: { state: 'pending' } },
  'read-certificate-authority': { status: 200, body: authority },
  'reinitialize-certificate-authority': { status: 200, body: authority },
  'monthly-active-users': {
    status: 200,
    body: {
      items: [
        { count: 12, start_time: '2026-11-01T00:00:00Z', end_time: later },
        { count: 0, start_time: '2026-10-01T00:00:00Z', end_time: '2026-11-01T00:00:00Z' },
      ],
    },
  },
  explain: {
    status: 200,
    body: {
      user_id: 'u_1234567890',
      id: 'ttcp_1234567890',
      type: 'target',
      scope_id: 'p_1234567890',
      action: 'authorize-session',
      allowed: false,
      reason: 'No grant of a role of the user allows it.',
      closest: [
        {
          role_id: 'r_1234567890',
          role_name: 'readers',
          role_scope_id: 'p_1234567890',
          principal_id: 'u_1234567890',
          grant_scope_id: 'this',
          grant_string: 'ids=*;type=target;actions=read',
          mismatches: [{ field: 'action', description: 'The grant does not name authorize-session.' }],
        },
        {
          role_id: 'r_0987654321',
          role_scope_id: 'global',
          grant_string: 'ids=*;type=target;actions=authorize-session',
          mismatches: [
            { field: 'principal', description: 'The user does not hold the role.' },
            { field: 'scope', description: 'The role does not reach the project.' },
          ],
        },
      ],
      hidden_role_count: 2,
    },
  },
};

/** The item of a kind and type. */
export function sampleItem(resource: string, type = ''): Json {
  const item = items[`${resource} ${type}`] ?? items[resource];
  if (item === undefined) throw new Error(`no sample of ${resource}`);
  return item;
}

function listAnswer(item: Json, url: URL): StubAnswer {
  const isFirst = !url.searchParams.has('list_token');
  const second = { ...item, id: String(item['id']).replace('1234567890', '0987654321'), name: 'another' };
  return {
    status: 200,
    body: isFirst
      ? { items: [item], response_type: 'delta', list_token: 'next', est_item_count: 2 }
      : { items: [second], response_type: 'complete', list_token: 'last', est_item_count: 2 },
  };
}

/** Answers any request for a resource with its samples; lists have two pages. @param type the type that items are of */
export function sampleAnswer(request: SeenRequest, type: string): StubAnswer {
  const url = new URL(request.url, 'http://stub');
  const [, resource = '', id, verb] = /^\/v1\/([a-z-]+)(?:\/([^:]+))?(?::(.*))?$/.exec(url.pathname) ?? [];
  const other = others[verb ?? ''];
  if (other !== undefined) return other;
  const item = sampleItem(resource, type);
  if (request.method === 'DELETE')
    return {
      status: resource === 'auth-methods' ? 200 : 204,
      body: resource === 'auth-methods' ? {} : undefined,
    };
  if (request.method === 'GET' && id === undefined) return listAnswer(item, url);
  return { status: 200, body: item };
}
