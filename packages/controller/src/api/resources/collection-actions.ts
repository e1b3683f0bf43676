/** `authorized_collection_actions`: what the caller may do with the collections inside a resource (http-api.md §1.6, §2.1). */
import { actionsOf, type ResourceType } from '@stile/protocol/grant';
import type { Access } from '../access.ts';
import type { ScopeNode } from '../services.ts';
import { resourceIn } from './item.ts';

/** Collections by scope type; those of resources that Stile does not offer are told too, as recorded. */
const collectionsOf: Readonly<Record<ScopeNode['type'], readonly ResourceType[]>> = {
  global: [
    'alias',
    'auth-method',
    'auth-token',
    'group',
    'policy',
    'role',
    'scope',
    'session-recording',
    'storage-bucket',
    'user',
    'worker',
  ],
  org: [
    'auth-method',
    'auth-token',
    'group',
    'policy',
    'role',
    'scope',
    'session-recording',
    'storage-bucket',
    'user',
  ],
  project: ['credential-store', 'group', 'host-catalog', 'role', 'scope', 'session', 'target'],
};

const plurals: Readonly<Partial<Record<ResourceType, string>>> = {
  alias: 'aliases',
  policy: 'policies',
  'credential-library': 'credential-libraries',
};

/** The plural of a type, as in paths and in `authorized_collection_actions`. */
export function pluralOf(type: ResourceType): string {
  return plurals[type] ?? `${type}s`;
}

/** Collection actions by plural, sorted; empty ones are left out. */
export type CollectionActions = Readonly<Record<string, readonly string[]>>;

/** Actions on collections of `types` in a scope, or, with `pin`, inside the resource of that id. */
export function collectionActions(
  access: Access,
  scope: ScopeNode,
  types: readonly ResourceType[],
  pin?: string,
): CollectionActions {
  const shown: Record<string, readonly string[]> = {};
  for (const type of types) {
    // A project has no child scopes: only the key actions are left (grants.md §3).
    const isLeafScope = type === 'scope' && scope.type === 'project';
    const candidates = actionsOf(type).collection.filter(
      (action) => !isLeafScope || (action !== 'create' && action !== 'list'),
    );
    const actions = access.actions(resourceIn(scope, type, undefined, pin), candidates);
    if (actions.length > 0) shown[pluralOf(type)] = actions;
  }
  return shown;
}

/** Actions on the collections of a scope. */
export function scopeCollectionActions(access: Access, scope: ScopeNode): CollectionActions {
  return collectionActions(access, scope, collectionsOf[scope.type]);
}
