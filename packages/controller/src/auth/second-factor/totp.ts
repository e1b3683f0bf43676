/** One-time codes of an authenticator app: RFC 6238 with SHA-1, by the library `otpauth` (ADR 0006). */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Secret } from '@stile/runtime';
import { HOTP, Secret as OtpSecret } from 'otpauth';
import type { OtpParameters } from './second-factor.ts';

/** RFC 4226 §4, R6: 160 bits. */
const secretBytes = 20;
const issuer = 'Stile';

/** A new secret. */
export function newTotpSecret(): Secret<Uint8Array> {
  return new Secret(randomBytes(secretBytes));
}

function otpSecretOf(secret: Uint8Array): OtpSecret {
  // A copy: the bytes of a Buffer may lie in a larger one.
  return new OtpSecret({ buffer: Uint8Array.from(secret).buffer });
}

/** The secret as people type it into an app: base32 without padding. */
export function totpSecretText(secret: Secret<Uint8Array>): string {
  return otpSecretOf(secret.reveal()).base32;
}

/** What a QR code for the app holds. It contains the secret. */
export function provisioningUri(
  secret: Secret<Uint8Array>,
  loginName: string,
  { digits, intervalSeconds }: OtpParameters,
): string {
  const label = `${issuer}:${encodeURIComponent(loginName)}`;
  return `otpauth://totp/${label}?secret=${totpSecretText(secret)}&issuer=${issuer}&digits=${digits}&period=${intervalSeconds}`;
}

/** The step of a time: how many intervals since 1970. */
export function stepAt(nowUs: number, intervalSeconds: number): number {
  return Math.floor(nowUs / (intervalSeconds * 1_000_000));
}

/** The code of a step. */
export function totpCodeOf(secret: Uint8Array, step: number, digits: number): string {
  return HOTP.generate({ secret: otpSecretOf(secret), algorithm: 'SHA1', digits, counter: step });
}

/** When and how far around it a code is looked for. */
export interface TotpMoment extends OtpParameters {
  /** Steps before and after the present one. */
  readonly window: number;
  /** Epoch microseconds. */
  readonly nowUs: number;
}

/**
 * The latest step around now whose code it is, or undefined. All steps are tried, whatever matches: the time tells nothing. The latest,
 * because a code that two steps share must not be good again for the second.
 */
export function matchingStep(secret: Uint8Array, code: string, moment: TotpMoment): number | undefined {
  const { digits, intervalSeconds, window, nowUs } = moment;
  const given = Buffer.from(code, 'utf8');
  if (given.length !== digits) return undefined;
  const now = stepAt(nowUs, intervalSeconds);
  let found: number | undefined;
  for (let step = Math.max(0, now - window); step <= now + window; step++) {
    if (timingSafeEqual(Buffer.from(totpCodeOf(secret, step, digits), 'utf8'), given)) found = step;
  }
  return found;
}
