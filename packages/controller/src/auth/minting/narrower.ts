/** What "not wider" means, for new tokens and for changes of old ones, and how its refusal reads (tokens.md §2.4, §2.5). Pure. */
import { areScopesWithin, isAllowListWithin, StileError, unrestricted } from '@stile/protocol';
import { hardEnd, storedList, type AuthTokenRow, type CallerToken } from '../token/auth-token.ts';
import type { AuthTokenSettings } from '../token/auth-token-settings.ts';

const mintMessage = 'An auth token cannot mint one wider than itself.';
const changeMessage = 'An auth token can be narrowed, never widened.';

/** The refusal of a token that would exceed another, naming the field. */
export function widerThanParent(
  field: string,
  description: string,
  message: string = mintMessage,
): StileError {
  return new StileError('permissionDenied', message, {
    details: { requestFields: [{ name: field, description }] },
  });
}

/** A list as it is stored: null for "everything". */
export function keptList(list: readonly string[] | undefined): string | null {
  return list === undefined || list.includes('*') ? null : JSON.stringify(list);
}

/** New limits of a token. Absent = stays. */
export interface NewLimits {
  /** Canonical. */
  readonly tokenScopes?: readonly string[] | undefined;
  readonly allowList?: readonly string[] | undefined;
  /** Epoch microseconds. */
  readonly expiresAt?: number | undefined;
}

/**
 * Refuses limits that would let a token do more, or live longer, than it does.
 * @throws {StileError} permissionDenied naming the field
 */
export function requireNarrower(row: AuthTokenRow, limits: NewLimits): void {
  const { tokenScopes, allowList, expiresAt } = limits;
  const scopes = storedList(row.token_scopes);
  const entries = storedList(row.allow_list);
  if (tokenScopes !== undefined && scopes !== undefined && !areScopesWithin(tokenScopes, scopes)) {
    throw widerThanParent('token_scopes', 'Names a scope that the auth token does not have.', changeMessage);
  }
  if (allowList !== undefined && entries !== undefined && !isAllowListWithin(allowList, entries)) {
    throw widerThanParent(
      'allow_list',
      "Names an entry that the auth token's allow list does not have.",
      changeMessage,
    );
  }
  if (expiresAt !== undefined && expiresAt > row.expires_at) {
    throw widerThanParent('expiration_time', 'The auth token ends earlier.', changeMessage);
  }
}

/**
 * Whether what a token mints or changes must end when it does: what another token made, or an API token, hands on ends no later than
 * itself; a sign-in does not bind what it mints.
 */
export function bindsEnds(token: CallerToken): boolean {
  return token.type === 'api' || token.parentId !== undefined;
}

/** What a token is to be, or is: only what is named is compared. */
export interface ComparedLimits extends NewLimits {
  readonly matchOrigin?: boolean;
}

/** The limits of a token as it stands. */
export function limitsOf(row: AuthTokenRow, settings: AuthTokenSettings): ComparedLimits {
  return {
    tokenScopes: storedList(row.token_scopes) ?? unrestricted,
    allowList: storedList(row.allow_list) ?? unrestricted,
    expiresAt: hardEnd(row, settings),
    matchOrigin: row.match_origin === 1,
  };
}

/**
 * Refuses limits that are wider than those of the token that asks for them: what a narrow token changes, and above all what it gets the
 * secret of, would else be a way to the wide tokens of its user.
 * @throws {StileError} permissionDenied naming the field
 */
export function requireWithinCaller(limits: ComparedLimits, caller: CallerToken): void {
  const { tokenScopes, allowList, expiresAt, matchOrigin } = limits;
  const { tokenScopes: scopes, allowList: entries } = caller;
  if (tokenScopes !== undefined && scopes !== undefined && !areScopesWithin(tokenScopes, scopes)) {
    throw widerThanParent('token_scopes', 'Names a scope that the auth token in use does not have.');
  }
  if (allowList !== undefined && entries !== undefined && !isAllowListWithin(allowList, entries)) {
    throw widerThanParent('allow_list', 'Names an entry that the auth token in use does not have.');
  }
  if (matchOrigin === false && caller.matchOrigin) {
    throw widerThanParent('match_origin', 'The auth token in use is bound to its origin.');
  }
  if (expiresAt !== undefined && bindsEnds(caller) && expiresAt > caller.hardEndsAt) {
    throw widerThanParent('expiration_time', 'The auth token in use ends earlier.');
  }
}
