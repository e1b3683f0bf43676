/**
 * One open stream: the snapshot or what changed since its position, then changes as they come (console.md §3.2, §3.3). It writes only
 * when the peer has taken what came before; meanwhile changes are merged by id. What the viewer may see is asked of its view, which is
 * replaced when rights change.
 */
import { toStileError } from '@stile/protocol';
import type { Timer } from '@stile/runtime';
import type { SessionRow } from '../../session/session.ts';
import type { Worker } from '../../worker-registry/worker.ts';
import type { CounterRow } from '../traffic/counters.ts';
import type { SessionListener } from '../feed/session-feed.ts';
import type { WorkerListener } from '../feed/worker-feed.ts';
import { PendingChanges } from './pending-changes.ts';
import { dataOf, pushShown, sortChange, type ShownRows } from './shown-rows.ts';
import { decodePosition, encodePosition, resetReason } from './stream-position.ts';
import type { StreamSocket } from './stream-socket.ts';
import type { StreamView } from './stream-view.ts';
import { pagesOf } from './view-pages.ts';
import { chunkRows, turnMs, type ViewerSources } from './viewer-sources.ts';

/** Heartbeats, milliseconds; the client gives up after 40 s of silence (console.md §3.2). */
export const heartbeatMs = 15_000;
/** After a turn that was used up the viewer waits this many times as long: at most a fifth of a core for it. */
const restFactor = 4;
/** Writes to its socket until one of the two closes it. */
export class Viewer implements SessionListener, WorkerListener {
  readonly #sources: ViewerSources;
  readonly #socket: StreamSocket;
  readonly #pending = new PendingChanges();
  readonly #workers = new Map<string, Worker | undefined>();
  readonly #counters = new Map<string, CounterRow>();
  #points: string[] = [];
  #view: StreamView;
  #positionUs = 0;
  #isLive = false;
  /** Which filling goes on; an older one stops. */
  #filling = 0;
  #timer: Timer | undefined;
  #whenReady: () => void = () => undefined;

  constructor(view: StreamView, socket: StreamSocket, sources: ViewerSources) {
    this.#view = view;
    this.#socket = socket;
    this.#sources = sources;
  }

  get view(): StreamView {
    return this.#view;
  }

  get socket(): StreamSocket {
    return this.#socket;
  }

  /** Changes that wait for the peer, for tests and metrics. */
  get waiting(): number {
    return this.#pending.size + this.#workers.size;
  }

