/**
 * Which recorded HTTP calls are replayed, in which order, and what we answer where the record is a defect (http-api.md §7). One
 * replay runs on a controller with the first resources of `stile dev` and a live worker.
 */
import type { HostPort } from '@stile/runtime';
import { call } from './http-client.ts';
import { iamChains } from './recorded-http-iam.ts';
import {
  differences,
  headerDifferences,
  readRecorded,
  sendRecorded,
  type Bindings,
  type Tolerance,
} from './recorded.ts';
import { authReplayChains } from './recorded-http-auth.ts';
import { listChains } from './recorded-http-lists.ts';
import { workerChains } from './recorded-http-workers.ts';

/** What a recorded 5xx, or no answer, is with us. */
interface Instead {
  readonly status: number;
  readonly kind?: string;
  /** Field that the error names. */
  readonly field?: string;
  readonly message?: string;
}

/** One call of a replay. */
export interface ReplayStep extends Tolerance {
  readonly name: string;
  readonly instead?: Instead;
  /** The name under which an id in this file goes on into later steps: `{ '<ttcp_id>': 'main' }`. */
  readonly ids?: Readonly<Record<string, string>>;
  /** Makes what the call needs; gives ids by the names of `ids`, and may add a token under an account's name. */
  readonly before?: (ground: ReplayGround) => Promise<Readonly<Record<string, string>>>;
}

/** Calls that need each other, in order. */
export interface ReplayChain {
  readonly title: string;
  readonly steps: readonly ReplayStep[];
}

/** Fields of auth tokens that are ours (tokens.md §1.3). */
const tokenFields = [
  'type',
  'login_name',
  'created_by_user_id',
  'status',
  'time_to_live_seconds',
  'time_to_stale_seconds',
  'idle_expiration_time',
  'origin',
  'user_agent',
  'last_origin',
  'last_user_agent',
];

const step = (name: string, more: Omit<ReplayStep, 'name'> = {}): ReplayStep => ({ name, ...more });
const badRequest = (field: string): Instead => ({ status: 400, kind: 'InvalidArgument', field });
const chain = (title: string, steps: readonly ReplayStep[]): ReplayChain => ({ title, steps });
const single = (...names: readonly string[]): readonly ReplayChain[] =>
  names.map((name) => chain(name, [step(name)]));

/** Versions of first resources depend on how many steps made them. */
const firstVersions = ['version'];
const main = { '<ttcp_id>': 'target' };

