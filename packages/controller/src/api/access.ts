/**
 * What one caller may do in one request: the ACL of the caller, asked in the API's terms. Every decision of the API passes here;
 * the answer to "no" is 401 for anonymous callers and 403 for all others (http-api.md §1.6).
 */
import { anonymousUserId } from '@stile/protocol/ids';
import { StileError } from '@stile/protocol/errors';
import type { ResourceType } from '@stile/protocol/grant';
import type { Caller } from '../auth/auth-token-service.ts';
import type { Acl, AclResource } from '../iam/acl.ts';
import { allFields, type VisibleFields } from './schema/render.ts';

/** The permission that an operation needs. */
export interface ActionPermission {
  readonly type: ResourceType;
  readonly action: string;
  /** There is a `:self` variant: enough for the owner (grants.md §2.7). */
  readonly hasSelf?: true;
  /** Another action that is asked of the owner instead. */
  readonly ownAction?: string;
  /** `enough`: the owner needs no grant; `demanded`: it is for the owner alone, whatever the grants (tokens.md §5.1). */
  readonly ownership?: 'enough' | 'demanded';
}

/** An operation for everybody; `why` says what makes that right. */
export interface PublicPermission {
  readonly public: true;
  readonly why: string;
}

/** Every operation declares one: without it the table does not compile. */
export type Permission = ActionPermission | PublicPermission;

/** What the path named: found before anything is decided about it. */
export interface Located {
  readonly resource: AclResource;
  /** User whose own it is, where that matters. */
  readonly ownerId?: string;
}

/** The error for a caller that may not. */
export function refusal(caller: Caller): StileError {
  return caller.userId === anonymousUserId
    ? new StileError('unauthenticated', 'Unauthenticated, or invalid token.')
    : new StileError('permissionDenied', 'Forbidden.');
}

/** What is asked of the owner. */
function ownActionOf({ action, hasSelf, ownAction }: ActionPermission): string {
  return ownAction ?? (hasSelf === true ? `${action}:self` : action);
}

/** Decisions about one caller. */
export class Access {
  readonly caller: Caller;
  readonly acl: Acl;

  constructor(acl: Acl, caller: Caller) {
    this.acl = acl;
    this.caller = caller;
  }

  /**
   * The fields the caller sees of what it may do.
   * @throws {StileError} unauthenticated, permissionDenied
   */
  require(permission: ActionPermission, located: Located): VisibleFields {
    const isOwn = located.ownerId === this.caller.userId && this.caller.userId !== anonymousUserId;
    if (permission.ownership !== undefined && isOwn) return allFields;
    if (permission.ownership === 'demanded') throw refusal(this.caller);
    const action = isOwn ? ownActionOf(permission) : permission.action;
    const decision = this.acl.decide(located.resource, action);
    if (!decision.authorized) throw refusal(this.caller);
    return decision.outputFields;
  }

  /** Whether the caller may. */
  may(resource: AclResource, action: string): boolean {
    return this.acl.decide(resource, action).authorized;
  }

  /** The fields the caller sees of an item in a list (grants.md §2.6). */
  listed(resource: AclResource): VisibleFields {
    return this.acl.decide(resource, 'list').outputFields;
  }

  /** Which of `candidates` the caller may do, sorted (grants.md §7.4). */
  actions(resource: AclResource, candidates: readonly string[]): readonly string[] {
    return this.acl.authorizedActions(resource, candidates);
  }
}
