/**
 * Every operation of the recorded API surface (test/fixtures/api-surface.json) on a running server: it is there, and its answer has the listed
 * fields with the listed types and no others but ours. What is left out stands below, with its reason.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { authorizeSession, createTarget } from '../support/dev-target.ts';
import { startTcpServer } from '../support/echo-server.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { LegalCalls } from '../support/legal-calls.ts';
import { makeGround, ResourceWorld, worldPassword } from '../support/resource-world.ts';

interface SurfaceOperation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly response?: string;
  /** What the open-source controller answers, where that is another thing. */
  readonly oss?: string;
}
interface Definition {
  readonly fields?: Readonly<Record<string, string>>;
  readonly attributes_by_subtype?: Readonly<Record<string, string>>;
}
interface Surface {
  readonly operations: Readonly<Record<string, readonly SurfaceOperation[]>>;
  readonly definitions: Readonly<Record<string, Definition>>;
}

const surface = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/api-surface.json'), 'utf8'),
) as Surface;
const operations = Object.values(surface.operations).flat();

/** Operations that need what Stile does not have yet. */
const leftOut: readonly {
  readonly path: RegExp;
  readonly status: readonly number[];
  readonly why: string;
}[] = [
  { path: /:authenticate:callback$/, status: [400, 404, 405], why: 'OIDC comes with its own auth method' },
  { path: /auth-methods\/\{id\}:change-state$/, status: [404], why: 'of OIDC methods only' },
  { path: /^\/v1\/credential-libraries\/\{id\}/, status: [400, 404, 405], why: 'libraries need a Vault' },
  { path: /^GET \/v1\/credential-libraries$/, status: [400], why: 'of Vault stores only' },
  { path: /^GET \/v1\/managed-groups$/, status: [400], why: 'of OIDC and LDAP methods only' },
  { path: /^POST \/v1\/credential-libraries$/, status: [400, 404, 405], why: 'libraries need a Vault' },
  {
    path: /^\/v1\/managed-groups\/\{id\}/,
    status: [400, 404, 405],
    why: 'managed groups come with OIDC and LDAP',
  },
  {
    path: /^POST \/v1\/managed-groups$/,
    status: [400, 404, 405],
    why: 'managed groups come with OIDC and LDAP',
  },
  {
    path: /scopes:destroy-key-version$/,
    status: [400, 404],
    why: 'the key in use cannot be destroyed: iam tests',
  },
];

/** Fields of the surface that no answer here has: where they come from. */
const unseen: Readonly<Record<string, string>> = {
  'Account.managed_group_ids': 'OIDC and LDAP',
  'CredentialStore.attributes': 'Vault',
  'Host.plugin': 'plugin hosts',
  'Host.ip_addresses': 'plugin hosts',
  'Host.dns_names': 'plugin hosts',
  'Host.external_id': 'plugin hosts',
  'Host.external_name': 'plugin hosts',
  'HostCatalog.plugin_id': 'plugin catalogs',
  'HostCatalog.plugin': 'plugin catalogs',
  'HostCatalog.attributes': 'plugin catalogs',
  'HostCatalog.secrets': 'write only',
  'HostCatalog.secrets_hmac': 'plugin catalogs',
  'HostCatalog.worker_filter': 'plugin catalogs',
  'HostSet.plugin': 'plugin sets',
  'HostSet.preferred_endpoints': 'plugin sets',
  'HostSet.sync_interval_seconds': 'plugin sets',
  'HostSet.attributes': 'plugin sets',
  'Scope.storage_policy_id': 'policies are not offered',
  'SessionAuthorization.session_recording_id': 'recordings are not offered',
  'Target.injected_application_credential_source_ids': 'not on tcp targets',
  'Target.injected_application_credential_sources': 'not on tcp targets',
  'Target.ingress_worker_filter': 'refused, as recorded',
  'Target.with_aliases': 'write only',
  'User.email': 'OIDC and LDAP',
  'User.full_name': 'OIDC and LDAP',
  'Worker.worker_generated_auth_token': 'write only',
  'Worker.remote_storage_state': 'recordings are not offered',
  'Worker.directly_connected_downstream_workers': 'workers do not chain',
  'AuthToken.token': 'shown at the login only',
  'ListEnvelope.removed_ids': 'test/e2e/recorded-http.test.ts "pagination"',
};

