/** One resource of every kind over the API of a running server, made anew for every test that spoils it. */
import { randomBytes } from 'node:crypto';
import type { ApiAnswer, Json } from './dev-server.ts';

/** A call as the administrator. */
type Api = (method: string, path: string, body?: unknown) => Promise<ApiAnswer>;

/** Collections whose resources the world can make. */
export type Collection =
  | 'accounts'
  | 'aliases'
  | 'auth-methods'
  | 'auth-tokens'
  | 'credential-stores'
  | 'credentials'
  | 'groups'
  | 'host-catalogs'
  | 'host-sets'
  | 'hosts'
  | 'roles'
  | 'scopes'
  | 'sessions'
  | 'targets'
  | 'users'
  | 'workers';

/** A resource, and the one it is a child of. */
export interface Made {
  readonly id: string;
  readonly version: number;
  /** As the API answered its creation. */
  readonly body: Json;
}

/** Where everything is made. */
export interface Ground {
  readonly orgId: string;
  readonly projectId: string;
  readonly authMethodId: string;
  readonly hostCatalogId: string;
  readonly credentialStoreId: string;
}

/** A name that nobody has. */
export function freshName(kind: string): string {
  return `${kind}-${randomBytes(6).toString('hex')}`;
}

async function created(api: Api, path: string, body: object): Promise<Made> {
  const answer = await api('POST', path, body);
  if (answer.status !== 200)
    throw new Error(
      `POST ${path}: ${answer.status} ${JSON.stringify(answer.body)} for ${JSON.stringify(body)}`,
    );
  return { id: String(answer.body.id), version: Number(answer.body.version), body: answer.body };
}

/** An org with a project, an auth method and the parents of everything else; without any role. */
export async function makeGround(api: Api): Promise<Ground> {
  const noRoles = '?skip_admin_role_creation=true&skip_default_role_creation=true';
  const org = await created(api, `/v1/scopes${noRoles}`, { scope_id: 'global', name: freshName('org') });
  const project = await created(api, `/v1/scopes${noRoles}`, {
    scope_id: org.id,
    name: freshName('project'),
  });
  const method = await created(api, '/v1/auth-methods', {
    scope_id: org.id,
    type: 'password',
    name: freshName('method'),
  });
  const catalog = await created(api, '/v1/host-catalogs', {
    scope_id: project.id,
    type: 'static',
    name: freshName('catalog'),
  });
  const store = await created(api, '/v1/credential-stores', {
    scope_id: project.id,
    type: 'static',
    name: freshName('store'),
  });
  return {
    orgId: org.id,
    projectId: project.id,
    authMethodId: method.id,
    hostCatalogId: catalog.id,
    credentialStoreId: store.id,
  };
}

const collectionByPrefix: Readonly<Record<string, Collection>> = {
  g: 'groups',
  hsst: 'host-sets',
  r: 'roles',
  ttcp: 'targets',
  u: 'users',
  w: 'workers',
};

/** Collection of a resource with member actions, by its id. */
function collectionOf(id: string): Collection {
  const found = collectionByPrefix[id.split('_', 1)[0] ?? ''];
  if (found === undefined) throw new Error(`no collection with member actions for ${id}`);
  return found;
}

/** Password of every account that the world makes. */
export const worldPassword = 'correct horse';

/** Makes resources on a ground. */
export class ResourceWorld {
  readonly ground: Ground;
  readonly #api: Api;
  readonly #login: (loginName: string, authMethodId: string) => Promise<string>;

  /** `login` gives an auth token; it is asked for accounts of `ground.authMethodId` with `worldPassword`. */
  constructor(api: Api, ground: Ground, login: (loginName: string, authMethodId: string) => Promise<string>) {
    this.#api = api;
    this.ground = ground;
    this.#login = login;
  }

