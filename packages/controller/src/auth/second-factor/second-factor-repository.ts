/** SQL of second factors and recovery codes. */
import { type RawBuilder, sql } from 'kysely';
import type { Connection } from '../../store/database.ts';
import type { Microseconds, UserRecoveryCodeTable, UserSecondFactorTable } from '../../store/schema.ts';
import {
  failuresInAll,
  failureWindowUs,
  penaltySeconds,
  policyOfMethod,
  windowFailures,
  type OtpParameters,
  type SecondFactorPolicy,
} from './second-factor.ts';

/** The second factor of a user, or undefined when none was ever begun. */
export function lookupSecondFactor(
  db: Connection,
  userId: string,
): Promise<UserSecondFactorTable | undefined> {
  return db.selectFrom('user_second_factor').selectAll().where('id', '=', userId).executeTakeFirst();
}

/** Which secret a code is for: the one in force, or the one that waits for its first code. */
export type SecretKind = 'enrolled' | 'pending';

const big = (value: number): RawBuilder<number> => sql<number>`cast(${value} as bigint)`;

/** End of a penalty that begins now, by how many there were before. */
function penaltyEnd(nowUs: Microseconds): RawBuilder<number> {
  const ends = penaltySeconds.map((seconds) => big(nowUs + seconds * 1_000_000));
  const cases = ends.slice(0, -1).map((end, before) => sql`when ${sql.lit(before)} then ${end}`);
  return sql<number>`case penalties ${sql.join(cases, sql` `)} else ${ends.at(-1)} end`;
}

/**
 * Counts an attempt as a wrong code before the code is looked at, so that guesses in parallel gain nothing; `acceptCode` and
 * `acceptRecoveryCode` take it back. One statement, which holds the row until the unit of work ends. Undefined when there is no such
 * secret, or while a penalty lasts.
 */
export async function beginAttempt(
  tx: Connection,
  attempt: { readonly userId: string; readonly kind: SecretKind; readonly nowUs: Microseconds },
): Promise<UserSecondFactorTable | undefined> {
  const { userId, kind, nowUs } = attempt;
  const isWindowOpen = sql<boolean>`(window_began_at is not null and window_began_at > ${big(nowUs - failureWindowUs)})`;
  const inWindow = sql<number>`(case when ${isWindowOpen} then window_failures else 0 end) + 1`;
  const isPenalty = sql<boolean>`(${inWindow} >= ${sql.lit(windowFailures)} or failures + 1 >= ${sql.lit(failuresInAll)})`;
  const hasSecret =
    kind === 'enrolled'
      ? sql<boolean>`secret_sealed is not null`
      : sql<boolean>`pending_expires_at > ${big(nowUs)}`;
  const begun = await sql<UserSecondFactorTable>`
    update user_second_factor set
      failures = failures + 1,
      window_failures = case when ${isPenalty} then 0 else ${inWindow} end,
      window_began_at = case
        when ${isPenalty} then null when ${isWindowOpen} then window_began_at else ${big(nowUs)} end,
      blocked_until = case when ${isPenalty} then ${penaltyEnd(nowUs)} else blocked_until end,
      penalties = case when ${isPenalty} then penalties + 1 else penalties end
    where id = ${userId} and ${hasSecret} and (blocked_until is null or blocked_until <= ${big(nowUs)})
    returning *`.execute(tx);
  return begun.rows[0];
}

/** What a right code resets. */
const noFailures = {
  window_began_at: null,
  window_failures: 0,
  failures: 0,
  penalties: 0,
  blocked_until: null,
} as const;

/** A right code, and where it stands. */
export interface AcceptedCode {
  readonly userId: string;
  readonly step: number;
  readonly nowUs: Microseconds;
}

/** Accepts a code by its step, once; false when that step or a later one was accepted before (RFC 6238 §5.2). */
export async function acceptCode(tx: Connection, { userId, step, nowUs }: AcceptedCode): Promise<boolean> {
  const result = await tx
    .updateTable('user_second_factor')
    .set({ ...noFailures, last_step: step, last_used_at: nowUs, updated_at: nowUs })
    .where('id', '=', userId)
    .where('last_step', '<', step)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Puts the pending secret in force by its first code, whose step counts as used: a code that was seen at the enrollment logs nobody in.
 * `sealed` is that secret sealed for its new place. False when another secret is pending by now, or none.
 */
export async function activatePending(
  tx: Connection,
  { userId, step, nowUs }: AcceptedCode,
  secret: { readonly pending: Uint8Array; readonly sealed: Uint8Array },
): Promise<boolean> {
  const result = await tx
    .updateTable('user_second_factor')
    .set((change) => ({
      ...noFailures,
      secret_sealed: secret.sealed,
      otp_digits: change.ref('pending_otp_digits'),
      otp_interval_seconds: change.ref('pending_otp_interval_seconds'),
      last_step: step,
      enrolled_at: nowUs,
      last_used_at: nowUs,
      pending_secret_sealed: null,
      pending_otp_digits: null,
      pending_otp_interval_seconds: null,
      pending_expires_at: null,
      updated_at: nowUs,
    }))
    .where('id', '=', userId)
    .where('pending_secret_sealed', '=', secret.pending)
    .where('pending_expires_at', '>', nowUs)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** A secret that was shown and waits for its first code. */
export interface PendingSecret extends OtpParameters {
  readonly userId: string;
  readonly sealed: Uint8Array;
  readonly expiresAt: Microseconds;
  readonly nowUs: Microseconds;
}

/**
 * Keeps a pending secret, in place of an earlier pending one; the secret in force and the count of wrong codes stay. False when the user
 * has enrolled (`isEnrolled`) or is no longer enrolled against what the caller checked.
 * @throws {StileError} notFound when the user is gone
 */
export async function putPending(
  tx: Connection,
  pending: PendingSecret,
  isEnrolled: 'enrolled' | 'not enrolled',
): Promise<boolean> {
  const columns = {
    pending_secret_sealed: pending.sealed,
    pending_otp_digits: pending.digits,
    pending_otp_interval_seconds: pending.intervalSeconds,
    pending_expires_at: pending.expiresAt,
    updated_at: pending.nowUs,
  };
  const result = await tx
    .insertInto('user_second_factor')
    .values({ id: pending.userId, ...noRow, ...columns, created_at: pending.nowUs })
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(columns)
        .where('user_second_factor.secret_sealed', isEnrolled === 'enrolled' ? 'is not' : 'is', null),
    )
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) === 1n;
}

