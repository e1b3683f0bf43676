/**
 * Lists of things with an owner, as ranges of an index: each scope, or the caller's own rows in it, or single ids, is one lane, read newest
 * first; the lanes are merged here. So a page costs the same at a thousand rows and at a million.
 */
import { chunksOf } from '../chunks.ts';
import type { PageRequest } from '../page.ts';
import type { ListPermissions } from './permitted-rows.ts';

/** Which rows of which scopes a page is about. */
export interface LanedRequest {
  readonly permissions: ListPermissions;
  /** The caller, for scopes where only the own rows are shown. */
  readonly ownerId: string;
  readonly page: PageRequest;
}

/** A range of rows within one scope. */
export interface Lane {
  readonly scopeId: string;
  readonly userId?: string;
  readonly ids?: readonly string[];
}

/** What the order of a page looks at. */
interface Stamped {
  readonly id: string;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Lanes that are read at the same time. */
const lanesAtOnce = 16;

/** One page, newest first. `read` gives the first rows of a lane in the page's order. */
export async function listLanes<Row extends Stamped>(
  request: LanedRequest,
  read: (lane: Lane) => Promise<Row[]>,
): Promise<Row[]> {
  const lanes = lanesOf(request);
  let page: Row[] = [];
  for (let start = 0; start < lanes.length; start += lanesAtOnce) {
    const found = await Promise.all(lanes.slice(start, start + lanesAtOnce).map(read));
    page = newest([...page, ...found.flat()], request.page);
  }
  return page;
}

function lanesOf(request: LanedRequest): Lane[] {
  const lanes: Lane[] = [];
  for (const [scopeId, permission] of request.permissions) {
    if (permission.all) {
      lanes.push({ scopeId });
      continue;
    }
    const userId = request.ownerId;
    if (permission.own === true) lanes.push({ scopeId, userId });
    for (const ids of chunksOf(permission.ids)) lanes.push({ scopeId, ids });
    for (const ids of chunksOf(permission.ownIds ?? [])) lanes.push({ scopeId, userId, ids });
  }
  return lanes;
}

/** The first rows of the page's order; a row that two lanes hold counts once. */
function newest<Row extends Stamped>(rows: readonly Row[], page: PageRequest): Row[] {
  const at = (row: Row): number => (page.phase === 'created' ? row.created_at : row.updated_at);
  const unique = [...new Map(rows.map((row) => [row.id, row])).values()];
  return unique.sort((a, b) => at(b) - at(a) || (a.id < b.id ? 1 : -1)).slice(0, page.limit);
}
