/** What a view holds, or what of it changed since a position, page by page (console.md §3.2). */
import { othersTurn } from '@stile/runtime';
import type { SessionRow } from '../../session/session.ts';
import { endedStayUs } from '../feed/session-feed.ts';
import { dataOf, pushShown, sortChange, type ShownRows } from './shown-rows.ts';
import type { SessionView, StreamView } from './stream-view.ts';
import { chunkRows, turnMs, type ViewerSources } from './viewer-sources.ts';

/** Resumes look back this much further than the position, microseconds (console.md §3.2), and as long as ended sessions stay. */
const lookBackUs = 30_000_000 + endedStayUs;

/**
 * Data of the events that fill a view: of snapshots, or of deltas when there is a position, epoch microseconds.
 * @throws {StileError} unavailable
 */
export async function* pagesOf(
  view: StreamView,
  sources: ViewerSources,
  positionUs: number | undefined,
): AsyncGenerator<string> {
  const sinceUs = positionUs === undefined ? undefined : positionUs - lookBackUs;
  if (view.workers !== undefined) yield await workerPage(view.workers, sources, sinceUs);
  if (view.sessions === undefined) return;
  const { clock } = sources;
  for await (const page of sessionPages(view.sessions, sources, sinceUs)) {
    const out: ShownRows = { rows: [], removed: [] };
    let beganMs = clock.monotonicMs();
    for (const row of page) {
      sortChange(view, { id: row.id, change: { kind: 'row', row } }, out, sources);
      if (clock.monotonicMs() - beganMs < turnMs) continue;
      await othersTurn();
      beganMs = clock.monotonicMs();
    }
    yield dataOf(sinceUs === undefined ? { ...out, removed: [] } : out);
  }
  if (sinceUs === undefined || !view.sessions.includeTerminated) return;
  const gone = await sources.deletedSince('session', sinceUs);
  const removed = gone.filter((id) => view.sessions?.mayHearGone(id) === true);
  if (removed.length > 0) yield dataOf({ rows: [], removed });
}

/** There are few workers: all of them, and those that are gone. */
async function workerPage(
  view: NonNullable<StreamView['workers']>,
  sources: ViewerSources,
  sinceUs: number | undefined,
): Promise<string> {
  const rows: string[] = [];
  for (const worker of await sources.listWorkers()) pushShown(rows, view.show(worker));
  const gone = sinceUs === undefined ? [] : await sources.deletedSince('worker', sinceUs);
  return dataOf({ rows, removed: gone.filter((id) => view.maySee(id)) }, 'workers');
}

async function* sessionPages(
  view: SessionView,
  { listSessions }: ViewerSources,
  sinceUs: number | undefined,
): AsyncGenerator<readonly SessionRow[]> {
  const { permissions, ownerId } = view;
  const includeTerminated = sinceUs !== undefined || view.includeTerminated;
  const phase = sinceUs === undefined ? 'created' : 'updated';
  const since = sinceUs === undefined ? {} : { updatedSince: sinceUs };
  for (let after: { at: number; id: string } | undefined; ;) {
    const page = { limit: chunkRows, phase, ...since, ...(after === undefined ? {} : { after }) } as const;
    const rows = await listSessions({ permissions, ownerId, includeTerminated, page });
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < chunkRows) return;
    after = { at: phase === 'created' ? last.created_at : last.updated_at, id: last.id };
  }
}
