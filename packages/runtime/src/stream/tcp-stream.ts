/**
 * A TCP connection as a ByteStream. It reads into the thread's shared buffer: a dialed one by Node's `onread`, an accepted one by
 * read-into.ts, or, where this Node has no such way, from Node's own chunks.
 */
import { connect, type Socket } from 'node:net';
import { StileError } from '@stile/protocol/errors';
import type { ByteStream, StreamReader, WriteResult } from './byte-stream.ts';
import { formatHostPort } from '../listen.ts';
import type { StreamBuffers, TurnMember } from './stream-buffers.ts';
import { headroomBytes, joinedBytes } from './stream-buffers.ts';
import { readInto } from './read-into.ts';

/** Where and how to dial. */
export interface TcpDialOptions {
  /** Name or IP literal; a name's addresses are tried by Happy Eyeballs (RFC 8305). */
  readonly host: string;
  readonly port: number;
  readonly buffers: StreamBuffers;
  /** Longest wait for name resolution and connection together, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Head start of one address before the next is tried, milliseconds (RFC 8305 §5). */
const attemptTimeoutMs = 250;
/** Idle time before TCP keepalive probes, milliseconds. */
const keepAliveMs = 15_000;
/** How long a peer may keep its direction open after `close`, milliseconds, counted from our flushed end. */
const lingerMs = 5_000;

/** One TCP socket. */
export class TcpStream implements ByteStream, TurnMember {
  readonly canHalfClose = true;
  readonly closed: Promise<void>;
  readonly flushed: Promise<void>;
  readonly #socket: Socket;
  readonly #buffers: StreamBuffers;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #isPaused = true;
  #reader: StreamReader | undefined;
  #isDraining = false;
  #isClosing = false;
  #isEnded = false;
  /** The reader was told of an end or a reset, or is not to be told any more. */
  #isOver = false;
  #failure: StileError | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;

  private constructor(socket: Socket, buffers: StreamBuffers) {
    this.#socket = socket;
    this.#buffers = buffers;
    socket.pause();
    socket.on('error', (cause) =>
      this.#fail(new StileError('connectionReset', 'the connection was reset', { cause })),
    );
    socket.on('end', () => this.#onEnd());
    this.flushed = new Promise((resolve) => {
      socket.once('finish', resolve).once('close', resolve);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearTimeout(this.#lingerTimer);
        this.#fail(new StileError('connectionReset', 'the connection was cut'));
        resolve();
      });
    });
  }

