/**
 * Token scopes and allow lists: what an auth token is cut down to (tokens.md §2.1, §2.2). Read and checked here for the API, the command
 * line and the console; `token-mask.ts` decides with them. Pure; runs in a browser.
 */
import { parentAction } from '../grant/rule.ts';
import {
  everyActionOf,
  isResourceType,
  resourceTypeOfId,
  resourceTypes,
  type ResourceType,
} from '../grant/table.ts';

/** Most scopes of a token, as written. */
export const mostTokenScopes = 64;
/** Most entries of an allow list. */
export const mostAllowListEntries = 128;

/** What was read, or what is wrong with it: a sentence naming the entry. */
export type ReadEntries = { readonly value: readonly string[] } | { readonly problem: string };

/** The one entry of a token without limits. */
export const unrestricted: readonly string[] = ['*'];

/** Names for several scopes. Their meaning never grows: a wider one gets a new name. */
export const compositeScopes: Readonly<Record<string, readonly string[]>> = {
  'stile:connect': [
    'target:read',
    'target:authorize-session',
    'alias:read',
    'session:read',
    'session:cancel:self',
    'scope:read',
    'user:list-resolvable-aliases',
  ],
  'stile:observe': ['target:read', 'session:read', 'worker:read', 'scope:read', 'user:read'],
  'stile:tokens-self': [
    'auth-token:read:self',
    'auth-token:create:self',
    'auth-token:update:self',
    'auth-token:delete:self',
  ],
};

/** Actions of a type that a scope may name: those of its table and what they are subactions of, sorted. */
function scopeActionsOf(type: ResourceType): readonly string[] {
  const actions = everyActionOf(type);
  return [...new Set([...actions, ...actions.map(parentAction)])].toSorted();
}

const legalActions: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  resourceTypes.map((type) => [type, new Set(scopeActionsOf(type))]),
);
const actionsOfAnyType: ReadonlySet<string> = new Set(
  [...legalActions.values()].flatMap((actions) => [...actions]),
);

function shown(entry: string): string {
  return JSON.stringify(entry.length > 100 ? `${entry.slice(0, 100)}…` : entry);
}

function scopeProblem(entry: string): string | undefined {
  const cut = entry.indexOf(':');
  const type = entry.slice(0, cut);
  const action = entry.slice(cut + 1);
  if (cut < 1 || action === '') {
    return `${shown(entry)} is no token scope: write type:action, as in target:read, target:* or *:read, or one of ${Object.keys(compositeScopes).join(', ')}.`;
  }
  if (type !== '*' && !isResourceType(type)) return `${shown(entry)} names no resource type.`;
  const legal = type === '*' ? actionsOfAnyType : legalActions.get(type);
  if (action === '*' || legal?.has(action) === true) return undefined;
  return type === '*'
    ? `${shown(entry)} names an action that no type has.`
    : `${shown(entry)} names an action that the type ${type} does not have.`;
}

/**
 * Token scopes as they are stored: composites expanded, each once, sorted; `['*']` for all, however written.
 */
export function readTokenScopes(entries: readonly string[]): ReadEntries {
  if (entries.length === 0) return { problem: 'Name at least one token scope, or leave the field out.' };
  if (entries.length > mostTokenScopes) return { problem: `At most ${mostTokenScopes} token scopes.` };
  const scopes = new Set<string>();
  for (const entry of entries) {
    const composite = Object.hasOwn(compositeScopes, entry) ? compositeScopes[entry] : undefined;
    const isAll = entry === '*' || entry === 'all' || entry === '*:*';
    const problem = composite === undefined && !isAll ? scopeProblem(entry) : undefined;
    if (problem !== undefined) return { problem };
    for (const scope of isAll ? unrestricted : (composite ?? [entry])) scopes.add(scope);
  }
  return { value: scopes.has('*') ? unrestricted : [...scopes].toSorted() };
}

const idPattern = /^[a-z0-9]{1,16}_[0-9A-Za-z_]{1,64}$/;

function allowProblem(entry: string): string | undefined {
  const cut = entry.indexOf(':');
  const type = entry.slice(0, cut);
  const id = entry.slice(cut + 1);
  if (cut < 1 || id === '')
    return `${shown(entry)} is no entry of an allow list: write type:id, type:* or *.`;
  if (!isResourceType(type)) return `${shown(entry)} names no resource type.`;
  if (id === '*') return undefined;
  if (resourceTypeOfId(id) === type && (id === 'global' || idPattern.test(id))) return undefined;
  return `${shown(entry)} names an id that is none of the type ${type}.`;
}