/** The chains; each begins where the resources it makes do not disturb the others. */
export const replayChains: readonly ReplayChain[] = [
  // First: what other chains delete shows up in the `removed_ids` of these for half a minute.
  ...listChains,
  ...workerChains,
  ...single(
    'scopes-list-anonymous',
    'scopes-list-anonymous-empty-bearer',
    'scopes-list-bad-token',
    'scopes-list-no-scope-id-anonymous',
    'scopes-list-admin',
    'scopes-list-recursive-admin',
    'scopes-read-global-anonymous',
    'scopes-read-unknown',
    'scopes-attach-storage-policy',
    'policies-list',
    'policies-list-anonymous',
    'storage-buckets-list',
    'plugins-list',
    'unknown-path-v1',
    'cors-get',
    'options-preflight-put',
    'auth-methods-list-filter-authenticate-anonymous',
    'auth-methods-list-recursive-admin',
    'auth-methods-read-admin',
    'auth-methods-read-anonymous',
    'accounts-read',
    'accounts-read-self-unprivileged',
    'auth-tokens-read-unknown',
    'filter-attributes',
    'filter-attributes-missing-parent',
    'filter-number',
    'filter-scope',
    'filter-unknown-selector',
    'filter-unquoted-selector',
    'authenticate-bad-auth-method-id-no-attributes',
    'authenticate-bad-type',
    'authenticate-login-name-with-spaces',
    'authenticate-missing-attributes',
    'authenticate-missing-password',
    'authenticate-no-body',
    'authenticate-password-good-text-plain',
    'authenticate-password-good-type-cookie',
    'authenticate-password-good-type-token',
    'authenticate-password-good-unprivileged',
    'authenticate-password-upper-case-login',
    'authenticate-unknown-attribute',
    'authenticate-unknown-auth-method',
    'authenticate-unknown-command',
    'authenticate-wrong-password',
    'targets-create-anonymous',
    'targets-create-bad-client-port',
    'targets-create-bad-egress-filter',
    'targets-create-bad-scope',
    'targets-create-bad-type',
    'targets-create-blank-name',
    'targets-create-created-time-given',
    'targets-create-empty-object',
    'targets-create-ingress-filter',
    'targets-create-missing-attributes',
    'targets-create-missing-name',
    'targets-create-missing-port',
    'targets-create-missing-scope',
    'targets-create-port-float',
    'targets-create-port-string',
    'targets-create-port-too-big',
    'targets-create-port-word',
    'targets-create-short-address',
    'targets-create-ssh-type',
    'targets-create-tcp-full',
    'targets-create-trailing-garbage',
    'targets-create-unknown-attribute',
    'targets-create-unknown-scope',
    'targets-create-unprintable-name',
    'targets-create-version-given',
    'targets-create-with-alias',
    'targets-create-zero-connection-limit',
    'targets-create-zero-max-seconds',
    'targets-delete-bad-id',
    'targets-delete-unprivileged',
    'targets-list-no-scope',
    'targets-list-recursive-global',
    'targets-list-unknown-scope',
    'targets-list-unknown-scope-recursive',
    'targets-read-alias',
    'targets-read-anonymous',
    'targets-read-bad-id',
    'targets-read-host-source',
    'targets-read-unknown-alias',
    'targets-read-unknown-prefix',
    'targets-read-unprivileged',
    'targets-update-id-in-body',
    'targets-update-version-only-scope-id',
    'targets-authorize-session-alias',
    'targets-authorize-session-anonymous',
    'targets-authorize-session-bad-host-id',
    'targets-authorize-session-bad-target-id',
    'targets-authorize-session-by-name-both-scopes',
    'targets-authorize-session-by-name-scope-id',
    'targets-authorize-session-by-name-scope-name',
    'targets-authorize-session-by-name-with-underscore-no-scope',
    'targets-authorize-session-good-address',
    'targets-authorize-session-good-host-id',
    'targets-authorize-session-good-host-source',
    'targets-authorize-session-name-mismatch',
    'targets-authorize-session-scope-without-name',
    'targets-authorize-session-unknown-alias',
    'targets-authorize-session-unknown-field',
    'targets-authorize-session-unknown-target',
    'targets-add-host-sources-to-address-target',
    'method-not-allowed-delete-collection',
    'method-not-allowed-get-action',
    'method-not-allowed-patch-collection',
    'method-not-allowed-post-item',
    'method-not-allowed-unknown-action-known-elsewhere',
    'pagination-page-size-1-scopes-anonymous',
    'pagination-page-size-1-targets',
    'sessions-cancel-unknown',
    'sessions-list-anonymous',
    'sessions-read-bad-id',
    'host-catalogs-create-bad-scope',
    'host-catalogs-list',
    'users-list-resolvable-aliases',
  ).map((each) => {
    if (each.title === 'targets-add-host-sources-to-address-target') {
      // The record has the path of Go functions around the sentence.
      return chain(each.title, [step(each.title, { loose: ['message'] })]);
    }
    if (each.title.startsWith('pagination-page-size-1')) {
      return chain(each.title, [step(each.title, { loose: ['est_item_count', 'response_type'] })]);
    }
    return chain(
      each.title,
      each.steps.map((one) => ({
        ...one,
        loose: ['est_item_count'],
        added: ['est_item_count', 'items', 'list_token'],
      })),
    );
  }),
  chain('first resources', [
    step('scopes-read-global-admin', { loose: firstVersions }),
    step('filter-good-equals', { loose: firstVersions }),
    step('filter-good-in', { loose: ['est_item_count', ...firstVersions] }),
    step('filter-good-matches', { loose: firstVersions }),
    step('filter-empty', { loose: ['est_item_count', ...firstVersions] }),
    step('filter-not-equals-missing-field', { loose: ['est_item_count', ...firstVersions] }),
  ]),
  chain('filters that do not parse name the field; our parser words the place differently', [
    step('filter-bad-operator', { instead: badRequest('filter') }),
    step('filter-bad-syntax', { instead: badRequest('filter') }),
    step('filter-bad-words', { instead: badRequest('filter') }),
  ]),
  chain('recorded defects of the gateway', [
    step('bad-correlation-id', { instead: badRequest('x-correlation-id') }),
    step('authenticate-body-array', { instead: badRequest('body') }),
    step('authenticate-body-not-json', { instead: badRequest('body') }),
    step('targets-create-body-not-json', { instead: badRequest('body') }),
    step('targets-list-bad-bool', { instead: badRequest('recursive') }),
    step('targets-list-bad-page-size', { instead: badRequest('page_size') }),
    step('targets-list-negative-page-size', { instead: badRequest('page_size') }),
    step('targets-create-alias-bad-value', { instead: badRequest('with_aliases.value') }),
    step('accounts-list-missing-auth-method', { instead: badRequest('auth_method_id') }),
    step('auth-tokens-list-bad-scope', { instead: badRequest('scope_id') }),
    step('deep-unknown-path', { instead: { status: 404, kind: 'NotFound', message: 'Resource not found.' } }),
    step('v1-root', { instead: { status: 404, kind: 'NotFound', message: 'Resource not found.' } }),
    step('method-not-allowed-post-sessions', { instead: { status: 405 } }),
    step('pagination-token-bad-base58', {
      instead: { status: 400, kind: 'invalid list token' },
      ids: { '<ampw_id>': 'method' },
    }),
  ]),
  chain('life of a target', [
    step('targets-create-tcp', { ids: main }),
    step('targets-update-right-version', { ids: main }),
    step('targets-update-nothing', { ids: main }),
    step('targets-update-clear-description', { ids: main }),
    step('targets-update-clear-name', { ids: main }),
    step('targets-update-empty-name', { ids: main }),
    step('targets-update-empty-object', { ids: main }),
    step('targets-update-no-version', { ids: main }),
    step('targets-update-type', { ids: main }),
    step('targets-update-bad-update-mask', { ids: main }),
    step('targets-update-unknown-field', { ids: main, instead: badRequest('zzz') }),
    step('targets-update-mask-name-only', { ids: main }),
    step('targets-update-unknown-attribute', { ids: main }),
    step('targets-authorize-session-no-host', { ids: main }),
    step('targets-update-set-address', { ids: main }),
    step('targets-update-clear-address', { ids: main }),
    step('targets-add-host-sources', { ids: main }),
    step('targets-add-host-sources-again', { ids: main, instead: badRequest('host_source_ids') }),
    step('targets-add-host-sources-bad-id', { ids: main }),
    step('targets-add-host-sources-no-version', { ids: main }),
    step('targets-add-host-sources-unknown-id', { ids: main, instead: badRequest('host_source_ids') }),
    step('targets-add-host-sources-wrong-version', { ids: main, instead: { status: 404, kind: 'NotFound' } }),
    step('targets-remove-host-sources', { ids: main }),
    step('targets-remove-host-sources-not-set', { ids: main, instead: badRequest('host_source_ids') }),
    step('targets-set-host-sources', { ids: main }),
    step('targets-set-host-sources-clear', { ids: main }),
    step('targets-unknown-action', { ids: main }),
    step('targets-delete', { ids: main }),
    step('targets-delete-again', { ids: main }),
  ]),
  chain('life of a host catalog', [
    step('host-catalogs-create', { ids: { '<hcst_id>': 'catalog' } }),
    step('host-catalogs-read', { ids: { '<hcst_id>': 'catalog' } }),
    step('hosts-create-missing-attributes', { ids: { '<hcst_id>': 'catalog' } }),
    step('hosts-create-short-address', { ids: { '<hcst_id>': 'catalog' } }),
    step('hosts-create-address-with-port', { ids: { '<hcst_id>': 'catalog' } }),
    step('hosts-create', { ids: { '<hcst_id>': 'catalog', '<hst_id>': 'host' } }),
    step('host-sets-create', { ids: { '<hcst_id>': 'catalog', '<hsst_id>': 'set' } }),
    step('host-sets-add-hosts', { ids: { '<hcst_id>': 'catalog', '<hsst_id>': 'set', '<hst_id>': 'host' } }),
    step('host-sets-add-hosts-other-catalog', {
      ids: { '<hsst_id>': 'set' },
      instead: badRequest('host_ids'),
    }),
    step('host-sets-read', { ids: { '<hcst_id>': 'catalog', '<hsst_id>': 'set', '<hst_id>': 'host' } }),
    step('hosts-read', { ids: { '<hcst_id>': 'catalog', '<hsst_id>': 'set', '<hst_id>': 'host' } }),
    step('hosts-update', { ids: { '<hcst_id>': 'catalog', '<hsst_id>': 'set', '<hst_id>': 'host' } }),
  ]),
  chain('sessions', [
    step('targets-authorize-session-good-address', { ids: { '<s_id>': 'session' } }),
    step('sessions-read-other-user', { ids: { '<s_id>': 'session' } }),
    step('sessions-read-anonymous', { ids: { '<s_id>': 'session' } }),
    step('sessions-cancel-other-user', { ids: { '<s_id>': 'session' } }),
    step('sessions-cancel-twice-no-version', { ids: { '<s_id>': 'session' } }),
    step('sessions-cancel-wrong-version', {
      ids: { '<s_id>': 'session' },
      instead: { status: 404, kind: 'NotFound' },
    }),
    step('sessions-cancel', {
      ids: { '<s_id>': 'session' },
      added: ['end_reason', 'ended_by', 'revocation'],
    }),
    step('sessions-list-recursive', { loose: ['est_item_count'] }),
    step('sessions-list-page-size', { loose: ['est_item_count'] }),
    step('sessions-list-include-terminated', { loose: ['est_item_count'] }),
    // Nothing is open in it, so with us it has terminated by now.
    step('sessions-cancel-twice-wrong-version', {
      ids: { '<s_id>': 'session' },
      loose: ['status', 'states', 'version'],
      added: ['end_reason', 'ended_by', 'revocation', 'termination_reason'],
    }),
  ]),
  chain('own sessions of a user', [
    step('sessions-list-unprivileged', { before: authorizeAsUser, loose: ['est_item_count'] }),
    step('sessions-read-own-unprivileged', { before: authorizeAsUser, ids: { '<s_id>': 'session' } }),
    step('sessions-cancel-own-unprivileged', {
      ids: { '<s_id>': 'session' },
      added: ['end_reason', 'ended_by', 'revocation'],
    }),
  ]),
  chain('auth tokens', [
    step('auth-tokens-read-anonymous', { before: loginAsFixture, ids: { '<at_id>': 'token' } }),
    step('auth-tokens-read-other-as-admin', { ids: { '<at_id>': 'token' }, added: tokenFields }),
    step('auth-tokens-list-admin', { added: ['est_item_count', ...tokenFields] }),
    step('auth-tokens-delete-other', { ids: { '<at_id>': 'adminToken' } }),
    step('auth-tokens-delete-own', { ids: { '<at_id>': 'token' } }),
    step('auth-tokens-read-after-delete', { ids: { '<at_id>': 'token' } }),
    step('auth-tokens-use-after-delete-scopes-list', { loose: ['est_item_count'] }),
    step('auth-tokens-use-after-delete', {}),
  ]),
  chain('a target whose filter drops every worker', [
    step('targets-authorize-session-filter-matches-no-worker', {
      before: makeFilteredTarget,
      ids: { '<ttcp_id>': 'filtered' },
      instead: { status: 400, kind: 'FailedPrecondition' },
    }),
  ]),
  chain('an alias with a host', [
    step('aliases-authorize-session-conflicting-host-id', { before: makeAliasWithHost }),
  ]),
  ...iamChains,
  ...authReplayChains,
];