  /** Takes ownership of an accepted socket, made with `allowHalfOpen: true` and `pauseOnConnect: true`. */
  static accept(socket: Socket, buffers: StreamBuffers): TcpStream {
    const stream = new TcpStream(socket, buffers);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    const { readBuffer } = buffers;
    const isDirect = readInto(socket, readBuffer, (length) =>
      stream.#onBytes(readBuffer.subarray(0, length), headroomBytes),
    );
    if (!isDirect) socket.on('data', (bytes: Buffer) => stream.#collect(bytes));
    return stream;
  }

  /**
   * Dials. Nothing is read before `start`.
   * @throws {StileError} endpointRefused, endpointUnreachable (also when it takes too long), aborted
   */
  static async dial(options: TcpDialOptions): Promise<TcpStream> {
    if (options.signal?.aborted === true) throw stopped(options);
    const { buffers } = options;
    const { readBuffer } = buffers;
    let readBytes = 0;
    const socket = connect({
      host: options.host,
      port: options.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptTimeoutMs,
      onread: {
        // Asked before every read.
        buffer: () => buffers.readBufferFor(readBytes),
        callback: (length: number): boolean => {
          readBytes += length;
          stream.#onBytes(readBuffer.subarray(0, length), headroomBytes);
          return true;
        },
      },
    });
    // Paused before it can connect, so that nothing is read until `start`.
    const stream = new TcpStream(socket, options.buffers);
    await untilConnected(socket, options);
    return stream;
  }

  /** Address really connected to, after name resolution. */
  get remoteAddress(): { host: string; port: number } {
    return { host: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 };
  }

  start(reader: StreamReader): void {
    this.#reader = reader;
    if (this.#failure !== undefined) this.#tellReset(this.#failure);
    else this.resume();
  }

  pause(): void {
    if (this.#isClosing) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#batch.length > 0) this.#buffers.atTurnEnd(this);
    else this.#socket.resume();
  }

  /** Called once at the end of a turn in which something was collected. */
  onTurnEnd(): void {
    if (this.#isPaused) return;
    this.#deliver();
    if (!this.#isPaused) this.#socket.resume();
  }

  write(pieces: readonly Buffer[]): WriteResult {
    const socket = this.#socket;
    if (this.#isEnded || socket.destroyed) return 'ready';
    const isMany = pieces.length > 1;
    if (isMany) socket.cork();
    for (const piece of pieces) socket.write(piece, this.#onWritten);
    if (isMany) socket.uncork();
    if (socket.writableLength === 0) return 'ready';
    this.#isDraining = true;
    return 'kept';
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.end();
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#isOver = true;
    this.end();
    // Closing with unread bytes would send a reset, which takes what the peer has not read yet with it (RFC 1122 §4.2.2.13).
    this.#socket.resume();
    const linger = (): void => {
      if (!this.#socket.destroyed) this.#lingerTimer = setTimeout(() => this.#socket.destroy(), lingerMs);
    };
    if (this.#socket.writableFinished) linger();
    else this.#socket.once('finish', linger);
  }

  reset(): void {
    this.#isOver = true;
    if (this.#socket.destroyed) return;
    // After our own end libuv refuses a reset (EINVAL), and node would never say `close`.
    if (this.#isEnded) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  readonly #onWritten = (): void => {
    if (!this.#isDraining || this.#socket.writableLength > 0) return;
    this.#isDraining = false;
    if (!this.#isEnded) this.#reader?.onWritable();
  };

  #onBytes(bytes: Buffer, headroom: number): void {
    if (!this.#isOver) this.#reader?.onBytes([bytes], headroom);
  }

  /** Node's chunks of one turn, joined. */
  #collect(bytes: Buffer): void {
    if (this.#isOver) return;
    if (this.#batch.push(bytes) === 1) this.#buffers.atTurnEnd(this);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= joinedBytes) this.#socket.pause();
  }

  #deliver(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (!this.#isOver) this.#reader?.onBytes(batch, 0);
  }

  #onEnd(): void {
    this.#deliver();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.onEnd('closed');
  }

  #fail(error: StileError): void {
    this.#failure ??= error;
    if (this.#reader !== undefined) this.#tellReset(error);
  }

  #tellReset(error: StileError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.onReset(error);
  }
}

function untilConnected(socket: Socket, options: TcpDialOptions): Promise<void> {
  const { host, port, timeoutMs, signal } = options;
  const where = formatHostPort(host, port);
  return new Promise((resolve, reject) => {
    const settle = (error?: StileError): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('connect', onConnect);
      if (error === undefined) {
        resolve();
        return;
      }
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error): void => settle(dialError(where, cause));
    const onConnect = (): void => settle();
    const onAbort = (): void => settle(stopped(options));
    const timer = setTimeout(() => {
      settle(
        new StileError('endpointUnreachable', `endpoint ${where} did not answer within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort);
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}

function stopped(options: TcpDialOptions): StileError {
  return new StileError('aborted', `dialing ${formatHostPort(options.host, options.port)} was stopped`);
}

function dialError(where: string, cause: Error): StileError {
  const all: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const codes = all.map((error) => (error instanceof Error && 'code' in error ? error.code : undefined));
  if (codes.length > 0 && codes.every((code) => code === 'ECONNREFUSED')) {
    return new StileError('endpointRefused', `endpoint ${where} refused the connection`, { cause });
  }
  if (codes.some((code) => code === 'ENOTFOUND' || code === 'EAI_AGAIN')) {
    return new StileError('endpointUnreachable', `endpoint ${where} does not resolve`, { cause });
  }
  return new StileError('endpointUnreachable', `endpoint ${where} cannot be reached`, { cause });
}
