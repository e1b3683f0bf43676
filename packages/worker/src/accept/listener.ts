/**
 * Where clients arrive: TCP accept, the session learned from the ClientHello, TLS with the session's certificate, HTTP upgrade
 * (session-protocol.md §2.3, §2.4). Hands on a WebSocket whose client is known to hold the session; everything before is bounded.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { StileError, proxyPath, proxySubprotocol, toStileError } from '@stile/protocol';
import {
  WebSocketStream,
  acceptUpgrade,
  listen,
  type Clock,
  type HostPort,
  type Logger,
  type StreamBuffers,
} from '@stile/runtime';
import type { ServedSession } from '../session/served-session.ts';
import type { SessionCache } from '../session/session-cache.ts';
import { readClientHello, sessionIdOf } from './client-hello.ts';
import { HalfOpenSockets, type HalfOpenEntry, type HalfOpenLimits } from './half-open.ts';
import { SessionTls } from './session-tls.ts';

/** A client of a session, its upgrade done; its first message is still to come. */
export interface Arrival {
  /** Owned by whoever takes the arrival. */
  readonly stream: WebSocketStream;
  readonly session: ServedSession;
  /** TCP peer. */
  readonly peer: HostPort;
  /** Call `release` when the first message has come. */
  readonly halfOpen: HalfOpenEntry;
}

/** What the listener is made of. */
export interface ProxyListenerOptions {
  readonly sessions: Pick<SessionCache, 'lookup'>;
  readonly buffers: StreamBuffers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: HalfOpenLimits;
  /** Takes ownership of the arrival's stream. Must not throw. */
  onArrival(arrival: Arrival): void;
}

/** Pending TCP connections that the kernel keeps while the loop is busy. */
const backlog = 1024;
/** Fatal alert internal_error(80): how a client is told that its session is not served here (session-protocol.md §9.3). */
const alertInternalError = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 80]);

/** Listens from `start` until `close`. */
export class ProxyListener {
  readonly #options: ProxyListenerOptions;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #halfOpen: HalfOpenSockets;
  readonly #tls: SessionTls;

  constructor(options: ProxyListenerOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#halfOpen = new HalfOpenSockets(options.limits);
    this.#tls = new SessionTls(options.clock);
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 },
      (socket) => {
        // From the first moment on; what goes wrong is seen by the step under way, by the close that follows.
        socket.on('error', () => undefined);
        void this.#receive(socket);
      },
    );
  }

  /** Sockets that have not finished the handshake. */
  get halfOpenCount(): number {
    return this.#halfOpen.size;
  }

  /** @throws {StileError} listenFailed */
  async start(address: HostPort): Promise<HostPort> {
    const bound = await listen(this.#server, address, backlog);
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'the proxy listener failed'));
    return bound;
  }

  /** Takes no more, and ends what has not finished the handshake. Arrivals that were handed on are left alone. Idempotent. */
  close(): void {
    this.#server.close();
    this.#halfOpen.close();
  }

  /** Never rejects: the one place that turns what went wrong into an end of the socket. */
  async #receive(socket: Socket): Promise<void> {
    const peer = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const halfOpen = this.#halfOpen.add(socket);
    try {
      const session = await this.#identify(socket, halfOpen);
      const stream = await this.#open(socket, session, halfOpen.signal);
      this.#options.onArrival({ stream, session, peer, halfOpen });
    } catch (error) {
      // Whoever threw has ended the socket; what it still has to send (an alert, a status) is on its way.
      const { code, message } = toStileError(error);
      this.#log.debug({ err: error, code, peer }, `a client was turned away: ${message}`);
    }
  }

  /** Which session the client wants. Answers with alert 80 when it is not served here. */
  async #identify(socket: Socket, halfOpen: HalfOpenEntry): Promise<ServedSession> {
    const { hello, bytes } = await helloOf(socket, halfOpen.signal);
    try {
      const sessionId = sessionIdOf(hello);
      if (sessionId === undefined) throw new StileError('sessionNotAccepted', 'the client names no session');
      const session = await this.#options.sessions.lookup(sessionId);
      if (this.#options.clock.nowUs() >= session.expiresAt)
        throw new StileError('sessionExpired', `session ${sessionId} has expired`);
      halfOpen.named();
      socket.unshift(bytes);
      return session;
    } catch (error) {
      if (!socket.destroyed) socket.write(alertInternalError);
      socket.destroySoon();
      throw error;
    }
  }

  async #open(socket: Socket, session: ServedSession, signal: AbortSignal): Promise<WebSocketStream> {
    const tls = await this.#tls.accept(socket, session);
    try {
      const head = await acceptUpgrade({
        socket: tls,
        path: proxyPath,
        subprotocol: proxySubprotocol,
        signal,
      });
      return new WebSocketStream({ socket: tls, role: 'server', buffers: this.#options.buffers, head });
    } catch (error) {
      // When the request itself was bad, an answer with a status is on its way.
      if (toStileError(error).code === 'invalidFrame') tls.destroySoon();
      else tls.destroy();
      throw error;
    }
  }
}

async function helloOf(socket: Socket, signal: AbortSignal): ReturnType<typeof readClientHello> {
  try {
    return await readClientHello(socket, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
