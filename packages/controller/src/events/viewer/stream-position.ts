/**
 * Where a stream stands, as `Last-Event-ID` carries it: a time of the database's rows, and for which view and rights it holds.
 * Any controller can resume it. It proves nothing: whoever sends another's resumes with the own rights.
 */

/** A position and what it belongs to. */
export interface StreamPosition {
  /** Epoch microseconds: what was committed with an earlier time was sent, but for commits that came late. */
  readonly atUs: number;
  /** Hash of the question: scope, topics, filter. */
  readonly viewKey: string;
  /** Hash of the grants that bear on the answer. */
  readonly rightsKey: string;
}

const pattern = /^([0-9a-z]{1,11})\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{1,32})$/;

/** The text of a position. */
export function encodePosition({ atUs, viewKey, rightsKey }: StreamPosition): string {
  return `${atUs.toString(36)}.${viewKey}.${rightsKey}`;
}

/** The position of a text; undefined when it is none of ours. */
export function decodePosition(text: string): StreamPosition | undefined {
  const [, at = '', viewKey = '', rightsKey = ''] = pattern.exec(text) ?? [];
  const atUs = Number.parseInt(at, 36);
  return Number.isSafeInteger(atUs) && atUs > 0 ? { atUs, viewKey, rightsKey } : undefined;
}

/** Positions older than this are not resumed, microseconds (console.md §3.2). */
const keptUs = 600_000_000;
/** A position may be this far ahead of our clock, microseconds: another controller's may differ. */
const aheadUs = 30_000_000;

/** Why a stream cannot go on from `text`; undefined when it can. */
export function resetReason(
  text: string,
  now: Omit<StreamPosition, 'atUs'> & { readonly nowUs: number },
): 'position unknown' | 'position too old' | 'filter changed' | 'grants changed' | undefined {
  const position = decodePosition(text);
  if (position === undefined || position.atUs > now.nowUs + aheadUs) return 'position unknown';
  if (position.viewKey !== now.viewKey) return 'filter changed';
  if (position.rightsKey !== now.rightsKey) return 'grants changed';
  return position.atUs < now.nowUs - keptUs ? 'position too old' : undefined;
}