  /** Says hello and fills the view. `onClosed` is called once, when the socket is closed by whomever. */
  start(lastEventId: string | undefined, onClosed: () => void): void {
    const { clock, build } = this.#sources;
    const nowUs = clock.nowUs();
    this.#socket.listen({
      ready: () => {
        this.#whenReady();
        this.#flush();
      },
      closed: () => {
        this.#release();
        onClosed();
      },
    });
    this.#listen();
    const { topics, viewKey, rightsKey } = this.#view;
    const hello = {
      server_time: new Date(nowUs / 1000).toISOString(),
      heartbeat_ms: heartbeatMs,
      build,
      topics,
    };
    this.#socket.send('hello', JSON.stringify(hello));
    const position = lastEventId === undefined ? undefined : decodePosition(lastEventId);
    const reason =
      lastEventId === undefined ? undefined : resetReason(lastEventId, { viewKey, rightsKey, nowUs });
    if (position !== undefined && reason === undefined) void this.#fill(position.atUs);
    else this.#restart(reason);
  }

  /** The rights changed: takes the new view; when it shows other things, the peer begins anew. */
  review(view: StreamView): void {
    const isSame = view.rightsKey === this.#view.rightsKey && view.topics.length === this.#view.topics.length;
    this.#view = view;
    if (isSame) return;
    this.#listen();
    this.#restart('grants changed');
  }

  /** Says why and ends. */
  bye(reason: string): void {
    this.#socket.send('bye', JSON.stringify({ reason }));
    this.#socket.end();
  }

  /** Says that the stream lives, and where it stands; a client that comes back later needs not read all again. */
  beat(): void {
    if (!this.#socket.isReady) return;
    const isAt = this.#isLive && this.waiting === 0;
    // An event without data is none, but its id counts.
    this.#socket.write(
      isAt ? `: heartbeat\nid: ${this.#position(this.#sources.clock.nowUs())}\n\n` : ': heartbeat\n\n',
    );
  }

  changed(rows: readonly SessionRow[], positionUs: number): void {
    for (const row of rows) this.#pending.add(row);
    this.#positionUs = Math.max(this.#positionUs, positionUs);
    this.#flush();
  }

  left(rows: readonly SessionRow[]): void {
    if (this.#view.sessions?.includeTerminated !== false) return;
    for (const row of rows) this.#pending.addLeft(row);
    this.#flush();
  }

  deleted(ids: readonly string[]): void {
    if (this.#view.sessions?.includeTerminated !== true) return;
    for (const id of ids) this.#pending.addDeleted(id);
    this.#flush();
  }

  workersChanged(changed: readonly Worker[], removedIds: readonly string[]): void {
    for (const worker of changed) this.#workers.set(worker.id, worker);
    for (const id of removedIds) this.#workers.set(id, undefined);
    this.#flush();
  }

  /** Counters as they are now; those that wait are replaced. */
  count(rows: readonly CounterRow[]): void {
    for (const row of rows) this.#counters.set(row[0], row);
    this.#flush();
  }

  /** One more point of the series: JSON. */
  addPoint(point: string): void {
    if (!this.#isLive) return;
    this.#points.push(point);
    this.#flush();
  }

  /** Hears of what the view is about, and of nothing else. */
  #listen(): void {
    const { sessionFeed, workerFeed } = this.#sources;
    if (this.#view.sessions === undefined) sessionFeed.detach(this);
    else sessionFeed.attach(this);
    if (this.#view.workers === undefined) workerFeed.detach(this);
    else workerFeed.attach(this);
  }

  #release(): void {
    this.#filling += 1;
    this.#isLive = false;
    this.#timer?.cancel();
    this.#sources.sessionFeed.detach(this);
    this.#sources.workerFeed.detach(this);
    this.#pending.clear();
    this.#workers.clear();
    this.#counters.clear();
    this.#points = [];
    this.#whenReady();
  }

  #position(atUs: number): string {
    const { viewKey, rightsKey } = this.#view;
    return encodePosition({ atUs, viewKey, rightsKey });
  }

  /** Fills the view from nothing; with a reason, after telling the peer to forget. */
  #restart(reason: string | undefined): void {
    this.#pending.clear();
    this.#workers.clear();
    this.#counters.clear();
    this.#points = [];
    if (reason !== undefined) this.#socket.send('reset', JSON.stringify({ reason }));
    void this.#fill(undefined);
  }

  /**
   * Sends what the view holds, or what changed since a position, and goes live. The feed was attached before, so that nothing falls in
   * between. Never rejects: a viewer that cannot be filled is ended, and comes back.
   */
  async #fill(sinceUs: number | undefined): Promise<void> {
    this.#filling += 1;
    const filling = this.#filling;
    this.#isLive = false;
    const startedUs = this.#sources.clock.nowUs();
    this.#positionUs = startedUs;
    try {
      for await (const data of pagesOf(this.#view, this.#sources, sinceUs)) {
        await this.#drained();
        if (filling !== this.#filling) return;
        this.#socket.send(sinceUs === undefined ? 'snapshot' : 'delta', data);
      }
    } catch (error) {
      if (filling !== this.#filling) return;
      this.#sources.log.warn(
        { err: toStileError(error) },
        'an event stream could not be filled and was ended',
      );
      this.#socket.end();
      return;
    }
    await this.#drained();
    if (filling !== this.#filling) return;
    if (this.#view.topics.includes('overview')) {
      this.#socket.send('series', `{"points":${this.#sources.series(this.#view.wholeScopes)}}`);
    }
    if (sinceUs === undefined) this.#socket.send('snapshot-end', '{}', this.#position(startedUs));
    else this.#socket.write(`id: ${this.#position(startedUs)}\n\n`);
    this.#isLive = true;
    this.#flush();
  }

  /** Resolves when the peer has taken what was written, or is gone. */
  #drained(): Promise<void> {
    if (this.#socket.isReady || this.#socket.isClosed) return Promise.resolve();
    return new Promise((resolve) => (this.#whenReady = resolve));
  }

  /** Sends what waits, when the peer can take it. A fault of ours must end this stream, not the others or the process. */
  #flush(): void {
    if (!this.#isLive || !this.#socket.isReady || this.#timer !== undefined) return;
    try {
      this.#flushOnce();
    } catch (error) {
      this.#sources.log.error({ err: toStileError(error) }, 'an event stream failed and was ended');
      this.#socket.destroy();
    }
  }

  /** At most one event of changes, then others have their turn. */
  #flushOnce(): void {
    const { clock } = this.#sources;
    const beganMs = clock.monotonicMs();
    const out: ShownRows = { rows: [], removed: [] };
    let looked = 0;
    for (const [id, change] of this.#pending.take()) {
      sortChange(this.#view, { id, change }, out, this.#sources);
      looked += 1;
      if (looked >= chunkRows || clock.monotonicMs() - beganMs >= turnMs) break;
    }
    const isAt = this.#pending.size === 0;
    if (out.rows.length + out.removed.length > 0) {
      this.#socket.send('delta', dataOf(out), isAt ? this.#position(this.#positionUs) : undefined);
    }
    this.#flushRest();
    if (isAt) return;
    const workedMs = clock.monotonicMs() - beganMs;
    this.#timer = clock.setTimer(workedMs >= turnMs ? workedMs * restFactor : 0, () => {
      this.#timer = undefined;
      this.#flush();
    });
  }

  #flushRest(): void {
    if (this.#workers.size > 0 && this.#socket.isReady) this.#flushWorkers();
    if (this.#counters.size > 0 && this.#socket.isReady) {
      this.#socket.send('counters', JSON.stringify([...this.#counters.values()]));
      this.#counters.clear();
    }
    if (this.#points.length > 0 && this.#socket.isReady) {
      this.#socket.send('series', `{"points":[${this.#points.join(',')}]}`);
      this.#points = [];
    }
  }

  #flushWorkers(): void {
    const view = this.#view.workers;
    const rows: string[] = [];
    const removed: string[] = [];
    for (const [id, worker] of this.#workers) {
      const shown =
        worker === undefined ? (view?.maySee(id) === true ? 'left' : 'hidden') : view?.show(worker);
      if (shown === 'left') removed.push(id);
      else pushShown(rows, shown ?? 'hidden');
    }
    this.#workers.clear();
    if (rows.length + removed.length === 0) return;
    this.#socket.send('delta', dataOf({ rows, removed }, 'workers'));
  }
}