function idOf(json: unknown, key: string): string {
  const value = (json as Readonly<Record<string, unknown>> | undefined)?.[key];
  if (typeof value !== 'string') throw new Error(`no ${key} in ${JSON.stringify(json)}`);
  return value;
}

async function post(ground: ReplayGround, path: string, body: unknown, account = 'admin'): Promise<unknown> {
  const headers = { authorization: `Bearer ${ground.tokens[account] ?? ''}` };
  return (await call(ground.address, { method: 'POST', path, headers, body })).json;
}

async function authorizeAsUser(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const made = await post(ground, '/v1/targets/ttcp_1234567890:authorize-session', {}, 'user');
  return { session: idOf(made, 'session_id') };
}

async function loginAsFixture(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const attributes = { login_name: 'user', password: 'password' };
  const answer = await post(
    ground,
    '/v1/auth-methods/ampw_1234567890:authenticate',
    { attributes },
    'nobody',
  );
  const made = (answer as { readonly attributes: unknown }).attributes;
  ground.tokens['fixture'] = idOf(made, 'token');
  const adminToken = (ground.tokens['admin'] ?? '').split('_').slice(0, 2).join('_');
  return { token: idOf(made, 'id'), adminToken };
}

async function makeFilteredTarget(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const made = await post(ground, '/v1/targets', {
    scope_id: 'p_1234567890',
    type: 'tcp',
    name: 'filtered out',
    address: '127.0.0.1',
    attributes: { default_port: 22 },
    egress_worker_filter: '"nope" in "/tags/type"',
  });
  return { filtered: idOf(made, 'id') };
}

