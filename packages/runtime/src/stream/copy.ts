/**
 * The copy loop over two streams: bytes both ways, counted, each direction no faster than its reader. On streams without
 * half-close either end's EOF closes both after what was read is flushed (session-protocol.md §4.5).
 */
import { StileError } from '@stile/protocol/errors';
import type { ByteStream, EndKind, StreamReader, WriteResult } from './byte-stream.ts';
import { lengthOf } from './byte-stream.ts';

/** Which stream a thing came from; `near` is the client's side. */
export type CopySide = 'near' | 'far';

/** Why a copy ended: what happened first, and on which side. */
export interface CopyEnd {
  /** `stopped` = by `stop`. */
  readonly by: CopySide | 'stopped';
  /** `reset` = the transport broke or the peer broke the rules, and `error` says how; or it was stopped. */
  readonly kind: EndKind | 'reset';
  readonly error?: StileError;
}

/** One for all: a thousand are stopped at once, and a stack is what an error costs. */
const stopped = new StileError('aborted', 'the copy was stopped');

/** Copies between two streams and owns both. */
export class CopyLoop {
  readonly #near: ByteStream;
  readonly #far: ByteStream;
  readonly #up: Direction;
  readonly #down: Direction;
  #end: CopyEnd | undefined;
  /**
   * Resolves, never rejects, when nothing more will be copied and everything copied was taken by the transports: the counters are final,
   * while a peer may still take its time to close.
   */
  readonly ended: Promise<CopyEnd>;
  /** Resolves, never rejects, when both streams are closed. */
  readonly done: Promise<CopyEnd>;

  constructor(near: ByteStream, far: ByteStream) {
    this.#near = near;
    this.#far = far;
    this.#up = new Direction(near, far);
    this.#down = new Direction(far, near);
    const end = (): CopyEnd => this.#end ?? { by: 'stopped', kind: 'reset' };
    this.ended = Promise.all([near.flushed, far.flushed]).then(end);
    this.done = Promise.all([near.closed, far.closed]).then(end);
  }

  /** Bytes from near to far that were handed to the far stream. */
  get bytesUp(): number {
    return this.#up.bytes;
  }

  /** Bytes from far to near that were handed to the near stream. */
  get bytesDown(): number {
    return this.#down.bytes;
  }

  /** Begins to copy; once. */
  start(): void {
    this.#near.start(this.#readerOf('near', this.#up, this.#down));
    this.#far.start(this.#readerOf('far', this.#down, this.#up));
  }

  /** Ends both streams in order: what was read is flushed, and each peer reads a clean end. A peer may take its time; `stop` ends the wait. */
  finish(): void {
    this.#close({ by: 'stopped', kind: 'closed' });
  }

  /** Cuts both streams at once. Idempotent. */
  stop(): void {
    this.#end ??= { by: 'stopped', kind: 'reset' };
    this.#near.reset(stopped);
    this.#far.reset(stopped);
  }

  #readerOf(side: CopySide, own: Direction, opposite: Direction): StreamReader {
    return {
      onBytes: (pieces, headroomBytes) => own.copy(pieces, headroomBytes),
      onWritable: () => opposite.goOn(),
      onEnd: (kind) => this.#onEnd(side, kind),
      onReset: (error) => this.#close({ by: side, kind: 'reset', error }),
    };
  }

  #onEnd(side: CopySide, kind: EndKind): void {
    const target = side === 'near' ? this.#far : this.#near;
    const canHalfClose = this.#near.canHalfClose && this.#far.canHalfClose && kind === 'closed';
    if (canHalfClose && this.#end === undefined) {
      // The other direction goes on; the streams close themselves when both have ended.
      this.#end = { by: side, kind };
      target.end();
    } else this.#close({ by: side, kind });
  }

  #close(end: CopyEnd): void {
    this.#end ??= end;
    this.#near.close(end.error);
    this.#far.close(end.error);
  }
}

/** One direction: its count and its backpressure. */
class Direction {
  readonly #source: ByteStream;
  readonly #target: ByteStream;
  #isWaiting = false;
  bytes = 0;

  constructor(source: ByteStream, target: ByteStream) {
    this.#source = source;
    this.#target = target;
  }

  copy(pieces: readonly Buffer[], headroomBytes: number): WriteResult {
    this.bytes += lengthOf(pieces);
    const result = this.#target.write(pieces, headroomBytes);
    if (result !== 'ready' && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#source.pause();
    }
    return result;
  }

  goOn(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#source.resume();
  }
}
