/**
 * One page of a list: walks the store in the order of time, shows what the caller may see and the filter matches, and says in
 * a list token where it stopped (http-api.md §1.10). The same for every resource; each brings a ListSource.
 */
import { parseFilter, type Filter } from '@stile/protocol/filter';
import { StileError } from '@stile/protocol/errors';
import type { Clock } from '@stile/runtime';
import type { Query } from '../http/query.ts';
import type { ListPermission } from '../../iam/acl.ts';
import { fieldErrors } from '../schema/decode.ts';
import {
  decodeListToken,
  encodeListToken,
  type ListPosition,
  type ListState,
  type TokenMac,
} from './list-token.ts';
import { WorkTime } from './work-time.ts';

/** A part of a list as the store gives it (store/page.ts). */
export interface PageRequest {
  readonly limit: number;
  /** Ordering: newest created or newest updated first, then by id. */
  readonly phase: 'created' | 'updated';
  readonly after?: ListPosition;
  /** Rows updated at or after this, epoch microseconds; with phase `updated`. */
  readonly updatedSince?: number;
  /** Only these rows. */
  readonly ids?: readonly string[] | undefined;
}

/** Which rows of which table a list shows, for the estimate of their number (store/list/row-estimate.ts). */
export type CountedRows = {
  readonly table: CountedTable;
  /** Only these of them. */
  readonly ids?: readonly string[] | undefined;
} & (
  | {
      readonly permissions: ReadonlyMap<string, ListPermission>;
      readonly ownerId?: string;
      readonly livingOnly?: boolean;
    }
  | {
      readonly column:
        'scope_id' | 'parent_id' | 'auth_method_id' | 'host_catalog_id' | 'credential_store_id';
      readonly values: readonly string[];
    }
);
/** Tables that lists count. */
export type CountedTable =
  | 'account'
  | 'alias'
  | 'auth_method'
  | 'auth_token'
  | 'credential'
  | 'credential_store'
  | 'host'
  | 'host_catalog'
  | 'host_set'
  | 'iam_group'
  | 'iam_role'
  | 'iam_user'
  | 'scope'
  | 'session'
  | 'target';

