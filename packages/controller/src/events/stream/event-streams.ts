/**
 * All event streams of one controller: how many there may be, and what looks after them (tokens.md §1.7, console.md §3.3). A stream
 * ends with its token, within a second of it; what it shows follows the viewer's rights.
 */
import { randomBase62, StileError, toStileError } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { AuthTokenService, TokenStanding } from '../../auth/token/auth-token-service.ts';
import { isSameProof } from '../../auth/token/auth-token.ts';
import type { SessionService } from '../../session/session-service.ts';
import type { Database } from '../../store/database.ts';
import { listSince } from '../../store/deleted-resource-repository.ts';
import type { WorkerRegistry } from '../../worker-registry/worker-registry.ts';
import { SessionFeed } from '../feed/session-feed.ts';
import { WorkerFeed } from '../feed/worker-feed.ts';
import { ActivitySeries } from '../traffic/activity-series.ts';
import { Counters } from '../traffic/counters.ts';
import { LiveTraffic } from '../traffic/live-traffic.ts';
import { SetUpTimes } from '../traffic/set-up-times.ts';
import { tellCounters } from './counter-round.ts';
import type { OpenStream, StreamRequest } from './open-stream.ts';
import { StreamReview } from './stream-review.ts';
import { StreamRows } from './stream-rows.ts';
import { StreamSocket, type ResponseLike } from '../viewer/stream-socket.ts';
import type { StreamView } from '../viewer/stream-view.ts';
import { heartbeatMs, Viewer } from '../viewer/viewer.ts';
import type { ViewerSources } from '../viewer/viewer-sources.ts';

/** A stream that is admitted and has no answer to write to yet. */
export interface AdmittedStream {
  /** Takes the answer over, after its head was written. Not called within ten seconds: the place is given to others. */
  attach(response: ResponseLike): void;
}

/** What the streams stand on. */
export interface EventStreamsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokens: Pick<AuthTokenService, 'standings'>;
  readonly sessions: Pick<SessionService, 'list'>;
  readonly workers: Pick<WorkerRegistry, 'list'>;
  /** Id of this controller's process. */
  readonly controllerId: string;
  /** Said in `hello`. */
  readonly build: string;
  /** Streams of one user on this controller. Default 4. */
  readonly maxPerUser?: number;
  /** Streams of this controller. Default 1,000. */
  readonly maxStreams?: number;
}

/** What a refused viewer waits before it tries again, seconds. */
const retryAfterSeconds = 10;
/** A viewer that has taken nothing for this long is cut, milliseconds (console.md §3.3). */
const stalledMs = 30_000;
/** How often stalled viewers and due heartbeats are looked for, milliseconds. */
const tickMs = 1_000;
/** How often rights are looked at even when no event says so, milliseconds: an event may be lost with its connection. */
const reviewMs = 60_000;
/** An admitted stream is attached within this time, milliseconds. */
const attachMs = 10_000;
/** The row of a stream that its token's end closed stays so long, milliseconds: the answer to the revocation waits 2 s, then counts. */
const revokedRowMs = 5_000;
/** How often the streams of dead controllers are thrown away, milliseconds. */
const sweepMs = 60_000;

