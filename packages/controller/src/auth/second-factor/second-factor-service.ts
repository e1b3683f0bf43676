/**
 * Use cases of the second factor (tokens.md §5.1): enroll, confirm, verify, renew recovery codes, disable, reset. Codes are looked at in
 * second-factor-codes.ts, passwords in password/password-service.ts; what a login asks for is there too.
 */
import { invalidField, StileError } from '@stile/protocol';
import { type Clock, type Logger, Secret, silentLogger } from '@stile/runtime';
import type { KeyService } from '../../keys/key-service.ts';
import type { Connection, Database } from '../../store/database.ts';
import type { Microseconds, UserSecondFactorTable } from '../../store/schema.ts';
import { markSecondFactor } from '../token/auth-token-change-repository.ts';
import type { PasswordService } from '../password/password-service.ts';
import {
  newRecoveryCode,
  parseRecoveryCode,
  recoveryCodeLabel,
  recoveryCodeMacInput,
  recoveryCodesInSet,
} from './recovery-code.ts';
import { notEnrolled, secondFactorContexts, type SecondFactorCodes } from './second-factor-codes.ts';
import {
  deleteSecondFactor,
  listUnusedRecoveryCodes,
  lookupEnrollingAccount,
  lookupSecondFactor,
  lookupUserPolicy,
  putPending,
  replaceRecoveryCodes,
  type EnrollingAccount,
} from './second-factor-repository.ts';
import { defaultPolicy, pendingLifetimeUs, type SecondFactorPolicy } from './second-factor.ts';
import { newTotpSecret, provisioningUri, totpSecretText } from './totp.ts';

/** What the service stands on; it owns none of these. */
export interface SecondFactorServiceOptions {
  readonly database: Database;
  readonly keys: Pick<KeyService, 'seal' | 'mac'>;
  readonly clock: Clock;
  readonly codes: SecondFactorCodes;
  readonly passwords: Pick<PasswordService, 'checkPassword'>;
  readonly log?: Logger;
}

/** Where a user stands; never the secret. */
export interface SecondFactorState {
  readonly isEnrolled: boolean;
  /** A secret was shown and waits for its first code. */
  readonly isPending: boolean;
  /** What binds the user; digits and interval are those of the enrollment once there is one. */
  readonly policy: SecondFactorPolicy;
  readonly recoveryCodesLeft: number;
  /** When a code was last accepted. */
  readonly lastUsedAt: Microseconds | null;
}

/** Who proves to be the user, by the password of the account that the token was got with. */
export interface PasswordProof {
  readonly userId: string;
  /** Of the token; undefined when it has none. */
  readonly accountId: string | undefined;
  readonly password: Secret;
  /** Address of the client, without port. */
  readonly address: string;
}

/** The same with a code. */
export interface FullProof extends PasswordProof {
  readonly code: Secret;
}

/** What an enrollment shows, once. */
export interface Enrollment {
  /** Base32. */
  readonly secret: Secret;
  /** What the QR code holds; the secret is in it. */
  readonly provisioningUri: Secret;
  readonly expiresAt: Microseconds;
}

/** Ten new recovery codes, shown once. */
export type RecoveryCodes = readonly Secret[];

/** Enrolls, checks and removes second factors. */
export class SecondFactorService {
  readonly #database: Database;
  readonly #keys: SecondFactorServiceOptions['keys'];
  readonly #clock: Clock;
  readonly #codes: SecondFactorCodes;
  readonly #passwords: SecondFactorServiceOptions['passwords'];
  readonly #log: Logger;

  constructor(options: SecondFactorServiceOptions) {
    this.#database = options.database;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#codes = options.codes;
    this.#passwords = options.passwords;
    this.#log = options.log ?? silentLogger;
  }

  /** Where the user stands. */
  async read(userId: string): Promise<SecondFactorState> {
    const { reader } = this.#database;
    const [row, policy, unused] = await Promise.all([
      lookupSecondFactor(reader, userId),
      this.policyOf(userId),
      listUnusedRecoveryCodes(reader, userId),
    ]);
    const { otp_digits: digits = null, otp_interval_seconds: intervalSeconds = null } = row ?? {};
    return {
      isEnrolled: isEnrolled(row),
      isPending: (row?.pending_expires_at ?? 0) > this.#clock.nowUs(),
      policy: {
        ...policy,
        ...(digits === null ? {} : { digits }),
        ...(intervalSeconds === null ? {} : { intervalSeconds }),
      },
      recoveryCodesLeft: unused.length,
      lastUsedAt: row?.last_used_at ?? null,
    };
  }

