/**
 * Sessions and connections as operators look at them over the whole installation: with user names, sums over connections, and the
 * traffic of the moment (tokens.md §4.2). Reads only; who may see what is decided before.
 */
import type { Clock } from '@stile/runtime';
import { listLoginNames, listUserIdsByLoginName } from '../../iam/user-repository.ts';
import type { Database } from '../../store/database.ts';
import type { ListPermissions } from '../../store/list/permitted-rows.ts';
import type { NodeList, SilentWorker } from '../../worker-registry/node-list.ts';
import { listConnections } from '../connection-repository.ts';
import { sessionStates, type SessionRow, type SessionState } from '../session.ts';
import { listSessions, type SessionListRequest } from '../session-list-repository.ts';
import { lookupSession } from '../session-repository.ts';
import {
  listTraffic,
  listWorkerLoads,
  trafficFreshUs,
  type MeasuredSession,
  type WorkerLoad,
} from '../traffic/traffic-repository.ts';
import {
  listWorkerConnections,
  readSessions,
  summarizeConnections,
  type ConnectionSummary,
  type ConnectionView,
  type WorkerConnectionRequest,
} from './session-view-repository.ts';

/** A session with what is known of its user and its connections. */
export interface SessionView {
  readonly session: SessionRow;
  /** Login name at the primary auth method; undefined for a user without one. */
  readonly username: string | undefined;
  /** Undefined for a session that never had a connection. */
  readonly summary: ConnectionSummary | undefined;
}

/** A session and the bytes it moves per second. */
export interface HotSession extends SessionView {
  readonly rates: Pick<MeasuredSession, 'up' | 'down'>;
}

/** A connection with the name of its user. */
export interface NamedConnection extends ConnectionView {
  readonly username: string | undefined;
}

/** A session with all its connections, newest first. */
export interface SessionViewDetail extends SessionView {
  readonly states: readonly SessionState[];
  readonly connections: readonly NamedConnection[];
}

/** Whose sessions. */
export interface HotRequest {
  readonly permissions: ListPermissions;
  /** The caller, for scopes where only the own sessions are shown. */
  readonly ownerId: string;
  /** On this worker only; absent = on all. */
  readonly workerId?: string | undefined;
}

/** Where a session stands in the order of traffic. */
export interface HotPosition {
  /** Bytes per second, both directions. */
  readonly rate: number;
  readonly id: string;
}

/** What the views stand on. */
export interface SessionViewsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly nodes: NodeList;
}

/** Reads of the Cluster API about sessions. */
export class SessionViews {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #nodes: NodeList;

  constructor(options: SessionViewsOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#nodes = options.nodes;
  }

  /** Ids of the users with that login name. @throws {StileError} unavailable */
  userIdsOf(username: string): Promise<string[]> {
    return listUserIdsByLoginName(this.#database.reader, username);
  }

  /** One page, newest first. @throws {StileError} unavailable */
  async list(request: SessionListRequest): Promise<SessionView[]> {
    if (request.userIds?.length === 0 || request.permissions.size === 0) return [];
    return this.#viewsOf(await listSessions(this.#database.reader, request));
  }

  /** Workers that carry connections of these sessions and were not heard of lately. @throws {StileError} unavailable */
  silentWorkers(views: readonly SessionView[]): Promise<SilentWorker[]> {
    return this.#nodes.silentWorkers(views.flatMap(({ summary }) => summary?.busyWorkerIds ?? []));
  }

  /**
   * The busiest sessions of the last seconds, ended ones among them, at most `limit`, behind `after`.
   * @throws {StileError} unavailable
   */
  async hot(
    request: HotRequest,
    page: { readonly limit: number; readonly after?: HotPosition | undefined },
  ): Promise<HotSession[]> {
    const db = this.#database.reader;
    const measured = await listTraffic(db, this.#clock.nowUs() - trafficFreshUs, request.workerId);
    const shown = measured
      .filter((each) => isShown(each, request) && isBehind(each, page.after))
      .slice(0, page.limit);
    const rows = await readSessions(
      db,
      shown.map((each) => each.session_id),
    );
    const views = new Map((await this.#viewsOf([...rows.values()])).map((view) => [view.session.id, view]));
    return shown.flatMap((each) => {
      const view = views.get(each.session_id);
      return view === undefined ? [] : [{ ...view, rates: { up: each.up, down: each.down } }];
    });
  }

  /** The session with everything about it, or undefined. @throws {StileError} unavailable */
  async read(id: string): Promise<SessionViewDetail | undefined> {
    const db = this.#database.reader;
    const session = await lookupSession(db, id);
    if (session === undefined) return undefined;
    const [rows, [view]] = await Promise.all([listConnections(db, id), this.#viewsOf([session])]);
    if (view === undefined) return undefined;
    const { user_id, target_id } = session;
    const connections = rows.map((row) => ({ ...row, user_id, target_id, username: view.username }));
    return { ...view, states: sessionStates(session), connections };
  }

  /** A page of the open connections of a worker, newest first. @throws {StileError} unavailable */
  async connectionsOf(request: WorkerConnectionRequest): Promise<NamedConnection[]> {
    const db = this.#database.reader;
    const rows = await listWorkerConnections(db, request);
    const names = await listLoginNames(db, [...new Set(rows.map((row) => row.user_id))]);
    return rows.map((row) => ({ ...row, username: names.get(row.user_id) }));
  }

  /** What every worker carries now; an idle one is absent. @throws {StileError} unavailable */
  workerLoads(): Promise<ReadonlyMap<string, WorkerLoad>> {
    return listWorkerLoads(this.#database.reader, this.#clock.nowUs() - trafficFreshUs);
  }

  async #viewsOf(sessions: readonly SessionRow[]): Promise<SessionView[]> {
    if (sessions.length === 0) return [];
    const db = this.#database.reader;
    const [names, summaries] = await Promise.all([
      listLoginNames(db, [...new Set(sessions.map((session) => session.user_id))]),
      summarizeConnections(
        db,
        sessions.map((session) => session.id),
      ),
    ]);
    return sessions.map((session) => ({
      session,
      username: names.get(session.user_id),
      summary: summaries.get(session.id),
    }));
  }
}

/** Whether the caller may see the session: as the database decides for lists. */
function isShown(each: MeasuredSession, { permissions, ownerId }: HotRequest): boolean {
  const permission = permissions.get(each.scope_id);
  if (permission === undefined) return false;
  const isOwn = each.user_id === ownerId;
  return (
    permission.all ||
    permission.ids.includes(each.session_id) ||
    (isOwn && (permission.own === true || permission.ownIds?.includes(each.session_id) === true))
  );
}

function isBehind(each: MeasuredSession, after: HotPosition | undefined): boolean {
  if (after === undefined) return true;
  const rate = each.up + each.down;
  return rate < after.rate || (rate === after.rate && each.session_id > after.id);
}
