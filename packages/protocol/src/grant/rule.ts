/**
 * What one grant allows: the pure rules of grants.md §2.5, used by the parser's self-test and, as tables, by the access
 * control list. Runs in a browser.
 */
import { isTopLevelType, resourceTypeOfId, type ResourceType } from './table.ts';

/** The type part of a grant: a type, or all. */
export type GrantType = ResourceType | '*';

/** A resource as a grant sees it. Without an id it is the collection; `pin` is the id of its parent. */
export interface GrantTarget {
  readonly type: ResourceType;
  readonly id?: string;
  readonly pin?: string;
}

/** Whether the action is one on a collection: `create`, `list`, or a subaction of them. */
export function isCreateOrList(action: string): boolean {
  const parent = parentAction(action);
  return parent === 'create' || parent === 'list';
}

/** `read` of `read:self`; an action without a colon is its own. */
export function parentAction(action: string): string {
  const colon = action.indexOf(':');
  return colon < 0 ? action : action.slice(0, colon);
}

/** Whether granted actions cover one: by name, by the parent of a subaction (never the reverse), or by `*`. */
export function coversAction(granted: { has(action: string): boolean }, action: string): boolean {
  return granted.has('*') || granted.has(action) || granted.has(parentAction(action));
}

/** The few calls that an anonymous caller can ever be granted (grants.md §2.5, case 1). */
export function isAnonymousAction(type: ResourceType, action: string): boolean {
  if (type === 'scope') return action === 'list' || action === 'no-op';
  if (type === 'auth-method') return action === 'list' || action === 'no-op' || action === 'authenticate';
  return false;
}

/** Case 2, its part about types: a grant of this id with this type covers the item itself (but neither create nor list). */
export function isOwnType(id: string, type: GrantType | undefined): boolean {
  return type === undefined || type === resourceTypeOfId(id);
}

/** Case 3: a grant without ids covers the collection of a top-level type. */
export function coversCollection(type: ResourceType, action: string): boolean {
  return isTopLevelType(type) && isCreateOrList(action);
}

/** Case 5: a grant with the parent's id covers its children, of one type or of all. */
export function coversPinned(type: GrantType | undefined, target: ResourceType): boolean {
  return !isTopLevelType(target) && (type === '*' || type === target);
}

/** Cases 2 to 5 for a caller who is somebody. `id` is one id of the grant, undefined when it has none. */
export function coversTarget(
  grant: { readonly id: string | undefined; readonly type: GrantType | undefined },
  target: GrantTarget,
  action: string,
): boolean {
  const { id, type } = grant;
  if (id === undefined) {
    return target.id === undefined && type === target.type && coversCollection(target.type, action);
  }
  if (id === '*') return type === '*' || type === target.type;
  if (id === target.id && isOwnType(id, type) && !isCreateOrList(action)) return true;
  return id === target.pin && coversPinned(type, target.type);
}
