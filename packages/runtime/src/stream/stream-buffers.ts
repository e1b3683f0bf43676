/**
 * Memory and turn of the event loop that all streams of a thread share: one read buffer, one frame buffer, one batch.
 * A stream may use the buffers only within one synchronous step, so that a thousand idle streams cost nothing.
 */

/** Bytes of one read, and the most that one stream hands on in a turn of the event loop (performance.md: 256 KiB). */
export const turnBytes = 262_144;

/** Free bytes in front of what is read from TCP: room for the longest WebSocket header (RFC 6455 §5.2: 2 + 8 + 4). */
export const headroomBytes = 14;

/** Something that has collected bytes during a turn and hands them on at its end. */
export interface TurnMember {
  /** Called once, at the end of the turn in which it was scheduled. */
  onTurnEnd(): void;
}

/** One a thread; made by the composition root and handed to every stream. */
export class StreamBuffers {
  readonly #memory: Buffer;
  readonly #members: TurnMember[] = [];
  /** Where TCP is read to; `headroomBytes` are free in front of it. Valid until the callback of the read returns. */
  readonly readBuffer: Buffer;
  /** Where a frame is put together; valid until `write` returns. */
  readonly frameBuffer: Buffer;

  constructor() {
    // allocUnsafeSlow: memory of its own, not a slice of Node's pool.
    this.#memory = Buffer.allocUnsafeSlow(headroomBytes + turnBytes);
    this.readBuffer = this.#memory.subarray(headroomBytes);
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
