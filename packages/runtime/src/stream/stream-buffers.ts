/**
 * Memory and turn of the event loop that all streams of a thread share: one read buffer, one frame buffer, one batch.
 * A stream may use the buffers only within one synchronous step, so that a thousand idle streams cost nothing.
 */

import { ReadSlabs } from './read-batch.ts';

/** Most bytes that one stream hands on in a turn of the event loop; the rest waits in the kernel, so that others get theirs. */
export const turnBytes = 262_144;

/**
 * Bytes of one read of a dialed socket, which become one frame, by how much the connection has carried already. Node keeps memory of about the
 * size of a TLS write for the life of a connection (`set_allocate_tls_hint`; nothing below one TLS record): a connection pays for large frames
 * only when it has shown that it carries bulk (ADR 0001).
 */
export const frameSteps: readonly { readonly fromBytes: number; readonly frameBytes: number }[] = [
  { fromBytes: 0, frameBytes: 16_360 },
  { fromBytes: 2 * 2 ** 20, frameBytes: 65_520 },
  { fromBytes: 32 * 2 ** 20, frameBytes: 131_056 },
];
/** Bytes of an accepted socket joined into one frame: that is the user's own machine, with few connections. */
export const joinedBytes = 131_072;

/** Most plain bytes of one TLS record (RFC 8446 §5.1). */
const recordBytes = 16_384;

/** Free bytes in front of what is read from TCP: room for the longest WebSocket header (RFC 6455 §5.2: 2 + 8 + 4). */
export const headroomBytes = 14;

/** Something that has collected bytes during a turn and hands them on at its end. */
export interface TurnMember {
  /** Called once, at the end of the turn in which it was scheduled. */
  onTurnEnd(): void;
}

/** One a thread; made by the composition root and handed to every stream. */
export class StreamBuffers {
  readonly #members: TurnMember[] = [];
  /** Where TCP is read to; `headroomBytes` are free in front of it. Valid until the callback of the read returns. */
  readonly readBuffer: Buffer;
  readonly #readSteps: readonly { readonly fromBytes: number; readonly buffer: Buffer }[];
  /** Where a frame is put together; valid until `write` returns. */
  readonly frameBuffer: Buffer;
  /** Where one TLS record is read to; valid until the callback of the read returns. */
  readonly recordBuffer: Buffer = Buffer.allocUnsafeSlow(recordBytes);
  /** What streams have read and not handed on. */
  readonly slabs: ReadSlabs = new ReadSlabs();

  constructor() {
    // allocUnsafeSlow: memory of its own, not a slice of Node's pool.
    const largest = Math.max(...frameSteps.map((step) => step.frameBytes));
    this.readBuffer = Buffer.allocUnsafeSlow(headroomBytes + largest).subarray(headroomBytes);
    this.#readSteps = frameSteps
      .map(({ fromBytes, frameBytes }) => ({ fromBytes, buffer: this.readBuffer.subarray(0, frameBytes) }))
      .toReversed();
    this.frameBuffer = Buffer.allocUnsafeSlow(headroomBytes + turnBytes);
  }

  /** The part of `readBuffer` that a connection which has carried so many bytes reads to. */
  readBufferFor(carriedBytes: number): Buffer {
    const step = this.#readSteps.find(({ fromBytes }) => carriedBytes >= fromBytes);
    return step?.buffer ?? this.readBuffer;
  }

  /** Calls `onTurnEnd` after the events that are due now. The caller remembers that it is scheduled. */
  atTurnEnd(member: TurnMember): void {
    if (this.#members.push(member) === 1) setImmediate(this.#runTurnEnd);
  }

  readonly #runTurnEnd = (): void => {
    const members = this.#members.splice(0);
    for (const member of members) member.onTurnEnd();
  };
}