async function makeAliasWithHost(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const attributes = { authorize_session_arguments: { host_id: 'hst_1234567890' } };
  const made = await post(ground, '/v1/targets', {
    scope_id: 'p_1234567890',
    type: 'tcp',
    name: 'with an alias and a host',
    attributes: { default_port: 22 },
    with_aliases: [{ value: 'changed.example', scope_id: 'global', attributes }],
  });
  return { made: idOf(made, 'id') };
}

/** What a replay runs against. */
export interface ReplayGround {
  readonly address: HostPort;
  /** Auth tokens by account name. */
  readonly tokens: Record<string, string>;
}

/** Replays one chain; the differences of each step, none when all agree. */
export async function replay(ground: ReplayGround, steps: readonly ReplayStep[]): Promise<readonly string[]> {
  const kept = new Map<string, string>([['method', 'ampw_1234567890']]);
  const found: string[] = [];
  for (const each of steps) {
    const recorded = readRecorded(each.name);
    for (const [key, id] of Object.entries((await each.before?.(ground)) ?? {})) kept.set(key, id);
    const bindings: Bindings = new Map();
    for (const [placeholder, key] of Object.entries(each.ids ?? {})) {
      const value = kept.get(key);
      if (value !== undefined) bindings.set(placeholder, value);
    }
    const answer = await sendRecorded(ground.address, recorded, bindings, ground.tokens);
    const { instead } = each;
    const wrong =
      instead === undefined
        ? [
            ...(answer.status === recorded.response.status
              ? []
              : [`status: recorded ${recorded.response.status}, ours ${answer.status} ${answer.text}`]),
            ...differences(recorded.response.body, answer.json, bindings, each),
            ...headerDifferences(recorded, answer),
          ]
        : insteadDifferences(instead, answer);
    found.push(...wrong.map((line) => `${each.name}: ${line}`));
    for (const [placeholder, key] of Object.entries(each.ids ?? {})) {
      const value = bindings.get(placeholder);
      if (value !== undefined) kept.set(key, value);
    }
  }
  return found;
}

function insteadDifferences(
  instead: Instead,
  answer: { readonly status: number; readonly json: unknown; readonly text: string },
): readonly string[] {
  const body = answer.json as
    { kind?: string; message?: string; details?: { request_fields?: { name: string }[] } } | undefined;
  const fields = body?.details?.request_fields?.map((field) => field.name) ?? [];
  const isSame =
    answer.status === instead.status &&
    body?.kind === instead.kind &&
    (instead.message === undefined || body?.message === instead.message) &&
    (instead.field === undefined || fields.includes(instead.field));
  return isSame ? [] : [`expected ${JSON.stringify(instead)}, ours ${answer.status} ${answer.text}`];
}
