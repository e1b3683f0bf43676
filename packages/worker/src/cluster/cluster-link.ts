/** One live link to a controller: a WebSocket with an RpcPeer on it, hello, heartbeats, and one way to end. Made by controller-client.ts. */
import { StileError, toStileError } from '@stile/protocol';
import { RpcPeer } from '@stile/protocol/rpc';
import type { ClusterHandlers, HelloResponse } from '@stile/protocol/rpc';
import type { Clock, Timer } from '@stile/runtime';
import type { WebSocket } from 'ws';

/** How long a controller may take for one call, milliseconds; below the 15 s of a TLS handshake (session-protocol.md §2.3). */
const callTimeoutMs = 10_000;

/** What a link is made of. It takes ownership of the socket. */
export interface ClusterLinkOptions {
  readonly socket: WebSocket;
  readonly handlers: ClusterHandlers;
  readonly clock: Clock;
  onInternalError(error: unknown): void;
}

/** A link until it is dropped. */
export class ClusterLink {
  readonly peer: RpcPeer;
  /** Resolves, never rejects, with why the link is gone. */
  readonly closed: Promise<StileError>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  #settle: (reason: StileError) => void = () => undefined;
  #heartbeat: Timer | undefined;
  #isClosed = false;

  constructor(options: ClusterLinkOptions) {
    this.#socket = options.socket;
    this.#clock = options.clock;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.peer = new RpcPeer({
      send: (bytes) => this.#socket.send(bytes),
      handlers: options.handlers,
      callTimeoutMs,
      timers: options.clock,
      onInternalError: (error) => options.onInternalError(error),
    });
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    this.#socket.on('close', () =>
      this.close(new StileError('controllerUnreachable', 'the link to the controller was closed')),
    );
    this.#socket.on('error', (cause) =>
      this.close(new StileError('controllerUnreachable', 'the link to the controller broke', { cause })),
    );
  }

  /** Calls `beat` now and then, until the link is gone; a beat that fails drops the link. */
  startHeartbeat(hello: HelloResponse, beat: () => Promise<void>): void {
    this.#heartbeat = this.#clock.setTimer(hello.heartbeatIntervalMs, () => {
      beat().then(
        () => {
          if (!this.#isClosed) this.startHeartbeat(hello, beat);
        },
        (error: unknown) => this.close(toStileError(error)),
      );
    });
  }

  /** Ends the link and fails its open calls. Idempotent. */
  close(reason: StileError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#heartbeat?.cancel();
    this.peer.close(reason);
    this.#socket.terminate();
    this.#settle(reason);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    try {
      if (!isBinary) throw new StileError('invalidFrame', 'a text message on the cluster link');
      this.peer.receive(data);
    } catch (error) {
      this.close(toStileError(error));
    }
  }
}
