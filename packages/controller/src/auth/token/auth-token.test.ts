import { describe, expect, it } from 'vitest';
import { defaultAuthTokenSettings as settings } from './auth-token-settings.ts';
import { authTokenStatus, isLastUseDue, lastUsedIntervalUs, type StatusFields } from './auth-token.ts';

const hourUs = 3_600_000_000;
const fresh: StatusFields = {
  type: 'login',
  created_at: 0,
  revoked_at: null,
  revoked_reason: null,
  expires_at: 168 * hourUs,
  last_used_at: 0,
  time_to_stale_seconds: 24 * 3600,
};

describe('status of an auth token', () => {
  it.each([
    ['active just before its idle limit', fresh, 24 * hourUs - 1, 'active'],
    ['stale at its idle limit', fresh, 24 * hourUs, 'stale'],
    ['active when it was used meanwhile', { ...fresh, last_used_at: 23 * hourUs }, 40 * hourUs, 'active'],
    [
      'never stale without an idle limit',
      { ...fresh, type: 'api', time_to_stale_seconds: 0 },
      167 * hourUs,
      'active',
    ],
    [
      'stale by the setting, whatever it was given',
      { ...fresh, time_to_stale_seconds: 0 },
      25 * hourUs,
      'stale',
    ],
    ['consumed', { ...fresh, type: 'one-time', revoked_at: 5, revoked_reason: 'consumed' }, 10, 'consumed'],
    [
      'expired by a setting that was lowered',
      { ...fresh, type: 'web', expires_at: 999 * hourUs, time_to_stale_seconds: 0 },
      168 * hourUs,
      'expired',
    ],
    ['active just before its end', { ...fresh, last_used_at: 167 * hourUs }, 168 * hourUs - 1, 'active'],
    [
      'expired at its end, however much it is used',
      { ...fresh, last_used_at: 168 * hourUs },
      168 * hourUs,
      'expired',
    ],
    ['expired rather than stale when both hold', fresh, 168 * hourUs, 'expired'],
    ['revoked', { ...fresh, revoked_at: 5, revoked_reason: 'user request' }, 10, 'revoked'],
    [
      'revoked, though the clock stands before it',
      { ...fresh, revoked_at: 5, revoked_reason: 'user request' },
      1,
      'revoked',
    ],
    [
      'stale once written, though the clock was set back',
      { ...fresh, revoked_at: 5, revoked_reason: 'idle' },
      1,
      'stale',
    ],
    [
      'expired once written, though the clock was set back',
      { ...fresh, revoked_at: 5, revoked_reason: 'expired' },
      1,
      'expired',
    ],
  ] as const)('is %s', (_name, row, nowUs, status) => {
    expect(authTokenStatus(row, settings, nowUs)).toBe(status);
  });
});

describe('last use of an auth token', () => {
  const row: StatusFields = { ...fresh, created_at: 1000, last_used_at: 1000 };

  it('is written at the first use', () => {
    expect(isLastUseDue(row, settings, 1001)).toBe(true);
  });

  it('is then written every ten minutes at most', () => {
    const used = { ...row, last_used_at: 2000 };
    expect(isLastUseDue(used, settings, 2000 + 600_000_000 - 1)).toBe(false);
    expect(isLastUseDue(used, settings, 2000 + 600_000_000)).toBe(true);
  });

  it('is written often enough for a short idle limit to slide', () => {
    expect(lastUsedIntervalUs(10, settings)).toBe(1_000_000);
    expect(lastUsedIntervalUs(600, settings)).toBe(60_000_000);
    expect(lastUsedIntervalUs(0, settings)).toBe(600_000_000);
    expect(lastUsedIntervalUs(1, settings)).toBe(1_000_000);
  });

  it('is not written when the clock stands before the last one', () => {
    expect(isLastUseDue({ ...row, last_used_at: 5000 }, settings, 4000)).toBe(false);
  });
});
