/**
 * Minting auth tokens from auth tokens: named API tokens, web sessions that an administrator opens, one-time tokens (tokens.md §1.1, §2.4).
 * A child never exceeds the token that mints it, and the check and the insert see the same parent.
 */
import {
  areScopesWithin,
  formatDuration,
  invalidField,
  isAllowListWithin,
  randomBase62,
  StileError,
} from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import type { AuthTokenTable, AuthTokenType } from '../../store/schema.ts';
import { listDueTokensOfUser } from '../sweep/auth-token-sweep-repository.ts';
import { addAuthToken, revokeAuthTokens } from '../token/auth-token-change-repository.ts';
import { countApiTokens, lookupPrimaryAccount } from '../token/auth-token-repository.ts';
import type { AuthTokenService, IssuedToken, NewToken } from '../token/auth-token-service.ts';
import { longestLifeSeconds, type Caller, type CallerToken } from '../token/auth-token.ts';
import type { ClientOrigin } from '../token/origin.ts';
import { auditToken } from '../token/token-audit.ts';
import { refuseTakenName } from './token-name.ts';
import { bindsEnds, keptList, widerThanParent } from './narrower.ts';

/** Kinds that are minted on request. */
export type MintedType = Exclude<AuthTokenType, 'login'>;

/** What a new token shall be. Absent: the minting token's own value, or the default of the kind. */
export interface MintRequest {
  readonly caller: Caller & { readonly token: CallerToken };
  readonly client: ClientOrigin;
  readonly type: MintedType;
  /** Its user, and the scope of the user. */
  readonly owner: { readonly id: string; readonly scopeId: string };
  /** The owner may mint for others: another maximum may bind its API tokens. */
  readonly isAdmin: boolean;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Seconds; null = as long as the settings allow. */
  readonly timeToLiveSeconds?: number | null | undefined;
  readonly timeToStaleSeconds?: number | undefined;
  /** As stored: canonical. */
  readonly tokenScopes?: readonly string[] | undefined;
  readonly allowList?: readonly string[] | undefined;
  readonly matchOrigin?: boolean | undefined;
  readonly singleUse?: boolean | undefined;
  /** JSON. */
  readonly attributes?: string | undefined;
}

/** What the use cases stand on. */
export interface AuthTokenMintingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log?: Logger;
  readonly tokens: AuthTokenService;
}

const second = 1_000_000;

