/**
 * What the copy loop stands on: a stream that knows bytes, the end of one direction, a reset with a reason, and
 * backpressure. The compatible WebSocket and TCP are its implementations; a link with many streams can be another one.
 */
import type { StileError } from '@stile/protocol/errors';

/**
 * What a write did with its memory, and whether more may follow now:
 * `ready` = memory is the caller's again, more may follow;
 * `busy`  = memory is the caller's again, but wait for `onWritable`;
 * `kept`  = memory stays with the stream, it must not be changed any more; wait for `onWritable`.
 */
export type WriteResult = 'ready' | 'busy' | 'kept';

/** How a peer's direction ended: it said so (`closed`), or its transport stopped without a word (`lost`). */
export type EndKind = 'closed' | 'lost';

/** Takes what a stream reads. Calls come in order; after `onEnd` or `onReset` no `onBytes` follows. */
export interface StreamReader {
  /**
   * Bytes, in order. `headroomBytes` bytes in front of the first piece are free and may be overwritten. The memory is
   * the stream's again when the call returns, unless the answer is `kept`; unless it is `ready`, the reader has called `pause`.
   */
  onBytes(pieces: readonly Buffer[], headroomBytes: number): WriteResult;
  /** The peer's direction is over; everything before it was delivered. */
  onEnd(kind: EndKind): void;
  /** Both directions are broken; bytes on the way may be lost. Called at most once, never after one's own `reset`. */
  onReset(error: StileError): void;
  /** After a write that was not `ready`: more may be written. */
  onWritable(): void;
}

/** A byte stream with two directions. It owns its socket: `closed` resolves when nothing of it is left. */
export interface ByteStream {
  /** Whether one direction can end while the other goes on. False for the compatible WebSocket (design.md §6). */
  readonly canHalfClose: boolean;
  /** Starts delivery; once. Until then nothing is read, so that an early sender is held by its own transport. */
  start(reader: StreamReader): void;
  /** Stops `onBytes` until `resume`. What arrives meanwhile is bounded. Idempotent. */
  pause(): void;
  /** Delivery goes on. Idempotent. */
  resume(): void;
  /** Sends bytes; see WriteResult for whose the memory is. After `end`, `close` or `reset` the bytes are dropped. */
  write(pieces: readonly Buffer[], headroomBytes: number): WriteResult;
  /** Ends one's own direction after everything written; the other goes on. Where `canHalfClose` is false, the same as `close`. */
  end(): void;
  /**
   * Ends both directions in order: everything written is flushed, what still arrives is dropped, and a peer that does not
   * close its side gets a few seconds. `error` says that the stream is not whole; the peer is told where the transport can.
   */
  close(error?: StileError): void;
  /** Ends both directions at once, without a word to the peer and whatever is still on its way. Idempotent. */
  reset(error: StileError): void;
  /** Resolves, never rejects, when everything written before `end` or `close` was taken by the transport, or the socket is gone. */
  readonly flushed: Promise<void>;
  /** Resolves, never rejects, when the socket is gone. */
  readonly closed: Promise<void>;
}

/** Sum of the lengths of `pieces`, bytes. */
export function lengthOf(pieces: readonly Buffer[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}
