/**
 * The fixed tables behind grants: resource types, their actions, parents and id prefixes (grants.md §1.7, §2.5, §3).
 * Used by the grant parser, the access decision and every handler that lists authorized actions. Runs in a browser.
 */
import { idPrefix } from '../ids.ts';

/** What a type may do: on one item (`id`), and on the collection (`collection`). */
export interface ActionTable {
  readonly id: readonly string[];
  readonly collection: readonly string[];
}

/** Every resource type, sorted. */
export const resourceTypes = [
  'account',
  'alias',
  'auth-method',
  'auth-token',
  'billing',
  'credential',
  'credential-library',
  'credential-store',
  'group',
  'host',
  'host-catalog',
  'host-set',
  'managed-group',
  'policy',
  'role',
  'scope',
  'session',
  'session-recording',
  'storage-bucket',
  'target',
  'user',
  'worker',
] as const;
/** A type of resource that grants speak of. */
export type ResourceType = (typeof resourceTypes)[number];

const table = (id: string, collection: string): ActionTable => ({
  id: id === '' ? [] : id.split(' '),
  collection: collection.split(' '),
});
const crud = 'no-op read update delete';
const plain = table(crud, 'create list');
/** The three verbs on a list of parts. */
const parts = (...names: readonly string[]): string =>
  names.map((name) => `add-${name} set-${name} remove-${name}`).join(' ');

/** Actions of every type, subtypes taken together (grants.md §3). */
const actionTables: Readonly<Record<ResourceType, ActionTable>> = {
  account: table(`${crud} set-password change-password`, 'create list'),
  alias: plain,
  'auth-method': table(`${crud} authenticate change-state`, 'create list'),
  'auth-token': table('no-op read read:self delete delete:self', 'list'),
  billing: table('', 'monthly-active-users'),
  credential: plain,
  'credential-library': plain,
  'credential-store': plain,
  group: table(`${crud} ${parts('members')}`, 'create list'),
  host: plain,
  'host-catalog': plain,
  'host-set': table(`${crud} ${parts('hosts')}`, 'create list'),
  'managed-group': plain,
  policy: plain,
  role: table(`${crud} ${parts('principals', 'grants', 'grant-scopes')}`, 'create list'),
  scope: table(
    `${crud} attach-storage-policy detach-storage-policy`,
    'create list list-keys rotate-keys list-key-version-destruction-jobs destroy-key-version',
  ),
  session: table('no-op read read:self cancel cancel:self', 'list'),
  'session-recording': table('no-op read download delete reapply-storage-policy', 'list'),
  'storage-bucket': plain,
  target: table(`${crud} ${parts('host-sources', 'credential-sources')} authorize-session`, 'create list'),
  user: table(`${crud} ${parts('accounts')} list-resolvable-aliases`, 'create list'),
  worker: table(
    `${crud} ${parts('worker-tags')}`,
    'create:controller-led create:worker-led list read-certificate-authority reinitialize-certificate-authority',
  ),
};

const typeNames: ReadonlySet<string> = new Set(resourceTypes);

/** Whether a text names a resource type. */
export function isResourceType(text: string): text is ResourceType {
  return typeNames.has(text);
}

/** The actions of a type; subtypes may have fewer (grants.md §3). */
export function actionsOf(type: ResourceType): ActionTable {
  return actionTables[type];
}

/** Obsolete actions and what replaced them: they parse, and writing them is refused (grants.md §1.5). */
export const deprecatedActions: Readonly<Record<string, string>> = {
  'add-host-sets': 'add-host-sources',
  'set-host-sets': 'set-host-sources',
  'remove-host-sets': 'remove-host-sources',
  'add-credential-libraries': 'add-credential-sources',
  'set-credential-libraries': 'set-credential-sources',
  'remove-credential-libraries': 'remove-credential-sources',
};

/**
 * Actions that Stile adds: grants and token scopes know them, no list of authorized actions shows them, so that those lists stay equal to
 * those of other controllers (tokens.md §0 row 10).
 */
const unlistedActions: Readonly<Partial<Record<ResourceType, ActionTable>>> = {
  'auth-token': table('update update:self', 'create create:self'),
};

/** Every action of a type, those that are never shown included, each once. */
export function everyActionOf(type: ResourceType): readonly string[] {
  const { id, collection } = actionTables[type];
  const unlisted = unlistedActions[type];
  return [...new Set([...id, ...collection, ...(unlisted?.id ?? []), ...(unlisted?.collection ?? [])])];
}

const actionNames: ReadonlySet<string> = new Set([
  '*',
  'create',
  'deauthenticate',
  ...Object.keys(deprecatedActions),
  ...resourceTypes.flatMap((type) => everyActionOf(type)),
]);

/** Whether a text names an action, of whatever type; `*` is one. */
export function isActionName(text: string): boolean {
  return actionNames.has(text);
}

/** Types that a grant without ids may name, and that have no parent to pin (grants.md §2.5; billing is in neither group). */
const topLevelTypes: ReadonlySet<string> = new Set<ResourceType>([
  'alias',
  'auth-method',
  'auth-token',
  'credential-store',
  'group',
  'host-catalog',
  'policy',
  'role',
  'scope',
  'session',
  'session-recording',
  'storage-bucket',
  'target',
  'user',
  'worker',
]);

/** Whether the type stands directly in a scope. */
export function isTopLevelType(type: ResourceType): boolean {
  return topLevelTypes.has(type);
}

const parentTypes: Readonly<Partial<Record<ResourceType, ResourceType>>> = {
  account: 'auth-method',
  'managed-group': 'auth-method',
  host: 'host-catalog',
  'host-set': 'host-catalog',
  credential: 'credential-store',
  'credential-library': 'credential-store',
};

/** The type whose ids pin children of `type` (grants.md §1.4); undefined for a type without such a parent. */
export function parentTypeOf(type: ResourceType): ResourceType | undefined {
  return parentTypes[type];
}

/** Whether ids of the type can pin children. */
export function hasChildTypes(type: ResourceType): boolean {
  return Object.values(parentTypes).includes(type);
}

const prefixes: Readonly<Partial<Record<ResourceType, readonly string[]>>> = {
  scope: ['global', 'o', 'p'],
  user: ['u'],
  group: ['g'],
  role: ['r'],
  'auth-method': ['ampw', 'amoidc', 'amldap'],
  account: ['acctpw', 'apw', 'acctoidc', 'acctldap'],
  'auth-token': ['at'],
  'managed-group': ['mgoidc', 'mgldap'],
  'host-catalog': ['hcst', 'hcplg', 'hc'],
  'host-set': ['hsst', 'hsplg', 'hs'],
  host: ['hst', 'hplg', 'h'],
  target: ['ttcp', 'tssh', 'trdp'],
  session: ['s'],
  'session-recording': ['sr'],
  'credential-store': ['csst', 'cs', 'csvlt'],
  'credential-library': ['clvlt', 'clvsclt', 'clvllt'],
  credential: ['credup', 'credupd', 'credp', 'credspk', 'credjson', 'cred', 'cdvlt'],
  worker: ['w'],
  'storage-bucket': ['sb'],
  policy: ['pst'],
  alias: ['alt'],
};

const typeOfPrefix: ReadonlyMap<string, ResourceType> = new Map(
  resourceTypes.flatMap((type) => (prefixes[type] ?? []).map((prefix) => [prefix, type] as const)),
);

/** The type that an id's prefix tells (grants.md §1.7); undefined for an unknown prefix. */
export function resourceTypeOfId(id: string): ResourceType | undefined {
  return typeOfPrefix.get(idPrefix(id));
}