/** Fields that are ours (design.md §1.2: we may add fields). */
const ours: Readonly<Record<string, string>> = {
  'Target.session_lease': 'design.md §5',
  'Session.end_reason': 'why it ended, in our own words (design.md §1.4)',
  'Session.ended_by': 'who ended it',
  'Connection.id': 'names a connection in logs',
  'Connection.worker_id': 'who carries it',
  'Connection.status': 'authorized, connected or closed',
  'Connection.created_time': 'when it was permitted',
  'Connection.connected_time': 'when the endpoint answered',
  'Connection.closed_time': 'when it ended',
  'Connection.end_reason': 'why it ended, in our own words',
  'Session.revocation': 'whether the workers confirmed the end',
  'User.disabled_time': 'tokens.md §4.1',
  'AuthToken.type': 'tokens.md §1.3',
  'AuthToken.login_name': 'tokens.md §1.3',
  'AuthToken.created_by_user_id': 'tokens.md §1.3',
  'AuthToken.status': 'tokens.md §1.3',
  'AuthToken.time_to_live_seconds': 'tokens.md §1.3',
  'AuthToken.time_to_stale_seconds': 'tokens.md §1.3',
  'AuthToken.idle_expiration_time': 'tokens.md §1.3',
  'AuthToken.origin': 'tokens.md §1.3',
  'AuthToken.user_agent': 'tokens.md §1.3',
  'AuthToken.last_origin': 'tokens.md §1.3',
  'AuthToken.last_user_agent': 'tokens.md §1.3',
  'AuthToken.name': 'tokens.md §1.3',
  'AuthToken.parent_auth_token_id': 'tokens.md §1.3',
  'AuthToken.version': 'tokens.md §1.3',
  'Worker.registration_fingerprint': 'compared with what the worker printed (ADR 0010)',
};

const numberTypes: ReadonlySet<string> = new Set(['uint32', 'int32']);

/** What is wrong with a value of this type; collects the fields that were seen. */
function check(value: unknown, type: string, at: string, seen: Set<string>): string[] {
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, index) => check(item, type.slice(0, -2), `${at}[${index}]`, seen));
  }
  if (type.startsWith('@')) return checkDefinition(value, type.slice(1), at, seen);
  if (type.startsWith('map<string,')) {
    const inner = type.slice('map<string,'.length, -1);
    return Object.entries(value as object).flatMap(([name, each]) =>
      check(each, inner, `${at}.${name}`, seen),
    );
  }
  if (numberTypes.has(type)) return Number.isSafeInteger(value) ? [] : [`${at} is no number`];
  if (type === 'bool') return typeof value === 'boolean' ? [] : [`${at} is no boolean`];
  if (type === 'object' || type === 'any') return [];
  if (typeof value !== 'string') return [`${at} is no text`];
  if (type === 'timestamp' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value))
    return [`${at} is no time`];
  if (type === 'int64str' && !/^-?\d+$/.test(value)) return [`${at} is no integer in a text`];
  return [];
}

