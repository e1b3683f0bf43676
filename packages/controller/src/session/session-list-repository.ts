/**
 * SQL of session lists. Each scope, or the caller's own sessions in it, is one range of an index, read newest first; the
 * ranges are merged here. So a page costs the same at a thousand rows and at a million.
 */
import type { Connection } from '../store/database.ts';
import { isLivingSession, pageOf } from '../store/page.ts';
import type { PageRequest } from '../store/page.ts';
import type { ListPermissions } from '../store/permitted-rows.ts';
import type { SessionRow } from './session.ts';
import { chunksOf } from '../store/chunks.ts';
import { sessionColumns } from './session-repository.ts';

/** Which sessions a caller lists. */
export interface SessionListRequest {
  readonly permissions: ListPermissions;
  /** The caller, for scopes where only the own sessions are shown. */
  readonly ownerId: string;
  readonly includeTerminated: boolean;
  /** Of these users only; absent = of all. */
  readonly userIds?: readonly string[];
  readonly page: PageRequest;
}

/** A range of sessions within one scope. */
interface Lane {
  readonly scopeId: string;
  readonly userId?: string;
  readonly ids?: readonly string[];
}

/** Ranges that are read at the same time. */
const lanesAtOnce = 16;

/** One page, newest first. */
export async function listSessions(db: Connection, request: SessionListRequest): Promise<SessionRow[]> {
  const lanes = lanesOf(request);
  let page: SessionRow[] = [];
  for (let start = 0; start < lanes.length; start += lanesAtOnce) {
    const part = lanes.slice(start, start + lanesAtOnce);
    const found = await Promise.all(part.map((lane) => listLane(db, lane, request)));
    page = newest([...page, ...found.flat()], request.page);
  }
  return page;
}

function lanesOf(request: SessionListRequest): Lane[] {
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

function listLane(db: Connection, lane: Lane, request: SessionListRequest): Promise<SessionRow[]> {
  let query = db.selectFrom('session').select(sessionColumns).where('scope_id', '=', lane.scopeId);
  if (lane.userId !== undefined) query = query.where('user_id', '=', lane.userId);
  if (lane.ids !== undefined) query = query.where('id', 'in', lane.ids);
  if (request.userIds !== undefined) query = query.where('user_id', 'in', request.userIds);
  if (!request.includeTerminated) query = query.where(isLivingSession);
  return pageOf(query, 'session', request.page).execute();
}

/** The first rows of the page's order; a session that two ranges hold counts once. */
function newest(rows: readonly SessionRow[], page: PageRequest): SessionRow[] {
  const at = (row: SessionRow): number => (page.phase === 'created' ? row.created_at : row.updated_at);
  const unique = [...new Map(rows.map((row) => [row.id, row])).values()];
  return unique.sort((a, b) => at(b) - at(a) || (a.id < b.id ? 1 : -1)).slice(0, page.limit);
}
