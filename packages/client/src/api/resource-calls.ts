/** The verbs that every collection of the API has: read, list with all its pages, create, update, delete, actions, questions. */
import { StileError } from '@stile/protocol/errors';
import type { ApiAnswer, ApiCaller, CallOptions, Query } from './api-call.ts';
import { asRecord, asText } from './api-error.ts';
import type { ListPage } from './api-schema.ts';
import type { CollectionTypes, Resource, UntypedCollection } from './api-types.ts';

/** A change of a resource. */
export interface UpdateRequest<Changes = Readonly<Record<string, unknown>>> extends CallOptions {
  readonly id: string;
  /** Changed fields in wire names; `null` clears one. */
  readonly changes: Changes;
  /** The version the change is based on; read from the server when left out. */
  readonly version?: number;
}

/** An action on one resource, as `cancel` or `add-host-sources`. */
export interface ActionRequest<
  Action = string,
  Body = Readonly<Record<string, unknown>>,
> extends CallOptions {
  readonly id: string;
  readonly action: Action;
  readonly body: Omit<Body, 'version'>;
  /** As in `UpdateRequest`. */
  readonly version?: number;
}

/** What a list takes beside its query. */
export interface ListOptions extends CallOptions {
  /** Appended to the collection, for lists that hang on a resource, as `/u_1234567890:list-resolvable-aliases`. */
  readonly path?: string;
}

/** One page of a list, read and checked. */
export interface ListedPage<T> {
  readonly status: number;
  readonly items: readonly T[];
  /** Ids of items of earlier pages that are gone by now. */
  readonly removedIds: readonly string[];
}

/** Most pages one list follows: a server that never says `complete` must not keep a client for ever. */
const maxPages = 100_000;

type RequestOf<Operation> = Operation extends { request: infer Request } ? Request : never;
type ResponseOf<Operation> = Operation extends { response: infer Response } ? Response : never;

/** Calls of one collection. */
export class ResourceCalls<Types extends CollectionTypes = UntypedCollection> {
  readonly #client: ApiCaller;
  readonly #name: string;

