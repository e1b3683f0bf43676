/**
 * Auth tokens: issued at login, checked at every request, listed (tokens.md §1.2–1.6). The row is read each time; nothing is remembered
 * about a good token, so that an end holds from the next request on, on every controller. Minting stands in auth-token-minting.ts, the
 * end of tokens with their sessions in session/ending/.
 */
import { timingSafeEqual } from 'node:crypto';
import { anonymousUserId, newId, StileError, TokenMask } from '@stile/protocol';
import { type Clock, type Logger, type Secret, silentLogger } from '@stile/runtime';
import type { KeyService } from '../../keys/key-service.ts';
import type { Database } from '../../store/database.ts';
import type { LanedRequest } from '../../store/list/list-lanes.ts';
import type { AuthTokenTable, AuthTokenType } from '../../store/schema.ts';
import { notFound } from '../../store/store-error.ts';
import { listLoginNames } from '../../iam/user-repository.ts';
import { addAuthToken, revokeAuthTokens } from './auth-token-change-repository.ts';
import {
  listAuthTokens,
  listAuthTokensOfIds,
  listPresentedTokens,
  lookupAuthToken,
  lookupPresentedToken,
  type PresentedToken,
} from './auth-token-repository.ts';
import { defaultAuthTokenSettings, type AuthTokenSettings } from './auth-token-settings.ts';
import {
  authTokenStatus,
  dueEnd,
  endWithoutUse,
  hardEnd,
  isLastUseDue,
  longestLifeSeconds,
  storedList,
  type AuthTokenRow,
  type AuthTokenStatus,
  type Caller,
  type CallerToken,
  type NaturalEnd,
} from './auth-token.ts';
import {
  formatAuthToken,
  macInput,
  newAuthTokenParts,
  parseAuthToken,
  type AuthTokenParts,
} from './auth-token-text.ts';
import { LastUseWriter } from './last-use-writer.ts';
import { isFromOrigin, keptAgent, originText, type ClientOrigin } from './origin.ts';
import { auditToken } from './token-audit.ts';

export type { AuthTokenRow, Caller, CallerToken } from './auth-token.ts';

/** What the service stands on. */
export interface AuthTokenServiceOptions {
  readonly database: Database;
  readonly keys: Pick<KeyService, 'mac' | 'macWith' | 'hasVersion'>;
  readonly clock: Clock;
  readonly log?: Logger;
  /** Default: those of tokens.md §1.5. */
  readonly settings?: Partial<AuthTokenSettings>;
}

