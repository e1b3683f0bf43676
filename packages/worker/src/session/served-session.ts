/**
 * One session as this worker serves it: what the controller said of it, its live connections, and the two instants at which they are cut
 * without asking anybody: its expiry, and the end of its lease (design.md §5).
 */
import type { SessionEndReason, SessionStatus, ConnectionEndReason } from '@stile/protocol';
import { StileError } from '@stile/protocol';
import type { ConnectionClose, LookupSessionResponse, SessionReport } from '@stile/protocol/rpc';
import type { Clock, Timer } from '@stile/runtime';

/** A proxied connection, as its session knows it. */
export interface LiveConnection {
  /** `sc_…` */
  readonly id: string;
  /** Client to endpoint, bytes so far. */
  readonly bytesUp: number;
  /** Endpoint to client, bytes so far. */
  readonly bytesDown: number;
  /** Cuts both sockets; resolves with the final counters when both are gone. Idempotent: later calls wait for the first. */
  close(reason: ConnectionEndReason): Promise<ConnectionClose>;
}

/** What ends connections when a session ends. */
const connectionReasonOf = (reason: SessionEndReason): ConnectionEndReason =>
  reason === 'expired' ? 'session expired' : 'session canceled';

/** A session that this worker holds. */
export class ServedSession {
  readonly id: string;
  readonly #clock: Clock;
  readonly #connections = new Set<LiveConnection>();
  #facts: LookupSessionResponse;
  #tofuToken: string | undefined;
  #leaseFromMs: number;
  #timer: Timer | undefined;
  #ended: ConnectionEndReason | undefined;

  constructor(facts: LookupSessionResponse, clock: Clock, leaseFromMs: number) {
    this.id = facts.sessionId;
    this.#clock = clock;
    this.#facts = facts;
    this.#leaseFromMs = leaseFromMs;
    this.refresh(facts);
  }

  /** Takes what the controller says now; a TOFU token that is known stays. */
  refresh(facts: LookupSessionResponse): void {
    this.#facts = facts;
    if (this.#tofuToken === undefined && facts.tofuToken !== '') this.#tofuToken = facts.tofuToken;
  }

  /** DER. */
  get certificate(): Uint8Array {
    return this.#facts.certificate;
  }

  /** 64 bytes: Ed25519 seed ‖ public key. Secret. */
  get privateKey(): Uint8Array {
    return this.#facts.privateKey;
  }

  get status(): SessionStatus {
    return this.#facts.status;
  }

  /** `tcp://host:port`. */
  get endpoint(): string {
    return this.#facts.endpoint;
  }

  /** Epoch µs. */
  get expiresAt(): number {
    return this.#facts.expiresAt;
  }

  /** -1 = unlimited. */
  get connectionLimit(): number {
    return this.#facts.connectionLimit;
  }

  /** Secret; undefined until the session was activated. */
  get tofuToken(): string | undefined {
    return this.#tofuToken;
  }

  /** Notes that the session was activated with this TOFU token. */
  activated(tofuToken: string): void {
    this.#tofuToken ??= tofuToken;
    this.#facts = { ...this.#facts, status: 'active' };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Live counters for hello and heartbeat. */
  get report(): SessionReport {
    const connections = [...this.#connections].map((each) => ({
      connectionId: each.id,
      bytesUp: each.bytesUp,
      bytesDown: each.bytesDown,
    }));
    return { sessionId: this.id, connections };
  }

  /**
   * Takes in a connection; from now on it is cut with the session.
   * @throws {StileError} sessionExpired, connectionNotAuthorized (canceled), controllerUnreachable (lease over): it must not begin
   */
  add(connection: LiveConnection): void {
    this.#requireOpen();
    this.#connections.add(connection);
    this.#schedule();
  }

  /** Forgets a connection that has ended. */
  remove(connection: LiveConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#timer?.cancel();
  }

  /** The lease counts from an instant of the monotonic clock, milliseconds: when the answered heartbeat was sent. */
  renewLease(fromMs: number): void {
    if (fromMs <= this.#leaseFromMs) return;
    this.#leaseFromMs = fromMs;
    if (this.#connections.size > 0) this.#schedule();
  }

  /** Ends the session here: every connection is cut, none begins any more. Resolves with all final counters. */
  end(reason: SessionEndReason): Promise<ConnectionClose[]> {
    return this.closeAll(connectionReasonOf(reason));
  }

  /** Cuts every connection and refuses new ones. */
  closeAll(reason: ConnectionEndReason): Promise<ConnectionClose[]> {
    this.#ended ??= reason;
    this.#timer?.cancel();
    return Promise.all([...this.#connections].map((each) => each.close(reason)));
  }

  get #leaseEndsMs(): number {
    return this.#leaseFromMs + this.#facts.leaseSeconds * 1000;
  }

  #requireOpen(): void {
    if (this.#ended === 'session expired' || this.#clock.nowUs() >= this.expiresAt) {
      throw new StileError('sessionExpired', `session ${this.id} has expired`);
    }
    if (this.#ended !== undefined) {
      throw new StileError('connectionNotAuthorized', `session ${this.id} has ended`);
    }
    if (this.#clock.monotonicMs() >= this.#leaseEndsMs) {
      throw new StileError(
        'controllerUnreachable',
        `the lease of session ${this.id} is over: the controller cannot be reached`,
      );
    }
  }

  /** One timer for whichever comes first. */
  #schedule(): void {
    this.#timer?.cancel();
    const untilExpiryMs = (this.expiresAt - this.#clock.nowUs()) / 1000;
    const untilLeaseEndMs = this.#leaseEndsMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(Math.max(0, Math.min(untilExpiryMs, untilLeaseEndMs)), () =>
      this.#onTimer(),
    );
  }

  #onTimer(): void {
    if (this.#clock.nowUs() >= this.expiresAt) {
      void this.closeAll('session expired');
      return;
    }
    if (this.#clock.monotonicMs() < this.#leaseEndsMs) {
      this.#schedule();
      return;
    }
    // The lease is over, not the session: when the controller is back the same client may connect again.
    for (const each of this.#connections) void each.close('controller lost');
  }
}