/** An allow list as it is stored: each entry once, sorted; `['*']` for everything. An empty one is refused: it would allow nothing. */
export function readAllowList(entries: readonly string[]): ReadEntries {
  if (entries.length === 0) return { problem: 'Name at least one entry, or leave the field out.' };
  if (entries.length > mostAllowListEntries) return { problem: `At most ${mostAllowListEntries} entries.` };
  for (const entry of entries) {
    const problem = entry === '*' ? undefined : allowProblem(entry);
    if (problem !== undefined) return { problem };
  }
  return { value: entries.includes('*') ? unrestricted : [...new Set(entries)].toSorted() };
}

/** Whether granted actions, as scopes write them, cover an action: by name, by its parent, by `*`, and `read` looks at everything. */
export function scopeCovers(granted: { has(action: string): boolean }, action: string): boolean {
  const parent = parentAction(action);
  if (granted.has('*') || granted.has(action) || granted.has(parent)) return true;
  return (parent === 'list' || parent === 'no-op') && granted.has('read');
}

function isScopeWithin(scope: string, parents: readonly string[]): boolean {
  const cut = scope.indexOf(':');
  const type = scope.slice(0, cut);
  const action = scope.slice(cut + 1);
  return parents.some((parent) => {
    const parentCut = parent.indexOf(':');
    const parentType = parent.slice(0, parentCut);
    return (
      (parentType === '*' || parentType === type) &&
      scopeCovers(new Set([parent.slice(parentCut + 1)]), action)
    );
  });
}

/** Whether a token with these scopes can do nothing that one with the parent's cannot. Both as stored. */
export function areScopesWithin(scopes: readonly string[], parents: readonly string[]): boolean {
  if (parents.includes('*')) return true;
  return scopes.every((scope) => scope !== '*' && isScopeWithin(scope, parents));
}

/** Whether an allow list names nothing that the parent's does not. Both as stored. */
export function isAllowListWithin(entries: readonly string[], parents: readonly string[]): boolean {
  if (parents.includes('*')) return true;
  return entries.every((entry) => {
    if (entry === '*') return false;
    return parents.includes(entry) || parents.includes(`${entry.slice(0, entry.indexOf(':'))}:*`);
  });
}

/** What can be written as a token scope, and what it allows. */
export interface LegalTokenScope {
  readonly name: string;
  readonly summary: string;
}

/** Scopes by which a token can gain more than it shows (tokens.md §2.1). */
const powerful: readonly RegExp[] = [
  /^(?:role|group):(?:add-|set-)/,
  /^account:(?:create|set-password)$/,
  /^user:(?:add|set|remove)-accounts$/,
  /^auth-method:(?!read$|list$|no-op$|authenticate$)/,
  /^auth-token:create(?::self)?$/,
  /^worker:create/,
  /^credential(?:-store|-library)?:(?!read$|list$|no-op$)/,
  /^(?:role|account|user|group|\*):\*$/,
  /^\*:(?!read$|list$|no-op$|cancel)/,
];

/** Whether a scope can end in more power than the token shows: whoever writes it is told. */
export function isPowerfulScope(scope: string): boolean {
  return scope !== '*' && powerful.some((pattern) => pattern.test(scope));
}

function summaryOf(type: ResourceType, action: string): string {
  if (action === '*') return `Everything on the type ${type}.`;
  if (action === 'read') return `Read and list the type ${type}.`;
  return `${action} on the type ${type}.`;
}

/** Every legal scope with one line of text: composites, wildcards, then each type's, sorted. */
export function legalTokenScopes(): readonly LegalTokenScope[] {
  return [
    { name: '*', summary: 'Everything that its user may do. "all" and "*:*" are the same.' },
    { name: '*:read', summary: 'Read and list everything that its user may; change nothing.' },
    ...Object.entries(compositeScopes).map(([name, scopes]) => ({ name, summary: scopes.join(' ') })),
    ...resourceTypes.flatMap((type) =>
      ['*', ...scopeActionsOf(type)].map((action) => ({
        name: `${type}:${action}`,
        summary: summaryOf(type, action),
      })),
    ),
  ];
}