/** Owns every stream, the feeds behind them and their timers. `start` once, `close` before the listeners. */
export class EventStreams {
  /** Told of what workers report. */
  readonly traffic: LiveTraffic = new LiveTraffic();
  readonly series: ActivitySeries;
  /** Told of connections that are set up. */
  readonly setUps: SetUpTimes;
  readonly #options: EventStreamsOptions;
  readonly #sources: ViewerSources;
  readonly #counters: Counters;
  readonly #streams = new Map<string, OpenStream>();
  readonly #review: StreamReview;
  readonly #unsubscribe: () => void;
  readonly #timers = new Map<string, Timer>();
  readonly #rows: StreamRows;
  #isClosed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#rows = new StreamRows(options);
    const { database, clock, log, sessions, workers, build } = options;
    const ground = { database, clock, log };
    const live = this.traffic;
    this.series = new ActivitySeries({ ...ground, live });
    this.setUps = new SetUpTimes(clock, (scopeId, tookMs) => this.series.addSetUp(scopeId, tookMs));
    this.#counters = new Counters({ ...ground, live });
    this.#sources = {
      sessionFeed: new SessionFeed(ground),
      workerFeed: new WorkerFeed(ground),
      listSessions: (request) => sessions.list(request),
      listWorkers: () => workers.list(),
      deletedSince: async (type, sinceUs) => (await listSince(database.reader, type, sinceUs)).ids,
      series: (scopes) => this.series.of(scopes),
      clock,
      log,
      build,
    };
    this.#review = new StreamReview({
      ...options,
      streams: this.#streams,
      end: (stream, reason) => this.#end(stream, reason),
    });
    this.#unsubscribe = database.events.subscribe((event) => this.#review.hear(event));
  }

  /** Begins to make points of the overview and to look after the streams. */
  start(): void {
    this.series.start(() => this.#tellPoint());
    this.#every('tick', tickMs, () => this.#tick());
    this.#every('review', reviewMs, () => this.#review.reviewAll());
    this.#every('sweep', sweepMs, () => this.#rows.sweep());
  }

  /** Number of streams, those about to be attached included. */
  get size(): number {
    return this.#streams.size;
  }

  /** Open streams of these tokens, on every controller; those that an end of their token has just closed included. */
  readonly countOf = (authTokenIds: readonly string[]): Promise<number> => this.#rows.countOf(authTokenIds);

  /** The same by token; one that has none is absent. */
  streamsOf(authTokenIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#rows.streamsOf(authTokenIds);
  }

  /** Changes that wait for viewers, in all. */
  get waiting(): number {
    let sum = 0;
    for (const { viewer } of this.#streams.values()) sum += viewer?.waiting ?? 0;
    return sum;
  }

  /**
   * A place for a stream, and what it shows.
   * @throws {StileError} tooManyRequests; unauthenticated (the token has ended meanwhile); what `view` throws; unavailable
   */
  async admit(request: StreamRequest): Promise<AdmittedStream> {
    const stream = this.#reserve(request);
    try {
      const view = await this.#verified(stream);
      await this.#rows.add(stream);
      stream.timer = this.#options.clock.setTimer(attachMs, () => this.#drop(stream));
      return { attach: (response) => this.#attach(stream, view, response) };
    } catch (error) {
      this.#drop(stream);
      throw error;
    }
  }

  /** Ends every stream with `bye`, and takes no more. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    for (const timer of this.#timers.values()) timer.cancel();
    for (const stream of this.#streams.values()) this.#end(stream, 'shutting down');
    const { sessionFeed, workerFeed } = this.#sources;
    await Promise.all([this.series.close(), sessionFeed.close(), workerFeed.close(), this.#review.close()]);
    await this.#rows.close();
  }

  /** @throws {StileError} tooManyRequests, unavailable */
  #reserve(request: StreamRequest): OpenStream {
    if (this.#isClosed) throw new StileError('unavailable', 'the controller is shutting down');
    const problem = this.#limitProblem(request.caller.userId);
    if (problem !== undefined) {
      throw new StileError('tooManyRequests', problem, { details: { retryAfterSeconds } });
    }
    const stream: OpenStream = {
      id: `es_${randomBase62(10)}`,
      request,
      caller: request.caller,
      viewer: undefined,
      timer: undefined,
      isStored: false,
      rowStaysMs: 0,
      reviewedAt: this.#review.rights,
      unverifiedSinceMs: undefined,
      beatAtMs: 0,
      hasCounters: false,
    };
    this.#streams.set(stream.id, stream);
    return stream;
  }

  #limitProblem(userId: string): string | undefined {
    const { maxPerUser = 4, maxStreams = 1_000 } = this.#options;
    let own = 0;
    for (const { request } of this.#streams.values()) if (request.caller.userId === userId) own += 1;
    if (own >= maxPerUser) {
      return `A user may have ${maxPerUser} event streams at a time; close one, or list instead.`;
    }
    return this.#streams.size >= maxStreams
      ? `This controller serves ${maxStreams} event streams at a time; list instead.`
      : undefined;
  }

  /**
   * Looks at token and rights after the place was taken: what changes from now on is told to the stream.
   * @throws {StileError} unauthenticated, and what `view` throws
   */
  async #verified(stream: OpenStream): Promise<StreamView> {
    const { authTokenId } = stream.caller;
    if (authTokenId !== undefined) {
      const standing: TokenStanding | undefined = (await this.#options.tokens.standings([authTokenId])).get(
        authTokenId,
      );
      if (standing?.isGood !== true || !isSameProof(standing.caller, stream.request.caller)) {
        throw new StileError('unauthenticated', 'Unauthenticated, or invalid token.');
      }
      stream.caller = standing.caller;
    }
    stream.reviewedAt = this.#review.rights;
    return stream.request.view(stream.caller);
  }

  #attach(stream: OpenStream, view: StreamView, response: ResponseLike): void {
    const { clock } = this.#options;
    const socket = new StreamSocket(response, clock);
    // Its place was given away, or the controller stops, or the peer is gone already.
    if (!this.#streams.has(stream.id) || socket.isClosed) {
      this.#drop(stream);
      socket.destroy();
      return;
    }
    stream.timer?.cancel();
    stream.beatAtMs = clock.monotonicMs();
    const viewer = new Viewer(view, socket, this.#sources);
    stream.viewer = viewer;
    const { lastEventId = '' } = stream.request;
    viewer.start(lastEventId === '' ? undefined : lastEventId, () => this.#drop(stream));
    this.#review.askTokens();
    if (stream.reviewedAt !== this.#review.rights) void this.#review.reviewAll();
  }

  /** Forgets a stream that is over. Idempotent. */
  #drop(stream: OpenStream): void {
    stream.timer?.cancel();
    if (!this.#streams.delete(stream.id) || !stream.isStored) return;
    this.#rows.takeAway(stream);
  }

  #end(stream: OpenStream, reason: string): void {
    // Whoever ended the token counts what was closed by it.
    if (reason === 'token revoked') stream.rowStaysMs = revokedRowMs;
    stream.viewer?.bye(reason);
    this.#drop(stream);
  }

  /** Runs `work` every `ms`. What it throws is logged. */
  #every(name: string, ms: number, work: () => Promise<void> | void): void {
    const run = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        const err = toStileError(error);
        this.#options.log.warn({ err, work: name }, 'looking after event streams failed; trying again');
      }
      if (!this.#isClosed) this.#every(name, ms, work);
    };
    this.#timers.set(
      name,
      this.#options.clock.setTimer(ms, () => void run()),
    );
  }

  async #tick(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    let isUnverified = false;
    for (const stream of this.#streams.values()) {
      const { viewer } = stream;
      isUnverified ||= stream.unverifiedSinceMs !== undefined;
      if (viewer === undefined) continue;
      if (viewer.socket.blockedMs >= stalledMs) viewer.socket.destroy();
      else if (nowMs - stream.beatAtMs >= heartbeatMs) {
        stream.beatAtMs = nowMs;
        viewer.beat();
      }
    }
    if (isUnverified) void this.#review.reviewAll();
    await tellCounters(this.#streams.values(), this.#counters);
  }

  #tellPoint(): void {
    for (const { viewer } of this.#streams.values()) {
      if (viewer?.view.topics.includes('overview') !== true) continue;
      const point = this.series.latest(viewer.view.wholeScopes);
      if (point !== undefined) viewer.addPoint(point);
    }
  }
}
