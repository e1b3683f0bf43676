/**
 * What an auth token is and when it is good: one pure function decides, for the request path, lists, the sweep and open streams
 * (tokens.md §1.4, §1.5). Settings and the token's own values both bind.
 */
import { timingSafeEqual } from 'node:crypto';
import type { TokenMask } from '@stile/protocol';
import type { AuthTokenTable, AuthTokenType, Microseconds } from '../../store/schema.ts';
import type { AuthTokenSettings } from './auth-token-settings.ts';

export type { AuthTokenType } from '../../store/schema.ts';

/** The token that a request presented, as far as decisions look at it. */
export interface CallerToken {
  readonly id: string;
  readonly type: AuthTokenType;
  readonly version: number;
  /** MAC of the secret that proved it: another one after a rotation. */
  readonly secretMac: Uint8Array;
  /** What it cuts the rights of its user down to. */
  readonly mask: TokenMask;
  /** As stored; undefined = unrestricted. */
  readonly tokenScopes: readonly string[] | undefined;
  readonly allowList: readonly string[] | undefined;
  /** When it ends by its times, without any further use. */
  readonly endsAt: Microseconds;
  /** Its hard end. */
  readonly hardEndsAt: Microseconds;
  /** The token that minted it. */
  readonly parentId: string | undefined;
  readonly matchOrigin: boolean;
  /** A second factor was checked on the way to it. */
  readonly hasSecondFactor: boolean;
  /** It may do nothing but enroll a second factor. */
  readonly mustEnroll: boolean;
  /** The last use that is written is old enough for another to be. */
  readonly isUseDue: boolean;
}

/** Who calls. An anonymous caller has the user id `u_anon` and nothing else. */
export interface Caller {
  readonly userId: string;
  /** Scope of the user. */
  readonly userScopeId?: string;
  readonly accountId?: string;
  readonly authMethodId?: string;
  readonly authTokenId?: string;
  /** There whenever `authTokenId` is. */
  readonly token?: CallerToken | undefined;
}

/** Whether two callers were proven by one secret: a token that was rotated meanwhile is another one to who held the old secret. */
export function isSameProof({ token: a }: Caller, { token: b }: Caller): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSameLength = a.secretMac.length === b.secretMac.length;
  return a.id === b.id && isSameLength && timingSafeEqual(a.secretMac, b.secretMac);
}

/** A token without what proves it. */
export type AuthTokenRow = Omit<AuthTokenTable, 'secret_mac' | 'secret_key_version'>;

/** Where a token stands. Nothing leads back to `active`. */
export type AuthTokenStatus = 'active' | 'stale' | 'expired' | 'revoked' | 'consumed';

/** Why a token's end was written (tokens.md §1.3). */
export type RevokedReason =
  | 'user request'
  | 'admin request'
  | 'user disabled'
  | 'account deleted'
  | 'account removed'
  | 'password changed'
  | 'second factor reset'
  | 'parent revoked'
  | 'key destroyed'
  | 'idle'
  | 'lifetime lowered'
  | 'expired'
  | 'consumed';

/** Ends that come by themselves: written when somebody sees them, so that a clock set back revives nothing. */
export type NaturalEnd = Extract<RevokedReason, 'idle' | 'lifetime lowered' | 'expired'>;

const microseconds = 1_000_000;

/** What decides the status. */
export type StatusFields = Pick<
  AuthTokenTable,
  | 'type'
  | 'revoked_at'
  | 'revoked_reason'
  | 'expires_at'
  | 'last_used_at'
  | 'time_to_stale_seconds'
  | 'created_at'
>;

const statusOfReason: Readonly<Record<string, AuthTokenStatus>> = {
  idle: 'stale',
  expired: 'expired',
  'lifetime lowered': 'expired',
  consumed: 'consumed',
};

