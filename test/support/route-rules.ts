/** The routes as a server describes them, and what the rules make of each: which permission it needs, and for whom it is open anyway. */
import type { Json } from './dev-server.ts';
import { routeParts } from './legal-calls.ts';

/** One route as the server describes it, and what the rules make of it. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly collection: string;
  readonly isItem: boolean;
  /** Resource type in grants. */
  readonly type: string;
  readonly action: string;
}

/** Answered alike for everybody (http-api.md §2.17): features that Stile has not, and the description of the API. */
export const publicCollections: ReadonlySet<string> = new Set([
  'openapi.json',
  'policies',
  'storage-buckets',
  'session-recordings',
]);

/** Single routes that are the same for everybody, with the reason. */
export const publicRoutes: Readonly<Record<string, string>> = {
  'POST /v1/scopes/{id}:attach-storage-policy': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:detach-storage-policy': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:set-alias-suffix': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:remove-alias-suffix': 'a feature that Stile has not',
  'POST /v1/auth-tokens:exchange':
    'the one-time token in the body proves the caller, whatever else is presented',
};

/** Routes that no resource can be made for here, with the reason. */
export const unreachable: Readonly<Record<string, string>> = {
  'POST /v1/auth-methods/{id}:change-state': 'of OIDC only: a password method is 404 before the permission',
};

/** Collections that have no resource and no parent here: 400, 404 or 405 to everybody, as recorded. */
const emptyCollections: ReadonlySet<string> = new Set(['managed-groups', 'credential-libraries']);

/** `targets` is `target` in grants. */
function typeOf(collection: string): string {
  if (collection === 'aliases') return 'alias';
  // Events are of sessions, and need the right to list them.
  if (collection === 'events') return 'session';
  if (collection === 'credential-libraries') return 'credential-library';
  return collection.replace(/s$/, '');
}

/** Words of a path that are another permission than their own (tokens.md §4.1, and ours). */
const otherActions: Readonly<Record<string, string>> = {
  'users disable': 'update',
  'users enable': 'update',
  'roles explain': 'list',
  'users read-two-factor': 'read',
  'users reset-two-factor': 'update',
  'accounts check-password': 'set-password',
  'users set-attribute': 'update',
  'auth-tokens revoke': 'delete',
  'auth-tokens revoke-all': 'delete',
  'auth-tokens rotate': 'update',
};

/** About the caller, or for everybody who has a good token: no grant is needed (tokens.md §4.1). */
const tokenRoutes: ReadonlySet<string> = new Set([
  'GET /v1/users:me',
  'GET /v1/auth-tokens:token-scopes',
  'GET /v1/auth-tokens:token-config',
  'POST /v1/auth-tokens',
  'POST /v1/auth-tokens:revoke-all',
]);

/** Whether whoever has a good token may, without any grant. */
export function isForAnyToken({ name }: Route): boolean {
  return tokenRoutes.has(name);
}

/** Verbs for the user itself alone, whatever the grants (tokens.md §5.1): nobody here is the user that the path names. */
export const ownVerbs: ReadonlySet<string> = new Set([
  'enroll-two-factor',
  'confirm-two-factor',
  'verify-two-factor',
  'renew-recovery-codes',
  'disable-two-factor',
]);

function actionOf(method: string, collection: string, word: string, isItem: boolean): string {
  // No grant speaks of these; the nearest one must not open them.
  if (ownVerbs.has(word)) return 'update';
  if (word !== '') return otherActions[`${collection} ${word}`] ?? word;
  if (method === 'GET') return isItem ? 'read' : 'list';
  return { POST: 'create', PATCH: 'update', DELETE: 'delete' }[method] ?? '';
}

export function routesOf(document: Json): Route[] {
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, verbs]) =>
    Object.keys(verbs as object)
      .filter((verb) => ['get', 'post', 'patch', 'delete', 'put'].includes(verb))
      .map((verb) => {
        const method = verb.toUpperCase();
        const { collection, isItem, word } = routeParts(path);
        return {
          method,
          path,
          name: `${method} ${path.replace(/\{[^}]*\}/, '{id}')}`,
          collection,
          isItem,
          type: typeOf(collection),
          action: actionOf(method, collection, word, isItem),
        };
      }),
  );
}

const childTypes: Readonly<Record<string, string>> = {
  account: 'auth_method_id',
  'managed-group': 'auth_method_id',
  host: 'host_catalog_id',
  'host-set': 'host_catalog_id',
  credential: 'credential_store_id',
  'credential-library': 'credential_store_id',
};
const isCreateOrList = (action: string): boolean => /^(?:create|list)(?::|$)/.test(action);

/** The least grant that allows the call (grants.md §1.4). */
export function exactGrant(route: Route, id: string, parentId: string): string {
  const { type, action } = route;
  // It gives out the secret of somebody else's token: for those who may mint for others (tokens.md §0 row 8).
  if (route.path.endsWith(':rotate')) return 'ids=*;type=auth-token;actions=create,update';
  if (route.isItem && !isCreateOrList(action)) {
    // Key actions of scopes are collection actions, whatever their path (grants.md §3).
    return type === 'scope' && action.includes('key')
      ? `ids=*;type=scope;actions=${action}`
      : `ids=${id};actions=${action}`;
  }
  if (!isCreateOrList(action)) return `ids=*;type=${type};actions=${action}`;
  return type in childTypes
    ? `ids=${parentId};type=${type};actions=${action}`
    : `type=${type};actions=${action}`;
}

/** What anonymous callers may ever do (grants.md §2.5, case 1). */
export function isForAnonymous({ type, action }: Route): boolean {
  return (
    (type === 'scope' && action === 'list') ||
    (type === 'auth-method' && /^(list|authenticate)$/.test(action))
  );
}

/** Whether a route is for the user alone whom its path names. */
export function isOwnersAlone({ path }: Route): boolean {
  return ownVerbs.has(routeParts(path).word);
}

/** Whether a route has a permission and a resource to try it on. */
export function isTested(route: Route): boolean {
  if (publicCollections.has(route.collection) || route.name in publicRoutes || route.name in unreachable)
    return false;
  return !emptyCollections.has(route.collection);
}
