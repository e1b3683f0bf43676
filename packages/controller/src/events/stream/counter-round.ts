/** One round of counters: read once for all viewers, and told to each as far as it may see the session or the whole scope. */
import type { CounterRow, Counters, SessionCounters } from '../traffic/counters.ts';
import type { OpenStream } from './open-stream.ts';

/** Tells counters to the streams that want some. @throws {StileError} unavailable */
export async function tellCounters(open: Iterable<OpenStream>, counters: Counters): Promise<void> {
  const streams = [...open].filter(({ viewer }) => viewer !== undefined);
  const ids = new Set(streams.flatMap(({ viewer }) => viewer?.view.counted ?? []));
  const isTotal = streams.some(({ viewer }) => viewer?.view.topics.includes('overview') === true);
  const ofSessions = ids.size === 0 ? new Map<string, SessionCounters>() : await counters.ofSessions(ids);
  const ofScopes = isTotal ? await counters.ofScopes() : [];
  for (const stream of streams) {
    const rows = [...totalsOf(stream, ofScopes), ...sessionsOf(stream, ofSessions)];
    stream.hasCounters = true;
    if (rows.length > 0) stream.viewer?.count(rows);
  }
}

function totalsOf({ viewer }: OpenStream, rows: readonly CounterRow[]): readonly CounterRow[] {
  if (viewer?.view.topics.includes('overview') !== true) return [];
  return rows.filter(([scopeId]) => viewer.view.wholeScopes.has(scopeId));
}

function sessionsOf(
  { viewer, hasCounters }: OpenStream,
  counters: ReadonlyMap<string, SessionCounters>,
): readonly CounterRow[] {
  if (viewer === undefined) return [];
  const { view } = viewer;
  return view.counted.flatMap((id) => {
    const found = counters.get(id);
    if (found === undefined || (hasCounters && !found.isChanged)) return [];
    return view.maySee(found.session) ? [found.row] : [];
  });
}