  /** What binds a user: the strictest of its auth methods. Without an account nothing does. */
  async policyOf(userId: string): Promise<SecondFactorPolicy> {
    return (await lookupUserPolicy(this.#database.reader, userId)) ?? { ...defaultPolicy, policy: 'off' };
  }

  /**
   * A new secret, which is in force once `confirm` has seen its first code; until then an old one stays. `code` is one of the old one, which
   * who is enrolled must give.
   * @throws {StileError} invalidArgument (`password`, `code`); failedPrecondition (no login with a password, or two-factor is off there);
   * tooManyRequests; conflict (enrolled or disabled meanwhile)
   */
  async enroll(request: PasswordProof & { readonly code?: Secret | undefined }): Promise<Enrollment> {
    const { userId, code } = request;
    const account = await this.#account(request);
    if (account.policy.policy === 'off') throw isOff(account.authMethodId);
    await this.#requirePassword(request);
    const secret = newTotpSecret();
    const { digits, intervalSeconds } = account.policy;
    const sealed = this.#keys.seal(secret.reveal(), secondFactorContexts.pending(userId));
    const keep =
      (state: 'enrolled' | 'not enrolled') =>
      async (tx: Connection, nowUs: Microseconds): Promise<Microseconds> => {
        const expiresAt = nowUs + pendingLifetimeUs;
        const pending = { userId, sealed, digits, intervalSeconds, expiresAt, nowUs };
        if (await putPending(tx, pending, state)) return expiresAt;
        throw new StileError('conflict', 'another change came first; read again and repeat');
      };
    const expiresAt = isEnrolled(await lookupSecondFactor(this.#database.reader, userId))
      ? await this.#withCode({ userId, code }, keep('enrolled'))
      : await this.#database.write((tx) => keep('not enrolled')(tx, this.#clock.nowUs()));
    this.#audit('second factor enrollment begun', userId);
    return {
      secret: new Secret(totpSecretText(secret)),
      provisioningUri: new Secret(provisioningUri(secret, account.loginName, { digits, intervalSeconds })),
      expiresAt,
    };
  }

  /**
   * Puts the pending secret in force by its first code, and gives new recovery codes in place of all old ones. In the same unit of work the
   * token by which it was confirmed, if it was good for this alone, becomes a whole one: that one only, since others of the user were got
   * with the password and have seen no code.
   * @throws {StileError} invalidArgument (`code`); failedPrecondition (nothing is pending); tooManyRequests
   */
  async confirm(request: {
    readonly userId: string;
    readonly code: Secret;
    readonly authTokenId: string | undefined;
  }): Promise<RecoveryCodes> {
    const { userId, authTokenId } = request;
    const codes = newRecoveryCodes();
    const spent = await this.#codes.spend({ ...request, kind: 'pending' }, async (tx, nowUs) => {
      await this.#storeCodes(tx, userId, codes, nowUs);
      if (authTokenId !== undefined) await markSecondFactor(tx, { id: authTokenId, userId, nowUs });
    });
    if (!spent.isRight) throw wrongCode();
    this.#audit('second factor enrolled', userId);
    return codes;
  }

  /** Whether the code is right; then it is used up. @throws {StileError} failedPrecondition (not enrolled), tooManyRequests */
  async verify(request: { readonly userId: string; readonly code: Secret }): Promise<boolean> {
    const spent = await this.#codes.spend({ ...request, kind: 'enrolled' }, () => Promise.resolve());
    return spent.isRight;
  }

  /** Ten new recovery codes; the old ones are void. @throws {StileError} as `disable`, but under every policy */
  async renewRecoveryCodes(proof: FullProof): Promise<RecoveryCodes> {
    await this.#account(proof);
    await this.#requirePassword(proof);
    const codes = newRecoveryCodes();
    await this.#withCode(proof, (tx, nowUs) => this.#storeCodes(tx, proof.userId, codes, nowUs));
    this.#audit('second factor recovery codes renewed', proof.userId);
    return codes;
  }

  /**
   * Takes the second factor away.
   * @throws {StileError} invalidArgument (`password`, `code`); failedPrecondition (not enrolled, or an auth method of the user requires it);
   * tooManyRequests
   */
  async disable(proof: FullProof): Promise<void> {
    await this.#account(proof);
    await this.#requirePassword(proof);
    await this.#withCode(proof, async (tx) => {
      // Read in the same unit: a policy that became stricter meanwhile holds.
      if ((await lookupUserPolicy(tx, proof.userId))?.policy === 'required') {
        throw new StileError(
          'failedPrecondition',
          'The auth method requires a second factor: it cannot be disabled.',
        );
      }
      await deleteSecondFactor(tx, proof.userId);
    });
    this.#audit('second factor disabled', proof.userId);
  }

