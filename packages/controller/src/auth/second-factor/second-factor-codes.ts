/**
 * Looks at codes: counts the attempt, compares, accepts each code once. Logins and every verb of the second factor go through `spend`, so
 * that they share one count of wrong codes, on all controllers and across restarts (tokens.md §5.1).
 */
import { timingSafeEqual } from 'node:crypto';
import { StileError } from '@stile/protocol';
import { type Clock, type Logger, type Secret, silentLogger } from '@stile/runtime';
import type { KeyService } from '../../keys/key-service.ts';
import type { Connection, Database } from '../../store/database.ts';
import type { UserRecoveryCodeTable, UserSecondFactorTable } from '../../store/schema.ts';
import { recoveryCodeLabel, recoveryCodeMacInput } from './recovery-code.ts';
import {
  acceptCode,
  acceptRecoveryCode,
  activatePending,
  beginAttempt,
  listUnusedRecoveryCodes,
  lookupSecondFactor,
  lookupUserPolicy,
  type SecretKind,
} from './second-factor-repository.ts';
import { defaultPolicy, parseCode, tooManyWrongCodes } from './second-factor.ts';
import { matchingStep } from './totp.ts';

/** What codes are checked with; it owns none of these. */
export interface SecondFactorCodesOptions {
  readonly database: Database;
  readonly keys: Pick<KeyService, 'seal' | 'open' | 'mac' | 'macWith' | 'hasVersion'>;
  readonly clock: Clock;
  readonly log?: Logger;
}

/** Contexts of the sealed columns, by the id of the user (tokens.md §5.1: a secret cannot be moved to another user). */
export const secondFactorContexts = {
  secret: (userId: string): string => `user_second_factor/secret/${userId}`,
  pending: (userId: string): string => `user_second_factor/pending_secret/${userId}`,
} as const;

/** A code that somebody gave for a user. */
export interface CodeAttempt {
  readonly userId: string;
  readonly code: Secret;
  /** Steps around now; default: as the strictest auth method of the user says. */
  readonly window?: number;
}

/** What `spend` gives: the code was right, and what was done by it; or it was wrong. */
export type Spent<T> = { readonly isRight: true; readonly value: T } | { readonly isRight: false };

/** Whose attempt costs the same and proves nothing: no user has this id. */
const nobody = '';

/** Checks and uses up codes. */
export class SecondFactorCodes {
  readonly #database: Database;
  readonly #keys: SecondFactorCodesOptions['keys'];
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(options: SecondFactorCodesOptions) {
    this.#database = options.database;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
  }

