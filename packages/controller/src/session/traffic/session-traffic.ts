/**
 * How many bytes each session moved in the last ten seconds, from the counters that workers report: heartbeats tell of what is
 * open, the end of a connection of the rest. In memory, for the workers that are linked here; what every controller may read of it
 * is in traffic-repository.ts.
 */

/** The window over which rates are taken, milliseconds. */
export const trafficWindowMs = 10_000;
/** Samples of a session that are younger than this are one, milliseconds. */
const sampleMs = 500;

/** Bytes in each direction. */
export interface ByteCounts {
  /** Client to endpoint. */
  readonly up: number;
  /** Endpoint to client. */
  readonly down: number;
}

/** Rates of a session on one worker, bytes per second. */
export interface SessionRate extends ByteCounts {
  readonly sessionId: string;
}

interface KnownConnection {
  readonly sessionId: string;
  up: number;
  down: number;
  /** When the counters were taken, monotonic milliseconds. */
  atMs: number;
}

interface Sample {
  readonly atMs: number;
  up: number;
  down: number;
}

/** The traffic of one worker. Not shared between links: a worker has one at a time. */
export class WorkerTraffic {
  readonly #connections = new Map<string, KnownConnection>();
  readonly #samples = new Map<string, Sample[]>();
  /** Connections whose counters the store may not have. */
  readonly #unstored = new Set<string>();

  /** A connection begins: what it carries counts from nothing. */
  opened(connectionId: string, sessionId: string, nowMs: number): void {
    this.#connections.set(connectionId, { sessionId, up: 0, down: 0, atMs: nowMs });
  }

  /** Counters of an open connection. One that was not seen before may be old: its first counters are no traffic. */
  counted(connectionId: string, sessionId: string, counts: ByteCounts, nowMs: number): void {
    const known = this.#connections.get(connectionId);
    if (known === undefined) {
      const { up, down } = counts;
      this.#connections.set(connectionId, { sessionId, up, down, atMs: nowMs });
      this.#unstored.add(connectionId);
    } else if (this.#add(known, counts, nowMs)) this.#unstored.add(connectionId);
  }

  /** Final counters; of a connection that was not seen before they are no traffic. */
  closed(connectionId: string, counts: ByteCounts, nowMs: number): void {
    const known = this.#connections.get(connectionId);
    if (known === undefined) return;
    this.#add(known, counts, nowMs);
    this.#forget(connectionId);
  }

  /** Forgets the connections that are not among those reported and were opened or counted before that time. */
  keepOnly(connectionIds: ReadonlySet<string>, beforeMs: number): void {
    for (const [id, { atMs }] of this.#connections) {
      if (atMs < beforeMs && !connectionIds.has(id)) this.#forget(id);
    }
  }

  /** Whether the counters of a connection have changed since they were stored. */
  isUnstored(connectionId: string): boolean {
    return this.#unstored.has(connectionId);
  }

  /** The counters of these connections are in the store. */
  stored(connectionIds: Iterable<string>): void {
    for (const id of connectionIds) this.#unstored.delete(id);
  }

  /** Sessions with traffic in the window that ends now, averaged over it. */
  rates(nowMs: number): SessionRate[] {
    const rates: SessionRate[] = [];
    for (const [sessionId, samples] of this.#samples) {
      const young = samples.filter((sample) => sample.atMs > nowMs - trafficWindowMs);
      if (young.length === 0) {
        this.#samples.delete(sessionId);
        continue;
      }
      this.#samples.set(sessionId, young);
      rates.push({
        sessionId,
        up: perSecond(young.reduce((sum, sample) => sum + sample.up, 0)),
        down: perSecond(young.reduce((sum, sample) => sum + sample.down, 0)),
      });
    }
    return rates;
  }

  #forget(connectionId: string): void {
    this.#connections.delete(connectionId);
    this.#unstored.delete(connectionId);
  }

  /** Whether anything was carried. */
  #add(known: KnownConnection, counts: ByteCounts, nowMs: number): boolean {
    const up = Math.max(0, counts.up - known.up);
    const down = Math.max(0, counts.down - known.down);
    // After a silence longer than the window only the part within it counts.
    const share = Math.min(1, trafficWindowMs / Math.max(1, nowMs - known.atMs));
    known.up += up;
    known.down += down;
    known.atMs = nowMs;
    if (up + down === 0) return false;
    this.#sample(known.sessionId, { atMs: nowMs, up: up * share, down: down * share });
    return true;
  }

  #sample(sessionId: string, sample: Sample): void {
    const samples = this.#samples.get(sessionId) ?? [];
    this.#samples.set(sessionId, samples);
    const last = samples.at(-1);
    if (last !== undefined && sample.atMs - last.atMs < sampleMs) {
      last.up += sample.up;
      last.down += sample.down;
      return;
    }
    samples.push(sample);
    while (samples[0] !== undefined && samples[0].atMs <= sample.atMs - trafficWindowMs) samples.shift();
  }
}

/** Whole bytes, never less than one where there were any, and no more than a column holds. */
function perSecond(bytes: number): number {
  return Math.min(Math.ceil((bytes * 1000) / trafficWindowMs), Number.MAX_SAFE_INTEGER);
}

/** The traffic of every worker that is linked to this controller. */
export class SessionTraffic {
  readonly #workers = new Map<string, WorkerTraffic>();

  /** The traffic of a worker; begins at its first word. */
  of(workerId: string): WorkerTraffic {
    const known = this.#workers.get(workerId) ?? new WorkerTraffic();
    this.#workers.set(workerId, known);
    return known;
  }

  /** The worker's link is gone: what it carries is counted by the controller that has it next. */
  forget(workerId: string): void {
    this.#workers.delete(workerId);
  }
}