/** Longest life of a kind by the settings, seconds after creation. */
export function longestLifeSeconds(type: AuthTokenType, settings: AuthTokenSettings): number {
  switch (type) {
    case 'login':
      return settings.disableSessionExpiryRefresh && settings.timeToStaleSeconds > 0
        ? Math.min(settings.timeToLiveSeconds, settings.timeToStaleSeconds)
        : settings.timeToLiveSeconds;
    case 'web':
      return settings.maxWebSessionLifetimeSeconds;
    case 'api':
      return settings.maxTokenLifetimeSeconds;
    case 'one-time':
      return settings.maxOneTimeTokenLifetimeSeconds;
  }
}

/** Idle limit that binds, seconds; 0 = none. The setting is one of logins alone. */
export function idleLimitSeconds(
  row: Pick<StatusFields, 'type' | 'time_to_stale_seconds'>,
  settings: AuthTokenSettings,
): number {
  const own = row.time_to_stale_seconds;
  if (row.type !== 'login' || settings.disableSessionExpiryRefresh) {
    return row.type === 'login' ? 0 : own;
  }
  const set = settings.timeToStaleSeconds;
  if (own === 0 || set === 0) return Math.max(own, set);
  return Math.min(own, set);
}

/** The hard end that binds: the row's own, or creation and the setting of today. */
export function hardEnd(row: StatusFields, settings: AuthTokenSettings): Microseconds {
  return Math.min(row.expires_at, row.created_at + longestLifeSeconds(row.type, settings) * microseconds);
}

/** When it ends for want of use; undefined without an idle limit. */
export function idleEnd(row: StatusFields, settings: AuthTokenSettings): Microseconds | undefined {
  const limit = idleLimitSeconds(row, settings);
  return limit === 0 ? undefined : row.last_used_at + limit * microseconds;
}

/** When it ends if nobody uses it any more. */
export function endWithoutUse(row: StatusFields, settings: AuthTokenSettings): Microseconds {
  return Math.min(hardEnd(row, settings), idleEnd(row, settings) ?? Infinity);
}

/** The end that time has brought and nobody has written yet; undefined for a token that is good or whose end is written. */
export function dueEnd(
  row: StatusFields,
  settings: AuthTokenSettings,
  nowUs: Microseconds,
): NaturalEnd | undefined {
  if (row.revoked_at !== null) return undefined;
  if (nowUs >= row.expires_at) return 'expired';
  if (nowUs >= hardEnd(row, settings)) return 'lifetime lowered';
  const idle = idleEnd(row, settings);
  return idle !== undefined && nowUs >= idle ? 'idle' : undefined;
}

/** Where the token stands at `nowUs`. An end that was written stays, whatever the clock or the settings say later. */
export function authTokenStatus(
  row: StatusFields,
  settings: AuthTokenSettings,
  nowUs: Microseconds,
): AuthTokenStatus {
  const reason = row.revoked_at === null ? dueEnd(row, settings, nowUs) : (row.revoked_reason ?? '');
  return reason === undefined ? 'active' : (statusOfReason[reason] ?? 'revoked');
}

/** Last use is written again when the written one is older than this, microseconds (tokens.md §1.6). */
export function lastUsedIntervalUs(idleSeconds: number, settings: AuthTokenSettings): number {
  const longest = settings.lastUsedIntervalSeconds * microseconds;
  if (idleSeconds === 0) return longest;
  return Math.max(microseconds, Math.min(longest, (idleSeconds * microseconds) / 10));
}

/** Whether a use at `nowUs` is to be written. The first always is: until then the time equals that of the creation. */
export function isLastUseDue(row: StatusFields, settings: AuthTokenSettings, nowUs: Microseconds): boolean {
  if (nowUs <= row.last_used_at) return false;
  return (
    row.last_used_at === row.created_at ||
    nowUs - row.last_used_at >= lastUsedIntervalUs(idleLimitSeconds(row, settings), settings)
  );
}

/** A stored list of scopes or entries; undefined when it is null, which is "unrestricted". */
export function storedList(text: string | null): readonly string[] | undefined {
  // Written by this code alone.
  return text === null ? undefined : (JSON.parse(text) as readonly string[]);
}
