/** One call of the API and its answer, as the client and the collections on top of it pass them on. */
import type { ApiMethod } from './api-transport.ts';

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A successful answer. */
export interface ApiAnswer<T = unknown> {
  readonly status: number;
  /** The body, parsed; undefined when it was empty (204). */
  readonly body: T;
}

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One call below `/v1`. */
export interface ApiCall extends CallOptions {
  readonly method: ApiMethod;
  /** Below `/v1/`, each segment already encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
}

/** What carries calls: the API client, or a test's own. */
export interface ApiCaller {
  /** @throws {StileError} the code of the answer, or controllerUnreachable */
  call<T>(call: ApiCall): Promise<ApiAnswer<T>>;
}
