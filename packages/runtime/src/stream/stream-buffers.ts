/**
 * Memory and turn of the event loop that all streams of a thread share: one read buffer, one frame buffer, one batch.
 * A stream may use the buffers only within one synchronous step, so that a thousand idle streams cost nothing.
 */

/** Most bytes that one stream hands on in a turn of the event loop; the rest waits in the kernel, so that others get theirs. */
export const turnBytes = 262_144;

/**
 * Bytes of one read of a dialed socket, which become one frame. Node keeps memory of about a TLS write's size for the life of a connection
 * (`set_allocate_tls_hint`): this sets what a connection of the worker costs after it has carried bulk (ADR 0001). Four TLS records.
 */
export const frameBytes = 65_520;
/** Bytes of an accepted socket joined into one frame: the user's own machine, where few connections are and each costs twice the copying. */
export const joinedBytes = 131_072;
/** Bytes of a frame while a connection is young: below one TLS record, so that nothing is kept. */
export const firstFrameBytes = 16_360;
/** A connection is young until it has carried this many bytes in one direction. */
export const youthBytes = 2_097_152;

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
  /** The beginning of `readBuffer`, for young connections. */
  readonly firstReadBuffer: Buffer;
  /** Where a frame is put together; valid until `write` returns. */
  readonly frameBuffer: Buffer;

  constructor() {
    // allocUnsafeSlow: memory of its own, not a slice of Node's pool.
    this.readBuffer = Buffer.allocUnsafeSlow(headroomBytes + frameBytes).subarray(headroomBytes);
    this.firstReadBuffer = this.readBuffer.subarray(0, firstFrameBytes);
    this.frameBuffer = Buffer.allocUnsafeSlow(headroomBytes + turnBytes);
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
