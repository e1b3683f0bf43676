/** For every route of the API a call that is legal: with a resource of its own, its parent and a body, so that only the caller's rights decide. */
import { newApplicant } from './registration.ts';
import {
  freshName,
  worldPassword,
  type Collection,
  type Made,
  type ResourceWorld,
} from './resource-world.ts';

/** A call that could succeed. */
export interface LegalCall {
  readonly method: string;
  /** With id and query. */
  readonly path: string;
  readonly body: unknown;
  /** The resource that the path names. */
  readonly item: Made | undefined;
}

/** The parts of a route's path. */
export interface RouteParts {
  readonly collection: string;
  readonly isItem: boolean;
  /** Behind the colon; `''` for the plain verbs. */
  readonly word: string;
}

/** `/v1/targets/{id}:authorize-session` in its parts. */
export function routeParts(path: string): RouteParts {
  const [, collection = '', item = '', word = ''] =
    /^\/v1\/([a-z.-]+)(\/\{[^}]*\})?(?::(.+))?$/.exec(path) ?? [];
  return { collection, isItem: item !== '', word };
}

/** Makes calls in one world. */
export class LegalCalls {
  readonly #world: ResourceWorld;

  constructor(world: ResourceWorld) {
    this.#world = world;
  }

  /** A call of the route, on a new resource. */
  async of(method: string, route: string): Promise<LegalCall> {
    const parts = routeParts(route);
    const item = await this.#item(parts);
    const path = route.replace(/\{[^}]*\}/, item?.id ?? '') + this.#query(method, parts);
    return { method, path, item, body: await this.#body(method, parts, item) };
  }

  /** The id of the resource that children of the collection lie in. */
  parentOf(collection: string): string {
    const { authMethodId, hostCatalogId, credentialStoreId } = this.#world.ground;
    if (collection === 'accounts' || collection === 'managed-groups') return authMethodId;
    return collection.startsWith('host') ? hostCatalogId : credentialStoreId;
  }

  /** A resource of its own, so that a delete spoils nothing; a login needs the method of the world's accounts. */
  async #item({ collection, isItem, word }: RouteParts): Promise<Made | undefined> {
    if (!isItem) return undefined;
    if (word.startsWith('authenticate')) return { id: this.#world.ground.authMethodId, version: 1, body: {} };
    // Address and host sources exclude each other.
    if (word.endsWith('host-sources')) return this.#world.makeTargetWithoutAddress();
    // Only an API token can be changed.
    if (collection === 'auth-tokens' && (word === 'rotate' || word === '')) return this.#world.makeApiToken();
    return this.#world.make(collection as Collection);
  }

  #query(method: string, { collection, isItem, word }: RouteParts): string {
    if (word.endsWith('certificate-authority')) return '?scope_id=global';
    if (method !== 'GET' || isItem || collection === 'billing') return '';
    if (word === 'me' || word.startsWith('token-')) return '';
    const { orgId, projectId } = this.#world.ground;
    if (word === 'explain') return `?user_id=u_1234567890&id=${projectId}&action=read`;
    if (collection === 'accounts' || collection === 'managed-groups')
      return `?auth_method_id=${this.parentOf(collection)}`;
    if (collection === 'hosts' || collection === 'host-sets')
      return `?host_catalog_id=${this.parentOf(collection)}`;
    if (/^credential(s|-libraries)$/.test(collection))
      return `?credential_store_id=${this.parentOf(collection)}`;
    if (collection === 'workers' || collection === 'aliases') return '?scope_id=global';
    if (collection === 'events') return `?topic=sessions&scope_id=${projectId}`;
    const inProject = ['targets', 'sessions', 'host-catalogs', 'credential-stores', 'groups', 'roles'];
    return `?scope_id=${inProject.includes(collection) ? projectId : orgId}`;
  }

  async #body(method: string, { collection, word }: RouteParts, item: Made | undefined): Promise<unknown> {
    if (method === 'GET' || method === 'DELETE') return undefined;
    const version = item?.version ?? 1;
    if (method === 'PATCH') return { version, description: freshName('changed') };
    if (word === '' && collection === 'auth-tokens') return { type: 'api', lifetime: '1h' };
    if (word === '') return this.#world.bodyOf(collection as Collection) ?? {};
    if (word === 'set-attribute') return { key: 'note', value: 1 };
    const [, action = '', list = ''] = /^(add|set|remove)-(.+)$/.exec(word) ?? [];
    if (item !== undefined && list !== '') return this.#memberBody(action, list, item);
    if (word === 'exchange') return { token: await this.#world.makeOneTimeToken() };
    if (word === 'authenticate') {
      return { attributes: { login_name: await this.#world.makeLogin(), password: worldPassword } };
    }
    const bodies: Readonly<Record<string, object>> = {
      'set-password': { version, password: 'another horse' },
      'change-password': { version, current_password: worldPassword, new_password: 'another horse' },
      'create:controller-led': { scope_id: 'global', name: freshName('worker') },
      'create:worker-led': { scope_id: 'global', worker_generated_auth_token: newApplicant().request },
      'rotate-keys': { scope_id: 'global' },
      'destroy-key-version': { scope_id: 'global', key_version_id: 'kdkv_0000000000' },
      'authorize-session': {},
      // Nobody's, so that the callers keep theirs.
      'revoke-all': { types: ['one-time'], except_current: true },
      'check-password': { password: worldPassword },
      'enroll-two-factor': { password: worldPassword },
      'confirm-two-factor': { code: '123456' },
      'verify-two-factor': { code: '123456' },
      'renew-recovery-codes': { password: worldPassword, code: '123456' },
      'disable-two-factor': { password: worldPassword, code: '123456' },
    };
    return bodies[word] ?? { version };
  }

  /** What is to be removed is added first, and the grant scope that every role has is removed first. */
  async #memberBody(action: string, list: string, item: Made): Promise<object> {
    const members = await this.#members(list);
    const isThere = list === 'grant-scopes';
    const before = isThere
      ? action === 'add'
        ? 'remove'
        : undefined
      : action === 'remove'
        ? 'add'
        : undefined;
    if (before === undefined) return { version: item.version, ...members };
    const changed = await this.#world.change(item, `${before}-${list}`, {
      version: item.version,
      ...members,
    });
    return { version: changed, ...members };
  }

  async #members(list: string): Promise<object> {
    const idOf = async (collection: Collection): Promise<string[]> => [
      (await this.#world.make(collection)).id,
    ];
    switch (list) {
      case 'host-sources':
        return { host_source_ids: await idOf('host-sets') };
      case 'credential-sources':
        return { brokered_credential_source_ids: await idOf('credentials') };
      case 'hosts':
        return { host_ids: await idOf('hosts') };
      case 'members':
        return { member_ids: await idOf('users') };
      case 'principals':
        return { principal_ids: await idOf('users') };
      case 'accounts':
        return { account_ids: await idOf('accounts') };
      case 'grants':
        return { grant_strings: ['ids=*;type=target;actions=read'] };
      case 'grant-scopes':
        return { grant_scope_ids: ['this'] };
      default:
        return { api_tags: { region: ['east'] } };
    }
  }
}
