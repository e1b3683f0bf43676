/** A one-time token becomes a login token, with its limits (tokens.md §1.1, §4.1 `:exchange`). */
import { StileError } from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import type { LoginLimiter } from '../password/login-limiter.ts';
import { addAuthToken, consumeAuthToken } from '../token/auth-token-change-repository.ts';
import type { PresentedToken } from '../token/auth-token-repository.ts';
import type { AuthTokenService, IssuedToken, NewToken } from '../token/auth-token-service.ts';
import { hardEnd, longestLifeSeconds, type AuthTokenRow } from '../token/auth-token.ts';
import type { ClientOrigin } from '../token/origin.ts';
import { auditToken } from '../token/token-audit.ts';

/** What the use case stands on. */
export interface AuthTokenExchangeOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log?: Logger;
  readonly tokens: AuthTokenService;
  /** Attempts are counted as those of logins are, each token as an account. */
  readonly limiter: LoginLimiter;
}

/** Characters of a token's id. */
const idLength = 13;

function refused(): StileError {
  return new StileError('unauthenticated', 'Unable to authenticate.');
}

/** Exchanges one-time tokens. */
export class AuthTokenExchange {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tokens: AuthTokenService;
  readonly #limiter: LoginLimiter;

  constructor(options: AuthTokenExchangeOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#tokens = options.tokens;
    this.#limiter = options.limiter;
  }

  /**
   * A login token for a one-time token, which is consumed by it where it is for a single use: of many exchanges at a time one wins.
   * @throws {StileError} unauthenticated, whatever the defect; tooManyRequests
   */
  async exchange(text: string, client: ClientOrigin): Promise<IssuedToken> {
    const attempt = this.#limiter.begin(client.address, `exchange ${text.slice(0, idLength)}`);
    try {
      const issued = await this.#exchange(text, client);
      attempt.refund();
      return issued;
    } catch (error) {
      // Where nothing was found out, nothing was guessed.
      if (!(error instanceof StileError && error.code === 'unauthenticated')) attempt.refund();
      throw error;
    }
  }

  async #exchange(text: string, client: ClientOrigin): Promise<IssuedToken> {
    const nowUs = this.#clock.nowUs();
    const row = await this.#tokens.prove(text);
    if (row === undefined || row.type !== 'one-time' || !this.#tokens.isGood(row, client)) throw refused();
    const minter = await this.#tokens.lookup(row.parent_auth_token_id ?? '');
    if (minter === undefined || this.#tokens.statusOf(minter) !== 'active') throw refused();
    const made = this.#tokens.newToken(this.#valuesOf(row, minter, { client, nowUs }));
    const { engine } = this.#database;
    const { settings } = this.#tokens;
    await this.#database.write(async (tx) => {
      // Thrown within the unit: what was consumed is given back when nothing comes of it.
      if (!(await consumeAuthToken(tx, engine, { id: row.id, singleUse: row.single_use === 1 }, nowUs)))
        throw refused();
      if (!(await addAuthToken(tx, { engine, row: made.stored, settings, nowUs }))) throw refused();
    });
    auditToken(this.#log, 'exchanged', {
      authTokenId: made.row.id,
      type: 'login',
      userId: row.user_id,
      origin: made.row.origin,
    });
    return { row: made.row, text: made.text };
  }

  #valuesOf(
    row: PresentedToken,
    minter: AuthTokenRow,
    { client, nowUs }: { readonly client: ClientOrigin; readonly nowUs: number },
  ): NewToken {
    const { settings } = this.#tokens;
    const hasAccount = row.account_id !== null && row.account_user_id === row.user_id;
    const longest = nowUs + longestLifeSeconds('login', settings) * 1_000_000;
    return {
      scope_id: row.user_scope_id,
      user_id: row.user_id,
      account_id: hasAccount ? row.account_id : null,
      auth_method_id: hasAccount ? row.auth_method_id : null,
      type: 'login',
      created_by_user_id: row.user_id,
      parent_auth_token_id: row.id,
      ends_with_parent: 1,
      token_scopes: row.token_scopes,
      allow_list: row.allow_list,
      expires_at: Math.min(longest, hardEnd(minter, settings)),
      time_to_stale_seconds: settings.disableSessionExpiryRefresh ? 0 : settings.timeToStaleSeconds,
      match_origin: row.match_origin,
      second_factor: row.second_factor,
      created_at: nowUs,
      updated_at: nowUs,
      ...this.#tokens.originOf(client),
    };
  }
}
