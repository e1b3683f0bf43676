import { Secret } from '@stile/runtime';
import { describe, expect, it } from 'vitest';
import { appCode, fromBase32 } from '../../../../../test/support/second-factor.ts';
import { newRecoveryCode, parseRecoveryCode } from './recovery-code.ts';
import { mayHoldCode, parseCode, splitOtp, splitRecoveryCode } from './second-factor.ts';
import { matchingStep, newTotpSecret, provisioningUri, totpCodeOf, totpSecretText } from './totp.ts';

describe('one-time codes', () => {
  // RFC 6238 appendix B: SHA-1, eight digits.
  it.each([
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ])('are those of RFC 6238 at %d s', (seconds, code) => {
    const secret = Buffer.from('12345678901234567890');
    const moment = { digits: 8, intervalSeconds: 30, window: 0, nowUs: seconds * 1_000_000 };
    expect(matchingStep(secret, code, moment)).toBe(Math.floor(seconds / 30));
    expect(totpCodeOf(secret, Math.floor(seconds / 30), 6)).toBe(code.slice(2));
  });

  it('are found as far around now as the window reaches, and no further', () => {
    const secret = newTotpSecret();
    const text = totpSecretText(secret);
    const nowUs = 1_800_000_000_000_000;
    const step = nowUs / 30_000_000;
    for (const window of [0, 1, 2]) {
      const found = [-3, -2, -1, 0, 1, 2, 3].filter((away) => {
        const code = appCode(text, nowUs + away * 30_000_000);
        const moment = { digits: 6, intervalSeconds: 30, window, nowUs };
        return matchingStep(secret.reveal(), code, moment) === step + away;
      });
      expect(found).toEqual([-3, -2, -1, 0, 1, 2, 3].filter((away) => Math.abs(away) <= window));
    }
  });

  it('of an app and of the library are the same for every length and interval', () => {
    const secret = newTotpSecret();
    const nowUs = 1_800_000_123_000_000;
    for (const digits of [6, 7, 8]) {
      for (const intervalSeconds of [15, 30, 60, 120]) {
        const settings = { digits, intervalSeconds };
        const code = appCode(totpSecretText(secret), nowUs, settings);
        expect(matchingStep(secret.reveal(), code, { ...settings, window: 0, nowUs })).toBe(
          Math.floor(nowUs / (intervalSeconds * 1_000_000)),
        );
      }
    }
  });

  it('have secrets of 160 bits, which the address for the app names with all else it needs', () => {
    const secret = newTotpSecret();
    const text = totpSecretText(secret);
    expect(text).toMatch(/^[A-Z2-7]{32}$/);
    expect(fromBase32(text)).toEqual(Buffer.from(secret.reveal()));
    expect(provisioningUri(secret, 'a.b-c', { digits: 7, intervalSeconds: 60 })).toBe(
      `otpauth://totp/Stile:a.b-c?secret=${text}&issuer=Stile&digits=7&period=60`,
    );
    expect(JSON.stringify(new Secret(text))).not.toContain(text);
  });
});

describe('recovery codes', () => {
  it('are four groups of five base32 characters, and never twice the same', () => {
    const codes = Array.from({ length: 1000 }, newRecoveryCode);
    expect(new Set(codes).size).toBe(1000);
    for (const code of codes) expect(code).toMatch(/^[A-Z2-7]{5}(-[A-Z2-7]{5}){3}$/);
    // Every character comes up: 20,000 draws of 32.
    expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
  });

  it('case 55: are the same in whatever case and with whichever hyphens', () => {
    const code = 'ABCDE-FGHIJ-KLMNO-PQR27';
    for (const text of [code, code.toLowerCase(), 'ABCDEFGHIJKLMNOPQR27', 'abcdefghij-KLMNO-pqr27']) {
      expect(parseRecoveryCode(text)).toBe('ABCDEFGHIJKLMNOPQR27');
    }
  });

  it.each([
    '',
    'ABCDE-FGHIJ-KLMNO-PQR2',
    'ABCDE-FGHIJ-KLMNO-PQR277',
    'ABCDE-FGHIJ-KLMNO-PQR21',
    'ABCDE--FGHIJ-KLMNO-PQR27',
    '-ABCDE-FGHIJ-KLMNO-PQR27',
    'ABCDE FGHIJ KLMNO PQR27',
    ' ABCDE-FGHIJ-KLMNO-PQR27',
    'ABCDE-FGHIJ-KLMNO-PQR27\n',
    'ABCDE-FGHIJ-ſLMNO-PQR27',
    'ABCDE-FGHIJ-\u212ALMNO-PQR27',
  ])('are not what %j is', (text) => {
    expect(parseRecoveryCode(text)).toBeUndefined();
  });
});

describe('a code', () => {
  it.each([
    '',
    ' ',
    '12345',
    '123456789',
    ' 123456',
    '123456 ',
    '123456\n',
    '123 456',
    '123456123456',
    '１２３４５６',
    '٠١٢٣٤٥',
    '+12345',
    '-12345',
    '1e5000',
    '0x1234',
    '12345a',
    'null',
    '123456\0',
  ])('is not what %j is', (text) => {
    expect(parseCode(text)).toBeUndefined();
  });

  it.each(['000000', '1234567', '12345678'])('may be %s', (text) => {
    expect(parseCode(text)).toEqual({ kind: 'otp', text });
  });

  it('stands behind a password of at least one character', () => {
    expect(splitOtp('hunter2123456', 6)).toEqual({ password: 'hunter2', code: '123456' });
    expect(splitOtp('hunter2123456', 7)).toEqual({ password: 'hunter', code: '2123456' });
    expect(splitOtp('123456', 6)).toBeUndefined();
    expect(splitOtp('hunter', 6)).toBeUndefined();
    expect(splitOtp('hunter２１２３４５６', 6)).toBeUndefined();
    const code = 'ABCDE-FGHIJ-KLMNO-PQR27';
    expect(splitRecoveryCode(`hunter2${code}`)).toEqual({ password: 'hunter2', code });
    expect(splitRecoveryCode(`hunter-${code.replaceAll('-', '')}`)).toEqual({
      password: 'hunter-',
      code: code.replaceAll('-', ''),
    });
    expect(splitRecoveryCode(code)).toBeUndefined();
  });

  it.each([
    ['password', false],
    ['pass12345', false],
    ['pass123456', true],
    ['passABCDEFGHIJKLMNOPQR27', true],
    ['ABCDEFGHIJKLMNOPQR27', false],
  ])('may stand behind %j: %j', (text, may) => {
    expect(mayHoldCode(text)).toBe(may);
  });
});
