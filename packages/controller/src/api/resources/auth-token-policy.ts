/** Who may mint and change API tokens (tokens.md §0 rows 8 and 9), and how the answers show what was made. */
import { StileError } from '@stile/protocol/errors';
import type { CallerToken, IssuedToken } from '../../auth/token/auth-token-service.ts';
import { Access, type Located } from '../access.ts';
import { sessionCookie } from '../http/session-cookie.ts';
import type { Gate } from '../operation.ts';
import { renderItem } from '../schema/render.ts';
import type { ApiServices } from '../services.ts';
import { authTokenValues, mintedSchema, type TokenView } from './auth-token-fields.ts';

/** Whether the caller may mint for others, asked in global. */
export function mayMintForOthers(access: Access): boolean {
  return access.may({ scopeId: 'global', parentScopeId: null, type: 'auth-token' }, 'create');
}

/**
 * Refuses whoever may not have the secret of a token of somebody else, which is to act as that user: it takes a whole sign-in of somebody
 * who may mint for others, so that an administrator of an org does not get what a user holds elsewhere (tokens.md §0 row 8).
 * @throws {StileError} permissionDenied
 */
export function requireActingForOthers(access: Access): void {
  access.requireToken('login');
  if (!mayMintForOthers(access)) throw new StileError('permissionDenied', 'Forbidden.');
}

/** Whether a user may mint for others, whatever the auth token in use: `max_admin_token_lifetime` binds the tokens of such a user. */
export async function isTokenAdmin(gate: Gate, userId: string): Promise<boolean> {
  return mayMintForOthers(new Access(await gate.aclFor({ userId }), { userId }));
}

/**
 * The setting `api_token_policy`, for one's own tokens.
 * @throws {StileError} failedPrecondition, permissionDenied
 */
export function requirePolicy(
  services: ApiServices,
  asked: {
    readonly access: Access;
    readonly found: Located;
    readonly isOther: boolean;
    readonly action: 'create:self' | 'update:self';
  },
): void {
  const { apiTokenPolicy } = services.authTokens.settings;
  if (apiTokenPolicy === 'off') {
    throw new StileError('failedPrecondition', 'API tokens are switched off: api_token_policy is "off".');
  }
  const { access, found, isOther, action } = asked;
  if (apiTokenPolicy === 'by-grant' && !isOther && !access.may(found.resource, action)) {
    throw access.refusalOf(found.resource, action);
  }
}

/**
 * API tokens never ask for a code: where an auth method requires one of their owner, or of who mints, the minting token must be one on the
 * way to which a code was checked (tokens.md §5.1).
 * @throws {StileError} permissionDenied
 */
export async function requireSecondFactor(
  services: ApiServices,
  token: CallerToken,
  userIds: readonly string[],
): Promise<void> {
  if (token.hasSecondFactor) return;
  const policies = await Promise.all(userIds.map((id) => services.secondFactors.policyOf(id)));
  if (policies.every(({ policy }) => policy !== 'required')) return;
  throw new StileError(
    'permissionDenied',
    'Forbidden. A second factor is required: log in with a code to make API tokens.',
  );
}

/** A token that was just made, with its text. */
export function shownMinted(issued: IssuedToken, view: TokenView): Record<string, unknown> {
  const text = issued.text.reveal();
  return renderItem(mintedSchema, {
    ...authTokenValues(issued.row, view),
    token: text,
    cookie: issued.row.type === 'web' ? sessionCookie(text) : undefined,
  });
}
