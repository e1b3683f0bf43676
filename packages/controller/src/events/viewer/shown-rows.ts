/** Changes as one viewer is told of them: rows, ids that are gone, and nothing of what is none of its business. */
import type { SessionRow } from '../../session/session.ts';
import { endedStayUs } from '../feed/session-feed.ts';
import type { PendingChange } from './pending-changes.ts';
import type { Shown, StreamView } from './stream-view.ts';
import type { ViewerSources } from './viewer-sources.ts';

/** What one event says. */
export interface ShownRows {
  /** JSON objects. */
  readonly rows: string[];
  readonly removed: string[];
}

/** Puts a change where it belongs. What the viewer may not see is not even named. */
export function sortChange(
  view: StreamView,
  { id, change }: { readonly id: string; readonly change: PendingChange },
  out: ShownRows,
  { sessionFeed, clock }: Pick<ViewerSources, 'sessionFeed' | 'clock'>,
): void {
  const { sessions } = view;
  if (sessions === undefined) return;
  // Ids of deleted rows are those of the whole installation, as in refreshes of lists: nothing else is left of them.
  if (change.kind === 'deleted') {
    if (sessions.mayHearGone(id)) out.removed.push(id);
    return;
  }
  const { row } = change;
  if (change.kind === 'left' || hasLeft(row, sessions.includeTerminated, clock.nowUs())) {
    if (view.maySee(row)) out.removed.push(id);
    return;
  }
  const shown = sessions.show(row);
  if (shown === 'left') out.removed.push(id);
  else if (shown !== 'hidden') {
    out.rows.push(shown.json);
    // It ended lately: the peer sees how, and a minute later it leaves.
    if (row.status === 'terminated' && !sessions.includeTerminated) sessionFeed.noteEnded(row);
  }
}

function hasLeft(row: SessionRow, includeTerminated: boolean, nowUs: number): boolean {
  if (row.status !== 'terminated' || includeTerminated) return false;
  return (row.terminated_at ?? 0) <= nowUs - endedStayUs;
}

/** Adds what is shown. */
export function pushShown(rows: string[], shown: Shown): void {
  if (typeof shown === 'object') rows.push(shown.json);
}

/** Data of a snapshot or a delta. */
export function dataOf(
  { rows, removed }: { readonly rows: readonly string[]; readonly removed: readonly string[] },
  topic: 'sessions' | 'workers' = 'sessions',
): string {
  const gone = removed.length === 0 ? '' : `,"removed":${JSON.stringify(removed)}`;
  return `{"topic":"${topic}","rows":[${rows.join(',')}]${gone}}`;
}
