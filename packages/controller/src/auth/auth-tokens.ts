/** The parts that make, check, change and forget auth tokens, put together. */
import type { Clock, Logger } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import { AuthTokenChanges } from './minting/auth-token-changes.ts';
import { AuthTokenExchange } from './minting/auth-token-exchange.ts';
import { AuthTokenMinting } from './minting/auth-token-minting.ts';
import { LoginLimiter } from './password/login-limiter.ts';
import { AuthTokenSweep } from './sweep/auth-token-sweep.ts';
import { AuthTokenService } from './token/auth-token-service.ts';
import type { AuthTokenSettings } from './token/auth-token-settings.ts';

/** What they stand on; they own none of these. */
export interface AuthTokensOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: KeyService;
  readonly settings: AuthTokenSettings;
}

/** The use cases of the API. */
export interface AuthTokens {
  readonly authTokens: AuthTokenService;
  readonly minting: AuthTokenMinting;
  readonly tokenChanges: AuthTokenChanges;
  readonly exchange: AuthTokenExchange;
}

/** Makes them, and the sweep beside them. Whoever calls this closes `authTokens` and the sweep. */
export function makeAuthTokens(options: AuthTokensOptions): {
  readonly tokenParts: AuthTokens;
  readonly tokenSweep: AuthTokenSweep;
} {
  const authTokens = new AuthTokenService(options);
  const ground = { ...options, tokens: authTokens };
  return {
    tokenParts: {
      authTokens,
      minting: new AuthTokenMinting(ground),
      tokenChanges: new AuthTokenChanges(ground),
      exchange: new AuthTokenExchange({ ...ground, limiter: new LoginLimiter(options.clock) }),
    },
    tokenSweep: new AuthTokenSweep(options),
  };
}
