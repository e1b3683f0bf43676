/**
 * The sessions this worker holds. A lookup is asked of the controller at most every two seconds however many connections come; whether a
 * connection may begin is always asked (session-protocol.md §9.34). What the controller pushes lands here.
 */
import { StileError, toStileError, type SessionEndReason } from '@stile/protocol';
import type {
  ConnectionClose,
  LookupSessionResponse,
  SessionReport,
  SessionRevocation,
} from '@stile/protocol/rpc';
import type { Clock } from '@stile/runtime';
import type { ControllerClient } from '../cluster/controller-client.ts';
import { ServedSession } from './served-session.ts';

/** How long a lookup is good for further TLS handshakes, milliseconds. Permission is not among what it decides. */
const freshMs = 2000;
/** A session without connections is forgotten this long after its last use, milliseconds; its next client asks again. */
const idleMs = 60_000;
/** Sessions kept without connections; beyond, the one used longest ago goes. */
const mostIdle = 10_000;

interface Entry {
  readonly session: ServedSession;
  freshUntilMs: number;
  usedAtMs: number;
}

/** Local copy of sessions, by id. */
export class SessionCache {
  readonly #client: Pick<ControllerClient, 'lookupSession'>;
  readonly #clock: Clock;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #lookups = new Map<string, Promise<ServedSession>>();

  constructor(options: { readonly client: Pick<ControllerClient, 'lookupSession'>; readonly clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /**
   * The session for a TLS handshake; concurrent calls share one lookup.
   * @throws {StileError} sessionNotAccepted (unknown, or not for this worker), controllerUnreachable, deadlineExceeded
   */
  lookup(sessionId: string): Promise<ServedSession> {
    const entry = this.#entries.get(sessionId);
    if (entry !== undefined && entry.freshUntilMs > this.#clock.monotonicMs()) {
      this.#use(sessionId, entry);
      return Promise.resolve(entry.session);
    }
    const pending = this.#lookups.get(sessionId);
    if (pending !== undefined) return pending;
    const lookup = this.#ask(sessionId).finally(() => this.#lookups.delete(sessionId));
    this.#lookups.set(sessionId, lookup);
    return lookup;
  }

  async #ask(sessionId: string): Promise<ServedSession> {
    const askedAtMs = this.#clock.monotonicMs();
    const facts = await this.#lookupFacts(sessionId);
    const known = this.#entries.get(sessionId);
    if (facts === undefined) {
      if (known !== undefined) return known.session;
      throw new StileError('controllerUnreachable', 'the controller cannot be asked for the session');
    }
    if (known !== undefined) {
      known.session.refresh(facts);
      // An answer is as good as a heartbeat: the controller stands behind the session now.
      known.session.renewLease(askedAtMs);
      known.freshUntilMs = this.#clock.monotonicMs() + freshMs;
      this.#use(sessionId, known);
      return known.session;
    }
    const session = new ServedSession(facts, this.#clock, askedAtMs);
    this.#use(sessionId, { session, freshUntilMs: this.#clock.monotonicMs() + freshMs, usedAtMs: 0 });
    this.#sweep();
    return session;
  }

  /**
   * What the controller says; undefined when it cannot be asked and the session is known here: its client gets as far as the handshake, where
   * the refusal has a reason that a person understands (alert 80 has none).
   */
  async #lookupFacts(sessionId: string): Promise<LookupSessionResponse | undefined> {
    try {
      return await this.#client.lookupSession(sessionId);
    } catch (error) {
      const { code } = toStileError(error);
      const isAway = code === 'controllerUnreachable' || code === 'deadlineExceeded';
      if (isAway && this.#entries.has(sessionId)) return undefined;
      throw error;
    }
  }

  #use(sessionId: string, entry: Entry): void {
    entry.usedAtMs = this.#clock.monotonicMs();
    this.#entries.delete(sessionId);
    this.#entries.set(sessionId, entry);
  }

  /** Open connections of all sessions. */
  get connectionCount(): number {
    let count = 0;
    for (const { session } of this.#entries.values()) count += session.connectionCount;
    return count;
  }

  /** Open connections by session, for health. */
  get connectionsBySession(): Record<string, number> {
    const live = [...this.#entries.values()].filter((entry) => entry.session.connectionCount > 0);
    return Object.fromEntries(live.map(({ session }) => [session.id, session.connectionCount]));
  }

  /** Live counters of every session with connections. */
  get reports(): SessionReport[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.session.connectionCount > 0)
      .map((entry) => entry.session.report);
  }

  /** A heartbeat that was sent at `fromMs` (monotonic) has been answered. */
  renewLeases(fromMs: number): void {
    for (const { session } of this.#entries.values()) session.renewLease(fromMs);
    this.#sweep();
  }

  /** Ends sessions that the controller says are over; resolves with the final counters when all their sockets are gone. */
  async revoke(revocations: readonly SessionRevocation[]): Promise<ConnectionClose[]> {
    const ended = await Promise.all(revocations.map(({ sessionId, reason }) => this.#end(sessionId, reason)));
    return ended.flat();
  }

  /** Ends everything that is served: the cluster does not know this worker any more. */
  async endAll(reason: SessionEndReason): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((sessionId) => this.#end(sessionId, reason)));
  }

  async #end(sessionId: string, reason: SessionEndReason): Promise<ConnectionClose[]> {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return [];
    // A client that comes now asks the controller: it must still be able to say goodbye.
    this.#entries.delete(sessionId);
    return entry.session.end(reason);
  }

  /** Cuts everything: the worker stops. */
  async closeAll(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.session.closeAll('worker stopped')));
    this.#entries.clear();
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    let surplus = this.#entries.size - mostIdle;
    for (const [id, { session, usedAtMs }] of this.#entries) {
      if (nowMs - usedAtMs < idleMs && surplus <= 0) break;
      if (session.connectionCount > 0) continue;
      this.#entries.delete(id);
      surplus -= 1;
    }
  }
}
