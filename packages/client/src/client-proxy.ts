/**
 * The local proxy of one session: listens, opens a worker connection for every local one, copies, and ends the session at the
 * end (session-protocol.md §7). One failed connection does not end it.
 */
import { errorCodeOfClose, type CloseReason } from '@stile/protocol/close-reason';
import { StileError, type ErrorCode } from '@stile/protocol/errors';
import { tofuTokenLength } from '@stile/protocol/handshake';
import { randomBase62 } from '@stile/protocol/ids';
import type { SessionAuthorization } from '@stile/protocol/session-authorization';
import {
  CopyLoop,
  StreamBuffers,
  systemClock,
  type Clock,
  type HostPort,
  type TcpStream,
  type Timer,
} from '@stile/runtime/streams';
import { LocalListener } from './local-listener.ts';
import { openAuthorization, type SessionCredentials } from './session-authorization.ts';
import { WorkerConnector, type WorkerConnection } from './worker-connection.ts';

/** How a proxy works. */
export interface ClientProxyOptions {
  /** The authorization token, or its decoded data. */
  readonly authorization: string | SessionAuthorization;
  /** IP address to listen on. Default 127.0.0.1. */
  readonly listenHost?: string;
  /** Port to listen on; 0 (default) = the target's client port if it has one, else a free one. */
  readonly listenPort?: number;
  /** Ends the proxy this long after the last connection ended, ms; never before a first one. 0 or less: off. */
  readonly inactivityTimeoutMs?: number;
  /** Told after every new connection of a session with a limit. */
  readonly onConnectionsLeft?: (connectionsLeft: number) => void;
  /** Told why one local connection could not be served, the endpoint's refusal included; the proxy goes on. */
  readonly onConnectionError?: (error: StileError) => void;
  /** Leave the session alive at the end. */
  readonly isTeardownSkipped?: boolean;
  /** Longest time for ending the session, ms. Default 30,000. */
  readonly teardownTimeoutMs?: number;
  readonly clock?: Clock;
}

/** Why a proxy ended. The texts are those that users of the protocol know (session-protocol.md §7.1). */
export type ProxyEndReason =
  | 'Session has expired'
  | 'No connections left in session'
  | 'Inactivity timeout reached'
  | 'closed'
  | 'error';

/** How a proxy ended. */
export interface ProxyEnd {
  readonly reason: ProxyEndReason;
  /** With reason `error`: why. */
  readonly error?: StileError;
  /** Whether the session was ended: `failed` carries its own error. */
  readonly teardown: 'done' | 'skipped' | StileError;
}

/** Errors after which no connection of this client can succeed. */
const finalErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['tofuTokenNotAllowed', 'sessionNotPending']);

/** How long live connections may take to end in order when the proxy ends, ms. */
const finishTimeoutMs = 1000;

/** Longest delay of a timer, ms (a signed 32-bit number); a longer wait is cut into several. */
const longestTimerMs = 2_147_483_647;

/** One session's local proxy. `start`, use it, `close`; `closed` says how it ended. */
export class ClientProxy {
  readonly credentials: SessionCredentials;
  /** Resolves, never rejects, when listener, connections and teardown are over. */
  readonly closed: Promise<ProxyEnd>;
  readonly #options: ClientProxyOptions;
  readonly #clock: Clock;
  readonly #buffers = new StreamBuffers();
  readonly #connector: WorkerConnector;
  readonly #loops = new Set<CopyLoop>();
  readonly #abort = new AbortController();
  #listener: LocalListener | undefined;
  #expiryTimer: Timer | undefined;
  #inactivityTimer: Timer | undefined;
  #pending = 0;
  #isExhausted = false;
  #isEnding = false;
  #onClosed: (end: ProxyEnd) => void = () => undefined;

