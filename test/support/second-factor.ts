/**
 * Second factors in tests: codes as an authenticator app computes them (RFC 4226 and 6238 with `node:crypto`, so that the library under test
 * is not its own judge), and the services over a database.
 */
import { createHmac } from 'node:crypto';
import { Secret, silentLogger, type Clock, type Logger } from '@stile/runtime';
import { PasswordService } from '../../packages/controller/src/auth/password/password-service.ts';
import { SecondFactorCodes } from '../../packages/controller/src/auth/second-factor/second-factor-codes.ts';
import { SecondFactorService } from '../../packages/controller/src/auth/second-factor/second-factor-service.ts';
import { KeyService } from '../../packages/controller/src/keys/key-service.ts';
import { rootKeyOf } from '../../packages/controller/src/keys/root-key.ts';
import type { Database } from '../../packages/controller/src/store/database.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Bytes of a base32 text without padding. */
export function fromBase32(text: string): Buffer {
  let bits = '';
  for (const character of text) bits += alphabet.indexOf(character).toString(2).padStart(5, '0');
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}

/** How codes are made. */
export interface AppSettings {
  readonly digits?: number;
  readonly intervalSeconds?: number;
}

/** The code that an app shows at a time, epoch microseconds, for a base32 secret. */
export function appCode(
  secret: string,
  nowUs: number,
  { digits = 6, intervalSeconds = 30 }: AppSettings = {},
): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowUs / (intervalSeconds * 1_000_000))));
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** A code of the right length that is not one around that time. */
export function wrongAppCode(secret: string, nowUs: number, settings: AppSettings = {}): string {
  const { digits = 6, intervalSeconds = 30 } = settings;
  const near = new Set(
    [-2, -1, 0, 1, 2].map((step) => appCode(secret, nowUs + step * intervalSeconds * 1_000_000, settings)),
  );
  for (let number = 0; ; number++) {
    const text = String(number).padStart(digits, '0');
    if (!near.has(text)) return text;
  }
}

/** One controller's services. */
export interface SecondFactorParts {
  readonly keys: KeyService;
  readonly codes: SecondFactorCodes;
  readonly passwords: PasswordService;
  readonly factors: SecondFactorService;
}

/** Those of a controller over a database, with cheap hashes; several may stand on one. */
export async function secondFactorParts(
  database: Database,
  clock: Clock,
  log: Logger = silentLogger,
): Promise<SecondFactorParts> {
  const rootKey = rootKeyOf(new Secret(Buffer.alloc(32, 7).toString('base64')));
  const keys = await KeyService.open({ database, rootKey, clock });
  const codes = new SecondFactorCodes({ database, keys, clock, log });
  const passwords = new PasswordService({ database, clock, codes, log, memoryKiB: 512 });
  return {
    keys,
    codes,
    passwords,
    factors: new SecondFactorService({ database, keys, clock, codes, passwords, log }),
  };
}
