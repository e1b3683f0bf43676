/** What "not wider" means, for new tokens and for changes of old ones, and how its refusal reads (tokens.md §2.4, §2.5). Pure. */
import { areScopesWithin, isAllowListWithin, StileError } from '@stile/protocol';
import { storedList, type AuthTokenRow } from '../token/auth-token.ts';

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