/** Whole hours where it is some, as people write maxima: `168h`. */
function inHours(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600}h` : formatDuration(seconds);
}

/** Makes tokens. */
export class AuthTokenMinting {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tokens: AuthTokenService;

  constructor(options: AuthTokenMintingOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#tokens = options.tokens;
  }

  /** Default and longest life of a kind, seconds. */
  lifetimesOf(type: MintedType, isAdmin: boolean): { readonly default: number; readonly maximum: number } {
    const { settings } = this.#tokens;
    const longest = longestLifeSeconds(type, settings);
    const bound = type === 'api' && isAdmin ? (settings.maxAdminTokenLifetimeSeconds ?? longest) : longest;
    const maximum = Math.min(longest, bound);
    const usual = {
      api: settings.defaultTokenLifetimeSeconds,
      web: settings.webSessionLifetimeSeconds,
      'one-time': settings.oneTimeTokenLifetimeSeconds,
    }[type];
    return { default: Math.min(usual, maximum), maximum };
  }

  /**
   * A new token; its text is shown once.
   * @throws {StileError} invalidArgument (lifetime, name taken), permissionDenied (wider than the caller's token), failedPrecondition (limit),
   * conflict (the minting token, or the user, ended or changed meanwhile), storageFull
   */
  async mint(request: MintRequest): Promise<IssuedToken> {
    const nowUs = this.#clock.nowUs();
    const account = await lookupPrimaryAccount(this.#database.reader, request.owner.id);
    const values = this.#valuesOf(request, nowUs);
    const { caller, owner, type } = request;
    // What a login hands on is of its own account, so that it ends with it; others get the primary one.
    const isOwn = owner.id === caller.userId && caller.accountId !== undefined;
    const made = this.#tokens.newToken({
      ...values,
      account_id: isOwn ? (caller.accountId ?? null) : (account?.id ?? null),
      auth_method_id: isOwn ? (caller.authMethodId ?? null) : (account?.auth_method_id ?? null),
    });
    await this.#add(made.stored, caller.token, nowUs).catch(refuseTakenName);
    auditToken(this.#log, 'minted', {
      authTokenId: made.row.id,
      type,
      userId: owner.id,
      by: caller.userId,
      origin: made.row.origin,
    });
    return { row: made.row, text: made.text };
  }

  async #add(stored: AuthTokenTable, parent: CallerToken, nowUs: number): Promise<void> {
    const { settings } = this.#tokens;
    const { engine } = this.#database;
    const limit = stored.type === 'api' ? settings.maxTokensPerUser : undefined;
    const outcome = await this.#database.write(async (tx) => {
      if (stored.type === 'api') {
        // A name, or a place among the user's tokens, is not kept by one whose time is up.
        for (const due of await listDueTokensOfUser(tx, stored.user_id, { settings, nowUs })) {
          await revokeAuthTokens(tx, due.ids, { reason: due.reason, nowUs });
        }
      }
      const addition = { engine, row: stored, settings, nowUs, parentVersion: parent.version, limit };
      if (await addAuthToken(tx, addition)) return 'added';
      if (limit === undefined) return 'gone';
      return (await countApiTokens(tx, stored.user_id, { settings, nowUs })) >= limit ? 'limit' : 'gone';
    });
    if (outcome === 'limit') {
      throw new StileError(
        'failedPrecondition',
        `The user has ${limit} API tokens, the most that max_tokens_per_user allows: revoke one that is not needed.`,
      );
    }
    if (outcome === 'gone') {
      throw new StileError(
        'conflict',
        'the auth token that mints, or its user, has just been changed: repeat',
      );
    }
  }

  #valuesOf(request: MintRequest, nowUs: number): Omit<NewToken, 'account_id' | 'auth_method_id'> {
    const { caller, type, owner } = request;
    const parent = caller.token;
    const isOwn = owner.id === caller.userId;
    return {
      scope_id: owner.scopeId,
      user_id: owner.id,
      type,
      name: type === 'api' ? (request.name ?? `token-${randomBase62(6)}`) : null,
      description: request.description ?? null,
      created_by_user_id: caller.userId,
      parent_auth_token_id: parent.id,
      ends_with_parent: type === 'one-time' || (type === 'api' && parent.type === 'api') ? 1 : 0,
      token_scopes: keptList(this.#scopesOf(request)),
      allow_list: keptList(this.#allowListOf(request)),
      time_to_stale_seconds: request.timeToStaleSeconds ?? 0,
      expires_at: this.#endOf(request, nowUs),
      match_origin: this.#matchOriginOf(request) ? 1 : 0,
      single_use: type === 'one-time' && request.singleUse !== false ? 1 : 0,
      // What an administrator opens for somebody proves nothing about that person.
      second_factor: isOwn && type !== 'web' && parent.hasSecondFactor ? 1 : 0,
      attributes: request.attributes ?? null,
      created_at: nowUs,
      updated_at: nowUs,
      ...this.#tokens.originOf(request.client),
    };
  }

  #scopesOf({ caller, tokenScopes }: MintRequest): readonly string[] | undefined {
    const own = caller.token.tokenScopes;
    if (tokenScopes === undefined || own === undefined || areScopesWithin(tokenScopes, own)) {
      return tokenScopes ?? own;
    }
    throw widerThanParent('token_scopes', 'Names a scope that the minting auth token does not have.');
  }

  #allowListOf({ caller, allowList }: MintRequest): readonly string[] | undefined {
    const own = caller.token.allowList;
    if (allowList === undefined || own === undefined || isAllowListWithin(allowList, own)) {
      return allowList ?? own;
    }
    throw widerThanParent(
      'allow_list',
      "Names an entry that the minting auth token's allow list does not have.",
    );
  }

  #matchOriginOf({ caller, matchOrigin }: MintRequest): boolean {
    if (!caller.token.matchOrigin || matchOrigin !== false) return matchOrigin ?? caller.token.matchOrigin;
    throw widerThanParent('match_origin', 'The minting auth token is bound to its origin.');
  }

  #endOf(request: MintRequest, nowUs: number): number {
    const { type, caller, timeToLiveSeconds } = request;
    const limits = this.lifetimesOf(type, request.isAdmin);
    if (limits.maximum === 0) {
      throw new StileError(
        'failedPrecondition',
        'One-time tokens are switched off: max_one_time_token_lifetime is 0.',
      );
    }
    const seconds = timeToLiveSeconds === null ? limits.maximum : (timeToLiveSeconds ?? limits.default);
    if (seconds > limits.maximum) {
      throw invalidField(
        'time_to_live_seconds',
        `At most ${inHours(limits.maximum)} (${limits.maximum} seconds): this is the maximum of the installation.`,
      );
    }
    const end = nowUs + seconds * second;
    if (!bindsEnds(caller.token) || end <= caller.token.hardEndsAt) return end;
    if (typeof timeToLiveSeconds !== 'number') return caller.token.hardEndsAt;
    throw widerThanParent('expiration_time', 'The minting auth token ends earlier.');
  }
}
