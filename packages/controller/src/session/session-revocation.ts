/**
 * Brings the end of a session to the workers that carry it: hears of sessions that are to end, from this controller or
 * another, pushes to the workers linked here, and writes down what they confirm (design.md §1.3, §5).
 */
import { StileError, toStileError } from '@stile/protocol';
import type { ConnectionClose, SessionRevocation } from '@stile/protocol/rpc';
import type { Clock, Logger } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { StoreEvent } from '../store/events.ts';
import type { ConnectionEnding } from './connection-ending.ts';
import { listOpenOfSessions } from './connection-repository.ts';
import type { OpenConnection } from './connection-repository.ts';
import { revocationReason } from './session.ts';

/** The workers linked to this controller; the cluster listener is one. */
export interface WorkerLinks {
  /** Whether the worker is linked here. */
  isLinked(workerId: string): boolean;
  /**
   * Tells a worker that sessions must end. Resolves with its final counters when every connection of them is closed.
   * @throws {StileError} (rejects) when the worker did not confirm
   */
  revoke(workerId: string, revocations: readonly SessionRevocation[]): Promise<readonly ConnectionClose[]>;
}

/** What it takes to push. */
export interface SessionRevocationsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ending: ConnectionEnding;
}

/** Pushes, and tells who waits for a session's end. Subscribed from construction until `close`. */
export class SessionRevocations {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ending: ConnectionEnding;
  readonly #unsubscribe: () => void;
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #pushing = new Set<Promise<void>>();
  #links: WorkerLinks | undefined;
  #queued = new Set<string>();
  #flush: Promise<void> | undefined;

  constructor(options: SessionRevocationsOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ending = options.ending;
    this.#unsubscribe = this.#database.events.subscribe((event) => this.#hear(event));
  }

  /** The links to push through from now on; undefined = none. */
  attach(links: WorkerLinks | undefined): void {
    this.#links = links;
  }

  /** Resolves when the session has terminated or the time is up; call it before what ends the session. */
  whenEnded(sessionId: string, waitMs: number): { readonly done: Promise<void>; cancel(): void } {
    let settle = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      const waiters = this.#waiting.get(sessionId) ?? new Set();
      this.#waiting.set(sessionId, waiters);
      settle = (): void => {
        timer.cancel();
        waiters.delete(settle);
        if (waiters.size === 0 && this.#waiting.get(sessionId) === waiters) this.#waiting.delete(sessionId);
        resolve();
      };
      const timer = this.#clock.setTimer(waitMs, () => settle());
      waiters.add(settle);
    });
    return { done, cancel: () => settle() };
  }

  /** Stops hearing, and waits for the pushes under way. Idempotent. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#links = undefined;
    await this.#flush;
    await Promise.all(this.#pushing);
    for (const sessionId of this.#waiting.keys()) this.#wake(sessionId);
  }

  /** Resolves when nothing waits to be pushed to the workers linked here: also what is heard of meanwhile. Never rejects. */
  async pushed(): Promise<void> {
    await this.#flush;
  }

  /** Resolves when everything heard of so far has been pushed and was confirmed, or was given up. Never rejects. */
  async settled(): Promise<void> {
    await this.#flush;
    await Promise.all(this.#pushing);
  }

  #hear(event: StoreEvent): void {
    if (event.type === 'session-ended') this.#wake(event.sessionId);
    if (event.type !== 'session-ending') return;
    this.#queued.add(event.sessionId);
    this.#flush ??= this.#drain();
  }

  #wake(sessionId: string): void {
    for (const settle of this.#waiting.get(sessionId) ?? []) settle();
  }

  /** Takes what has come together, as often as something comes. Never rejects. */
  async #drain(): Promise<void> {
    // Let the events of this turn of the event loop come together.
    await Promise.resolve();
    while (this.#queued.size > 0) {
      const sessionIds = [...this.#queued];
      this.#queued = new Set();
      try {
        await this.#pushAll(sessionIds);
      } catch (error) {
        // The next heartbeat of each worker brings the same, so nothing is lost but time.
        this.#log.error(
          { err: toStileError(error), sessions: sessionIds.length },
          'could not push revocations',
        );
      }
    }
    this.#flush = undefined;
  }

  async #pushAll(sessionIds: readonly string[]): Promise<void> {
    const links = this.#links;
    if (links === undefined) return;
    const nowUs = this.#clock.nowUs();
    const open = await listOpenOfSessions(this.#database.reader, sessionIds);
    const here = open.filter((connection) => links.isLinked(connection.workerId));
    for (const workerId of new Set(here.map((connection) => connection.workerId))) {
      const mine = here.filter((connection) => connection.workerId === workerId);
      const reasons = new Map(mine.map((each) => [each.sessionId, revocationReason(each, nowUs)]));
      const revocations: SessionRevocation[] = [];
      for (const [sessionId, reason] of reasons) {
        if (reason !== undefined) revocations.push({ sessionId, reason });
      }
      if (revocations.length > 0) this.#track(this.#push(links, workerId, { revocations, open: mine }));
    }
  }

  #track(push: Promise<void>): void {
    this.#pushing.add(push);
    void push.finally(() => this.#pushing.delete(push));
  }

  /** Never rejects. */
  async #push(
    links: WorkerLinks,
    workerId: string,
    what: { readonly revocations: readonly SessionRevocation[]; readonly open: readonly OpenConnection[] },
  ): Promise<void> {
    try {
      const closes = await links.revoke(workerId, what.revocations);
      await this.confirm(workerId, what, closes);
    } catch (error) {
      const code = error instanceof StileError ? error.code : 'internal';
      this.#log.warn(
        { err: error, code, workerId, sessions: what.revocations.length },
        'a worker did not confirm the end of sessions; its next heartbeat or its lease will tell',
      );
    }
  }

  /**
   * Writes down a worker's confirmation: its final counters, and the end of connections that it had never heard of.
   * @throws {StileError} unavailable, storageFull
   */
  async confirm(
    workerId: string,
    what: { readonly revocations: readonly SessionRevocation[]; readonly open: readonly OpenConnection[] },
    closes: readonly ConnectionClose[],
  ): Promise<void> {
    const reported = new Set(closes.map((close) => close.connectionId));
    const revoked = new Set(what.revocations.map((revocation) => revocation.sessionId));
    const unknown = what.open.filter(
      (connection) => revoked.has(connection.sessionId) && !reported.has(connection.id),
    );
    await this.#ending.end({
      reported: { workerId, closes },
      given: { connections: unknown, reason: 'session canceled' },
      sessionIds: [...revoked],
    });
  }
}
