/** What may be done to an API token that is there: another name, narrower limits, a new secret (tokens.md §4.1 PATCH and `:rotate`). */
import { StileError } from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { wrongVersion } from '../../store/store-error.ts';
import { changeAuthToken, holdAuthToken, type TokenChanges } from '../token/auth-token-change-repository.ts';
import type { AuthTokenService, IssuedToken } from '../token/auth-token-service.ts';
import type { AuthTokenRow, Caller, CallerToken } from '../token/auth-token.ts';
import { auditToken } from '../token/token-audit.ts';
import { refuseTakenName } from './token-name.ts';
import { keptList, limitsOf, requireNarrower, requireWithinCaller, type NewLimits } from './narrower.ts';

/** Which token, as it was seen, and who changes it. */
export interface TokenChange {
  readonly id: string;
  readonly version: number;
  readonly by: Caller & { readonly token: CallerToken };
}

/** What a change names. */
export interface NarrowRequest extends TokenChange, NewLimits {
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
}

/** What the use cases stand on. */
export interface AuthTokenChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log?: Logger;
  readonly tokens: AuthTokenService;
}

function callerChanged(): StileError {
  return new StileError('conflict', 'the auth token in use has just been changed: repeat');
}

/** The limits that a change names. */
function given({ tokenScopes, allowList, expiresAt }: NewLimits): NewLimits {
  return {
    ...(tokenScopes === undefined ? {} : { tokenScopes }),
    ...(allowList === undefined ? {} : { allowList }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Changes API tokens. */
export class AuthTokenChanges {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tokens: AuthTokenService;

  constructor(options: AuthTokenChangesOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#tokens = options.tokens;
  }

  /**
   * Changes name and description, and narrows scopes, allow list and end.
   * @throws {StileError} notFound (no such token with that version), permissionDenied (wider than it is, or than the caller's token),
   * failedPrecondition (no API token, or ended), invalidArgument (name taken), conflict (the caller's token has just ended or changed)
   */
  async narrow(request: NarrowRequest): Promise<AuthTokenRow> {
    const row = await this.#requireChangeable(request);
    requireNarrower(row, request);
    const isOwn = row.user_id === request.by.userId;
    if (isOwn && row.id !== request.by.token.id) {
      // A token has no say about one that can do more than it.
      requireWithinCaller({ ...limitsOf(row, this.#tokens.settings), ...given(request) }, request.by.token);
    }
    const { name, description, tokenScopes, allowList, expiresAt } = request;
    const changes: TokenChanges = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(tokenScopes === undefined ? {} : { token_scopes: keptList(tokenScopes) }),
      ...(allowList === undefined ? {} : { allow_list: keptList(allowList) }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt, ends_at: expiresAt }),
    };
    await this.#change(request, changes).catch(refuseTakenName);
    auditToken(this.#log, 'narrowed', { authTokenId: row.id, userId: row.user_id, by: request.by.userId });
    return this.#tokens.read(request.id);
  }

  /**
   * A new secret; the old one is dead at the commit, nothing else changes, but that a second factor is the token's no longer when whoever
   * gets the secret has not shown one.
   * @throws {StileError} notFound (no such token with that version), permissionDenied (wider than the caller's token), failedPrecondition (no
   * API token, or ended), conflict (the caller's token has just ended or changed)
   */
  async rotate(request: TokenChange): Promise<IssuedToken> {
    const { by } = request;
    const row = await this.#requireChangeable(request);
    if (row.id !== by.token.id) requireWithinCaller(limitsOf(row, this.#tokens.settings), by.token);
    const { stored, text } = this.#tokens.newSecret(request.id);
    const keepsFactor = row.user_id === by.userId && by.token.hasSecondFactor;
    await this.#change(request, { ...stored, second_factor: keepsFactor ? row.second_factor : 0 });
    auditToken(this.#log, 'rotated', { authTokenId: row.id, userId: row.user_id, by: request.by.userId });
    return { row: await this.#tokens.read(request.id), text };
  }

  /** The versions, compared in the statement, say that the row, and the token that changes it, are those that were looked at. */
  async #change(request: TokenChange, changes: Parameters<typeof changeAuthToken>[2]): Promise<void> {
    const nowUs = this.#clock.nowUs();
    const { id, version, by } = request;
    const { engine } = this.#database;
    await this.#database.write(async (tx) => {
      if (by.token.id !== id && !(await holdAuthToken(tx, engine, by.token))) throw callerChanged();
      if (!(await changeAuthToken(tx, { id, version }, changes, nowUs))) throw wrongVersion('AuthToken', id);
      await this.#database.events.publish(tx, { type: 'auth-tokens-changed', subjectId: id });
    });
  }

  async #requireChangeable({ id, version }: TokenChange): Promise<AuthTokenRow> {
    const row = await this.#tokens.read(id);
    if (row.type !== 'api') throw new StileError('failedPrecondition', 'Only API tokens can be changed.');
    const status = this.#tokens.statusOf(row);
    if (status !== 'active') {
      throw new StileError('failedPrecondition', `The auth token has ended: it is ${status}.`);
    }
    // What is checked is what is changed: the statement compares the same version.
    if (row.version !== version) throw wrongVersion('AuthToken', id);
    return row;
  }
}
