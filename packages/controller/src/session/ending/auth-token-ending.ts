/**
 * The end of auth tokens with all that stands on them (tokens.md §1.7): tokens that end with them, their sessions, open streams. One
 * transaction ends the rows; after the commit workers and streams are told; the answer says what is confirmed.
 */
import type { SessionEndReason } from '@stile/protocol';
import type { Clock, Logger } from '@stile/runtime';
import {
  deleteAuthTokens,
  listDependentTokenIds,
  revokeAuthTokens,
} from '../../auth/token/auth-token-change-repository.ts';
import {
  listEndedTokens,
  listLiveTokenIdsOf,
  lookupAuthToken,
  type EndedToken,
  type TokenOwner,
} from '../../auth/token/auth-token-repository.ts';
import type { AuthTokenRow, RevokedReason } from '../../auth/token/auth-token.ts';
import { auditEnded, auditToken } from '../../auth/token/token-audit.ts';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import { notFound } from '../../store/store-error.ts';
import { beginEndingAndTell } from '../session-ending.ts';
import type { SessionRevocations } from '../session-revocation.ts';
import { listStandings } from '../session-repository.ts';

/** Why tokens end, and by whom. */
export interface TokenEnding {
  readonly reason: RevokedReason;
  /** User id of who does it. */
  readonly by: string;
  readonly nowUs: number;
  /** The token of who ends all others: it goes on, whichever of them it came of. */
  readonly exceptId?: string | undefined;
  /** What their sessions are told. Default `token revoked`. */
  readonly sessionReason?: SessionEndReason;
}

/** What a transaction ended. */
export interface EndedTokens {
  readonly authTokenIds: readonly string[];
  /** The same, for the audit. */
  readonly tokens: readonly EndedToken[];
  readonly sessionIds: readonly string[];
}

/** What a transaction ended that ended nothing. */
export const nothingEnded: EndedTokens = { authTokenIds: [], tokens: [], sessionIds: [] };

/** What came of an end when the workers had answered, or two seconds were over. */
export interface Revocation {
  readonly authTokenIds: readonly string[];
  readonly authTokens: number;
  readonly sessions: number;
  /** Sessions of which every worker confirmed that all is closed. */
  readonly sessionsConfirmed: number;
  readonly streams: number;
  /** When the last of the unconfirmed sessions ends at the latest, because its lease does; epoch microseconds. */
  readonly leaseEndsAt?: number;
}

/** Longest wait for workers, milliseconds (tokens.md §1.7). */
const waitMs = 2000;

/**
 * Ends tokens, and level by level those that end with them: a token that is being minted from one of these is added before this waits for
 * its parent's row, or finds the parent ended. Those that have ended already keep their reason, and their sessions were ended then.
 */
export async function endTokens(
  tx: Connection,
  database: Database,
  ids: readonly string[],
  ending: TokenEnding,
): Promise<EndedTokens> {
  const { by, nowUs, exceptId, sessionReason = 'token revoked' } = ending;
  const authTokenIds: string[] = [];
  const sessionIds: string[] = [];
  const seen = new Set(exceptId === undefined ? [] : [exceptId]);
  let level = ids;
  let { reason } = ending;
  while (level.length > 0) {
    const dependent: string[] = [];
    for (const values of chunksOf(level)) {
      for (const id of values) seen.add(id);
      authTokenIds.push(...(await revokeAuthTokens(tx, values, { reason, nowUs, by })));
      const cause = { reason: sessionReason, by, nowUs };
      sessionIds.push(
        ...(await beginEndingAndTell(tx, database, { column: 'auth_token_id', values }, cause)),
      );
      dependent.push(...(await listDependentTokenIds(tx, values)));
    }
    level = dependent.filter((id) => !seen.has(id));
    reason = 'parent revoked';
  }
  const [subjectId] = authTokenIds;
  if (subjectId !== undefined) await database.events.publish(tx, { type: 'auth-tokens-changed', subjectId });
  return { authTokenIds, tokens: await listEndedTokens(tx, authTokenIds), sessionIds };
}

/**
 * Ends the living tokens of an owner, and those API tokens that one of them minted while this waited for its row: they were in no list yet,
 * and whoever holds a stolen sign-in must not keep one by being quick.
 */
export async function endTokensOf(
  tx: Connection,
  database: Database,
  owner: TokenOwner,
  ending: TokenEnding,
): Promise<EndedTokens> {
  const authTokenIds: string[] = [];
  const tokens: EndedToken[] = [];
  const sessionIds: string[] = [];
  const { exceptId } = owner;
  let level: readonly string[] = await listLiveTokenIdsOf(tx, owner);
  while (level.length > 0) {
    const ended = await endTokens(tx, database, level, { ...ending, exceptId });
    authTokenIds.push(...ended.authTokenIds);
    tokens.push(...ended.tokens);
    sessionIds.push(...ended.sessionIds);
    if (owner.types?.includes('api') === false) break;
    const minted: string[] = [];
    for (const parentIds of chunksOf(level)) {
      minted.push(...(await listLiveTokenIdsOf(tx, { ...owner, parentIds })));
    }
    level = minted;
  }
  return { authTokenIds, tokens, sessionIds };
}

