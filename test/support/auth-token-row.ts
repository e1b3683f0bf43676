/** A row of an auth token for tests that put one into the database themselves; nobody knows its secret. */
import { randomBytes } from 'node:crypto';
import { newId } from '@stile/protocol';
import type { AuthTokenTable } from '../../packages/controller/src/store/schema.ts';

/** A login of a user that lives seven days from `nowUs`; anything of it can be given. */
export function authTokenRow(
  userId: string,
  nowUs: number,
  more: Partial<AuthTokenTable> = {},
): AuthTokenTable {
  const expiresAt = more.expires_at ?? nowUs + 604_800_000_000;
  return {
    id: newId('authToken'),
    scope_id: 'global',
    user_id: userId,
    account_id: null,
    auth_method_id: null,
    type: 'login',
    name: null,
    description: null,
    created_by_user_id: userId,
    parent_auth_token_id: null,
    ends_with_parent: 0,
    token_scopes: null,
    allow_list: null,
    secret_mac: randomBytes(32),
    secret_key_version: 1,
    time_to_live_seconds: 604_800,
    time_to_stale_seconds: 0,
    expires_at: expiresAt,
    ends_at: expiresAt,
    last_used_at: nowUs,
    origin: null,
    user_agent: null,
    last_origin: null,
    last_user_agent: null,
    match_origin: 0,
    single_use: 0,
    second_factor: 0,
    must_enroll: 0,
    attributes: null,
    revoked_at: null,
    revoked_reason: null,
    revoked_by_user_id: null,
    version: 1,
    created_at: nowUs,
    updated_at: nowUs,
    ...more,
  };
}
