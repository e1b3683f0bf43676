/** SQL of session lists: the lanes of store/list/list-lanes.ts over the indexes of sessions. */
import type { Connection } from '../store/database.ts';
import { listLanes, type Lane, type LanedRequest } from '../store/list/list-lanes.ts';
import { isLivingSession, pageOf } from '../store/page.ts';
import type { SessionRow } from './session.ts';
import { sessionColumns } from './session-repository.ts';

/** Which sessions a caller lists. */
export interface SessionListRequest extends LanedRequest {
  readonly includeTerminated: boolean;
  /** Of these users only; absent = of all. */
  readonly userIds?: readonly string[];
}

/** One page, newest first. */
export function listSessions(db: Connection, request: SessionListRequest): Promise<SessionRow[]> {
  return listLanes(request, (lane) => readLane(db, lane, request));
}

function readLane(db: Connection, lane: Lane, request: SessionListRequest): Promise<SessionRow[]> {
  let query = db.selectFrom('session').select(sessionColumns).where('scope_id', '=', lane.scopeId);
  if (lane.userId !== undefined) query = query.where('user_id', '=', lane.userId);
  if (lane.ids !== undefined) query = query.where('id', 'in', lane.ids);
  if (request.userIds !== undefined) query = query.where('user_id', 'in', request.userIds);
  if (!request.includeTerminated) query = query.where(isLivingSession);
  return pageOf(query, 'session', request.page).execute();
}
