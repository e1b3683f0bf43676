/**
 * Calls about sign-ins: minting, narrowing, revoking, exchanging auth tokens, what the caller is, and the second factor
 * (http API of tokens.md §4.1, §5.1). Answers are untyped JSON: the fields are read one by one where they are shown.
 */
import type { ApiAnswer, ApiCaller, CallOptions } from './api-call.ts';

/** What carries a secret; `Secret` of @stile/runtime fits. */
export interface Revealing {
  reveal(): string;
}

/** Body of `POST /v1/auth-tokens`; what is left out is the server's default or the caller's own. */
export interface MintRequest {
  readonly type: 'api' | 'web' | 'one-time';
  /** Default: the caller. */
  readonly user_id?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** As `30d`; null: as long as the deployment allows. */
  readonly lifetime?: string | null | undefined;
  readonly time_to_stale_seconds?: number | undefined;
  readonly token_scopes?: readonly string[] | undefined;
  readonly allow_list?: readonly string[] | undefined;
  readonly match_origin?: boolean | undefined;
  readonly single_use?: boolean | undefined;
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** Body of `:revoke-all`. */
export interface RevokeAllRequest {
  /** Default: the caller; `*` is everybody. */
  readonly user_id?: string | undefined;
  readonly types: readonly ('login' | 'web' | 'one-time' | 'api')[];
  readonly except_current: boolean;
}

/** POST verbs about the second factor of one user, with what they need to be told. */
export type TwoFactorVerb =
  | 'enroll-two-factor'
  | 'confirm-two-factor'
  | 'verify-two-factor'
  | 'renew-recovery-codes'
  | 'disable-two-factor';

/** The calls. All throw what `ApiClient.call` throws. */
export class SignInCalls {
  readonly #caller: ApiCaller;

  constructor(caller: ApiCaller) {
    this.#caller = caller;
  }

  /** Who the caller is, with its token, rights and second factor. */
  me(options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#get('users:me', options);
  }

  /** A new token; the answer holds the secret, once. */
  mint(request: MintRequest, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#post('auth-tokens', request, options);
  }

  /** The soft end of a token: the row stays. */
  revoke(id: string, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#post(`auth-tokens/${encodeURIComponent(id)}:revoke`, {}, options);
  }

  /** A new secret under the same id; the old one is dead. */
  rotate(id: string, version: number, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#post(`auth-tokens/${encodeURIComponent(id)}:rotate`, { version }, options);
  }

  revokeAll(request: RevokeAllRequest, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#post('auth-tokens:revoke-all', request, options);
  }

  /** A one-time token for a login token; needs no token of its own. */
  exchange(token: Revealing, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#post('auth-tokens:exchange', { token: token.reveal(), type: 'token' }, options);
  }

  /** Every legal token scope with a line of text. */
  tokenScopes(options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#get('auth-tokens:token-scopes', options);
  }

  /** Lifetimes and limits of API tokens for the caller. */
  tokenConfig(options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#get('auth-tokens:token-config', options);
  }

  /** @param value JSON; null removes the key */
  setAttribute(userId: string, key: string, value: unknown): Promise<ApiAnswer> {
    return this.#post(`users/${encodeURIComponent(userId)}:set-attribute`, { key, value }, {});
  }

  /** Whether a password is that of an account; makes no token. */
  checkPassword(accountId: string, password: Revealing, options: CallOptions = {}): Promise<ApiAnswer> {
    const path = `accounts/${encodeURIComponent(accountId)}:check-password`;
    return this.#post(path, { password: password.reveal() }, options);
  }

  readTwoFactor(userId: string, options: CallOptions = {}): Promise<ApiAnswer> {
    return this.#get(`users/${encodeURIComponent(userId)}:read-two-factor`, options);
  }

  /** @param secrets password and code, as far as the verb wants them */
  changeTwoFactor(
    userId: string,
    verb: TwoFactorVerb,
    secrets: { readonly password?: Revealing | undefined; readonly code?: Revealing | undefined },
  ): Promise<ApiAnswer> {
    const body = { password: secrets.password?.reveal(), code: secrets.code?.reveal() };
    return this.#post(`users/${encodeURIComponent(userId)}:${verb}`, body, {});
  }

  #get(path: string, options: CallOptions): Promise<ApiAnswer> {
    return this.#caller.call({ ...options, method: 'GET', path });
  }

  #post(path: string, body: object, options: CallOptions): Promise<ApiAnswer> {
    return this.#caller.call({ ...options, method: 'POST', path, body });
  }
}
