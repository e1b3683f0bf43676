/**
 * One open stream: the snapshot or what changed since its position, then changes as they come (console.md §3.2, §3.3). It writes only
 * when the peer has taken what came before; meanwhile changes are merged by id. What the viewer may see is asked of its view, which is
 * replaced when rights change.
 */
import { toStileError } from '@stile/protocol';
import { othersTurn, type Clock, type Logger, type Timer } from '@stile/runtime';
import type { SessionListRequest } from '../../session/session-list-repository.ts';
import type { SessionRow } from '../../session/session.ts';
import type { Worker } from '../../worker-registry/worker.ts';
import type { CounterRow } from '../traffic/counters.ts';
import { PendingChanges, type PendingChange } from './pending-changes.ts';
import { endedStayUs, type SessionFeed, type SessionListener } from '../feed/session-feed.ts';
import { decodePosition, encodePosition, resetReason } from './stream-position.ts';
import type { StreamSocket } from './stream-socket.ts';
import type { Shown, StreamView } from './stream-view.ts';
import type { WorkerFeed, WorkerListener } from '../feed/worker-feed.ts';

/** Where a viewer's rows come from. */
export interface ViewerSources {
  readonly sessionFeed: SessionFeed;
  readonly workerFeed: WorkerFeed;
  readonly listSessions: (request: SessionListRequest) => Promise<readonly SessionRow[]>;
  readonly listWorkers: () => Promise<readonly Worker[]>;
  /** Every point of the series that is kept, of these scopes: JSON. */
  readonly series: (scopes: ReadonlySet<string>) => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Said in `hello`. */
  readonly build: string;
}

/** Heartbeats, milliseconds; the client gives up after 40 s of silence (console.md §3.2). */
export const heartbeatMs = 15_000;
/** Rows of one event. */
const chunkRows = 500;
/** A viewer's rows are looked at for this long at a time, milliseconds: a filter can be costly. */
const turnMs = 20;
/** After a turn that was used up the viewer waits this many times as long: at most a fifth of a core for it. */
const restFactor = 4;
/** Resumes look back this much further than the position, microseconds (console.md §3.2), and as long as ended sessions stay. */
const lookBackUs = 30_000_000 + endedStayUs;

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
      for await (const data of this.#pages(sinceUs)) {
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

  /** Data of the events of a filling. */
  async *#pages(sinceUs: number | undefined): AsyncGenerator<string> {
    const { sessions, workers } = this.#view;
    if (workers !== undefined) {
      const rows: string[] = [];
      for (const worker of await this.#sources.listWorkers()) push(rows, workers.show(worker));
      yield `{"topic":"workers","rows":[${rows.join(',')}]}`;
    }
    if (sessions === undefined) return;
    for await (const page of this.#sessionPages(sinceUs)) {
      const rows: string[] = [];
      const removed: string[] = [];
      let beganMs = this.#sources.clock.monotonicMs();
      for (const row of page) {
        this.#take({ kind: 'row', row }, row.id, { rows, removed });
        if (this.#sources.clock.monotonicMs() - beganMs < turnMs) continue;
        await othersTurn();
        beganMs = this.#sources.clock.monotonicMs();
      }
      yield dataOf(rows, sinceUs === undefined ? [] : removed);
    }
  }

  async *#sessionPages(sinceUs: number | undefined): AsyncGenerator<readonly SessionRow[]> {
    const { sessions } = this.#view;
    if (sessions === undefined) return;
    const { permissions, ownerId } = sessions;
    const includeTerminated = sinceUs !== undefined || sessions.includeTerminated;
    const phase = sinceUs === undefined ? 'created' : 'updated';
    const since = sinceUs === undefined ? {} : { updatedSince: sinceUs - lookBackUs };
    for (let after: { at: number; id: string } | undefined; ;) {
      const page = { limit: chunkRows, phase, ...since, ...(after === undefined ? {} : { after }) } as const;
      const rows = await this.#sources.listSessions({ permissions, ownerId, includeTerminated, page });
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunkRows) return;
      after = { at: phase === 'created' ? last.created_at : last.updated_at, id: last.id };
    }
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
    const out: Rows = { rows: [], removed: [] };
    let looked = 0;
    for (const [id, change] of this.#pending.take()) {
      this.#take(change, id, out);
      looked += 1;
      if (looked >= chunkRows || clock.monotonicMs() - beganMs >= turnMs) break;
    }
    const isAt = this.#pending.size === 0;
    if (out.rows.length + out.removed.length > 0) {
      this.#socket.send(
        'delta',
        dataOf(out.rows, out.removed),
        isAt ? this.#position(this.#positionUs) : undefined,
      );
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
      else push(rows, shown ?? 'hidden');
    }
    this.#workers.clear();
    if (rows.length + removed.length === 0) return;
    this.#socket.send('delta', dataOf(rows, removed, 'workers'));
  }

  /** Puts a change where it belongs. What the viewer may not see is not even named. */
  #take(change: PendingChange, id: string, out: Rows): void {
    const { sessions } = this.#view;
    if (sessions === undefined) return;
    // Ids of deleted rows are those of the whole installation, as in refreshes of lists: nothing else is left of them.
    if (change.kind === 'deleted') {
      if (sessions.mayHearGone(id)) out.removed.push(id);
    } else if (change.kind === 'left') {
      if (this.#view.maySee(change.row)) out.removed.push(id);
    } else {
      const { row } = change;
      const shown = this.#hasLeft(row) ? (this.#view.maySee(row) ? 'left' : 'hidden') : sessions.show(row);
      if (shown === 'left') out.removed.push(id);
      else if (shown !== 'hidden') {
        out.rows.push(shown.json);
        // It ended lately: the peer sees how, and a minute later it leaves.
        if (row.status === 'terminated' && !sessions.includeTerminated)
          this.#sources.sessionFeed.noteEnded(row);
      }
    }
  }

  #hasLeft(row: SessionRow): boolean {
    if (row.status !== 'terminated' || this.#view.sessions?.includeTerminated === true) return false;
    return (row.terminated_at ?? 0) <= this.#sources.clock.nowUs() - endedStayUs;
  }
}

interface Rows {
  readonly rows: string[];
  readonly removed: string[];
}

function push(rows: string[], shown: Shown): void {
  if (typeof shown === 'object') rows.push(shown.json);
}

function dataOf(rows: readonly string[], removed: readonly string[], topic = 'sessions'): string {
  const gone = removed.length === 0 ? '' : `,"removed":${JSON.stringify(removed)}`;
  return `{"topic":"${topic}","rows":[${rows.join(',')}]${gone}}`;
}