  /** The body that creates a resource of the collection; undefined where creation is another call. */
  bodyOf(collection: Collection): object | undefined {
    const { orgId, projectId, authMethodId, hostCatalogId, credentialStoreId } = this.ground;
    const name = freshName(collection);
    const bodies: Readonly<Partial<Record<Collection, object>>> = {
      accounts: {
        auth_method_id: authMethodId,
        type: 'password',
        name,
        attributes: { login_name: name, password: worldPassword },
      },
      aliases: { scope_id: 'global', type: 'target', value: `${name}.example` },
      'auth-methods': { scope_id: orgId, type: 'password', name },
      'credential-stores': { scope_id: projectId, type: 'static', name },
      credentials: {
        credential_store_id: credentialStoreId,
        type: 'username_password',
        name,
        attributes: { username: 'u', password: 'p' },
      },
      groups: { scope_id: projectId, name },
      'host-catalogs': { scope_id: projectId, type: 'static', name },
      'host-sets': { host_catalog_id: hostCatalogId, type: 'static', name },
      hosts: { host_catalog_id: hostCatalogId, type: 'static', name, attributes: { address: '127.0.0.1' } },
      roles: { scope_id: projectId, name },
      scopes: { scope_id: orgId, type: 'project', name },
      targets: {
        scope_id: projectId,
        type: 'tcp',
        name,
        address: '127.0.0.1',
        attributes: { default_port: 22 },
      },
      users: { scope_id: orgId, name },
    };
    return bodies[collection];
  }

  /** A target without an address, for host sources. */
  makeTargetWithoutAddress(): Promise<Made> {
    const { address: _address, ...body } = this.bodyOf('targets') as Readonly<Record<string, unknown>>;
    return created(this.#api, '/v1/targets', body);
  }

  /** A new resource of the collection. */
  async make(collection: Collection): Promise<Made> {
    const body = this.bodyOf(collection);
    if (body !== undefined) return created(this.#api, `/v1/${collection}`, body);
    if (collection === 'workers')
      return created(this.#api, '/v1/workers:create:controller-led', {
        scope_id: 'global',
        name: freshName('worker'),
      });
    if (collection === 'sessions') {
      const target = await this.make('targets');
      const answer = await this.#api('POST', `/v1/targets/${target.id}:authorize-session`, {});
      if (answer.status !== 200)
        throw new Error(`authorize-session: ${answer.status} ${JSON.stringify(answer.body)}`);
      const read = await this.#api('GET', `/v1/sessions/${answer.body.session_id}`);
      return { id: String(read.body.id), version: Number(read.body.version), body: read.body };
    }
    const token = await this.makeToken();
    const id = token.split('_').slice(0, 2).join('_');
    return { id, version: 0, body: (await this.#api('GET', `/v1/auth-tokens/${id}`)).body };
  }

  /** An API token of a new user, minted by the administrator. */
  async makeApiToken(): Promise<Made> {
    const user = await this.make('users');
    return created(this.#api, '/v1/auth-tokens', { type: 'api', user_id: user.id });
  }

  /** A one-time token of the administrator: its text. */
  async makeOneTimeToken(): Promise<string> {
    return String((await created(this.#api, '/v1/auth-tokens', { type: 'one-time' })).body.token);
  }

  /** Makes a custom call on a resource; gives its new version. */
  async change(item: Made, word: string, body: object): Promise<number> {
    const path = `/v1/${collectionOf(item.id)}/${item.id}:${word}`;
    const answer = await this.#api('POST', path, body);
    if (answer.status !== 200)
      throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return Number(answer.body.version);
  }

  /** The auth token of a new user with a new account. */
  async makeToken(): Promise<string> {
    const user = await this.make('users');
    return this.tokenOf(user.id);
  }

  /** An auth token of a user, by a new account. */
  async tokenOf(userId: string): Promise<string> {
    return this.#login(await this.#loginOf(userId), this.ground.authMethodId);
  }

  /** The login name of a new user; its password is `worldPassword`. */
  async makeLogin(): Promise<string> {
    return this.#loginOf((await this.make('users')).id);
  }

  async #loginOf(userId: string): Promise<string> {
    const account = await this.make('accounts');
    const user = await this.#api('GET', `/v1/users/${userId}`);
    const answer = await this.#api('POST', `/v1/users/${userId}:add-accounts`, {
      version: Number(user.body.version),
      account_ids: [account.id],
    });
    if (answer.status !== 200)
      throw new Error(`add-accounts: ${answer.status} ${JSON.stringify(answer.body)}`);
    return String(account.body.attributes.login_name);
  }
}