  /**
   * Takes the second factor of another user away, who has lost device and recovery codes. `within` is the unit of work in which `remove`
   * runs: the use case's, which ends the tokens that the factor vouched for. `by` is the id of the user who does it.
   * @throws {StileError} failedPrecondition (oneself); what `within` throws
   */
  async reset<T>(
    { userId, by }: { readonly userId: string; readonly by: string },
    within: (remove: (tx: Connection) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    if (userId === by) {
      throw new StileError(
        'failedPrecondition',
        'Users cannot reset their own second factor: disable it with a code.',
      );
    }
    const done = await within(async (tx) => {
      await deleteSecondFactor(tx, userId);
    });
    this.#audit('second factor reset', userId, by);
    return done;
  }

  /** @throws {StileError} failedPrecondition when the token was not got with a password of this user */
  async #account({ userId, accountId }: PasswordProof): Promise<EnrollingAccount> {
    const account =
      accountId === undefined
        ? undefined
        : await lookupEnrollingAccount(this.#database.reader, userId, accountId);
    if (account !== undefined) return account;
    throw new StileError(
      'failedPrecondition',
      'Only who has logged in with a password can have a second factor here.',
    );
  }

  /** @throws {StileError} invalidArgument (`password`); tooManyRequests */
  async #requirePassword({ userId, accountId = '', password, address }: PasswordProof): Promise<void> {
    if (await this.#passwords.checkPassword({ accountId, password, address, by: userId })) return;
    throw invalidField('password', 'Wrong password.');
  }

  /** Does `work` for a right code of the secret in force. @throws {StileError} invalidArgument (`code`); as `spend` */
  async #withCode<T>(
    { userId, code }: { readonly userId: string; readonly code?: Secret | undefined },
    work: (tx: Connection, nowUs: Microseconds) => Promise<T>,
  ): Promise<T> {
    if (!isEnrolled(await lookupSecondFactor(this.#database.reader, userId))) throw notEnrolled();
    if (code === undefined) throw invalidField('code', 'A code of the second factor in force is required.');
    const spent = await this.#codes.spend({ userId, code, kind: 'enrolled' }, work);
    if (!spent.isRight) throw wrongCode();
    return spent.value;
  }

  #storeCodes(tx: Connection, userId: string, codes: RecoveryCodes, nowUs: Microseconds): Promise<void> {
    const rows = codes.map((code) => {
      const input = recoveryCodeMacInput(userId, parseRecoveryCode(code.reveal()) ?? '');
      const { mac, keyVersion } = this.#keys.mac(recoveryCodeLabel, input);
      return {
        user_id: userId,
        code_mac: mac,
        code_key_version: keyVersion,
        used_at: null,
        created_at: nowUs,
      };
    });
    return replaceRecoveryCodes(tx, userId, rows);
  }

  /** One line for whoever asks later (tokens.md §1.7); never a secret. */
  #audit(event: string, userId: string, by: string = userId): void {
    this.#log.info({ audit: event, userId, by }, 'audit');
  }
}

function isEnrolled(row: UserSecondFactorTable | undefined): boolean {
  return row !== undefined && row.secret_sealed !== null;
}

function newRecoveryCodes(): RecoveryCodes {
  return Array.from({ length: recoveryCodesInSet }, () => new Secret(newRecoveryCode()));
}

function wrongCode(): StileError {
  return invalidField('code', 'Wrong code.');
}

function isOff(authMethodId: string): StileError {
  return new StileError(
    'failedPrecondition',
    `Two-factor is off at the auth method ${authMethodId}: its attribute two_factor says so.`,
  );
}
