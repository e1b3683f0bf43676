/** What one viewer asked for and may see: made by the API from the request and the viewer's rights, anew after every change of these. */
import type { SessionRow } from '../../session/session.ts';
import type { ListPermissions } from '../../store/list/permitted-rows.ts';
import type { Worker } from '../../worker-registry/worker.ts';

/** What a stream can be about (console.md §3.2). */
export type Topic = 'sessions' | 'workers' | 'overview';

/**
 * How a row looks: JSON; or the viewer may see it, but it is not among what was asked for; or it is none of the viewer's
 * business, and must not even be named.
 */
export type Shown = { readonly json: string } | 'left' | 'hidden';

/** Sessions of a stream. */
export interface SessionView {
  readonly permissions: ListPermissions;
  readonly ownerId: string;
  /** Ended sessions are part of the view; else they leave a minute after their end. */
  readonly includeTerminated: boolean;
  show(row: SessionRow): Shown;
  /** Whether the viewer may hear that a session is gone of which nothing but the id is left. */
  mayHearGone(id: string): boolean;
}

/** Workers of a stream. */
export interface WorkerView {
  show(row: Worker): Shown;
  /** Whether the viewer may hear that this worker is gone. */
  maySee(id: string): boolean;
}

/** The whole answer, as it stands with the viewer's present rights. */
export interface StreamView {
  /** Those of the topics asked for that the viewer may have. At least one. */
  readonly topics: readonly Topic[];
  /** Hashes for positions (stream-position.ts). */
  readonly viewKey: string;
  readonly rightsKey: string;
  readonly sessions?: SessionView;
  readonly workers?: WorkerView;
  /** Scopes every session of which the viewer may see: their totals and series are the viewer's too. */
  readonly wholeScopes: ReadonlySet<string>;
  /** Whether the viewer may see the session at all, whatever was asked for. */
  maySee(session: Pick<SessionRow, 'id' | 'scope_id' | 'user_id'>): boolean;
  /** Sessions whose counters are wanted; the viewer's rights to them are not checked yet. */
  readonly counted: readonly string[];
}
