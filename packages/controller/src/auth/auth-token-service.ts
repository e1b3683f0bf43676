/**
 * Auth tokens: issued at login, checked at every request, ended (tokens.md §1.2–1.6). The row is read each time; nothing
 * is remembered about a good token, so that an end holds from the next request on, on every controller.
 */
import { timingSafeEqual } from 'node:crypto';
import { anonymousUserId, newId, StileError } from '@stile/protocol';
import { type Clock, type Logger, type Secret, silentLogger } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import type { PageRequest } from '../store/page.ts';
import type { AuthTokenTable } from '../store/schema.ts';
import { notFound } from '../store/store-error.ts';
import {
  addAuthToken,
  listAuthTokens,
  lookupAuthToken,
  lookupPresentedToken,
  revokeAuthTokens,
  type PresentedToken,
} from './auth-token-repository.ts';
import {
  authTokenStatus,
  defaultTimeToLiveSeconds,
  defaultTimeToStaleSeconds,
  expiredReason,
  idleReason,
  isLastUseDue,
  type AuthTokenRow,
  type Caller,
} from './auth-token.ts';
import {
  formatAuthToken,
  macInput,
  newAuthTokenParts,
  parseAuthToken,
  type AuthTokenParts,
} from './auth-token-text.ts';
import { LastUseWriter } from './last-use-writer.ts';

export type { AuthTokenRow, Caller } from './auth-token.ts';

/** What the service stands on, and the two settings of login tokens. */
export interface AuthTokenServiceOptions {
  readonly database: Database;
  readonly keys: Pick<KeyService, 'mac' | 'macWith' | 'hasVersion'>;
  readonly clock: Clock;
  readonly log?: Logger;
  /** Hard end, seconds after the login. Default 7 days (`auth_token_time_to_live`). */
  readonly timeToLiveSeconds?: number;
  /** Idle limit, seconds; 0 = none. Default 24 hours (`auth_token_time_to_stale`). */
  readonly timeToStaleSeconds?: number;
}

/** Who logged in. */
export interface IssueRequest {
  readonly userId: string;
  readonly accountId: string;
  readonly authMethodId: string;
  /** Scope of the user. */
  readonly scopeId: string;
}

/** Whether a token is good still. */
export type TokenStanding =
  | {
      readonly isGood: true;
      /** By its times, without further use; epoch microseconds. */
      readonly endsAt: number;
      /** Who calls with it, as a request would find it now: what it may do can shrink. */
      readonly caller: Caller;
    }
  /** `signed out`: its time was up; `token revoked`: somebody ended it, or its user may not use it any more. */
  | { readonly isGood: false; readonly reason: 'signed out' | 'token revoked' };

/** Label under which the MAC key of tokens is derived (tokens.md §1.2). */
const macLabel = 'stile/auth-token/v1';

/** What a request without a good token is. */
export const anonymous: Caller = { userId: anonymousUserId };

/** Compared with when there is no row, so that an unknown id costs the same as a known one. */
const noMac = Buffer.alloc(32);

