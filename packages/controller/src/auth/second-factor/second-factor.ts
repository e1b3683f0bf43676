/**
 * The rules of the second factor (tokens.md §5.1): what an auth method may demand, what a code looks like, where one stands behind a
 * password, and how long wrong codes shut everybody out. Pure.
 */
import { StileError } from '@stile/protocol';
import type { AuthMethodTable, TwoFactorPolicy } from '../../store/schema.ts';
import { parseRecoveryCode, recoveryCodeAtEnd } from './recovery-code.ts';

export type { TwoFactorPolicy } from '../../store/schema.ts';

/** How codes are made; bound when a user enrolls. */
export interface OtpParameters {
  readonly digits: number;
  readonly intervalSeconds: number;
}

/** What an auth method demands of its logins. */
export interface SecondFactorPolicy extends OtpParameters {
  readonly policy: TwoFactorPolicy;
  /** Steps before and after the present one whose codes are taken. */
  readonly window: number;
}

/** What a method says that says nothing: RFC 6238 §5.2 and what authenticator apps expect. */
export const defaultPolicy: SecondFactorPolicy = {
  policy: 'optional',
  digits: 6,
  intervalSeconds: 30,
  window: 1,
};

/** Legal values of the attributes of an auth method, both ends included (tokens.md §5.1). */
export const policyLimits = {
  digits: { least: 6, most: 8 },
  intervalSeconds: { least: 15, most: 120 },
  window: { least: 0, most: 2 },
} as const;

/** The columns of an auth method that say it. */
export type PolicyColumns = Pick<
  AuthMethodTable,
  'two_factor' | 'otp_digits' | 'otp_interval_seconds' | 'otp_window'
>;

/** Parts of a policy that somebody sets: absent = unchanged, null = the default. */
export type PolicyChanges = { readonly [Part in keyof SecondFactorPolicy]?: SecondFactorPolicy[Part] | null };

/** The columns of a policy: what `changes` says, else what `otherwise` says. */
export function policyColumns(changes: PolicyChanges, otherwise: SecondFactorPolicy): PolicyColumns {
  return {
    two_factor: changes.policy ?? otherwise.policy,
    otp_digits: changes.digits ?? otherwise.digits,
    otp_interval_seconds: changes.intervalSeconds ?? otherwise.intervalSeconds,
    otp_window: changes.window ?? otherwise.window,
  };
}

/** The columns that a change of a policy sets. */
export function changedPolicyColumns(changes: PolicyChanges): Partial<PolicyColumns> {
  const all = policyColumns(changes, defaultPolicy);
  return {
    ...(changes.policy === undefined ? {} : { two_factor: all.two_factor }),
    ...(changes.digits === undefined ? {} : { otp_digits: all.otp_digits }),
    ...(changes.intervalSeconds === undefined ? {} : { otp_interval_seconds: all.otp_interval_seconds }),
    ...(changes.window === undefined ? {} : { otp_window: all.otp_window }),
  };
}

/** What an auth method demands. */
export function policyOfMethod(row: PolicyColumns): SecondFactorPolicy {
  return {
    policy: row.two_factor,
    digits: row.otp_digits,
    intervalSeconds: row.otp_interval_seconds,
    window: row.otp_window,
  };
}

/** How long a secret that was shown waits for its first code, microseconds. */
export const pendingLifetimeUs = 600_000_000;

/** Wrong codes in this time, microseconds, that begin a penalty; tokens.md §5.1. */
export const failureWindowUs = 300_000_000;
/** Wrong codes within `failureWindowUs` that begin a penalty. */
export const windowFailures = 5;
/**
 * Wrong codes without a right one between them after which every further one begins a penalty, however slowly they come: four every five
 * minutes would else go on for ever (NIST SP 800-63B §5.2.2 allows a hundred).
 */
export const failuresInAll = 20;
/** Seconds of the first, second, … penalty; the last for all after it. */
export const penaltySeconds = [300, 600, 1200, 2400, 3600] as const;

/** A code that could be one: a one-time code of an app, or a recovery code in its canonical form. */
export type GivenCode =
  { readonly kind: 'otp'; readonly text: string } | { readonly kind: 'recovery'; readonly text: string };

const otpPattern = /^[0-9]{6,8}$/;

/**
 * What a text says as a code; undefined when it cannot be one. Nothing is trimmed or folded but case and hyphens of recovery codes: blank,
 * empty, repeated and full-width texts are no codes.
 */
export function parseCode(text: string): GivenCode | undefined {
  if (otpPattern.test(text)) return { kind: 'otp', text };
  const recovery = parseRecoveryCode(text);
  return recovery === undefined ? undefined : { kind: 'recovery', text: recovery };
}

/** A password with the code that was appended to it. */
export interface SplitPassword {
  readonly password: string;
  readonly code: string;
}

/** The password with a one-time code of so many digits behind it; undefined when it does not end in one. */
export function splitOtp(text: string, digits: number): SplitPassword | undefined {
  const code = text.slice(-digits);
  if (text.length <= digits || code.length !== digits || !otpPattern.test(code)) return undefined;
  return { password: text.slice(0, -digits), code };
}

/** The password with a recovery code behind it; undefined when it does not end in one. */
export function splitRecoveryCode(text: string): SplitPassword | undefined {
  const code = recoveryCodeAtEnd(text);
  if (code === undefined || code.length === text.length) return undefined;
  return { password: text.slice(0, -code.length), code };
}

/**
 * Whether a password may have a code behind it, whoever's it is. The work of a login goes by this alone, so that its time tells nothing of
 * the account.
 */
export function mayHoldCode(text: string): boolean {
  return splitOtp(text, policyLimits.digits.least) !== undefined || splitRecoveryCode(text) !== undefined;
}

/** The refusal while a penalty lasts. `blockedUntil` and `nowUs` are epoch microseconds. */
export function tooManyWrongCodes(blockedUntil: number, nowUs: number): StileError {
  return new StileError('tooManyRequests', 'too many wrong codes; wait and try again', {
    details: { retryAfterSeconds: Math.max(1, Math.ceil((blockedUntil - nowUs) / 1_000_000)) },
  });
}

/** The answer to a right password without a code, where one is needed (tokens.md §5.1). */
export function secondFactorRequired(): StileError {
  return new StileError('unauthenticated', 'Unable to authenticate.', {
    details: {
      requestFields: [{ name: 'attributes.otp', description: 'A second factor is required.' }],
    },
  });
}
