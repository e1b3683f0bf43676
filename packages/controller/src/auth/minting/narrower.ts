/** What "not wider" means, for new tokens and for changes of old ones, and how its refusal reads (tokens.md §2.4, §2.5). Pure. */
import { areScopesWithin, isAllowListWithin, StileError } from '@stile/protocol';
import { storedList, type AuthTokenRow, type CallerToken } from '../token/auth-token.ts';

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

/** Whether what this token hands on ends no later than itself. A sign-in of the person does not bind what it makes. */
export function bindsEnds({ type, parentId }: CallerToken): boolean {
  return type === 'api' || parentId !== undefined;
}

/**
 * Refuses to a token the change of another one that can do more, or lives longer, than itself: whoever gets the new secret, or the last
 * word, would have more than was given (tokens.md §2.4). `endsAt` is the hard end of the other, `limits` what it shall have.
 * @throws {StileError} permissionDenied naming the field
 */
export function requireWithinCaller(
  row: AuthTokenRow,
  { token, endsAt }: { readonly token: CallerToken; readonly endsAt: number },
  limits: NewLimits = {},
): void {
  if (row.id === token.id) return;
  const {
    tokenScopes = storedList(row.token_scopes) ?? ['*'],
    allowList = storedList(row.allow_list) ?? ['*'],
  } = limits;
  if (token.tokenScopes !== undefined && !areScopesWithin(tokenScopes, token.tokenScopes)) {
    throw widerThanParent(
      'token_scopes',
      'It has a scope that the auth token which changes it does not have.',
    );
  }
  if (token.allowList !== undefined && !isAllowListWithin(allowList, token.allowList)) {
    throw widerThanParent(
      'allow_list',
      'It has an entry that the auth token which changes it does not have.',
    );
  }
  if (token.matchOrigin && row.match_origin === 0) {
    throw widerThanParent('match_origin', 'The auth token which changes it is bound to its origin.');
  }
  if (bindsEnds(token) && Math.min(endsAt, limits.expiresAt ?? endsAt) > token.hardEndsAt) {
    throw widerThanParent('expiration_time', 'The auth token which changes it ends earlier.');
  }
  if (row.second_factor === 1 && !token.hasSecondFactor) {
    throw widerThanParent(
      'second_factor',
      'No second factor was checked for the auth token which changes it.',
    );
  }
}
