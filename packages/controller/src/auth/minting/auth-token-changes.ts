/** What may be done to an API token that is there: another name, narrower limits, a new secret (tokens.md §4.1 PATCH and `:rotate`). */
import { StileError } from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { wrongVersion } from '../../store/store-error.ts';
import { changeAuthToken, type TokenChanges } from '../token/auth-token-change-repository.ts';
import type { AuthTokenService, IssuedToken } from '../token/auth-token-service.ts';
import { hardEnd, type AuthTokenRow, type Caller } from '../token/auth-token.ts';
import { auditToken } from '../token/token-audit.ts';
import { keptList, requireNarrower, requireWithinCaller, type NewLimits } from './narrower.ts';

/** Which token, as it was seen, and who changes it. */
export interface TokenChange {
  readonly id: string;
  readonly version: number;
  readonly by: Caller;
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
   * @throws {StileError} notFound (no such token with that version), permissionDenied (wider than it is), failedPrecondition (no API token, or
   * ended), invalidArgument (name taken)
   */
  async narrow(request: NarrowRequest): Promise<AuthTokenRow> {
    const row = await this.#requireChangeable(request.id);
    requireNarrower(row, request);
    // Others' tokens are changed by their administrators, who learn nothing by it.
    if (row.user_id === request.by.userId) this.#requireWithin(row, request, request);
    const { name, description, tokenScopes, allowList, expiresAt } = request;
    const changes: TokenChanges = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(tokenScopes === undefined ? {} : { token_scopes: keptList(tokenScopes) }),
      ...(allowList === undefined ? {} : { allow_list: keptList(allowList) }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt, ends_at: expiresAt }),
    };
    await this.#change(request, changes);
    auditToken(this.#log, 'narrowed', { authTokenId: row.id, userId: row.user_id, by: request.by.userId });
    return this.#tokens.read(request.id);
  }

  /**
   * A new secret; the old one is dead at the commit, nothing else changes.
   * @throws {StileError} notFound (no such token with that version), permissionDenied (wider than the token of who asks), failedPrecondition
   * (no API token, or ended)
   */
  async rotate(request: TokenChange): Promise<IssuedToken> {
    const row = await this.#requireChangeable(request.id);
    this.#requireWithin(row, request);
    const { stored, text } = this.#tokens.newSecret(request.id);
    await this.#change(request, stored);
    auditToken(this.#log, 'rotated', { authTokenId: row.id, userId: row.user_id, by: request.by.userId });
    return { row: await this.#tokens.read(request.id), text };
  }

  /** @throws {StileError} permissionDenied */
  #requireWithin(row: AuthTokenRow, { by: { token } }: TokenChange, limits?: NewLimits): void {
    if (token === undefined) throw new StileError('permissionDenied', 'Forbidden.');
    requireWithinCaller(row, { token, endsAt: hardEnd(row, this.#tokens.settings) }, limits);
  }

  /** The version, compared in the statement, says that the row is the one that was looked at. */
  async #change(request: TokenChange, changes: Parameters<typeof changeAuthToken>[2]): Promise<void> {
    const nowUs = this.#clock.nowUs();
    const { id, version } = request;
    await this.#database.write(async (tx) => {
      if (!(await changeAuthToken(tx, { id, version }, changes, nowUs))) throw wrongVersion('AuthToken', id);
      await this.#database.events.publish(tx, { type: 'auth-tokens-changed', subjectId: id });
    });
  }

  async #requireChangeable(id: string): Promise<AuthTokenRow> {
    const row = await this.#tokens.read(id);
    if (row.type !== 'api') throw new StileError('failedPrecondition', 'Only API tokens can be changed.');
    const status = this.#tokens.statusOf(row);
    if (status === 'active') return row;
    throw new StileError('failedPrecondition', `The auth token has ended: it is ${status}.`);
  }
}