  constructor(client: ApiCaller, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /** @throws {StileError} notFound, and what `ApiClient.call` throws */
  read(id: string, options: CallOptions = {}): Promise<ApiAnswer<Types['item']>> {
    return this.#client.call<Types['item']>({ ...options, method: 'GET', path: this.#path(id) });
  }

  /** One page; the caller follows `list_token`. @throws {StileError} as `ApiClient.call` */
  listPage(query: Query, options: ListOptions = {}): Promise<ApiAnswer<ListPage<Types['item']>>> {
    const { path = '', ...rest } = options;
    return this.#client.call<ListPage<Types['item']>>({
      ...rest,
      method: 'GET',
      path: `${this.#name}${path}`,
      query,
    });
  }

  /**
   * All pages, one after the other, as they come.
   * @throws {StileError} invalidListToken when the server repeats a page, and what `ApiClient.call` throws
   */
  async *pages(query: Query, options: ListOptions = {}): AsyncGenerator<ListedPage<Types['item']>> {
    let token: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await this.listPage({ ...query, list_token: token }, options);
      // A hostile or foreign server may send any JSON: what is no list of objects is no item.
      const body = asRecord(answer.body);
      yield {
        status: answer.status,
        items: listOf<Types['item']>(body['items']),
        removedIds: listOf<string>(body['removed_ids']),
      };
      if (body['response_type'] !== 'delta') return;
      const next = asText(body['list_token']);
      if (next === '' || next === token) break;
      token = next;
    }
    throw new StileError('invalidListToken', `the server does not end the list of ${this.#name}`);
  }

  /**
   * All pages, merged: removed items dropped; newest first when there was more than one page.
   * @throws {StileError} as `pages`
   */
  async list(query: Query, options: CallOptions = {}): Promise<ApiAnswer<readonly Types['item'][]>> {
    const items: Types['item'][] = [];
    const removed = new Set<string>();
    let pages = 0;
    let status = 0;
    for await (const page of this.pages(query, options)) {
      for (const item of page.items) items.push(item);
      for (const id of page.removedIds) removed.add(id);
      if (pages === 0) status = page.status;
      pages += 1;
    }
    const left = removed.size === 0 ? items : items.filter((item) => !removed.has(item.id ?? ''));
    return { status, body: pages <= 1 ? left : newestFirst(left) };
  }

  /** @param path appended to the collection, as `:create:controller-led`. @throws {StileError} as `ApiClient.call` */
  create(
    body: Types['create'],
    options: CallOptions & { path?: string; query?: Query } = {},
  ): Promise<ApiAnswer<Types['item']>> {
    const { path = '', ...rest } = options;
    return this.#client.call<Types['item']>({ ...rest, method: 'POST', path: `${this.#name}${path}`, body });
  }

  /** @throws {StileError} notFound also for a wrong version, and what `ApiClient.call` throws */
  async update(request: UpdateRequest<Types['update']>): Promise<ApiAnswer<Types['item']>> {
    const { id, changes } = request;
    const version = await this.#versionOf(request);
    const body = { ...asRecord(changes), version };
    return this.#client.call<Types['item']>({
      ...signalOf(request),
      method: 'PATCH',
      path: this.#path(id),
      body,
    });
  }

  /** @throws {StileError} notFound, and what `ApiClient.call` throws */
  delete(id: string, options: CallOptions = {}): Promise<ApiAnswer<undefined>> {
    return this.#client.call<undefined>({ ...options, method: 'DELETE', path: this.#path(id) });
  }

  /** A verb on one resource, with its version. @throws {StileError} as `ApiClient.call` */
  async action<Action extends keyof Types['actions'] & string>(
    request: ActionRequest<Action, Types['actions'][Action]>,
  ): Promise<ApiAnswer<Types['item']>> {
    const version = await this.#versionOf(request);
    const body = { ...asRecord(request.body), version };
    const path = `${this.#path(request.id)}:${request.action}`;
    return this.#client.call<Types['item']>({ ...signalOf(request), method: 'POST', path, body });
  }

  /** A verb on the collection itself, as `create:controller-led`. @throws {StileError} as `ApiClient.call` */
  collectionAction<Action extends keyof Types['collectionActions'] & string>(
    action: Action,
    body: RequestOf<Types['collectionActions'][Action]>,
    options: CallOptions & { query?: Query } = {},
  ): Promise<ApiAnswer<ResponseOf<Types['collectionActions'][Action]>>> {
    const path = `${this.#name}:${action}`;
    return this.#client.call({ ...options, method: 'POST', path, body: body ?? {} });
  }

  /** A question that changes nothing, as `explain` of roles; about one resource with `id`. @throws {StileError} as `ApiClient.call` */
  ask<Question extends keyof Types['questions'] & string>(
    question: Question,
    options: CallOptions & { id?: string; query?: Query } = {},
  ): Promise<ApiAnswer<Types['questions'][Question]>> {
    const { id, ...rest } = options;
    const path = `${id === undefined ? this.#name : this.#path(id)}:${question}`;
    return this.#client.call({ ...rest, method: 'GET', path });
  }

  #path(id: string): string {
    return `${this.#name}/${encodeURIComponent(id)}`;
  }

  /** The present version of a resource; 0 when the server says none. @throws {StileError} notFound, and what `ApiClient.call` throws */
  async versionOf(id: string, options: CallOptions = {}): Promise<number> {
    const { body } = await this.read(id, options);
    const version = asRecord(body)['version'];
    return typeof version === 'number' ? version : 0;
  }

  async #versionOf(request: { id: string; version?: number } & CallOptions): Promise<number> {
    if (request.version !== undefined && request.version !== 0) return request.version;
    return this.versionOf(request.id, signalOf(request));
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
