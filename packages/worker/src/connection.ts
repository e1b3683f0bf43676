/**
 * One proxied connection, from the permission to the report of its end: handshake result, dial, copy, and one close path, whoever starts it.
 * Both sockets, the counters and the controller's record agree when it is over.
 */
import { setTimeout as pauseMs } from 'node:timers/promises';
import {
  StileError,
  closeReasonOf,
  closeReasons,
  encodeHandshakeResult,
  toStileError,
  type CloseReason,
  type ConnectionEndReason,
  type ErrorCode,
} from '@stile/protocol';
import type { ConnectionClose } from '@stile/protocol/rpc';
import {
  CopyLoop,
  type Clock,
  type CopyEnd,
  type Logger,
  type StreamBuffers,
  type WebSocketStream,
} from '@stile/runtime';
import type { ControllerClient } from './cluster/controller-client.ts';
import type { LiveConnection, ServedSession } from './session/served-session.ts';
import { dialEndpoint, parseEndpoint } from './tcp-proxy.ts';

/** What a connection is made of. */
export interface ConnectionOptions {
  /** `sc_…`, from the controller. */
  readonly id: string;
  /** After this one; -1 = unlimited. */
  readonly connectionsLeft: number;
  readonly capabilities: readonly string[];
  /** Owned by the connection. */
  readonly stream: WebSocketStream;
  readonly session: ServedSession;
  readonly controller: Pick<ControllerClient, 'connectConnection' | 'closeConnection'>;
  readonly buffers: StreamBuffers;
  readonly clock: Clock;
  readonly log: Logger;
  /** Time to reach the endpoint, milliseconds. */
  readonly dialTimeoutMs: number;
}

/** Longest wait for the record of an end before the client is told, milliseconds. */
const reportFirstMs = 1000;

/** How a connection ended, and the close frame for the client where the copy loop does not send its own. */
interface Ending {
  readonly reason: ConnectionEndReason;
  readonly close?: CloseReason;
}

/** A connection that the controller has authorized. */
export class ProxiedConnection implements LiveConnection {
  readonly id: string;
  readonly #options: ConnectionOptions;
  /** Ends the dial. */
  readonly #stopping = new AbortController();
  readonly #report: Promise<ConnectionClose>;
  #settleReport: (report: ConnectionClose) => void = () => undefined;
  #copy: CopyLoop | undefined;
  /** Why it was cut; undefined while it lives or when it ended by itself. The first reason stays. */
  #cutReason: ConnectionEndReason | undefined;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#report = new Promise((resolve) => {
      this.#settleReport = resolve;
    });
  }

  get bytesUp(): number {
    return this.#copy?.bytesUp ?? 0;
  }

  get bytesDown(): number {
    return this.#copy?.bytesDown ?? 0;
  }

  /** Cuts both sockets at once. Resolves with the final counters when both are gone. Idempotent; the first reason stays. */
  async close(reason: ConnectionEndReason): Promise<ConnectionClose> {
    const { stream } = this.#options;
    if (this.#cutReason === undefined) {
      this.#cutReason = reason;
      if (this.#copy === undefined) {
        const error = new StileError('aborted', reason);
        this.#stopping.abort(error);
        stream.reset(error);
      } else this.#copy.stop();
    }
    await Promise.all([stream.closed, this.#copy?.done]);
    return this.#report;
  }

  /** Carries the connection to its end and reports it; resolves when both sockets are gone and the controller was told. Never rejects. */
  async run(): Promise<void> {
    const { session, stream, controller, log } = this.#options;
    const { reason, close } = await this.#proxy();
    const report: ConnectionClose = {
      connectionId: this.id,
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      reason,
      closedAt: this.#options.clock.nowUs(),
    };
    this.#settleReport(report);
    log.info({ ...report, sessionId: session.id }, 'connection closed');
    const told = controller.closeConnection(report);
    if (close !== undefined) {
      // The client looks at the record as soon as it is closed: the record comes first, unless the controller is slow.
      await Promise.race([told, pauseMs(reportFirstMs)]);
      stream.closeWith(close);
    }
    await Promise.all([stream.closed, this.#copy?.done]);
    session.remove(this);
    await told;
  }

  /** Never rejects: here every error becomes a reason and a close frame. Both sockets are closed or closing afterwards. */
  async #proxy(): Promise<Ending> {
    const { session, log } = this.#options;
    try {
      this.#begin();
      this.#copy = await this.#connect();
      // It may have been cut between the controller's answer and here.
      if (this.#cutReason === undefined) this.#copy.start();
      else this.#copy.stop();
      const end = await this.#copy.ended;
      return { reason: end.by === 'stopped' ? (this.#cutReason ?? 'session canceled') : reasonOfCopy(end) };
    } catch (error) {
      log.info({ err: error, connectionId: this.id, sessionId: session.id }, 'connection not proxied');
      const ending = endings[toStileError(error).code] ?? unrecorded;
      return this.#cutReason === undefined ? ending : { reason: this.#cutReason };
    }
  }

  /** From here on whatever ends the session ends this connection too; and the client learns that it has one. */
  #begin(): void {
    const { session, stream, connectionsLeft, capabilities } = this.#options;
    const { expiresAt, connectionLimit } = session;
    session.add(this);
    stream.sendMessage(encodeHandshakeResult({ expiresAt, connectionLimit, connectionsLeft, capabilities }));
  }

  async #connect(): Promise<CopyLoop> {
    const { session, stream, controller, buffers, dialTimeoutMs } = this.#options;
    const { signal } = this.#stopping;
    const far = await dialEndpoint({
      endpoint: parseEndpoint(session.endpoint),
      buffers,
      timeoutMs: dialTimeoutMs,
      signal,
    });
    try {
      const { host, port } = far.remoteAddress;
      const connected = controller.connectConnection({
        connectionId: this.id,
        endpointAddress: host,
        endpointPort: port,
      });
      // A cut does not wait for the controller's answer.
      await unlessAborted(connected, signal);
    } catch (error) {
      far.reset();
      throw error;
    }
    return new CopyLoop(stream, far);
  }
}

/** What `work` gives; rejects with the signal's reason when it aborts before. Nothing is left at the signal afterwards. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(toStileError(signal.reason));
    const done = (): void => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    void work.then(resolve, reject).finally(done);
  });
}

function reasonOfCopy(end: CopyEnd): ConnectionEndReason {
  if (end.by === 'far') return end.kind === 'closed' ? 'endpoint closed' : 'endpoint lost';
  if (end.kind === 'closed') return 'client closed';
  const isRuleBroken = end.error?.code === 'invalidFrame' || end.error?.code === 'frameTooLarge';
  return isRuleBroken ? 'protocol error' : 'client lost';
}

/** What an error before the copy loop means. The close texts are those of session-protocol.md §3.4. */
const endings: Partial<Record<ErrorCode, Ending>> = {
  endpointRefused: { reason: 'endpoint refused', close: closeReasons.proxyFailed },
  endpointUnreachable: { reason: 'endpoint unreachable', close: closeReasons.proxyFailed },
  unsupported: { reason: 'endpoint unreachable', close: closeReasons.endpointUnusable },
  sessionExpired: { reason: 'session expired', close: closeReasonOf('sessionExpired') },
  connectionNotAuthorized: { reason: 'session canceled', close: closeReasons.connectFailed },
};
/** The controller did not answer, or its answer is none: without its record the connection may not be used. */
const unrecorded: Ending = { reason: 'controller lost', close: closeReasons.connectFailed };
