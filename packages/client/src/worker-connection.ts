/**
 * A connection of a session: the first worker of the list that can be used, and the handshake with it (session-protocol.md §3).
 * Also the other use of the handshake, ending the session.
 */
import { errorCodeOfClose } from '@stile/protocol/close-reason';
import { StileError } from '@stile/protocol/errors';
import {
  decodeHandshakeResult,
  encodeClientHandshake,
  type HandshakeResultMessage,
} from '@stile/protocol/handshake';
import { withDeadline, type StreamBuffers, type WebSocketStream } from '@stile/runtime/streams';
import type { SessionCredentials } from './session-authorization.ts';
import { dialWorker } from './worker-dial.ts';

/** What all connections of one client share. */
export interface WorkerConnectorOptions {
  readonly credentials: SessionCredentials;
  readonly buffers: StreamBuffers;
  /** 20 characters of [A-Za-z0-9], the same for all connections of a client process. Secret. */
  readonly tofuToken: string;
  /** Longest time to reach one worker, ms. Default 10,000. */
  readonly dialTimeoutMs?: number;
  /** Longest wait for the worker's answer to the handshake, ms; it asks the controller meanwhile. Default 30,000. */
  readonly handshakeTimeoutMs?: number;
}

/** A connection whose byte stream may start. */
export interface WorkerConnection {
  /** Owned by the caller. */
  readonly stream: WebSocketStream;
  readonly result: HandshakeResultMessage;
}

/** Longest wait for the close that confirms a cancel, ms. */
const cancelAnswerTimeoutMs = 10_000;

/** Another worker may still do what this one did not. */
function isWorthAnotherWorker(error: StileError): boolean {
  return error.code === 'workerUnreachable' || error.code === 'sessionNotAccepted';
}

/** Opens connections of one session. Holds no connection itself. */
export class WorkerConnector {
  readonly #options: WorkerConnectorOptions;
  /** Where the last success was: tried first the next time. */
  #preferred = 0;

  constructor(options: WorkerConnectorOptions) {
    this.#options = options;
  }

  /**
   * Opens one connection: a worker is dialed, and the handshake counts the connection.
   * @throws {StileError} workerUnreachable, sessionNotAccepted, sessionExpired, tofuTokenNotAllowed, connectionNotAuthorized,
   *   sessionNotPending, aborted, and what else the worker's close says
   */
  async connect(signal?: AbortSignal): Promise<WorkerConnection> {
    const stream = await this.#dialAny(signal);
    const abort = (): void => stream.reset(new StileError('aborted', 'the connection was given up'));
    signal?.addEventListener('abort', abort);
    try {
      stream.sendMessage(this.#handshake('connect'));
      const answer = await this.#answerOf(stream);
      return { stream, result: decodeHandshakeResult(answer) };
    } catch (error) {
      stream.reset(
        error instanceof StileError
          ? error
          : new StileError('internal', 'handshake failed', { cause: error }),
      );
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Asks the worker to end the session and waits until it has (session-protocol.md §3.7).
   * @throws {StileError} workerUnreachable, sessionNotAccepted, tofuTokenNotAllowed, unavailable
   */
  async cancel(signal?: AbortSignal): Promise<void> {
    const stream = await this.#dialAny(signal);
    try {
      stream.sendMessage(this.#handshake('cancel'));
      await withDeadline(
        stream.receiveMessage(),
        cancelAnswerTimeoutMs,
        () => new StileError('deadlineExceeded', 'the worker did not confirm the end of the session in time'),
      );
    } catch (error) {
      if (stream.peerClose?.code === 1000) return;
      throw this.#closeError(stream, error);
    } finally {
      stream.closeWith({ code: 1000, reason: 'session teardown finished' });
      stream.reset(new StileError('aborted', 'teardown is over'));
    }
  }

  #handshake(command: 'connect' | 'cancel'): Uint8Array {
    return encodeClientHandshake({ tofuToken: this.#options.tofuToken, command, capabilities: [] });
  }

  async #answerOf(stream: WebSocketStream): Promise<Buffer> {
    const timeoutMs = this.#options.handshakeTimeoutMs ?? 30_000;
    try {
      return await withDeadline(
        stream.receiveMessage(),
        timeoutMs,
        () =>
          new StileError(
            'deadlineExceeded',
            `the worker did not answer the handshake within ${Math.round(timeoutMs / 1000)} s`,
          ),
      );
    } catch (error) {
      throw this.#closeError(stream, error);
    }
  }

  /** The worker's close frame as an error; its text decides only through the table of the protocol (close-reason.ts). */
  #closeError(stream: WebSocketStream, cause: unknown): unknown {
    const close = stream.peerClose;
    if (close === undefined) return cause;
    const code = errorCodeOfClose(close);
    return new StileError(
      code,
      closeMessages.get(code) ??
        `error reading handshake result: the worker closed with status ${close.code} and reason ${JSON.stringify(close.reason)}`,
      { cause },
    );
  }

  async #dialAny(signal: AbortSignal | undefined): Promise<WebSocketStream> {
    const { workerAddresses } = this.#options.credentials.authorization;
    const errors: StileError[] = [];
    for (let offset = 0; offset < workerAddresses.length; offset += 1) {
      const index = (this.#preferred + offset) % workerAddresses.length;
      try {
        const stream = await dialWorker({
          credentials: this.#options.credentials,
          buffers: this.#options.buffers,
          address: workerAddresses[index] ?? '',
          timeoutMs: this.#options.dialTimeoutMs ?? 10_000,
          ...(signal === undefined ? {} : { signal }),
        });
        this.#preferred = index;
        return stream;
      } catch (error) {
        if (!(error instanceof StileError) || !isWorthAnotherWorker(error)) throw error;
        errors.push(error);
      }
    }
    throw summary(errors);
  }
}

/** Texts that scripts know (session-protocol.md §3.4, 3.5). */
const closeMessages: ReadonlyMap<string, string> = new Map([
  ['tofuTokenNotAllowed', 'session is already in use'],
  ['connectionNotAuthorized', 'unable to authorize connection'],
  ['sessionNotPending', 'the session ended before it was first used'],
]);

/** One error for all workers; that a worker refused the session says more than that another was away. */
function summary(errors: readonly StileError[]): StileError {
  const [first] = errors;
  const refused = errors.find((error) => error.code === 'sessionNotAccepted');
  if (first === undefined)
    return new StileError('workerUnreachable', 'no workers found in authorization data');
  if (errors.length === 1 || refused !== undefined) return refused ?? first;
  return new StileError('workerUnreachable', errors.map((error) => error.message).join('; '), {
    cause: first,
  });
}