/** Issues, checks and ends auth tokens. `close` once, before the database. */
export class AuthTokenService {
  readonly #database: Database;
  readonly #keys: AuthTokenServiceOptions['keys'];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #timeToLiveUs: number;
  readonly #timeToStaleSeconds: number;
  readonly #lastUse: LastUseWriter;
  /** Ends that are being written, by token id. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(options: AuthTokenServiceOptions) {
    this.#database = options.database;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#timeToLiveUs = (options.timeToLiveSeconds ?? defaultTimeToLiveSeconds) * 1_000_000;
    this.#timeToStaleSeconds = options.timeToStaleSeconds ?? defaultTimeToStaleSeconds;
    this.#lastUse = new LastUseWriter({ database: options.database, clock: options.clock, log: this.#log });
  }

  /**
   * Who presents this token text. Absent, malformed, unknown, ended, of a disabled user or of another installation: the
   * caller is anonymous, and nothing tells which (http-api.md §1.5).
   * @throws {StileError} unavailable when the database cannot be asked
   */
  async authenticate(text: string | undefined): Promise<Caller> {
    const parts = text === undefined ? undefined : parseAuthToken(text);
    if (parts === undefined) return anonymous;
    const row = await lookupPresentedToken(this.#database.reader, parts.id);
    if (!this.#isProven(parts, row) || row === undefined) return anonymous;
    return this.#callerOf(row);
  }

  /**
   * Makes a token for who has just logged in. `text` is shown once and kept nowhere.
   * @throws {StileError} unauthenticated (the user was disabled meanwhile, or its account taken away), notFound, storageFull
   */
  async issue(request: IssueRequest): Promise<{ row: AuthTokenRow; text: Secret }> {
    const parts = newAuthTokenParts(newId('authToken'));
    const { mac, keyVersion } = this.#keys.mac(macLabel, macInput(parts));
    const nowUs = this.#clock.nowUs();
    const row: AuthTokenRow = {
      id: parts.id,
      scope_id: request.scopeId,
      user_id: request.userId,
      account_id: request.accountId,
      auth_method_id: request.authMethodId,
      type: 'login',
      expires_at: nowUs + this.#timeToLiveUs,
      last_used_at: nowUs,
      time_to_stale_seconds: this.#timeToStaleSeconds,
      revoked_at: null,
      revoked_reason: null,
      created_at: nowUs,
      updated_at: nowUs,
    };
    const stored: AuthTokenTable = { ...row, secret_mac: mac, secret_key_version: keyVersion };
    const { engine } = this.#database;
    const isAdded = await this.#database.write((tx) => addAuthToken(tx, engine, stored));
    if (!isAdded) throw new StileError('unauthenticated', 'Unable to authenticate.');
    return { row, text: formatAuthToken(parts) };
  }

  /** The token, ended or not, or undefined. */
  lookup(id: string): Promise<AuthTokenRow | undefined> {
    return lookupAuthToken(this.#database.reader, id);
  }

  /** A token that is good. @throws {StileError} notFound, also when it has ended */
  async read(id: string): Promise<AuthTokenRow> {
    const row = await this.lookup(id);
    if (row === undefined || authTokenStatus(row, this.#clock.nowUs()) !== 'active') throw notFound();
    return row;
  }

  /** A page of the good tokens of some scopes; with `userId` only those of that user. */
  list(request: {
    readonly scopeIds: readonly string[];
    readonly userId?: string | undefined;
    readonly page: PageRequest;
  }): Promise<AuthTokenRow[]> {
    return listAuthTokens(this.#database.reader, { ...request, nowUs: this.#clock.nowUs() });
  }

  /**
   * Where tokens stand that were presented a while ago, for what is kept open for them; no use is noted. Unknown ids are absent.
   * @throws {StileError} unavailable
   */
  async standings(ids: readonly string[]): Promise<ReadonlyMap<string, TokenStanding>> {
    const rows = await Promise.all(ids.map((id) => lookupPresentedToken(this.#database.reader, id)));
    const standings = new Map<string, TokenStanding>();
    for (const row of rows) if (row !== undefined) standings.set(row.id, this.#standingOf(row));
    return standings;
  }

  #standingOf(row: PresentedToken): TokenStanding {
    const status = authTokenStatus(row, this.#clock.nowUs());
    if (status === 'stale' || status === 'expired') return { isGood: false, reason: 'signed out' };
    const isForeign = row.account_id !== null && row.account_user_id !== row.user_id;
    if (status !== 'active' || row.disabled_at !== null || isForeign) {
      return { isGood: false, reason: 'token revoked' };
    }
    const idleUs = row.time_to_stale_seconds * 1_000_000;
    const endsAt = idleUs > 0 ? Math.min(row.expires_at, row.last_used_at + idleUs) : row.expires_at;
    const caller = {
      userId: row.user_id,
      userScopeId: row.user_scope_id,
      authTokenId: row.id,
      ...(row.account_id === null ? {} : { accountId: row.account_id }),
      ...(row.auth_method_id === null ? {} : { authMethodId: row.auth_method_id }),
    };
    return { isGood: true, endsAt, caller };
  }

  /** Waits for what requests left to be written: last uses, and ends of tokens whose time was up. */
  async flush(): Promise<void> {
    await this.#lastUse.flush();
    await Promise.all(this.#endings.values());
  }

  /** Writes what is waiting and stops. Idempotent. */
  async close(): Promise<void> {
    await this.#lastUse.close();
    await this.flush();
  }

  /** Whether the secret is the one whose MAC the row holds. Costs the same without a row. */
  #isProven(parts: AuthTokenParts, row: PresentedToken | undefined): boolean {
    const input = macInput(parts);
    if (row === undefined || !this.#keys.hasVersion(row.secret_key_version)) {
      timingSafeEqual(this.#keys.mac(macLabel, input).mac, noMac);
      return false;
    }
    const mac = this.#keys.macWith(row.secret_key_version, macLabel, input);
    return mac.length === row.secret_mac.length && timingSafeEqual(mac, row.secret_mac);
  }

  /** The caller of a token that is proven. */
  #callerOf(row: PresentedToken): Caller {
    const nowUs = this.#clock.nowUs();
    const status = authTokenStatus(row, nowUs);
    if (status === 'stale' || status === 'expired') {
      if (row.revoked_at === null) this.#writeEnd(row.id, status === 'stale' ? idleReason : expiredReason);
      return anonymous;
    }
    if (status !== 'active' || row.disabled_at !== null) return anonymous;
    // An account that was bound to somebody else since proves nothing about the user of the token.
    if (row.account_id !== null && row.account_user_id !== row.user_id) return anonymous;
    if (isLastUseDue(row, nowUs)) this.#lastUse.add(row.id, nowUs);
    return {
      userId: row.user_id,
      userScopeId: row.user_scope_id,
      authTokenId: row.id,
      ...(row.account_id === null ? {} : { accountId: row.account_id }),
      ...(row.auth_method_id === null ? {} : { authMethodId: row.auth_method_id }),
    };
  }

  /** The answer does not wait for it: the token is refused by its times as long as the end is not written. */
  #writeEnd(id: string, reason: string): void {
    if (this.#endings.has(id)) return;
    const end = { reason, nowUs: this.#clock.nowUs() };
    const written = this.#database
      .write((tx) => revokeAuthTokens(tx, [id], end))
      .catch((error: unknown) => {
        this.#log.warn({ err: error, authTokenId: id }, 'the end of an auth token could not be written');
      })
      .then(() => {
        this.#endings.delete(id);
      });
    this.#endings.set(id, written);
  }
}