/** A token as a request presents it. */
export interface Presented {
  readonly text: string | undefined;
  /** Tokens of type `api` are never taken from a cookie. Default: no. */
  readonly isCookie?: boolean;
  /** Where the request comes from; absent = a token bound to an origin is refused. */
  readonly client?: ClientOrigin | undefined;
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

/** Who logged in. */
export interface IssueRequest {
  readonly userId: string;
  readonly accountId: string;
  /** Version that the account had when its password was checked. */
  readonly accountVersion: number;
  readonly authMethodId: string;
  /** Scope of the user. */
  readonly scopeId: string;
  readonly client?: ClientOrigin | undefined;
  /** A second factor was checked. Default: no. */
  readonly hasSecondFactor?: boolean;
  /** The policy wants a second factor, and the user has none. Default: no. */
  readonly mustEnroll?: boolean;
}

/** A token and its text, which is shown once and kept nowhere. */
export interface IssuedToken {
  readonly row: AuthTokenRow;
  readonly text: Secret;
}

/** Which tokens are listed, for whom. */
export interface TokenListRequest extends LanedRequest {
  /** Default: only good ones. */
  readonly includeExpired?: boolean;
  readonly types?: readonly AuthTokenType[] | undefined;
  readonly userId?: string | undefined;
  readonly name?: string | undefined;
}

/** Label under which the MAC key of tokens is derived (tokens.md §1.2). */
const macLabel = 'stile/auth-token/v1';

/** What a request without a good token is. */
export const anonymous: Caller = { userId: anonymousUserId };

/** Compared with when there is no row, so that an unknown id costs the same as a known one. */
const noMac = Buffer.alloc(32);

/** Values of a new row that are the same for every kind; the kinds differ in the rest. */
export type NewToken = Pick<
  AuthTokenTable,
  'scope_id' | 'user_id' | 'account_id' | 'auth_method_id' | 'type' | 'created_by_user_id' | 'expires_at'
> &
  Partial<AuthTokenTable>;

/** Issues, checks and lists auth tokens. `close` once, before the database. */
export class AuthTokenService {
  readonly settings: AuthTokenSettings;
  readonly #database: Database;
  readonly #keys: AuthTokenServiceOptions['keys'];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #lastUse: LastUseWriter;
  /** Ends that are being written, by token id. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(options: AuthTokenServiceOptions) {
    this.settings = { ...defaultAuthTokenSettings, ...options.settings };
    this.#database = options.database;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#lastUse = new LastUseWriter({ database: options.database, clock: options.clock, log: this.#log });
  }

  /**
   * Who presents this token. Absent, malformed, unknown, ended, one-time, of a disabled user, of another installation, or from elsewhere
   * than it is bound to: the caller is anonymous, and nothing tells which (http-api.md §1.5).
   * @throws {StileError} unavailable when the database cannot be asked
   */
  async authenticate(presented: Presented): Promise<Caller> {
    const row = await this.prove(presented.text);
    if (row === undefined || row.type === 'one-time') return anonymous;
    if (row.type === 'api' && presented.isCookie === true) return anonymous;
    return this.#callerOf(row, presented.client);
  }

  /** The row whose secret this text proves, in whatever state it is; undefined for anything else. */
  async prove(text: string | undefined): Promise<PresentedToken | undefined> {
    const parts = text === undefined ? undefined : parseAuthToken(text);
    if (parts === undefined) return undefined;
    const row = await lookupPresentedToken(this.#database.reader, parts.id);
    return this.#isProven(parts, row) ? row : undefined;
  }

  /**
   * Whether a proven token is good for its owner: its state, whether its user is enabled, whether the account is the user's, the address.
   * Ends that time has brought are written on the way.
   */
  isGood(row: PresentedToken, client: ClientOrigin | undefined): boolean {
    const due = dueEnd(row, this.settings, this.#clock.nowUs());
    if (due !== undefined) this.#writeEnd(row.id, due);
    if (due !== undefined || row.revoked_at !== null || row.disabled_at !== null) return false;
    if (!isProvenByAccount(row)) return false;
    if (row.match_origin === 0 || (client !== undefined && isFromOrigin(row.origin, client))) return true;
    auditToken(this.#log, 'origin mismatch', {
      authTokenId: row.id,
      userId: row.user_id,
      origin: row.origin,
      address: client === undefined ? undefined : originText(client),
    });
    return false;
  }

  /** The caller of a presented token that is proven. */
  #callerOf(row: PresentedToken, client: ClientOrigin | undefined): Caller {
    if (!this.isGood(row, client)) return anonymous;
    const hasAccount = row.account_id !== null && row.account_user_id === row.user_id;
    return {
      userId: row.user_id,
      userScopeId: row.user_scope_id,
      authTokenId: row.id,
      token: this.#tokenOf(row),
      ...(hasAccount && row.account_id !== null ? { accountId: row.account_id } : {}),
      ...(hasAccount && row.auth_method_id !== null ? { authMethodId: row.auth_method_id } : {}),
    };
  }

