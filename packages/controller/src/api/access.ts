/**
 * What one caller may do in one request: the ACL of the caller, asked in the API's terms. Every decision of the API passes here; the answer
 * to "no" is 401 for anonymous callers and 403 for all others (http-api.md §1.6); where it is the auth token that is too narrow, the answer
 * names what is missing, never what is held (tokens.md §2.5).
 */
import { anonymousUserId, globalScopeId } from '@stile/protocol/ids';
import { StileError } from '@stile/protocol/errors';
import { resourceTypeOfId, type ResourceType } from '@stile/protocol/grant';
import type { Caller } from '../auth/token/auth-token-service.ts';
import type { Acl, AclDecision, AclResource } from '../iam/acl.ts';
import type { JsonObject } from './http/body.ts';
import { allFields, type VisibleFields } from './schema/render.ts';

/** The permission that an operation needs. */
export interface ActionPermission {
  readonly type: ResourceType;
  readonly action: string;
  /** There is a `:self` variant: enough for the owner (grants.md §2.7). */
  readonly hasSelf?: true;
  /** A token may do it to itself, however narrow it is (tokens.md §2.3). */
  readonly isOwnTokenFree?: true;
  /** The owner needs no grant for it, only a token that is wide enough. */
  readonly isOwnFree?: true;
  /** Another action that is asked of the owner instead. */
  readonly ownAction?: string;
  /** For the owner alone, whatever the grants; such an operation says itself what token it wants (tokens.md §5.1). */
  readonly isOwnersAlone?: true;
}

/** An operation for everybody; `why` says what makes that right. */
export interface PublicPermission {
  readonly public: true;
  readonly why: string;
  /** For everybody who has a good auth token. */
  readonly needsToken?: true;
}

/** Every operation declares one: without it the table does not compile. */
export type Permission = ActionPermission | PublicPermission;

/** What the path named: found before anything is decided about it. */
export interface Located {
  readonly resource: AclResource;
  /** User whose own it is, where that matters. */
  readonly ownerId?: string;
}

/**
 * What the presented token must be, beside what its scopes and allow list let through (tokens.md §2.3): `unrestricted` = it has neither;
 * `login` = a sign-in of the person, unrestricted.
 */
export type TokenRule = 'unrestricted' | 'login';

/** The error for a caller that may not. */
export function refusal(caller: Caller): StileError {
  return caller.userId === anonymousUserId
    ? new StileError('unauthenticated', 'Unauthenticated, or invalid token.')
    : new StileError('permissionDenied', 'Forbidden.');
}

/** Body fields that say where a new resource is to be, not which resource it touches. */
const placeFields: ReadonlySet<string> = new Set([
  'scope_id',
  'auth_method_id',
  'host_catalog_id',
  'credential_store_id',
]);

/** Ids that a body names in its fields `…_id` and `…_ids`, without those that are places. Its depth was bounded when it was read. */
function* namedIds(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) yield* namedIds(item);
    return;
  }
  for (const [name, field] of Object.entries(value)) {
    if (!/_ids?$/.test(name) || placeFields.has(name)) yield* namedIds(field);
    else if (typeof field === 'string') yield field;
    else if (Array.isArray(field)) yield* field.filter((item) => typeof item === 'string');
  }
}

/** What is asked of the owner. */
function ownActionOf({ action, ownAction }: ActionPermission): string {
  return ownAction ?? `${action}:self`;
}

/** Whether no grant cuts down what is seen. */
function isWhole(visible: VisibleFields): boolean {
  return visible === allFields || ('isAll' in visible && visible.isAll === true);
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
    const { resource } = located;
    const isOwner = located.ownerId === this.caller.userId;
    if (permission.isOwnersAlone === true) {
      if (!isOwner || this.caller.token === undefined) throw refusal(this.caller);
      return allFields;
    }
    const isOwn = isOwner && (permission.hasSelf === true || permission.ownAction !== undefined);
    const action = isOwn ? ownActionOf(permission) : permission.action;
    const decision = this.#decide(permission, { resource, action, isOwn });
    if (!decision.authorized) throw this.refused(decision, resource, action);
    return decision.outputFields;
  }

  /**
   * The same where an answer cannot be cut to fields: who may see some of them only is refused.
   * @throws {StileError} unauthenticated, permissionDenied
   */
  requireWhole(permission: ActionPermission, located: Located): void {
    if (!isWhole(this.require(permission, located))) throw refusal(this.caller);
  }

  /** Whether a list may show all of an item; where it can show nothing less, it leaves the others out. */
  listsWhole(resource: AclResource): boolean {
    return isWhole(this.listed(resource));
  }

  #decide(
    permission: ActionPermission,
    asked: { readonly resource: AclResource; readonly action: string; readonly isOwn: boolean },
  ): AclDecision {
    const { resource, action, isOwn } = asked;
    const { authTokenId, token } = this.caller;
    const isOwnToken = resource.id !== undefined && resource.id === authTokenId;
    if (permission.isOwnTokenFree === true && isOwnToken) return this.acl.decideByGrants(resource, action);
    if (permission.isOwnFree === true && isOwn && token !== undefined) {
      return this.acl.decideAsGranted(resource, action);
    }
    return this.acl.decide(resource, action);
  }

  /** The error for a decision that says no, in the words of its reason. */
  refused(decision: AclDecision, resource: AclResource, action: string): StileError {
    if (decision.lacks === undefined) return refusal(this.caller);
    const why =
      decision.lacks === 'token scope'
        ? `This auth token lacks the token scope "${resource.type}:${action}".`
        : "This auth token's allow list does not name this resource.";
    return new StileError('permissionDenied', `Forbidden. ${why}`);
  }

  /** The error for an action that the caller may not do. */
  refusalOf(resource: AclResource, action: string): StileError {
    return this.refused(this.acl.decide(resource, action), resource, action);
  }

  /**
   * Refuses a token that is not of the kind that an operation wants.
   * @throws {StileError} permissionDenied
   */
  requireToken(rule: TokenRule): void {
    const { token } = this.caller;
    if (token === undefined) throw refusal(this.caller);
    if (token.mask.isRestricted) {
      throw new StileError(
        'permissionDenied',
        'Forbidden. An auth token with token scopes or an allow list cannot do this.',
      );
    }
    if (rule === 'login' && token.type !== 'login') {
      throw new StileError(
        'permissionDenied',
        `Forbidden. Only a sign-in can do this, not an auth token of type "${token.type}".`,
      );
    }
  }

  /**
   * Refuses a body that names a resource which the token's allow list does not (tokens.md §2.2).
   * @throws {StileError} permissionDenied
   */
  requireNamedIds(body: JsonObject): void {
    if (this.caller.token?.allowList === undefined) return;
    for (const id of namedIds(body)) {
      const type = id === globalScopeId ? 'scope' : resourceTypeOfId(id);
      const allowed = type === undefined ? undefined : this.acl.allowedIds(type);
      if (allowed === undefined || allowed.has(id)) continue;
      throw new StileError(
        'permissionDenied',
        "Forbidden. This auth token's allow list does not name a resource that the request names.",
      );
    }
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
