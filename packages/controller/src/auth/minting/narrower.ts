/** What "not wider" means, for new tokens and for changes of old ones, and how its refusal reads (tokens.md §2.4, §2.5). Pure. */
import { areScopesWithin, isAllowListWithin, StileError, unrestricted } from '@stile/protocol';
import { hardEnd, storedList, type AuthTokenRow, type CallerToken } from '../token/auth-token.ts';
import type { AuthTokenSettings } from '../token/auth-token-settings.ts';

const message = 'An auth token cannot mint one wider than itself.';

/** The refusal of a token that would exceed another, naming the field. */
export function widerThanParent(field: string, description: string): StileError {
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
    throw widerThanParent('token_scopes', 'Names a scope that the auth token does not have.');
  }
  if (allowList !== undefined && entries !== undefined && !isAllowListWithin(allowList, entries)) {
    throw widerThanParent('allow_list', "Names an entry that the auth token's allow list does not have.");
  }
  if (expiresAt !== undefined && expiresAt > row.expires_at) {
    throw widerThanParent('expiration_time', 'The auth token ends earlier.');
  }
}

/**
 * The end that binds what a token hands on, epoch microseconds: what another token made, and an API token, hands on nothing that lives
 * longer than itself. A sign-in of the person binds nothing: undefined.
 */
export function bindingEnd(by: CallerToken): number | undefined {
  return by.type === 'api' || by.parentId !== undefined ? by.hardEndsAt : undefined;
}

/**
 * Refuses to change a token that can do more, or lives longer, than the one by which it is changed: whoever holds a narrow token must not
 * reach its user's wider ones through it.
 * @throws {StileError} permissionDenied naming the field
 */
export function requireWithin(row: AuthTokenRow, by: CallerToken, settings: AuthTokenSettings): void {
  const { tokenScopes, allowList } = by;
  if (
    tokenScopes !== undefined &&
    !areScopesWithin(storedList(row.token_scopes) ?? unrestricted, tokenScopes)
  ) {
    throw widerThanParent('token_scopes', 'The auth token has a scope that the presented one does not have.');
  }
  if (allowList !== undefined && !isAllowListWithin(storedList(row.allow_list) ?? unrestricted, allowList)) {
    throw widerThanParent('allow_list', 'The auth token may touch what the presented one may not.');
  }
  if (hardEnd(row, settings) > (bindingEnd(by) ?? Infinity)) {
    throw widerThanParent('expiration_time', 'The presented auth token ends earlier.');
  }
  if (by.matchOrigin && row.match_origin === 0) {
    throw widerThanParent('match_origin', 'The presented auth token is bound to its origin.');
  }
}