const noRow = {
  ...noFailures,
  secret_sealed: null,
  otp_digits: null,
  otp_interval_seconds: null,
  last_step: null,
  enrolled_at: null,
  last_used_at: null,
} as const;

/** Forgets the second factor of a user with its recovery codes; false when there is none. */
export async function deleteSecondFactor(tx: Connection, userId: string): Promise<boolean> {
  const result = await tx.deleteFrom('user_second_factor').where('id', '=', userId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Recovery codes of a user that were not used. */
export function listUnusedRecoveryCodes(db: Connection, userId: string): Promise<UserRecoveryCodeTable[]> {
  return db
    .selectFrom('user_recovery_code')
    .selectAll()
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .execute();
}

/** Accepts a recovery code, once; false when it was used. */
export async function acceptRecoveryCode(
  tx: Connection,
  code: Pick<UserRecoveryCodeTable, 'user_id' | 'code_mac'>,
  nowUs: Microseconds,
): Promise<boolean> {
  const used = await tx
    .updateTable('user_recovery_code')
    .set({ used_at: nowUs })
    .where('user_id', '=', code.user_id)
    .where('code_mac', '=', code.code_mac)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  if (used.numUpdatedRows !== 1n) return false;
  await tx
    .updateTable('user_second_factor')
    .set({ ...noFailures, last_used_at: nowUs, updated_at: nowUs })
    .where('id', '=', code.user_id)
    .execute();
  return true;
}

/** Replaces all recovery codes of a user. */
export async function replaceRecoveryCodes(
  tx: Connection,
  userId: string,
  rows: readonly UserRecoveryCodeTable[],
): Promise<void> {
  await tx.deleteFrom('user_recovery_code').where('user_id', '=', userId).execute();
  await tx.insertInto('user_recovery_code').values(rows).execute();
}

/** Deletes the recovery codes that only the key of a version proves: it is about to be destroyed. Gives how many. */
export async function deleteRecoveryCodesOfKey(tx: Connection, keyVersion: number): Promise<number> {
  const result = await tx
    .deleteFrom('user_recovery_code')
    .where('code_key_version', '=', keyVersion)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/**
 * What binds a user: the strictest of the auth methods at which it has accounts; among equals the primary one, then the oldest account.
 * Undefined when it has no account.
 */
export async function lookupUserPolicy(
  db: Connection,
  userId: string,
): Promise<SecondFactorPolicy | undefined> {
  const row = await db
    .selectFrom('account')
    .innerJoin('auth_method', 'auth_method.id', 'account.auth_method_id')
    .innerJoin('scope', 'scope.id', 'auth_method.scope_id')
    .select([
      'auth_method.two_factor',
      'auth_method.otp_digits',
      'auth_method.otp_interval_seconds',
      'auth_method.otp_window',
    ])
    .where('account.user_id', '=', userId)
    .where('account.type', '=', 'password')
    .orderBy(sql`case auth_method.two_factor when 'required' then 0 when 'optional' then 1 else 2 end`)
    .orderBy(sql`case when scope.primary_auth_method_id = auth_method.id then 0 else 1 end`)
    .orderBy('account.created_at')
    .orderBy('account.id')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : policyOfMethod(row);
}

/** An account of a user, as much as enrolling needs. */
export interface EnrollingAccount {
  readonly loginName: string;
  readonly authMethodId: string;
  readonly policy: SecondFactorPolicy;
}

/** The account, when it is the user's; else undefined. */
export async function lookupEnrollingAccount(
  db: Connection,
  userId: string,
  accountId: string,
): Promise<EnrollingAccount | undefined> {
  const row = await db
    .selectFrom('account')
    .innerJoin('auth_method', 'auth_method.id', 'account.auth_method_id')
    .select([
      'account.login_name',
      'auth_method.id',
      'auth_method.two_factor',
      'auth_method.otp_digits',
      'auth_method.otp_interval_seconds',
      'auth_method.otp_window',
    ])
    .where('account.id', '=', accountId)
    .where('account.user_id', '=', userId)
    .where('account.type', '=', 'password')
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { loginName: row.login_name, authMethodId: row.id, policy: policyOfMethod(row) };
}