  /** @throws {StileError} invalidAuthorizationToken */
  constructor(options: ClientProxyOptions) {
    this.credentials = openAuthorization(options.authorization);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#connector = new WorkerConnector({
      credentials: this.credentials,
      buffers: this.#buffers,
      tofuToken: randomBase62(tofuTokenLength),
    });
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** What the token says. */
  get authorization(): SessionAuthorization {
    return this.credentials.authorization;
  }

  /** Live connections. */
  get connectionCount(): number {
    return this.#loops.size;
  }

  /**
   * Starts to listen.
   * @returns the bound address
   * @throws {StileError} listenFailed; sessionExpired when the token's time is over already; aborted when `close` came first
   */
  async start(): Promise<HostPort> {
    if (this.#isEnding) throw new StileError('aborted', 'the proxy ended');
    if (this.#clock.nowUs() >= this.authorization.expiresAt) {
      this.#onClosed({ reason: 'Session has expired', teardown: 'skipped' });
      throw new StileError('sessionExpired', 'Session has expired');
    }
    const port = this.#options.listenPort ?? 0;
    this.#listener = new LocalListener({
      address: {
        host: this.#options.listenHost ?? '127.0.0.1',
        port: port === 0 ? this.authorization.defaultClientPort : port,
      },
      buffers: this.#buffers,
      onConnection: (stream) => void this.#serve(stream),
      onError: (error) => this.#end('error', error),
    });
    try {
      const bound = await this.#listener.open();
      // An end that came with the opening has closed the listener; a timer now would outlive it.
      if (this.#isEnding) throw new StileError('aborted', 'the proxy ended');
      this.#armExpiry();
      return bound;
    } catch (error) {
      // Nobody can use the session through this proxy any more: end it.
      this.#end('error', error instanceof StileError ? error : undefined);
      throw error;
    }
  }

  /** Opens one connection without the listener; the caller owns its stream. @throws {StileError} as `WorkerConnector.connect` */
  async dial(): Promise<WorkerConnection> {
    const connection = await this.#connector.connect(this.#abort.signal);
    this.#noteLeft(connection.result.connectionsLeft);
    return connection;
  }

  /** Ends everything: listener, connections, and the session. @returns how it ended */
  async close(): Promise<ProxyEnd> {
    this.#end('closed');
    return this.closed;
  }

  async #serve(local: TcpStream): Promise<void> {
    this.#inactivityTimer?.cancel();
    this.#pending += 1;
    try {
      const { stream } = await this.dial();
      const loop = new CopyLoop(local, stream);
      this.#loops.add(loop);
      this.#pending -= 1;
      if (this.#isEnding) loop.stop();
      else loop.start();
      await loop.done;
      this.#loops.delete(loop);
      this.#noteRefusal(stream.peerClose);
    } catch (error) {
      this.#pending -= 1;
      local.reset();
      this.#onDialError(
        error instanceof StileError ? error : new StileError('internal', 'internal error', { cause: error }),
      );
    }
    this.#onIdle();
  }

  #onDialError(error: StileError): void {
    if (this.#isEnding) return;
    if (finalErrors.has(error.code)) {
      this.#end('error', error);
      return;
    }
    if (error.code === 'sessionExpired') {
      this.#end('Session has expired');
      return;
    }
    const isKnown = error.code === 'connectionNotAuthorized' && this.#isExhausted;
    if (error.code === 'connectionNotAuthorized') this.#stopListening();
    if (!isKnown) this.#options.onConnectionError?.(error);
  }

  /** A close after the handshake that says more than the end: the local program only saw its connection end. */
  #noteRefusal(close: CloseReason | undefined): void {
    if (close === undefined || this.#isEnding) return;
    const code = errorCodeOfClose(close);
    if (code !== 'endpointUnreachable') return;
    const { endpoint } = this.authorization;
    this.#options.onConnectionError?.(
      new StileError(code, `the worker could not connect to the endpoint ${endpoint}`),
    );
  }

  #noteLeft(connectionsLeft: number): void {
    if (connectionsLeft === -1) return;
    this.#options.onConnectionsLeft?.(connectionsLeft);
    if (connectionsLeft === 0) this.#stopListening();
  }

  /** The session gives no further connection; those that live go on (session-protocol.md §3.6). */
  #stopListening(): void {
    this.#isExhausted = true;
    this.#listener?.close();
  }

  /** After the end of a connection: is it time to end? */
  #onIdle(): void {
    if (this.#isEnding || this.#loops.size > 0 || this.#pending > 0) return;
    if (this.#isExhausted) {
      this.#end('No connections left in session');
      return;
    }
    const timeoutMs = this.#options.inactivityTimeoutMs ?? 0;
    if (timeoutMs <= 0) return;
    this.#inactivityTimer?.cancel();
    this.#inactivityTimer = this.#clock.setTimer(timeoutMs, () => this.#end('Inactivity timeout reached'));
  }

  #armExpiry(): void {
    const leftMs = Math.max(0, Math.ceil((this.authorization.expiresAt - this.#clock.nowUs()) / 1000));
    this.#expiryTimer = this.#clock.setTimer(Math.min(leftMs, longestTimerMs), () => {
      if (leftMs > longestTimerMs) this.#armExpiry();
      else this.#end('Session has expired');
    });
  }

  #end(reason: ProxyEndReason, error?: StileError): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#expiryTimer?.cancel();
    this.#inactivityTimer?.cancel();
    this.#listener?.close();
    this.#abort.abort();
    void this.#endLoops(reason)
      .then(() => this.#teardown(reason, error))
      .then((teardown) => this.#onClosed({ reason, teardown, ...(error === undefined ? {} : { error }) }));
  }

  /** Ends the live connections: at the session's end at once, else so that the worker reads a clean end. Never rejects. */
  async #endLoops(reason: ProxyEndReason): Promise<void> {
    const loops = [...this.#loops];
    const all = Promise.all(loops.map((loop) => loop.done));
    const isExpired = reason === 'Session has expired';
    if (isExpired) for (const loop of loops) loop.stop();
    else for (const loop of loops) loop.finish();
    const timer = this.#clock.setTimer(finishTimeoutMs, () => {
      for (const loop of loops) loop.stop();
    });
    await all;
    timer.cancel();
  }

  /** Ends the session, unless it is over, or another client's. Never throws. */
  async #teardown(reason: ProxyEndReason, error: StileError | undefined): Promise<ProxyEnd['teardown']> {
    const isOver = reason === 'Session has expired' || (error !== undefined && finalErrors.has(error.code));
    if (this.#options.isTeardownSkipped === true || isOver) return 'skipped';
    try {
      await this.#connector.cancel(AbortSignal.timeout(this.#options.teardownTimeoutMs ?? 30_000));
      return 'done';
    } catch (failure) {
      return failure instanceof StileError
        ? failure
        : new StileError('internal', 'internal error', { cause: failure });
    }
  }
}

/**
 * Opens a local listener for a session: `const { proxy, address } = await openLocalListener({ authorization: token })`.
 * @throws {StileError} invalidAuthorizationToken, sessionExpired, listenFailed
 */
export async function openLocalListener(
  options: ClientProxyOptions,
): Promise<{ proxy: ClientProxy; address: HostPort }> {
  const proxy = new ClientProxy(options);
  const address = await proxy.start();
  return { proxy, address };
}
