/** How long auth tokens live and who may mint them: the settings of tokens.md §1.5, with their defaults and ranges. */
import { StileError } from '@stile/protocol';

/** Who may make API tokens for themselves. */
export type ApiTokenPolicy = 'self-service' | 'by-grant' | 'off';

/** Settings of an installation. Seconds unless the name says otherwise. */
export interface AuthTokenSettings {
  /** Hard end of a login (`auth_token_time_to_live`). */
  readonly timeToLiveSeconds: number;
  /** Idle limit of a login; 0 = none (`auth_token_time_to_stale`, `session_duration`). */
  readonly timeToStaleSeconds: number;
  /** A login ends `timeToStaleSeconds` after it was made, however much it is used. */
  readonly disableSessionExpiryRefresh: boolean;
  readonly defaultTokenLifetimeSeconds: number;
  readonly maxTokenLifetimeSeconds: number;
  /** Bound at minting for whoever may mint for others; undefined = as everybody. */
  readonly maxAdminTokenLifetimeSeconds: number | undefined;
  /** Active API tokens of one user. */
  readonly maxTokensPerUser: number;
  readonly webSessionLifetimeSeconds: number;
  readonly maxWebSessionLifetimeSeconds: number;
  readonly oneTimeTokenLifetimeSeconds: number;
  /** 0 = no one-time tokens. */
  readonly maxOneTimeTokenLifetimeSeconds: number;
  readonly apiTokenPolicy: ApiTokenPolicy;
  /** How often ended tokens are swept and deleted. */
  readonly gcPeriodSeconds: number;
  /** How long an ended token can still be read. */
  readonly gcRetentionSeconds: number;
  /** Most rows deleted in one cycle. */
  readonly gcMaxDeletions: number;
  /** A last use is written again when the written one is older than this. */
  readonly lastUsedIntervalSeconds: number;
  readonly revokeOnPasswordChange: boolean;
}

const hour = 3600;
const day = 24 * hour;

/** Defaults of every setting. */
export const defaultAuthTokenSettings: AuthTokenSettings = {
  timeToLiveSeconds: 7 * day,
  timeToStaleSeconds: day,
  disableSessionExpiryRefresh: false,
  defaultTokenLifetimeSeconds: 7 * day,
  maxTokenLifetimeSeconds: 365 * day,
  maxAdminTokenLifetimeSeconds: undefined,
  maxTokensPerUser: 100,
  webSessionLifetimeSeconds: hour,
  maxWebSessionLifetimeSeconds: 7 * day,
  oneTimeTokenLifetimeSeconds: 600,
  maxOneTimeTokenLifetimeSeconds: day,
  apiTokenPolicy: 'self-service',
  gcPeriodSeconds: hour,
  gcRetentionSeconds: 7 * day,
  gcMaxDeletions: 1000,
  lastUsedIntervalSeconds: 600,
  revokeOnPasswordChange: true,
};

/** Names in the configuration file and ranges of the numbers. */
const numbers: Readonly<
  Record<
    {
      [K in keyof AuthTokenSettings]: AuthTokenSettings[K] extends number | undefined ? K : never;
    }[keyof AuthTokenSettings],
    { readonly name: string; readonly minimum: number; readonly maximum: number }
  >
> = {
  timeToLiveSeconds: { name: 'auth_token_time_to_live', minimum: 1, maximum: 3650 * day },
  timeToStaleSeconds: { name: 'auth_token_time_to_stale', minimum: 0, maximum: 3650 * day },
  defaultTokenLifetimeSeconds: { name: 'default_token_lifetime', minimum: 1, maximum: 3650 * day },
  maxTokenLifetimeSeconds: { name: 'max_token_lifetime', minimum: 1, maximum: 3650 * day },
  maxAdminTokenLifetimeSeconds: { name: 'max_admin_token_lifetime', minimum: 1, maximum: 3650 * day },
  maxTokensPerUser: { name: 'max_tokens_per_user', minimum: 1, maximum: 100_000 },
  webSessionLifetimeSeconds: { name: 'web_session_lifetime', minimum: 1, maximum: 365 * day },
  maxWebSessionLifetimeSeconds: { name: 'max_web_session_lifetime', minimum: 1, maximum: 365 * day },
  oneTimeTokenLifetimeSeconds: { name: 'one_time_token_lifetime', minimum: 1, maximum: 365 * day },
  maxOneTimeTokenLifetimeSeconds: { name: 'max_one_time_token_lifetime', minimum: 0, maximum: 365 * day },
  gcPeriodSeconds: { name: 'auth_token_gc_period', minimum: 1, maximum: 30 * day },
  gcRetentionSeconds: { name: 'auth_token_gc_retention', minimum: 0, maximum: 3650 * day },
  gcMaxDeletions: { name: 'auth_token_gc_max_deletions', minimum: 1, maximum: 100_000 },
  lastUsedIntervalSeconds: { name: 'auth_token_last_used_interval', minimum: 1, maximum: day },
};

/**
 * The settings, complete.
 * @throws {StileError} invalidConfig naming the option as the configuration file spells it
 */
export function checkedAuthTokenSettings(given: Partial<AuthTokenSettings> = {}): AuthTokenSettings {
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  const settings: AuthTokenSettings = { ...defaultAuthTokenSettings, ...Object.fromEntries(present) };
  for (const key of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const { name, minimum, maximum } = numbers[key];
    const value = settings[key];
    if (value === undefined) continue;
    if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) continue;
    throw new StileError('invalidConfig', `${name} must be a whole number from ${minimum} to ${maximum}`);
  }
  if ((settings.maxAdminTokenLifetimeSeconds ?? 0) > settings.maxTokenLifetimeSeconds) {
    throw new StileError(
      'invalidConfig',
      'max_admin_token_lifetime must not be longer than max_token_lifetime, which binds every API token',
    );
  }
  return settings;
}