  /**
   * Where tokens stand that were presented a while ago, for what is kept open for them; no use is noted, and where the client is was looked
   * at when it was opened. Ids that are unknown are absent.
   * @throws {StileError} unavailable
   */
  async standings(ids: readonly string[]): Promise<ReadonlyMap<string, TokenStanding>> {
    const rows = await listPresentedTokens(this.#database.reader, ids);
    return new Map(rows.map((row) => [row.id, this.#standingOf(row)]));
  }

  #standingOf(row: PresentedToken): TokenStanding {
    const status = authTokenStatus(row, this.settings, this.#clock.nowUs());
    if (status === 'stale' || status === 'expired') return { isGood: false, reason: 'signed out' };
    const caller = this.#callerOf({ ...row, match_origin: 0 }, undefined);
    const { token } = caller;
    if (token === undefined) return { isGood: false, reason: 'token revoked' };
    return { isGood: true, endsAt: token.endsAt, caller };
  }

  #tokenOf(row: PresentedToken): CallerToken {
    const tokenScopes = storedList(row.token_scopes);
    const allowList = storedList(row.allow_list);
    return {
      id: row.id,
      type: row.type,
      version: row.version,
      secretMac: row.secret_mac,
      mask: new TokenMask(tokenScopes, allowList),
      tokenScopes,
      allowList,
      endsAt: endWithoutUse(row, this.settings),
      hardEndsAt: hardEnd(row, this.settings),
      parentId: row.parent_auth_token_id ?? undefined,
      matchOrigin: row.match_origin === 1,
      hasSecondFactor: row.second_factor === 1,
      mustEnroll: row.must_enroll === 1,
      isUseDue: isLastUseDue(row, this.settings, this.#clock.nowUs()),
    };
  }

  /** A request of this caller was answered with success: notes the use, where it is due (tokens.md §1.6). */
  noteUse(caller: Caller, client: ClientOrigin): void {
    if (caller.token?.isUseDue !== true) return;
    this.#lastUse.add({
      id: caller.token.id,
      usedAtUs: this.#clock.nowUs(),
      origin: originText(client),
      userAgent: keptAgent(client.userAgent),
    });
  }

  /**
   * Makes a token for who has just logged in.
   * @throws {StileError} unauthenticated (the user was disabled meanwhile, or its account changed or taken away), notFound, storageFull
   */
  async issue(request: IssueRequest): Promise<IssuedToken> {
    const { settings } = this;
    const nowUs = this.#clock.nowUs();
    const made = this.newToken({
      scope_id: request.scopeId,
      user_id: request.userId,
      account_id: request.accountId,
      auth_method_id: request.authMethodId,
      type: 'login',
      created_by_user_id: request.userId,
      expires_at: nowUs + longestLifeSeconds('login', settings) * 1_000_000,
      time_to_stale_seconds: settings.disableSessionExpiryRefresh ? 0 : settings.timeToStaleSeconds,
      second_factor: request.hasSecondFactor === true ? 1 : 0,
      must_enroll: request.mustEnroll === true ? 1 : 0,
      created_at: nowUs,
      ...this.originOf(request.client),
    });
    const { engine } = this.#database;
    const isAdded = await this.#database.write((tx) =>
      addAuthToken(tx, { engine, row: made.stored, settings, nowUs, accountVersion: request.accountVersion }),
    );
    if (!isAdded) throw new StileError('unauthenticated', 'Unable to authenticate.');
    auditToken(this.#log, 'login', {
      authTokenId: made.row.id,
      userId: request.userId,
      origin: made.row.origin,
    });
    return { row: made.row, text: made.text };
  }

  /** Where a token is made, as its row keeps it. */
  originOf(client: ClientOrigin | undefined): Pick<AuthTokenTable, 'origin' | 'user_agent'> {
    return client === undefined
      ? { origin: null, user_agent: null }
      : { origin: originText(client), user_agent: keptAgent(client.userAgent) };
  }