function checkDefinition(value: unknown, name: string, at: string, seen: Set<string>): string[] {
  const definition = surface.definitions[name];
  if (definition === undefined) return [`${at}: no definition ${name}`];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no object`];
  const item = value as Readonly<Record<string, unknown>>;
  return Object.entries(item).flatMap(([field, each]) => {
    const spec = definition.fields?.[field];
    if (spec === undefined) return `${name}.${field}` in ours ? [] : [`${at}.${field} is not in the surface`];
    seen.add(`${name}.${field}`);
    const subtype = definition.attributes_by_subtype?.[String(item['type'])];
    if (field === 'attributes' && subtype !== undefined)
      return check(each, subtype, `${at}.attributes`, seen);
    return check(each, spec.split(' ')[0] ?? '', `${at}.${field}`, seen);
  });
}

/** What is wrong with an answer, by the notation of the surface: `@Account`, `ListEnvelope<@Account>`, `{items:@Key[]}`. */
function checkAnswer(body: Json, response: string, at: string, seen: Set<string>): string[] {
  const list = /^ListEnvelope<(@.+)>$/.exec(response)?.[1] ?? /^\{items:(@.+)\[\]\}$/.exec(response)?.[1];
  if (list === undefined) return response.startsWith('@') ? check(body, response, at, seen) : [];
  const { items = [], ...envelope } = body as { items?: unknown };
  const isPaged = response.startsWith('ListEnvelope');
  return [
    ...check(items, `${list}[]`, `${at}.items`, seen),
    ...(isPaged ? checkDefinition(envelope, 'ListEnvelope', at, seen) : []),
    ...(isPaged && !['delta', 'complete'].includes(body.response_type) ? [`${at}: no response_type`] : []),
  ];
}

let dev: DevServer;
let calls: LegalCalls;
let world: ResourceWorld;
const seen = new Set<string>();

beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1']);
  world = new ResourceWorld(dev.api, await makeGround(dev.api), async (loginName, authMethodId) => {
    const answer = await callApi(dev.address, {
      method: 'POST',
      path: `/v1/auth-methods/${authMethodId}:authenticate`,
      body: { attributes: { login_name: loginName, password: worldPassword } },
      token: '',
    });
    return String(answer.body?.attributes?.token);
  });
  calls = new LegalCalls(world);
}, 120_000);
afterAll(() => dev?.stop());

function exceptionOf(operation: SurfaceOperation): (typeof leftOut)[number] | undefined {
  return leftOut.find(
    ({ path }) => path.test(operation.path) || path.test(`${operation.method} ${operation.path}`),
  );
}

describe('every operation of the surface', () => {
  test.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
    '%s',
    async (_name, operation) => {
      const exception = exceptionOf(operation);
      if (operation.oss !== undefined || exception !== undefined) {
        const path = operation.path.replace(/\{[^}]*\}/, idFor(operation.path));
        const answer = await dev.api(operation.method, path, operation.method === 'GET' ? undefined : {});
        expect(exception?.status ?? [400, 404, 405]).toContain(answer.status);
        return;
      }
      const { method, path, body } = await calls.of(operation.method, operation.path);
      const answer = await dev.api(method, path, body);
      expect([answer.status, answer.status === operation.status ? '' : answer.body]).toEqual([
        operation.status,
        '',
      ]);
      if (operation.response !== undefined)
        expect(checkAnswer(answer.body as Json, operation.response, operation.operationId, seen)).toEqual([]);
    },
  );
});

/** An id of the right form that nothing has, or the real one where the call must get past its lookup. */
function idFor(path: string): string {
  if (path.includes('auth-methods')) return world.ground.authMethodId;
  if (path.includes('scopes')) return world.ground.projectId;
  if (path.includes('managed-groups')) return 'mgoidc_0000000000';
  return path.includes('libraries') ? 'clvlt_0000000000' : 'pst_0000000000';
}

test('every field of the resources was seen, but for those named with their reason', async () => {
  await makeFullResources();
  const resources = [
    'Account',
    'Alias',
    'AuthMethod',
    'AuthToken',
    'Credential',
    'CredentialStore',
    'Group',
    'Host',
  ];
  resources.push(
    'HostCatalog',
    'HostSet',
    'Role',
    'Scope',
    'Session',
    'SessionAuthorization',
    'Target',
    'User',
    'Worker',
    'ListEnvelope',
  );
  const fields = resources.flatMap((name) =>
    Object.entries(surface.definitions[name]?.fields ?? {})
      .filter(([, spec]) => !spec.includes('deprecated'))
      .map(([field]) => `${name}.${field}`),
  );
  const missing = fields.filter(
    (field) => !seen.has(field) && !(field in unseen) && field !== 'ListEnvelope.items',
  );
  expect(missing).toEqual([]);
  expect(Object.keys(unseen).filter((field) => seen.has(field))).toEqual([]);
});

/** Resources with everything set that can be. */
async function makeFullResources(): Promise<void> {
  const { orgId, authMethodId } = world.ground;
  const see = async (path: string, name: string): Promise<Json> => {
    const answer = await dev.api('GET', path);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(check(answer.body, `@${name}`, path, seen)).toEqual([]);
    return answer.body as Json;
  };
  const org = await see(`/v1/scopes/${orgId}`, 'Scope');
  await dev.api('PATCH', `/v1/scopes/${orgId}`, {
    version: org.version,
    primary_auth_method_id: authMethodId,
    description: 'd',
  });
  await see(`/v1/scopes/${orgId}`, 'Scope');
  await see(`/v1/auth-methods/${authMethodId}`, 'AuthMethod');
  const user = await world.make('users');
  const token = await world.tokenOf(user.id);
  await see(`/v1/users/${user.id}`, 'User');
  await see(`/v1/auth-tokens/${token.split('_').slice(0, 2).join('_')}`, 'AuthToken');
  const set = await world.make('host-sets');
  const host = await world.make('hosts');
  await world.change(set, 'add-hosts', { version: set.version, host_ids: [host.id] });
  await see(`/v1/hosts/${host.id}`, 'Host');
  await see(`/v1/host-sets/${set.id}`, 'HostSet');
  const target = await world.makeTargetWithoutAddress();
  await world.change(target, 'add-host-sources', { version: target.version, host_source_ids: [set.id] });
  const credential = await world.make('credentials');
  const sourced = await see(`/v1/targets/${target.id}`, 'Target');
  await dev.api('POST', `/v1/targets/${target.id}:add-credential-sources`, {
    version: sourced.version,
    brokered_credential_source_ids: [credential.id],
  });
  const current = await see(`/v1/targets/${target.id}`, 'Target');
  await dev.api('PATCH', `/v1/targets/${target.id}`, {
    version: current.version,
    description: 'd',
    egress_worker_filter: '"dev" in "/tags/type"',
    attributes: { default_client_port: 9999 },
  });
  await dev.api('POST', '/v1/aliases', {
    scope_id: 'global',
    type: 'target',
    name: 'n',
    description: 'd',
    value: 'surface.example',
    destination_id: target.id,
    attributes: { authorize_session_arguments: { host_id: host.id } },
  });
  const aliases = await dev.api('GET', '/v1/aliases?scope_id=global');
  expect(checkAnswer(aliases.body as Json, 'ListEnvelope<@Alias>', 'aliases', seen)).toEqual([]);
  await see(`/v1/targets/${target.id}`, 'Target');
  const authorized = await dev.api('POST', `/v1/targets/${target.id}:authorize-session`, {});
  expect(check(authorized.body, '@SessionAuthorization', 'authorize-session', seen)).toEqual([]);
  const { session_id: sessionId } = authorized.body as { session_id: string };
  await dev.api('POST', `/v1/sessions/${sessionId}:cancel`, { version: 1 });
  await see(`/v1/sessions/${sessionId}`, 'Session');
  await seeConnection(see);
  const pages = await dev.api('GET', '/v1/targets?recursive=true&scope_id=global&page_size=1');
  expect(checkAnswer(pages.body as Json, 'ListEnvelope<@Target>', 'targets', seen)).toEqual([]);
  const workers = await dev.api('GET', '/v1/workers?scope_id=global');
  expect(checkAnswer(workers.body as Json, '{items:@Worker[]}', 'workers', seen)).toEqual([]);
}

/** A session with a connection that was used. */
async function seeConnection(see: (path: string, name: string) => Promise<Json>): Promise<void> {
  const echo = await startTcpServer((socket) => socket.pipe(socket));
  try {
    const target = await createTarget(dev.api, { port: echo.port, scopeId: world.ground.projectId });
    const authorized = await authorizeSession(dev.api, target);
    const connection = await ForeignConnection.open(
      readAuthorization(String(authorized.authorization_token)),
    );
    try {
      expect(isResult(await connection.handshake())).toBe(true);
      await connection.roundTrip('seen');
      await see(`/v1/sessions/${authorized.session_id}`, 'Session');
    } finally {
      connection.socket.destroy();
    }
  } finally {
    await echo.close();
  }
}
