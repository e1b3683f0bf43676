/**
 * What the workers linked to this controller last reported of their open connections: fresher than what is stored, which is
 * renewed every ten seconds. In memory alone; other controllers see the stored counters.
 */
import type { TrafficWatch, WorkerReport } from '../../session/session-reconciliation.ts';

/** Counters of one open connection. */
export interface LiveCounters {
  readonly up: number;
  readonly down: number;
  /** When they last went up, epoch microseconds. */
  readonly changedAt: number;
}

/** A report counts for this long, microseconds: a worker without a link here may be linked elsewhere. */
const keptUs = 15_000_000;

/** Holds as many entries as connections are open on the linked workers. */
export class LiveTraffic implements TrafficWatch {
  readonly #workers = new Map<
    string,
    { readonly atUs: number; readonly open: ReadonlyMap<string, LiveCounters> }
  >();
  readonly #moved = new Map<string, { up: number; down: number }>();

  /** Takes the report in place of the worker's last one. */
  report({ workerId, sessions, scopeOf, nowUs }: WorkerReport): void {
    for (const [id, { atUs }] of this.#workers) if (atUs < nowUs - keptUs) this.#workers.delete(id);
    const before = this.#workers.get(workerId)?.open;
    const now = new Map<string, LiveCounters>();
    for (const { sessionId, connections } of sessions) {
      const scopeId = scopeOf(sessionId);
      for (const { connectionId, bytesUp, bytesDown } of connections) {
        const known = before?.get(connectionId);
        const up = Math.max(known?.up ?? 0, counter(bytesUp));
        const down = Math.max(known?.down ?? 0, counter(bytesDown));
        const isSame = known?.up === up && known.down === down;
        now.set(connectionId, { up, down, changedAt: isSame ? known.changedAt : nowUs });
        // What a connection moved before its first report here belongs to no minute of ours.
        if (scopeId !== undefined && known !== undefined)
          this.#add(scopeId, up - known.up, down - known.down);
      }
    }
    this.#workers.set(workerId, { atUs: nowUs, open: now });
  }

  /** Counters of a connection as last reported; undefined for those of other controllers' workers. */
  lookup(connectionId: string): LiveCounters | undefined {
    for (const { open } of this.#workers.values()) {
      const found = open.get(connectionId);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Bytes moved since the last call, by scope. */
  takeMoved(): ReadonlyMap<string, { readonly up: number; readonly down: number }> {
    const moved = new Map(this.#moved);
    this.#moved.clear();
    return moved;
  }

  #add(scopeId: string, up: number, down: number): void {
    const sum = this.#moved.get(scopeId) ?? { up: 0, down: 0 };
    sum.up += up;
    sum.down += down;
    this.#moved.set(scopeId, sum);
  }
}

/** A worker may be hostile: whole, not negative, at most 2^53 − 1. */
function counter(value: number): number {
  return value > 0 ? Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER) : 0;
}