  /**
   * Uses up a code and does `then` in the same unit of work; a right code is not right again. A code for a pending secret puts it in force.
   * @throws {StileError} tooManyRequests while a penalty lasts; failedPrecondition without such a secret; what `then` throws, and then
   * neither the code nor the attempt was counted
   */
  async spend<T>(
    attempt: CodeAttempt & { readonly kind: SecretKind },
    then: (tx: Connection, nowUs: number) => Promise<T>,
  ): Promise<Spent<T>> {
    const spent = await this.#database.write(async (tx): Promise<Spent<T>> => {
      const nowUs = this.#clock.nowUs();
      const row = await beginAttempt(tx, { ...attempt, nowUs });
      if (row === undefined) throw await this.#whyNot(tx, attempt, nowUs);
      const isRight = await this.#accept(tx, row, { ...attempt, nowUs });
      return isRight ? { isRight, value: await then(tx, nowUs) } : { isRight };
    });
    if (!spent.isRight) {
      this.#log.warn({ audit: 'second factor failed', userId: attempt.userId }, 'audit');
    }
    return spent;
  }

  /**
   * Uses up the code of a login. False when it is wrong, or nobody's: `userId` undefined costs the same statement.
   * @throws {StileError} tooManyRequests while a penalty lasts
   */
  async spendAtLogin(
    attempt: Omit<CodeAttempt, 'userId'> & { readonly userId: string | undefined },
  ): Promise<boolean> {
    const { userId = nobody } = attempt;
    try {
      const spent = await this.spend({ ...attempt, userId, kind: 'enrolled' }, () => Promise.resolve());
      return spent.isRight;
    } catch (error) {
      // Not enrolled, or no longer: a code for nothing is a wrong one.
      if (error instanceof StileError && error.code === 'failedPrecondition') return false;
      throw error;
    }
  }

  /** Whether it is a one-time code of the user at present; changes and counts nothing. Only to choose between two readings of a password. */
  async isCurrent(userId: string, code: string, window: number): Promise<boolean> {
    const row = await lookupSecondFactor(this.#database.reader, userId);
    if (row === undefined) return false;
    return this.#stepOf(row, code, { kind: 'enrolled', window, nowUs: this.#clock.nowUs() }) !== undefined;
  }

  async #accept(
    tx: Connection,
    row: UserSecondFactorTable,
    attempt: CodeAttempt & { readonly kind: SecretKind; readonly nowUs: number },
  ): Promise<boolean> {
    const code = parseCode(attempt.code.reveal());
    if (code === undefined) return false;
    const { kind, nowUs } = attempt;
    if (code.kind === 'recovery') {
      return kind === 'enrolled' && this.#acceptRecovery(tx, row.id, code.text, nowUs);
    }
    const window = attempt.window ?? (await lookupUserPolicy(tx, row.id))?.window ?? defaultPolicy.window;
    const step = this.#stepOf(row, code.text, { kind, window, nowUs });
    if (step === undefined) return false;
    const accepted = { userId: row.id, step, nowUs };
    return kind === 'enrolled' ? acceptCode(tx, accepted) : this.#activate(tx, row, accepted);
  }

  /** The step whose code it is, of the secret in force or of the pending one. */
  #stepOf(
    row: UserSecondFactorTable,
    code: string,
    at: { readonly kind: SecretKind; readonly window: number; readonly nowUs: number },
  ): number | undefined {
    const [sealed, digits, intervalSeconds] =
      at.kind === 'enrolled'
        ? [row.secret_sealed, row.otp_digits, row.otp_interval_seconds]
        : [row.pending_secret_sealed, row.pending_otp_digits, row.pending_otp_interval_seconds];
    if (sealed === null || digits === null || intervalSeconds === null) return undefined;
    const context = secondFactorContexts[at.kind === 'enrolled' ? 'secret' : 'pending'](row.id);
    return matchingStep(this.#keys.open(sealed, context), code, { ...at, digits, intervalSeconds });
  }

  #activate(
    tx: Connection,
    { id: userId, pending_secret_sealed: pending }: UserSecondFactorTable,
    accepted: { readonly userId: string; readonly step: number; readonly nowUs: number },
  ): Promise<boolean> {
    if (pending === null) return Promise.resolve(false);
    const secret = this.#keys.open(pending, secondFactorContexts.pending(userId));
    const sealed = this.#keys.seal(secret, secondFactorContexts.secret(userId));
    return activatePending(tx, accepted, { pending, sealed });
  }

  async #acceptRecovery(tx: Connection, userId: string, canonical: string, nowUs: number): Promise<boolean> {
    const input = recoveryCodeMacInput(userId, canonical);
    let found: UserRecoveryCodeTable | undefined;
    for (const row of await listUnusedRecoveryCodes(tx, userId)) {
      if (!this.#keys.hasVersion(row.code_key_version)) continue;
      const mac = this.#keys.macWith(row.code_key_version, recoveryCodeLabel, input);
      if (mac.length === row.code_mac.length && timingSafeEqual(mac, row.code_mac)) found = row;
    }
    return found !== undefined && acceptRecoveryCode(tx, found, nowUs);
  }

  async #whyNot(
    tx: Connection,
    { userId, kind }: { readonly userId: string; readonly kind: SecretKind },
    nowUs: number,
  ): Promise<StileError> {
    const row = await lookupSecondFactor(tx, userId);
    const blockedUntil = row?.blocked_until ?? 0;
    if (blockedUntil > nowUs) return tooManyWrongCodes(blockedUntil, nowUs);
    return kind === 'enrolled' ? notEnrolled() : nothingPending();
  }
}

/** The refusal where a second factor must be enrolled. */
export function notEnrolled(): StileError {
  return new StileError('failedPrecondition', 'No second factor is enrolled.');
}

function nothingPending(): StileError {
  return new StileError(
    'failedPrecondition',
    'No second factor waits for its first code: enroll one, and confirm it within ten minutes.',
  );
}
