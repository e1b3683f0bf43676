/**
 * The typed client of the API under `/v1`: step 2 of the connection flow, and what the command line and the web console call.
 * Runs in a browser: everything it needs of its surroundings comes through the transport.
 */
import { StileError } from '@stile/protocol/errors';
import type { ApiAnswer, ApiCall, CallOptions } from './api-call.ts';
import { apiError, retryAfterSeconds } from './api-error.ts';
import {
  fetchStreamTransport,
  fetchTransport,
  unreachable,
  type ApiMethod,
  type ApiRequest,
  type ApiStreamResponse,
  type ApiStreamTransport,
  type ApiTransport,
} from './api-transport.ts';
import type {
  AuthenticateAnswer,
  CollectionName,
  Session,
  SessionAuthorizationAnswer,
  TypesOf,
} from './api-types.ts';
import { ResourceCalls } from './resource-calls.ts';
import { SignInCalls, type Revealing } from './sign-in-calls.ts';

/** How the client reaches the controller and as whom. */
export interface ApiClientOptions {
  /** URL of the controller; what follows `/v1` in it is dropped (cli.md §1.3). */
  readonly address: string;
  /** The auth token; anonymous without. `Secret` of @stile/runtime fits. */
  readonly token?: { reveal(): string };
  readonly transport?: ApiTransport;
  /** For answers that go on: event streams. */
  readonly streamTransport?: ApiStreamTransport;
  /** How often a failed request is repeated, ≥ 0. Default 2. */
  readonly maxRetries?: number;
  /** Longest wait for one answer, ms. Default 60,000. */
  readonly timeoutMs?: number;
  /** In [0, 1); spreads retries. */
  readonly random?: () => number;
  /** Gives up every call of the client, and waits for retries too. */
  readonly signal?: AbortSignal;
}

/** Which target to authorize a session for (http-api.md §2.11). */
export interface AuthorizeRequest extends CallOptions {
  /** Id, alias, or name of the target. */
  readonly target: string;
  readonly hostId?: string;
  /** Set when `target` is a name: the scope it lies in, by id or by name. */
  readonly scopeId?: string;
  readonly scopeName?: string;
}

/** Shortest wait before a retry, ms; half as much again is added at random (http-api.md §5). */
const retryDelayMs = 1000;

/** Longest wait that a server may ask for before a retry, seconds; the caller hears of a longer one at once. */
const longestRetryAfterSeconds = 60;

/** Where a retry cannot do the same thing twice: the server did not take the request. */
const refusedStatuses: ReadonlySet<number> = new Set([429, 503]);