/** When a row was made and changed, epoch microseconds. */
export interface RowStamps {
  readonly id: string;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Where the rows of a list come from, and how they look to this caller. */
export interface ListSource<Row> {
  /** Rows in order, already cut to what the caller may list. */
  page(request: PageRequest): Promise<readonly Row[]>;
  stamps(row: Row): RowStamps;
  /** The rows as this caller sees them; undefined = not at all. */
  render(rows: readonly Row[]): Promise<readonly (object | undefined)[]>;
  /** In a refresh: the row left the list without being deleted (a session that terminated). */
  hasLeft?(row: Row): boolean;
  /** Which rows are counted for `est_item_count`; absent = no estimate beyond one page. */
  readonly counted?: CountedRows;
}

/** What lists need of the controller. */
export interface ListServices {
  readonly keys: TokenMac;
  readonly clock: Clock;
  /** Most items of a page, and their number when the request does not say. */
  readonly maxPageSize: number;
  /** Ids of a resource type that were deleted at or after a time, epoch microseconds. */
  readonly deletedSince: (type: string, sinceUs: number) => Promise<readonly string[]>;
  /** The number of rows of a list, counted no further than `limit`. */
  readonly estimate: (rows: CountedRows, limit: number) => Promise<number>;
}

/** The parameters of a list request that are the same for every resource. */
export interface ListParameters {
  readonly pageSize: number;
  readonly listToken: string;
  readonly filter: Filter | undefined;
}

/** Refreshes look back this much further, microseconds: commits may be later than their stamps (http-api.md §1.10). */
const lookBackUs = 30_000_000;
/** Rows that one request looks at; a filter that matches little gives a short page and a token rather than a long wait. */
const maxScannedRows = 10_000;
/** Rows that the first page counts for `est_item_count`. */
const maxCountedRows = 10_000;
/** Rows of one store page when a filter drops some. */
const filterChunkRows = 500;

/**
 * Reads `page_size`, `list_token` and `filter`.
 * @throws {StileError} invalidArgument
 */
export function readListParameters(query: Query, maxPageSize: number): ListParameters {
  const wanted = query.count('page_size');
  const text = query.text('filter');
  return {
    pageSize: wanted === 0 ? maxPageSize : Math.min(wanted, maxPageSize),
    listToken: query.text('list_token'),
    filter: text === '' ? undefined : readFilter(text),
  };
}

function readFilter(text: string): Filter {
  try {
    return parseFilter(text);
  } catch (cause) {
    if (!(cause instanceof StileError)) throw cause;
    const description = `This field could not be parsed. ${cause.message}`;
    throw fieldErrors('Improperly formatted identifier.', [{ name: 'filter', description }]);
  }
}

/** What one page walk collected. */
interface Walk {
  readonly items: object[];
  readonly removedIds: string[];
  /** Behind the last item shown, or the last row looked at. */
  last: ListPosition | undefined;
  isComplete: boolean;
}

/** Where the walk of a request begins. */
interface Start {
  /** Only these rows. */
  readonly ids: readonly string[] | undefined;
  readonly phase: 'created' | 'updated';
  readonly startedAt: number;
  readonly after: ListPosition | undefined;
  /** Refreshes only. */
  readonly since?: number;
  readonly deletedSince?: number;
}

function startOf(state: ListState | undefined, nowUs: number): Omit<Start, 'ids'> {
  switch (state?.phase) {
    case undefined:
      return { phase: 'created', startedAt: nowUs, after: undefined };
    case 'paging':
      return { phase: 'created', startedAt: state.startedAt, after: state.after };
    case 'ready': {
      const since = state.startedAt - lookBackUs;
      return { phase: 'updated', startedAt: nowUs, after: undefined, since, deletedSince: since };
    }
    case 'refreshing': {
      const { startedAt, after, since, deletedSince } = state;
      return { phase: 'updated', startedAt, after, since, deletedSince: deletedSince - lookBackUs };
    }
  }
}

function nextState(start: Start, walk: Walk, nowUs: number): ListState {
  const { startedAt } = start;
  if (walk.isComplete || walk.last === undefined) return { phase: 'ready', startedAt };
  if (start.since === undefined) return { phase: 'paging', startedAt, after: walk.last };
  return { phase: 'refreshing', startedAt, after: walk.last, since: start.since, deletedSince: nowUs };
}

/** Puts a row where it belongs; false, and nothing is done, when it is to be shown and the page is full. */
function takeRow<Row>(
  { row, item }: { readonly row: Row; readonly item: object | undefined },
  walk: Walk,
  list: {
    readonly source: ListSource<Row>;
    readonly start: Start;
    readonly parameters: ListParameters;
  },
): boolean {
  const { source, start, parameters } = list;
  const stamps = source.stamps(row);
  const isRemoved = start.since !== undefined && source.hasLeft?.(row) === true;
  const isShown = !isRemoved && item !== undefined && (parameters.filter?.matches({ item }) ?? true);
  if (isShown && walk.items.length === parameters.pageSize) return false;
  if (isRemoved) walk.removedIds.push(stamps.id);
  if (isShown) walk.items.push(item);
  walk.last = { at: start.phase === 'created' ? stamps.created_at : stamps.updated_at, id: stamps.id };
  return true;
}

/** Walks rows until the page is full and one more visible row is seen, the rows end, or the rows or the time of one request are used up. */
async function walkRows<Row>(
  source: ListSource<Row>,
  start: Start,
  parameters: ListParameters,
  clock: Clock,
): Promise<Walk> {
  const { pageSize, filter } = parameters;
  const walk: Walk = { items: [], removedIds: [], last: start.after, isComplete: false };
  const time = new WorkTime(clock);
  let scanned = 0;
  while (scanned < maxScannedRows) {
    const missing = pageSize + 1 - walk.items.length;
    const limit = filter === undefined && scanned === 0 ? missing : Math.max(missing, filterChunkRows);
    const rows = await source.page({
      limit,
      phase: start.phase,
      ...(walk.last === undefined ? {} : { after: walk.last }),
      ...(start.since === undefined ? {} : { updatedSince: start.since }),
      ...(start.ids === undefined ? {} : { ids: start.ids }),
    });
    const shown = await source.render(rows);
    time.begin();
    for (const [index, row] of rows.entries()) {
      if (!takeRow({ row, item: shown[index] }, walk, { source, start, parameters })) return walk;
      if (time.isTurnOver && !(await time.goesOn())) return walk;
    }
    scanned += rows.length;
    if (rows.length < limit) {
      walk.isComplete = true;
      return walk;
    }
  }
  return walk;
}

async function estimateOf<Row>(
  { source, ids }: { readonly source: ListSource<Row>; readonly ids: readonly string[] | undefined },
  walk: Walk,
  services: ListServices,
): Promise<number> {
  if (walk.isComplete) return walk.items.length;
  return source.counted === undefined ? 0 : services.estimate({ ...source.counted, ids }, maxCountedRows);
}

/** Which list, for whom. */
export interface ListContext {
  /** Resource type, as in grants. */
  readonly resource: string;
  readonly grantsHash: string;
  /** The items that the caller's auth token may touch at all; absent = its allow list does not limit them. */
  readonly allowedIds?: ReadonlySet<string> | undefined;
}

/**
 * One page with its envelope, in the recorded order of keys.
 * @throws {StileError} invalidListToken
 */
export async function listPage<Row>(
  source: ListSource<Row>,
  parameters: ListParameters,
  context: ListContext,
  services: ListServices,
): Promise<object> {
  const nowUs = services.clock.nowUs();
  const { resource, grantsHash, allowedIds } = context;
  const token =
    parameters.listToken === ''
      ? undefined
      : decodeListToken(parameters.listToken, services.keys, { resource, grantsHash, nowUs });
  const ids = allowedIds === undefined ? undefined : [...allowedIds].toSorted();
  const start = { ...startOf(token?.state, nowUs), ids };
  const deletedSince = start.deletedSince;
  // Deletions first: what is deleted in between shows up in the next call, since that looks back.
  const deleted = deletedSince === undefined ? [] : await services.deletedSince(resource, deletedSince);
  const walk = await walkRows(source, start, parameters, services.clock);
  const estimate = token?.estimate ?? (await estimateOf({ source, ids }, walk, services));
  const isNothing = token === undefined && walk.isComplete && walk.items.length === 0;
  const state = nextState(start, walk, nowUs);
  const gone = deleted.filter((id) => allowedIds?.has(id) !== false);
  const removedIds = [...new Set([...gone, ...walk.removedIds])];
  return {
    ...(walk.items.length === 0 ? {} : { items: walk.items }),
    response_type: walk.isComplete ? 'complete' : 'delta',
    ...(isNothing
      ? {}
      : {
          list_token: encodeListToken(
            { resource, grantsHash, issuedAt: nowUs, state, estimate },
            services.keys,
          ),
        }),
    sort_by: start.phase === 'created' ? 'created_time' : 'updated_time',
    sort_dir: 'desc',
    ...(removedIds.length === 0 ? {} : { removed_ids: removedIds }),
    ...(estimate === 0 ? {} : { est_item_count: estimate }),
  };
}
