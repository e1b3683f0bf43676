/**
 * How a row that arrives changes the one that is there: one pure rule for event streams and for lists that are read again (console.md
 * §3.2). Rows may come twice and in any order, and the outcome is the same.
 */

/** A row as the server sends it. */
export interface EventRow {
  readonly id: string;
  readonly version?: number;
  readonly status?: string;
  readonly [field: string]: unknown;
}

/** Statuses in the order in which they come. */
const order: readonly string[] = ['pending', 'active', 'canceling', 'terminated'];
/** Fields that only go up. */
const counters: ReadonlySet<string> = new Set(['bytes_up', 'bytes_down', 'last_byte_at']);

/**
 * The row after `next` arrived: the higher version wins; of one version the newer arrival, whose statuses go forward only and whose
 * counters are the greater ones. Counters never go down, whatever the version. A row that says nothing new gives `before` itself.
 */
export function mergeRow(before: EventRow | undefined, next: EventRow): EventRow {
  if (before === undefined) return next;
  const [old, young] = [before.version ?? 0, next.version ?? 0];
  const isBehind = old > young || (old === young && rank(before) > rank(next));
  const [base, over] = isBehind ? [next, before] : [before, next];
  const merged: Record<string, unknown> = isBehind ? { ...before } : { ...next };
  for (const name of counters) {
    const [a, b] = [base[name], over[name]];
    if (typeof a === 'number' && typeof b === 'number') merged[name] = Math.max(a, b);
    else if (merged[name] === undefined && a !== undefined) merged[name] = a;
  }
  // Both have one and the same id.
  return isSame(before, merged) ? before : (merged as EventRow);
}

function isSame(before: EventRow, merged: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(merged);
  if (names.length !== Object.keys(before).length) return false;
  return names.every((name) => {
    const [a, b] = [before[name], merged[name]];
    return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
  });
}

function rank(row: EventRow): number {
  return row.status === undefined ? -1 : order.indexOf(row.status);
}

/** Changes all at once: rows first, then what is gone. Gives the ids that changed. */
export function mergeDelta(
  rows: Map<string, EventRow>,
  delta: { readonly rows: readonly EventRow[]; readonly removed?: readonly string[] },
): Set<string> {
  const changed = new Set<string>();
  for (const next of delta.rows) {
    const before = rows.get(next.id);
    const merged = mergeRow(before, next);
    if (merged === before) continue;
    rows.set(next.id, merged);
    changed.add(next.id);
  }
  for (const id of delta.removed ?? []) if (rows.delete(id)) changed.add(id);
  return changed;
}