/** What the use cases stand on. */
export interface AuthTokenEndingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly revocations: Pick<SessionRevocations, 'whenEnded' | 'pushed'>;
  /** How many streams are open for tokens, on every controller. */
  readonly countStreams: (authTokenIds: readonly string[]) => Promise<number>;
}

/** Revokes and deletes tokens. */
export class AuthTokenEnding {
  readonly #options: AuthTokenEndingOptions;

  constructor(options: AuthTokenEndingOptions) {
    this.#options = options;
  }

  /**
   * Ends a token; its row stays, and is given as it is then, for another may take it away before the workers have answered. One that has ended
   * stays as it is, and nothing is counted.
   */
  async revoke(
    id: string,
    by: string,
    reason: RevokedReason,
  ): Promise<Revocation & { readonly row: AuthTokenRow | undefined }> {
    const { database } = this.#options;
    let row: AuthTokenRow | undefined;
    const done = await this.end(async (tx, nowUs) => {
      const ended = await endTokens(tx, database, [id], { reason, by, nowUs });
      row = await lookupAuthToken(tx, id);
      return ended;
    }, by);
    return { ...done, row };
  }

  /** Ends a token and takes its row away. @throws {StileError} notFound */
  async delete(id: string, by: string): Promise<Revocation> {
    const { database, log } = this.#options;
    let row: AuthTokenRow | undefined;
    const done = await this.end(async (tx, nowUs) => {
      row = await lookupAuthToken(tx, id);
      const reason = row?.user_id === by ? 'user request' : 'admin request';
      const ended = await endTokens(tx, database, [id], { reason, by, nowUs });
      if ((await deleteAuthTokens(tx, [id])).length === 0) throw notFound();
      await record(tx, 'auth-token', [id], nowUs);
      return ended;
    }, by);
    const { type, user_id: userId, origin } = row ?? {};
    auditToken(log, 'deleted', { authTokenId: id, type, userId, by, origin });
    return done;
  }

  /** Ends the living tokens of an owner; everybody's when none is named. */
  revokeOf(owner: TokenOwner, by: string, reason: RevokedReason): Promise<Revocation> {
    return this.end((tx, nowUs) => endTokensOf(tx, this.#options.database, owner, { reason, by, nowUs }), by);
  }

  /** Runs what ends tokens in one transaction, and waits for the workers. */
  async end(work: (tx: Connection, nowUs: number) => Promise<EndedTokens>, by: string): Promise<Revocation> {
    const { database, clock, log } = this.#options;
    const ended = await database.write((tx) => work(tx, clock.nowUs()));
    auditEnded(log, ended.tokens, by);
    return this.settled(ended);
  }

  /** Waits, when the transaction that ended tokens is committed, for the workers. */
  async settled({ authTokenIds, sessionIds }: EndedTokens): Promise<Revocation> {
    const { database, clock, revocations, countStreams } = this.#options;
    const streams = authTokenIds.length === 0 ? 0 : await countStreams(authTokenIds);
    const counts = { authTokenIds, authTokens: authTokenIds.length, sessions: sessionIds.length, streams };
    const waits = sessionIds.map((id) => ({ id, ended: revocations.whenEnded(id, waitMs) }));
    try {
      // The push comes first, and then this look, which is as large; not later than all have ended, or their time is up.
      await Promise.race([revocations.pushed(), Promise.all(waits.map(({ ended }) => ended.done))]);
      // Those that ended before anybody waited are not waited for.
      const standings = await listStandings(database.reader, sessionIds);
      const open = waits.filter(({ id }) => standings.get(id)?.status === 'canceling');
      await Promise.all(open.map(({ ended }) => ended.done));
      const left = await this.#unconfirmed(open.map(({ id }) => id));
      return {
        ...counts,
        sessionsConfirmed: sessionIds.length - left.count,
        ...(left.count === 0 ? {} : { leaseEndsAt: clock.nowUs() + left.leaseSeconds * 1_000_000 }),
      };
    } finally {
      for (const { ended } of waits) ended.cancel();
    }
  }

  async #unconfirmed(
    ids: readonly string[],
  ): Promise<{ readonly count: number; readonly leaseSeconds: number }> {
    const standings = await listStandings(this.#options.database.reader, ids);
    const left = [...standings.values()].filter((standing) => standing.status !== 'terminated');
    return { count: left.length, leaseSeconds: Math.max(0, ...left.map((each) => each.lease_seconds)) };
  }
}