  /** A row with a new secret, to be added; nothing is written. */
  newToken(values: NewToken): IssuedToken & { readonly stored: AuthTokenTable } {
    const parts = newAuthTokenParts(newId('authToken'));
    const { mac, keyVersion } = this.#keys.mac(macLabel, macInput(parts));
    const nowUs = values.created_at ?? this.#clock.nowUs();
    const row: AuthTokenRow = {
      name: null,
      description: null,
      parent_auth_token_id: null,
      ends_with_parent: 0,
      token_scopes: null,
      allow_list: null,
      time_to_live_seconds: Math.round((values.expires_at - nowUs) / 1_000_000),
      time_to_stale_seconds: 0,
      ends_at: values.expires_at,
      last_used_at: nowUs,
      origin: null,
      user_agent: null,
      last_origin: null,
      last_user_agent: null,
      match_origin: 0,
      single_use: 0,
      second_factor: 0,
      must_enroll: 0,
      attributes: null,
      revoked_at: null,
      revoked_reason: null,
      revoked_by_user_id: null,
      version: 1,
      created_at: nowUs,
      updated_at: nowUs,
      ...values,
      id: parts.id,
    };
    const stored = { ...row, secret_mac: mac, secret_key_version: keyVersion };
    return { row, stored, text: formatAuthToken(parts) };
  }

  /** A new secret for a token that is there: what to store, and its text. Nothing is written. */
  newSecret(id: string): {
    readonly stored: Pick<AuthTokenTable, 'secret_mac' | 'secret_key_version'>;
    readonly text: Secret;
  } {
    const parts = newAuthTokenParts(id);
    const { mac, keyVersion } = this.#keys.mac(macLabel, macInput(parts));
    return { stored: { secret_mac: mac, secret_key_version: keyVersion }, text: formatAuthToken(parts) };
  }

  /** The token, ended or not, or undefined. */
  lookup(id: string): Promise<AuthTokenRow | undefined> {
    return lookupAuthToken(this.#database.reader, id);
  }

  /** Tokens by id, those that are there. */
  lookupAll(ids: readonly string[]): Promise<AuthTokenRow[]> {
    return listAuthTokensOfIds(this.#database.reader, ids);
  }

  /** The token, ended or not. @throws {StileError} notFound */
  async read(id: string): Promise<AuthTokenRow> {
    const row = await this.lookup(id);
    if (row === undefined) throw notFound();
    return row;
  }

  /** Where a token stands now. */
  statusOf(row: AuthTokenRow): AuthTokenStatus {
    return authTokenStatus(row, this.settings, this.#clock.nowUs());
  }

  /** When the token ends if nobody uses it any more, epoch microseconds. */
  endOf(row: AuthTokenRow): number {
    return endWithoutUse(row, this.settings);
  }

  /** A page of the tokens that the caller may see. */
  list(request: TokenListRequest): Promise<AuthTokenRow[]> {
    return listAuthTokens(this.#database.reader, {
      ...request,
      includeExpired: request.includeExpired === true,
      settings: this.settings,
      nowUs: this.#clock.nowUs(),
    });
  }

  /** Login names of users at the primary auth method of their scope, by user id. */
  loginNames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return listLoginNames(this.#database.reader, [...new Set(userIds)]);
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

  /** The answer does not wait for it: the token is refused by its times as long as the end is not written. */
  #writeEnd(id: string, reason: NaturalEnd): void {
    if (this.#endings.has(id)) return;
    const end = { reason, nowUs: this.#clock.nowUs() };
    const written = this.#database
      .write((tx) => revokeAuthTokens(tx, [id], end))
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#log.warn({ err: error, authTokenId: id }, 'the end of an auth token could not be written');
      })
      .then(() => {
        this.#endings.delete(id);
      });
    this.#endings.set(id, written);
  }
}

/**
 * A login stands on its account: one that is gone, or was bound to somebody else since, proves nothing about the user. What was exchanged
 * for a one-time token stands on that.
 */
function isProvenByAccount(row: PresentedToken): boolean {
  if (row.type !== 'login') return true;
  return row.account_id === null ? row.parent_auth_token_id !== null : row.account_user_id === row.user_id;
}
