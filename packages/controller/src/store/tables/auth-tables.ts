/** The tables of who calls: auth methods, accounts, auth tokens, second factors; part of schema.ts. */
import type { Flag, Microseconds } from './column-types.ts';
import type { TwoFactorPolicy } from './second-factor-tables.ts';

/** A way to log in; `password` is the only type today. */
export interface AuthMethodTable {
  id: string;
  scope_id: string;
  type: 'password';
  name: string | null;
  description: string | null;
  min_login_name_length: number;
  min_password_length: number;
  /** Whether logins here ask for a second factor (tokens.md §5.1). */
  two_factor: TwoFactorPolicy;
  /** Digits of a code and seconds of a step, bound when a user enrolls. */
  otp_digits: number;
  otp_interval_seconds: number;
  /** Steps before and after the present one whose codes are taken. */
  otp_window: number;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A login at one auth method. */
export interface AccountTable {
  id: string;
  auth_method_id: string;
  scope_id: string;
  user_id: string | null;
  type: 'password';
  name: string | null;
  description: string | null;
  login_name: string;
  /** PHC string of argon2id; null = the account has no password. */
  password_hash: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** Kinds of auth tokens (tokens.md §1.1). */
export type AuthTokenType = 'login' | 'web' | 'api' | 'one-time';

/** Proves who calls; a row stays when its token has ended, until the garbage collection takes it. */
export interface AuthTokenTable {
  id: string;
  scope_id: string;
  user_id: string;
  account_id: string | null;
  auth_method_id: string | null;
  type: AuthTokenType;
  /** Of `api` tokens; unique among the living ones of a user. */
  name: string | null;
  description: string | null;
  /** Who minted it: another than `user_id` acts for that user. */
  created_by_user_id: string;
  /** The token that minted it. */
  parent_auth_token_id: string | null;
  /** Whether it is revoked along with the one that minted it. */
  ends_with_parent: Flag;
  /** JSON, sorted; null = unrestricted. */
  token_scopes: string | null;
  /** JSON, sorted; null = unrestricted. */
  allow_list: string | null;
  /** HMAC-SHA-256, 32 bytes. */
  secret_mac: Uint8Array;
  secret_key_version: number;
  /** As granted, seconds. */
  time_to_live_seconds: number;
  /** Idle limit in seconds; 0 = none. */
  time_to_stale_seconds: number;
  /** Hard end; a setting may bind it earlier. */
  expires_at: Microseconds;
  /** From when on the garbage collection counts: the hard end, or when it was revoked. */
  ends_at: Microseconds;
  last_used_at: Microseconds;
  /** Address and user agent at creation. */
  origin: string | null;
  user_agent: string | null;
  /** The same at last use. */
  last_origin: string | null;
  last_user_agent: string | null;
  /** It works from the address of `origin` only. */
  match_origin: Flag;
  /** `one-time`: the first exchange consumes it. */
  single_use: Flag;
  /** A second factor was checked on the way to it. */
  second_factor: Flag;
  /** It may do nothing but enroll a second factor, until that is done. */
  must_enroll: Flag;
  /** JSON; free notes, never consulted for a decision. */
  attributes: string | null;
  revoked_at: Microseconds | null;
  revoked_reason: string | null;
  revoked_by_user_id: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A free note about a user (tokens.md §3.3, `set-attribute`). */
export interface UserAttributeTable {
  user_id: string;
  name: string;
  /** JSON. */
  value: string;
}
