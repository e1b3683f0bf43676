/** The verbs that every collection of the API has: read, list with all its pages, create, update, delete, actions. */
import { StileError } from '@stile/protocol/errors';
import type { ApiAnswer, ApiCaller, CallOptions, Query } from './api-call.ts';
import { asRecord, asText } from './api-error.ts';
import type { Resource } from './api-types.ts';

/** A change of a resource. */
export interface UpdateRequest extends CallOptions {
  readonly id: string;
  /** Changed fields in wire names; `null` clears one. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** The version the change is based on; read from the server when left out. */
  readonly version?: number;
}

/** An action on one resource, as `cancel` or `add-host-sources`. */
export interface ActionRequest extends CallOptions {
  readonly id: string;
  readonly action: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** As in `UpdateRequest`. */
  readonly version?: number;
}

/** One page as the API sends it (http-api.md §1.10). */
interface Page<T> {
  readonly items?: readonly T[];
  readonly response_type?: string;
  readonly list_token?: string;
  readonly removed_ids?: readonly string[];
}

/** Most pages one list follows: a server that never says `complete` must not keep a client for ever. */
const maxPages = 100_000;

/** Calls of one collection. */
export class ResourceCalls<T extends Resource> {
  readonly #client: ApiCaller;
  readonly #name: string;

  constructor(client: ApiCaller, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /** @throws {StileError} notFound, and what `ApiClient.call` throws */
  read(id: string, options: CallOptions = {}): Promise<ApiAnswer<T>> {
    return this.#client.call<T>({ ...options, method: 'GET', path: this.#path(id) });
  }

  /** One page; the caller follows `list_token`. @throws {StileError} as `ApiClient.call` */
  listPage(query: Query, options: CallOptions = {}): Promise<ApiAnswer<Page<T>>> {
    return this.#client.call<Page<T>>({ ...options, method: 'GET', path: this.#name, query });
  }

  /**
   * All pages, merged: removed items dropped; newest first when there was more than one page.
   * @throws {StileError} invalidListToken when the server repeats a page, and what `ApiClient.call` throws
   */
  async list(query: Query, options: CallOptions = {}): Promise<ApiAnswer<readonly T[]>> {
    const items: T[] = [];
    let token: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await this.listPage({ ...query, list_token: token }, options);
      // A hostile or foreign server may send any JSON: what is no list of objects is no item.
      const body = asRecord(answer.body);
      for (const item of listOf<T>(body['items'])) items.push(item);
      const removed = new Set(listOf<string>(body['removed_ids']));
      if (body['response_type'] !== 'delta') {
        const left = removed.size === 0 ? items : items.filter((item) => !removed.has(item.id ?? ''));
        return { status: answer.status, body: page === 0 ? left : newestFirst(left) };
      }
      const next = asText(body['list_token']);
      if (next === '' || next === token) break;
      token = next;
    }
    throw new StileError('invalidListToken', `the server does not end the list of ${this.#name}`);
  }

  /** @param path appended to the collection, as `:create:controller-led`. @throws {StileError} as `ApiClient.call` */
  create(
    body: Readonly<Record<string, unknown>>,
    options: CallOptions & { path?: string; query?: Query } = {},
  ): Promise<ApiAnswer<T>> {
    const { path = '', ...rest } = options;
    return this.#client.call<T>({ ...rest, method: 'POST', path: `${this.#name}${path}`, body });
  }

  /** @throws {StileError} notFound also for a wrong version, and what `ApiClient.call` throws */
  async update(request: UpdateRequest): Promise<ApiAnswer<T>> {
    const { id, changes, ...rest } = request;
    const version = await this.#versionOf(request);
    const body = { ...changes, version };
    return this.#client.call<T>({ ...signalOf(rest), method: 'PATCH', path: this.#path(id), body });
  }

  /** @throws {StileError} notFound, and what `ApiClient.call` throws */
  delete(id: string, options: CallOptions = {}): Promise<ApiAnswer<undefined>> {
    return this.#client.call<undefined>({ ...options, method: 'DELETE', path: this.#path(id) });
  }

  /** @throws {StileError} as `ApiClient.call` */
  async action(request: ActionRequest): Promise<ApiAnswer<T>> {
    const version = await this.#versionOf(request);
    const body = { ...request.body, version };
    const path = `${this.#path(request.id)}:${request.action}`;
    return this.#client.call<T>({ ...signalOf(request), method: 'POST', path, body });
  }

  #path(id: string): string {
    return `${this.#name}/${encodeURIComponent(id)}`;
  }

  async #versionOf(request: { id: string; version?: number } & CallOptions): Promise<number> {
    if (request.version !== undefined && request.version !== 0) return request.version;
    const { body } = await this.read(request.id, signalOf(request));
    const version = asRecord(body)['version'];
    return typeof version === 'number' ? version : 0;
  }
}

function listOf<T>(value: unknown): readonly T[] {
  // The items' fields are read one by one, each as possibly missing.
  return Array.isArray(value) ? (value as T[]).filter((item) => item !== null) : [];
}

function signalOf(options: CallOptions): CallOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}

function newestFirst<T extends Resource>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => {
    const [first, second] = [a.created_time ?? '', b.created_time ?? ''];
    return first === second ? 0 : first < second ? 1 : -1;
  });
}
