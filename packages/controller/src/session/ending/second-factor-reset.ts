/** What ends with the second factor of a user whom an administrator helps: the sign-ins that it vouched for (tokens.md §5.1). */
import type { SecondFactorService } from '../../auth/second-factor/second-factor-service.ts';
import type { Database } from '../../store/database.ts';
import { endTokensOf, type AuthTokenEnding, type Revocation } from './auth-token-ending.ts';

/** Takes second factors away. */
export class SecondFactorReset {
  readonly #database: Database;
  readonly #factors: SecondFactorService;
  readonly #endings: AuthTokenEnding;

  constructor(options: {
    readonly database: Database;
    readonly factors: SecondFactorService;
    readonly endings: AuthTokenEnding;
  }) {
    this.#database = options.database;
    this.#factors = options.factors;
    this.#endings = options.endings;
  }

  /**
   * Takes the second factor of another user away, with its recovery codes, and ends the user's sign-ins and web sessions; API tokens stay.
   * `by` is the id of the user who does it.
   * @throws {StileError} failedPrecondition (oneself); storageFull, unavailable
   */
  reset(userId: string, by: string): Promise<Revocation> {
    return this.#factors.reset({ userId, by }, (remove) =>
      this.#endings.end(async (tx, nowUs) => {
        await remove(tx);
        const owner = { userId, types: ['login', 'web'] } as const;
        return endTokensOf(tx, this.#database, owner, { reason: 'second factor reset', by, nowUs });
      }, by),
    );
  }
}
