/** What an auth token is and when it is good: one pure function decides, for the request path and for lists (tokens.md §1.4). */
import type { AuthTokenTable, Microseconds } from '../store/schema.ts';

/** Who calls. An anonymous caller has the user id `u_anon` and nothing else. */
export interface Caller {
  readonly userId: string;
  /** Scope of the user. */
  readonly userScopeId?: string;
  readonly accountId?: string;
  readonly authMethodId?: string;
  readonly authTokenId?: string;
}

/** A token without what proves it. */
export type AuthTokenRow = Omit<AuthTokenTable, 'secret_mac' | 'secret_key_version'>;

/** Where a token stands. Nothing leads back to `active`. */
export type AuthTokenStatus = 'active' | 'stale' | 'expired' | 'revoked';

/** Hard end of a login token, seconds: 7 days (http-api.md §1.5). */
export const defaultTimeToLiveSeconds: number = 7 * 24 * 3600;
/** Idle limit of a login token, seconds: 24 hours. */
export const defaultTimeToStaleSeconds: number = 24 * 3600;

const microseconds = 1_000_000;

/** What decides the status. */
export type StatusFields = Pick<
  AuthTokenTable,
  'revoked_at' | 'revoked_reason' | 'expires_at' | 'last_used_at' | 'time_to_stale_seconds'
>;

/** Reasons that this code writes when a token is presented after its end. */
export const idleReason = 'idle';
/** Written when an expired token is presented, so that a clock set back revives nothing. */
export const expiredReason = 'expired';

/** Where the token stands at `nowUs`. An end that was written stays, whatever the clock says later. */
export function authTokenStatus(row: StatusFields, nowUs: Microseconds): AuthTokenStatus {
  if (row.revoked_at !== null) {
    if (row.revoked_reason === idleReason) return 'stale';
    return row.revoked_reason === expiredReason ? 'expired' : 'revoked';
  }
  if (nowUs >= row.expires_at) return 'expired';
  const idleUs = row.time_to_stale_seconds * microseconds;
  return idleUs > 0 && nowUs >= row.last_used_at + idleUs ? 'stale' : 'active';
}

/** Last use is written again when the written one is older than this, microseconds (tokens.md §1.6). */
export function lastUsedIntervalUs(timeToStaleSeconds: number): number {
  const tenMinutes = 600 * microseconds;
  if (timeToStaleSeconds === 0) return tenMinutes;
  return Math.max(microseconds, Math.min(tenMinutes, (timeToStaleSeconds * microseconds) / 10));
}

/** Whether a use at `nowUs` is to be written. The first always is: until then the time equals that of the creation. */
export function isLastUseDue(
  row: Pick<AuthTokenTable, 'created_at' | 'last_used_at' | 'time_to_stale_seconds'>,
  nowUs: Microseconds,
): boolean {
  if (nowUs <= row.last_used_at) return false;
  return (
    row.last_used_at === row.created_at ||
    nowUs - row.last_used_at >= lastUsedIntervalUs(row.time_to_stale_seconds)
  );
}
