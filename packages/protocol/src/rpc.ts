/**
 * Calls over the cluster link, both ways (design.md §6). An RpcPeer does no I/O: its owner gives it the bytes that arrive
 * and sends the bytes it asks to send. Entry `@stile/protocol/rpc`, apart from the index so that clients never load it.
 */
import type { ClusterMethod, ClusterRequest, ClusterResponse } from './cluster/calls.ts';
import { StileError, toStileError } from './errors.ts';
import { decodeFrame, encodeError, encodeRequest, encodeResponse, maxFrameBytes } from './cluster/frame.ts';
import type { RequestFrame, ResponseFrame } from './cluster/frame.ts';

export * from './cluster/calls.ts';
export * from './cluster-link.ts';
export { maxFrameBytes } from './cluster/frame.ts';

/** What serves one call. `signal` is aborted when the link closes. A StileError goes to the caller, anything else as `internal`. */
export type ClusterHandler<M extends ClusterMethod> = (
  request: ClusterRequest<M>,
  signal: AbortSignal,
) => Promise<ClusterResponse<M>>;

/** The calls that one side serves; others are answered with `unsupported`. */
export type ClusterHandlers = { readonly [M in ClusterMethod]?: ClusterHandler<M> };

/** Timers, so that tests need no waiting; a runtime Clock is one. */
export interface Timers {
  setTimer(delayMs: number, fn: () => void): { cancel(): void };
}

/** What a peer is made of. */
export interface RpcPeerOptions {
  /** Sends one binary message. May throw when the link is gone. */
  send(bytes: Uint8Array): void;
  readonly handlers: ClusterHandlers;
  /** How long a call waits for its answer. */
  readonly callTimeoutMs: number;
  readonly timers: Timers;
  /** Most calls open in each direction; default 4096. */
  readonly maxOpenCalls?: number;
  /** Largest frame read, bytes; default 1 MiB. */
  readonly maxFrameBytes?: number;
  /** Told of every error of a handler that is a fault of this side, for the log: the caller learns no more than `internal`. */
  onInternalError?(error: unknown, method: ClusterMethod): void;
}

/** One of our calls that waits for its answer. */
interface OpenCall {
  readonly method: ClusterMethod;
  /** Takes the answer's content; the method has been compared, so its type fits. */
  resolve(response: ClusterResponse<ClusterMethod>): void;
  reject(error: StileError): void;
}

const defaultMaxOpenCalls = 4096;

/** One end of a link. The owner calls `receive` for every message and `close` once when the link ends. */
export class RpcPeer {
  readonly #options: RpcPeerOptions;
  readonly #maxOpenCalls: number;
  readonly #open = new Map<number, OpenCall>();
  readonly #serving = new Set<number>();
  readonly #closing = new AbortController();
  #closed: StileError | undefined;
  #lastId = 0;

  constructor(options: RpcPeerOptions) {
    this.#options = options;
    this.#maxOpenCalls = options.maxOpenCalls ?? defaultMaxOpenCalls;
  }

  /** Calls of ours that wait for an answer. */
  get openCalls(): number {
    return this.#open.size;
  }

  /**
   * Takes one message from the other side.
   * @throws {StileError} invalidFrame, frameTooLarge: the owner must close the peer and drop the link.
   */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    const frame = decodeFrame(bytes, this.#options.maxFrameBytes ?? maxFrameBytes);
    switch (frame.kind) {
      case 'request':
        this.#serve(frame);
        return;
      case 'unknownRequest':
        this.#answerError(frame.id, new StileError('unsupported', 'unknown call'));
        return;
      case 'response':
        this.#settle(frame);
        return;
      case 'unknownResponse':
        if (this.#open.has(frame.id)) {
          throw new StileError('invalidFrame', 'answer to a call is of an unknown kind');
        }
        return;
      case 'error':
        // A late answer, to a call that was given up, finds nothing.
        this.#open.get(frame.id)?.reject(new StileError(frame.code, frame.message));
        return;
      default:
        frame satisfies never;
    }
  }

