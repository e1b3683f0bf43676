/** The tables of second factors (tokens.md §5.1), and what an auth method may say of them. */
import type { Microseconds } from './column-types.ts';

/** `off`: no codes; `optional`: of users who enrolled; `required`: who has not enrolled may do nothing else first. */
export type TwoFactorPolicy = 'off' | 'optional' | 'required';

/**
 * The second factor of a user, and the count of wrong codes. The row is there from the first enrollment on, confirmed or not. The seven
 * columns of a secret are null together, and so are those of a pending one.
 */
export interface UserSecondFactorTable {
  /** Id of the user. */
  id: string;
  /** TOTP secret in force, 20 bytes; null = not enrolled. */
  secret_sealed: Uint8Array | null;
  otp_digits: number | null;
  otp_interval_seconds: number | null;
  /** Step of the last accepted code: no code of it or of an earlier one is taken again. */
  last_step: number | null;
  enrolled_at: Microseconds | null;
  /** When a code or recovery code was last accepted. */
  last_used_at: Microseconds | null;
  /** A secret that was shown and not yet confirmed. */
  pending_secret_sealed: Uint8Array | null;
  pending_otp_digits: number | null;
  pending_otp_interval_seconds: number | null;
  pending_expires_at: Microseconds | null;
  /** First wrong code of the present five minutes. */
  window_began_at: Microseconds | null;
  window_failures: number;
  /** Wrong codes since the last right one. */
  failures: number;
  /** Penalties since the last right code: each lasts twice as long as the one before. */
  penalties: number;
  /** No code is looked at before. */
  blocked_until: Microseconds | null;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** One of the ten codes that stand in for a lost device, each once. */
export interface UserRecoveryCodeTable {
  user_id: string;
  /** HMAC-SHA-256 over user and code, 32 bytes. */
  code_mac: Uint8Array;
  code_key_version: number;
  used_at: Microseconds | null;
  created_at: Microseconds;
}
