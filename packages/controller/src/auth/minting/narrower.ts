/** What "not wider" means, for new tokens and for changes of old ones, and how its refusal reads (tokens.md §2.4, §2.5). Pure. */
import { areScopesWithin, isAllowListWithin, StileError } from '@stile/protocol';
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
 * Whether what a token mints or changes must end when it does: what another token made, or an API token, hands on ends no later than
 * itself; a sign-in does not bind what it mints.
 */
export function bindsEnds(token: CallerToken): boolean {
  return token.type === 'api' || token.parentId !== undefined;
}

/**
 * Refuses to change a token, or to give out a new secret of it, when it is wider than the token that asks: a narrow token would else gain by
 * the wide one of the same user. A token may always change itself.
 * @throws {StileError} permissionDenied naming the field
 */
export function requireWithinCaller(
  row: AuthTokenRow,
  limits: NewLimits,
  caller: CallerToken,
  settings: AuthTokenSettings,
): void {
  if (row.id === caller.id) return;
  const scopes = limits.tokenScopes ?? storedList(row.token_scopes) ?? ['*'];
  const entries = limits.allowList ?? storedList(row.allow_list) ?? ['*'];
  if (caller.tokenScopes !== undefined && !areScopesWithin(scopes, caller.tokenScopes)) {
    throw widerThanParent('token_scopes', 'The auth token has a scope that the one in use does not have.');
  }
  if (caller.allowList !== undefined && !isAllowListWithin(entries, caller.allowList)) {
    throw widerThanParent('allow_list', 'The auth token may touch what the one in use may not.');
  }
  if (caller.matchOrigin && row.match_origin === 0) {
    throw widerThanParent('match_origin', 'The auth token in use is bound to its origin; the other is not.');
  }
  const end = Math.min(limits.expiresAt ?? Infinity, hardEnd(row, settings));
  if (bindsEnds(caller) && end > caller.hardEndsAt) {
    throw widerThanParent('expiration_time', 'The auth token in use ends earlier.');
  }
}