  /**
   * Calls the other side.
   * @throws {StileError} (rejects) what the other side answered; deadlineExceeded after `callTimeoutMs`; aborted by
   *   `signal`; unavailable when too many calls are open; frameTooLarge; connectionReset when sending fails; the error of
   *   `close` when the link ended.
   */
  call<M extends ClusterMethod>(
    method: M,
    request: ClusterRequest<M>,
    signal?: AbortSignal,
  ): Promise<ClusterResponse<M>> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(abortedError(method, signal));
    if (this.#open.size >= this.#maxOpenCalls) {
      return Promise.reject(new StileError('unavailable', 'too many calls are open on the cluster link'));
    }
    const id = this.#nextId();
    return new Promise<ClusterResponse<M>>((resolve, reject) => {
      const onAbort = (): void => fail(abortedError(method, signal));
      const settle = (): void => {
        this.#open.delete(id);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: StileError): void => {
        settle();
        reject(error);
      };
      const timer = this.#options.timers.setTimer(this.#options.callTimeoutMs, () =>
        fail(new StileError('deadlineExceeded', `call ${method} was not answered in time`)),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#open.set(id, {
        method,
        resolve: (response) => {
          settle();
          // The answer's method was compared with the call's in #settle.
          resolve(response as ClusterResponse<M>);
        },
        reject: fail,
      });
      try {
        this.#options.send(encodeRequest(id, method, request));
      } catch (cause) {
        fail(sendError(cause));
      }
    });
  }

  /** Ends the peer: every open call fails with `error`, handlers see their signal aborted, nothing is sent any more. Idempotent. */
  close(error: StileError): void {
    if (this.#closed) return;
    this.#closed = error;
    for (const call of this.#open.values()) call.reject(error);
    this.#closing.abort(error);
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId >= 0xffff_ffff ? 1 : this.#lastId + 1;
    } while (this.#open.has(this.#lastId));
    return this.#lastId;
  }

  #settle(frame: ResponseFrame): void {
    const call = this.#open.get(frame.id);
    // A late answer, to a call that was given up.
    if (!call) return;
    if (call.method !== frame.method) {
      throw new StileError('invalidFrame', `answer to call ${call.method} is one to ${frame.method}`);
    }
    call.resolve(frame.response);
  }

  #serve(frame: RequestFrame): void {
    if (this.#serving.has(frame.id)) {
      throw new StileError('invalidFrame', 'call uses the id of another open call');
    }
    if (this.#serving.size >= this.#maxOpenCalls) {
      this.#answerError(frame.id, new StileError('unavailable', 'too many calls are being served'));
      return;
    }
    const handler = this.#handlerOf(frame.method);
    if (!handler) {
      this.#answerError(frame.id, new StileError('unsupported', `call ${frame.method} is not served here`));
      return;
    }
    this.#serving.add(frame.id);
    void this.#run(frame, handler);
  }

  #handlerOf<M extends ClusterMethod>(method: M): ClusterHandler<M> | undefined {
    const { handlers } = this.#options;
    return Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  }

  /** Never rejects. */
  async #run<M extends ClusterMethod>(frame: RequestFrame<M>, handler: ClusterHandler<M>): Promise<void> {
    try {
      const response = await handler(frame.request, this.#closing.signal);
      this.#serving.delete(frame.id);
      this.#send(encodeResponse(frame.id, frame.method, response));
    } catch (error) {
      this.#serving.delete(frame.id);
      const answer = toStileError(error);
      if (answer.code === 'internal') this.#options.onInternalError?.(error, frame.method);
      this.#answerError(frame.id, answer);
    }
  }

  #answerError(id: number, error: StileError): void {
    this.#send(encodeError(id, error));
  }

  /** Sends an answer. A link that cannot send is over; its owner learns it from the socket, our callers here. */
  #send(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#options.send(bytes);
    } catch (cause) {
      this.close(sendError(cause));
    }
  }
}

function sendError(cause: unknown): StileError {
  if (cause instanceof StileError) return cause;
  return new StileError('connectionReset', 'cluster link cannot send', { cause });
}

function abortedError(method: ClusterMethod, signal: AbortSignal | undefined): StileError {
  return new StileError('aborted', `call ${method} was given up`, { cause: signal?.reason });
}