/** `address` without a trailing slash and without `/v1…`. @throws {StileError} invalidArgument */
export function parseApiAddress(address: string): URL {
  const cut = address.lastIndexOf('v1/');
  const trimmed = (cut > 0 ? address.slice(0, cut) : address).replace(/\/+(?:v1)?\/*$/, '');
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  if (url === undefined || !['http:', 'https:', 'unix:'].includes(url.protocol)) {
    throw new StileError(
      'invalidArgument',
      `invalid controller address ${JSON.stringify(address)}: expected http://… or https://…`,
    );
  }
  return url;
}

/** Calls the API. Holds no connection of its own; there is nothing to close. */
export class ApiClient {
  readonly #base: string;
  readonly #options: ApiClientOptions;
  /** Calls about auth tokens, the caller and the second factor. */
  readonly signIns: SignInCalls = new SignInCalls(this);

  /** @throws {StileError} invalidArgument for an address that is no URL */
  constructor(options: ApiClientOptions) {
    const url = parseApiAddress(options.address);
    // The transport of a unix socket knows its path; the URL only needs some host.
    this.#base =
      url.protocol === 'unix:' ? 'http://localhost' : `${url.origin}${url.pathname.replace(/\/$/, '')}`;
    this.#options = options;
  }

  /** The calls of one collection, as `client.resource('targets').read('ttcp_1234567890')`. */
  resource<Name extends CollectionName>(name: Name): ResourceCalls<TypesOf<Name>> {
    return new ResourceCalls<TypesOf<Name>>(this, name);
  }

  /** The calls of any collection by its name, for what has no type here. */
  collection(name: string): ResourceCalls {
    return new ResourceCalls(this, name);
  }

  /**
   * Logs in with a password at an auth method (http-api.md §2.3), and with a code where the user has a second factor: without
   * it the answer is 401 with the field `attributes.otp`.
   * @throws {StileError} unauthenticated, notFound, and what `call` throws
   */
  async authenticatePassword(
    authMethodId: string,
    login: { readonly loginName: string; readonly password: Revealing; readonly otp?: Revealing | undefined },
    options: CallOptions = {},
  ): Promise<ApiAnswer<AuthenticateAnswer>> {
    const body = {
      command: 'login',
      attributes: {
        login_name: login.loginName,
        password: login.password.reveal(),
        ...(login.otp === undefined ? {} : { otp: login.otp.reveal() }),
      },
    };
    return this.call({
      ...options,
      method: 'POST',
      path: `auth-methods/${encodeURIComponent(authMethodId)}:authenticate`,
      body,
    });
  }

  /**
   * Asks for a session (http-api.md §2.11).
   * @throws {StileError} permissionDenied, notFound, unavailable (no worker), and what `call` throws
   */
  async authorizeSession(request: AuthorizeRequest): Promise<ApiAnswer<SessionAuthorizationAnswer>> {
    const isName = request.scopeId !== undefined || request.scopeName !== undefined;
    const body = {
      ...(isName ? { name: request.target } : {}),
      ...(request.scopeId === undefined ? {} : { scope_id: request.scopeId }),
      ...(request.scopeName === undefined ? {} : { scope_name: request.scopeName }),
      ...(request.hostId === undefined ? {} : { host_id: request.hostId }),
    };
    const path = `targets/${encodeURIComponent(request.target)}:authorize-session`;
    return this.call({ ...(request.signal ? { signal: request.signal } : {}), method: 'POST', path, body });
  }

  /** Cancels a session: reads its version, then asks (http-api.md §2.15). @throws {StileError} as `call` */
  async cancelSession(sessionId: string, options: CallOptions = {}): Promise<ApiAnswer<Session>> {
    return this.resource('sessions').action({ ...options, id: sessionId, action: 'cancel', body: {} });
  }

  /**
   * One call, with retries (http-api.md §5): after 429 and 503, where the server took nothing; of GET also after other 5xx but
   * 501 and after no answer. Not when the server asks for a wait of more than a minute.
   * @throws {StileError} the code of the answer (`details.answer` holds it), or controllerUnreachable, deadlineExceeded, aborted when the
   * signal of the client gave the call up
   */
  async call<T>(call: ApiCall): Promise<ApiAnswer<T>> {
    const maxRetries = this.#options.maxRetries ?? 2;
    const own = this.#options.signal;
    const signals = [call.signal, own].filter((signal) => signal !== undefined);
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    for (let attempt = 0; ; attempt += 1) {
      throwIfAborted(own);
      try {
        return await this.#send<T>(signal === undefined ? call : { ...call, signal });
      } catch (error) {
        throwIfAborted(own, error);
        if (!(error instanceof StileError) || attempt >= maxRetries || !canRepeat(error, call.method))
          throw error;
        if ((error.details?.retryAfterSeconds ?? 0) > longestRetryAfterSeconds) throw error;
        await this.#wait(error.details?.retryAfterSeconds, signal);
      }
    }
  }

  /**
   * Begins a call whose answer goes on until `signal` ends it; no retries, and no answer is refused: the caller looks at its status.
   * @throws {StileError} controllerUnreachable
   */
  openStream(
    call: Pick<ApiCall, 'path' | 'query'> & {
      readonly signal: AbortSignal;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<ApiStreamResponse> {
    const { method, url, body } = this.requestOf({ ...call, method: 'GET' });
    const headers = {
      authorization: `Bearer ${this.#options.token?.reveal() ?? ''}`,
      accept: 'text/event-stream',
      ...call.headers,
    };
    const request: ApiRequest = { method, url, body, headers, signal: call.signal };
    return (this.#options.streamTransport ?? fetchStreamTransport)(request);
  }

  /** The request a call would send, for `-output-curl-string`: without the token. */
  requestOf(call: ApiCall): { method: ApiMethod; url: string; body: string | undefined } {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const search = query.size === 0 ? '' : `?${query.toString()}`;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    return { method: call.method, url: `${this.#base}/v1/${call.path}${search}`, body };
  }

  async #send<T>(call: ApiCall): Promise<ApiAnswer<T>> {
    const { method, url, body } = this.requestOf(call);
    const deadline = AbortSignal.timeout(this.#options.timeoutMs ?? 60_000);
    const request: ApiRequest = {
      method,
      url,
      body,
      headers: {
        authorization: `Bearer ${this.#options.token?.reveal() ?? ''}`,
        'content-type': 'application/json',
      },
      signal: call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]),
    };
    const response = await (this.#options.transport ?? fetchTransport)(request);
    if (response.status >= 300 && response.status < 400) {
      // Following it could hand the token to another host.
      throw unreachable(
        request,
        `the server answered with a redirect (status ${response.status}), which is not followed`,
      );
    }
    const parsed = parseJson(response.body);
    if (response.status >= 400) {
      throw apiError(
        response.status,
        parsed.ok ? parsed.value : undefined,
        retryAfterSeconds(response.header('retry-after')),
      );
    }
    if (!parsed.ok) throw unreachable(request, 'the answer is no JSON: is this address a controller?');
    // The shape is the API's contract; readers treat every field as possibly missing.
    return { status: response.status, body: parsed.value as T };
  }

  async #wait(seconds: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    const random = (this.#options.random ?? Math.random)();
    const delayMs = seconds === undefined ? retryDelayMs * (1 + random / 2) : seconds * 1000;
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        // The signal may outlive the call by far.
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, delayMs);
      signal?.addEventListener('abort', end);
    });
  }
}

function throwIfAborted(signal: AbortSignal | undefined, cause?: unknown): void {
  if (signal?.aborted === true) throw new StileError('aborted', 'interrupted', { cause });
}

function canRepeat(error: StileError, method: ApiMethod): boolean {
  const status = error.details?.answer?.status;
  if (status !== undefined && refusedStatuses.has(status)) return true;
  if (method !== 'GET') return false;
  return status === undefined ? error.code === 'controllerUnreachable' : status >= 500 && status !== 501;
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  if (text.trim() === '') return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    // The caller says what it means here: an error page, or no controller at all.
    return { ok: false };
  }
}
