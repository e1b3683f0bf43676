/**
 * Recorded calls of auth methods, accounts, managed groups, credentials and aliases, and what we answer where the record is a defect
 * (http-api.md §7). Part of the replay in recorded-http.ts.
 */
import { generateKeyPairSync } from 'node:crypto';
import { call } from './http-client.ts';
import type { ReplayChain, ReplayGround, ReplayStep } from './recorded-http.ts';

type Ids = Readonly<Record<string, string>>;

const step = (name: string, more: Omit<ReplayStep, 'name'> = {}): ReplayStep => ({ name, ...more });
const badRequest = (field: string): NonNullable<ReplayStep['instead']> => ({
  status: 400,
  kind: 'InvalidArgument',
  field,
});
const wrongVersion = { status: 404, kind: 'NotFound' } as const;

async function send(
  ground: ReplayGround,
  method: string,
  path: string,
  body?: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = { authorization: `Bearer ${ground.tokens['admin'] ?? ''}` };
  const answer = await call(ground.address, { method, path, headers, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return (answer.json ?? {}) as Readonly<Record<string, unknown>>;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The method in the state in which the recorded update finds it. */
async function makeSecondMethod(ground: ReplayGround): Promise<Ids> {
  const made = await send(ground, 'POST', '/v1/auth-methods', {
    scope_id: 'o_1234567890',
    type: 'password',
    name: 'Org Password 2',
    attributes: { min_login_name_length: 5 },
  });
  return { second: textOf(made['id']) };
}

/** Logs in as the recorded account, by the password that it has by then. */
async function loginAsFixture(ground: ReplayGround): Promise<Ids> {
  const made = await send(ground, 'POST', '/v1/auth-methods/ampw_1234567890:authenticate', {
    attributes: { login_name: 'fixture', password: 'other-password' },
  });
  ground.tokens['fixture'] = textOf((made['attributes'] as Record<string, unknown>)['token']);
  return {};
}

/** Three accounts of a method of their own. */
async function makePagedAccounts(ground: ReplayGround): Promise<Ids> {
  const made = await send(ground, 'POST', '/v1/auth-methods', {
    scope_id: 'o_1234567890',
    type: 'password',
    name: 'paged',
  });
  const id = textOf(made['id']);
  for (const at of [0, 1, 2]) {
    await send(ground, 'POST', '/v1/accounts', {
      auth_method_id: id,
      name: `a${at}`,
      attributes: { login_name: `acct${at}` },
    });
  }
  const page = await send(ground, 'GET', `/v1/accounts?auth_method_id=${id}&page_size=2`);
  return { paged: id, listToken: textOf(page['list_token']) };
}

/** A private key for the placeholder of the record, as it stands inside a JSON text. */
function pem(passphrase?: string): () => Promise<Ids> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text = privateKey.export({
    type: 'pkcs1',
    format: 'pem',
    ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
  });
  return () => Promise.resolve({ pem: JSON.stringify(text).slice(1, -1) });
}

/** A target that brokers every credential of the chain, as the recorded calls find it. */
async function makeBrokeredTarget(ground: ReplayGround): Promise<Ids> {
  const store = await send(ground, 'POST', '/v1/credential-stores', {
    scope_id: 'p_1234567890',
    type: 'static',
  });
  const make = async (type: string, name: string, attributes: object): Promise<string> =>
    textOf(
      (
        await send(ground, 'POST', '/v1/credentials', {
          credential_store_id: store['id'],
          type,
          name,
          attributes,
        })
      )['id'],
    );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const privateKeyText = privateKey.export({ type: 'pkcs1', format: 'pem' });
  const login = { username: 'u', password: 'p' };
  const key = { username: 'u', private_key: privateKeyText };
  const ids = {
    json: await make('json', 'json', { object: { a: 'b' } }),
    password: await make('password', 'password', { password: 'p' }),
    key: await make('ssh_private_key', 'key', key),
    otherKey: await make('ssh_private_key', 'other key', key),
    login: await make('username_password', 'login', login),
    domain: await make('username_password_domain', 'domain', { ...login, domain: 'd' }),
  };
  const target = await send(ground, 'POST', '/v1/targets', {
    scope_id: 'p_1234567890',
    type: 'tcp',
    name: 'brokered',
    address: '127.0.0.1',
    attributes: { default_port: 22 },
  });
  await send(ground, 'POST', `/v1/targets/${textOf(target['id'])}:add-credential-sources`, {
    version: 1,
    brokered_credential_source_ids: Object.values(ids),
  });
  const { key: _key, otherKey: _otherKey, ...others } = ids;
  return { ...others, target: textOf(target['id']), store: textOf(store['id']) };
}

/** The alias of the chain under its later name, which another chain may have used. */
async function renameAlias(ground: ReplayGround): Promise<Ids> {
  const list = await send(ground, 'GET', '/v1/aliases?scope_id=global');
  const items = (list['items'] ?? []) as readonly { id: string; value: string; version: number }[];
  for (const item of items.filter((each) => each.value === 'changed.example')) {
    await send(ground, 'DELETE', `/v1/aliases/${item.id}`);
  }
  const [mine] = items.filter((each) => each.value === 'Fixture.Example');
  await send(ground, 'PATCH', `/v1/aliases/${mine?.id ?? ''}`, {
    version: mine?.version,
    value: 'changed.example',
  });
  return {};
}

const method = { '<ampw_id>': 'method of the org' };
const account = { '<acctpw_id>': 'account' };
const store = { '<csst_id>': 'store' };
const alias = { '<alt_id>': 'alias' };
const sources = {
  '<ttcp_id>': 'target',
  '<csst_id>': 'store',
  '<credjson_id>': 'json',
  '<credp_id>': 'password',
  '<credspk_id>': 'first key',
  '<credspk_id_2>': 'second key',
  '<credup_id>': 'login',
  '<credupd_id>': 'domain',
};

/** The chains of this file. */
export const authReplayChains: readonly ReplayChain[] = [
  {
    title: 'life of an auth method',
    steps: [
      step('auth-methods-create-password', { ids: method }),
      step('auth-methods-create-duplicate-name'),
      step('auth-methods-create-unknown-attribute'),
      step('auth-methods-update', { before: makeSecondMethod, ids: { '<ampw_id>': 'second' } }),
      step('auth-methods-delete', { ids: method }),
    ],
  },
  {
    title: 'life of an account',
    steps: [
      step('accounts-create', { ids: account }),
      step('accounts-create-duplicate-login-name'),
      step('accounts-create-no-type-no-password'),
      step('accounts-create-missing-attributes'),
      step('accounts-create-missing-login-name'),
      step('accounts-create-wrong-type'),
      step('accounts-create-unknown-auth-method'),
      step('accounts-create-bad-login-name', { instead: badRequest('login_name') }),
      step('accounts-create-short-login-name', { instead: badRequest('login_name') }),
      step('accounts-create-short-password', { instead: badRequest('password') }),
      step('authenticate-new-account', { ids: account }),
      step('accounts-set-password', { ids: account, added: ['revocation'] }),
      step('accounts-set-password-no-version', { ids: account }),
      step('accounts-set-password-short', { ids: account }),
      step('accounts-set-password-wrong-version', { ids: account, instead: wrongVersion }),
      step('accounts-set-password-by-owner', { before: loginAsFixture, ids: account, added: ['revocation'] }),
      step('accounts-change-password-missing-fields', { ids: account }),
      step('accounts-change-password-wrong-version', { ids: account, instead: wrongVersion }),
      step('accounts-change-password', { ids: account, added: ['revocation'] }),
      step('accounts-update-login-name', { ids: account }),
      step('accounts-update-short-login-name', { ids: account, instead: badRequest('login_name') }),
      step('accounts-update-too-short-login-name-3', { instead: badRequest('login_name') }),
      step('managed-groups-list', { instead: badRequest('auth_method_id') }),
    ],
  },
  {
    title: 'pages of accounts',
    steps: [
      step('pagination-accounts-page-1', {
        before: makePagedAccounts,
        ids: { '<ampw_id>': 'paged' },
        loose: ['est_item_count'],
        added: ['est_item_count'],
      }),
      step('pagination-accounts-page-2', {
        ids: { '<ampw_id>': 'paged', '<list_token>': 'listToken' },
        loose: ['est_item_count'],
        added: ['est_item_count'],
      }),
    ],
  },
  {
    title: 'credential stores and credentials',
    steps: [
      step('credential-stores-create-static', { ids: store }),
      step('credential-stores-read', { ids: store }),
      step('credential-stores-list', { loose: ['est_item_count'] }),
      step('credential-stores-create-bad-scope'),
      step('credential-stores-create-static-with-attributes', { ids: { '<csst_id>': 'other store' } }),
      step('credential-stores-create-vault-missing-attributes'),
      step('credential-libraries-create-on-static-store', { ids: store }),
      step('credential-libraries-list-static-store', {
        ids: store,
        instead: badRequest('credential_store_id'),
      }),
      step('credentials-create-username-password', { ids: { ...store, '<credup_id>': 'login' } }),
      step('credentials-create-username-password-domain', { ids: store }),
      step('credentials-create-json', { ids: { ...store, '<credjson_id>': 'json' } }),
      step('credentials-create-ssh-private-key', {
        before: pem(),
        ids: { ...store, '<private_key PEM>': 'pem' },
      }),
      step('credentials-create-ssh-private-key-passphrase-not-needed', {
        ids: { ...store, '<private_key PEM>': 'pem' },
      }),
      step('credentials-create-ssh-private-key-passphrase', {
        before: pem('passphrase'),
        ids: { ...store, '<private_key PEM>': 'pem' },
      }),
      step('credentials-create-ssh-private-key-wrong-passphrase', {
        ids: { ...store, '<private_key PEM>': 'pem' },
      }),
      step('credentials-create-bad-type', { ids: store }),
      step('credentials-create-domain-missing', { ids: store }),
      step('credentials-create-json-missing', { ids: store }),
      step('credentials-create-password-missing', { ids: store }),
      step('credentials-create-unknown-attribute', { ids: store }),
      step('credentials-create-unknown-store'),
      step('credentials-create-username-password-empty', { ids: store }),
      step('credentials-create-username-password-missing', { ids: store }),
      step('credentials-read', { ids: { ...store, '<credup_id>': 'login' } }),
      step('credentials-read-unknown'),
      step('credentials-list', { ids: store, loose: ['est_item_count'] }),
      step('credentials-update', { ids: { ...store, '<credup_id>': 'login' } }),
      step('credentials-update-wrong-version', { ids: { '<credup_id>': 'login' } }),
      step('credentials-update-unknown', { instead: wrongVersion }),
      step('credentials-delete', { ids: { '<credjson_id>': 'json' } }),
      step('credential-stores-delete', { ids: { '<csst_id>': 'other store' } }),
    ],
  },
  {
    title: 'credentials of a target',
    steps: [
      step('targets-read-with-credential-sources', { before: makeBrokeredTarget, ids: sources }),
      step('targets-add-credential-sources-bad-id', { ids: sources }),
      step('targets-add-credential-sources-empty', { ids: sources }),
      step('targets-add-credential-sources-injected', {
        ids: sources,
        instead: { status: 400, kind: 'FailedPrecondition' },
      }),
      step('targets-remove-credential-sources', { ids: sources }),
      step('targets-set-credential-sources-clear', { ids: sources }),
    ],
  },
  {
    title: 'life of an alias',
    steps: [
      step('aliases-create', { ids: alias }),
      step('aliases-read', { ids: alias }),
      step('aliases-create-no-destination'),
      step('aliases-list', { loose: ['est_item_count'] }),
      step('aliases-create-duplicate-value'),
      step('aliases-create-bad-scope'),
      step('aliases-create-bad-value', { instead: badRequest('value') }),
      step('aliases-create-host-id-without-destination'),
      step('aliases-create-missing-type'),
      step('aliases-create-missing-value'),
      step('aliases-create-unknown-destination', { instead: { status: 404, kind: 'NotFound' } }),
      step('aliases-resolve-upper-case', { before: renameAlias, ids: alias }),
    ],
  },
];
