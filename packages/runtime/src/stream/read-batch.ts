/**
 * What a stream has read in a turn and not handed on yet: copied into slabs that all streams of a thread share. A copy of what has just been
 * decrypted costs a twentieth of a second a GB; memory of its own for every record costs V8 a mark of the whole heap every 64 MB
 * (docs/adr/0001), and a byte a frame would cost a hundred times itself.
 */
import type { WriteResult } from './byte-stream.ts';

/** Bytes of a slab. A reader that stands still holds at least one, so they are small. */
export const slabBytes = 65_536;
/** Slabs that wait for their next use; what is beyond is the garbage collector's. */
const mostFreeSlabs = 64;

/** Shared memory; free when no range of it is in use. */
interface Slab {
  readonly memory: Buffer;
  usedBytes: number;
  ranges: number;
}

/** One a thread. */
export class ReadSlabs {
  #current: Slab | undefined;
  readonly #free: Slab[] = [];

  /** A slab with room for at least a byte. */
  withRoom(): Slab {
    if (this.#current === undefined || this.#current.usedBytes === slabBytes) {
      this.#current = this.#free.pop() ?? {
        memory: Buffer.allocUnsafeSlow(slabBytes),
        usedBytes: 0,
        ranges: 0,
      };
    }
    return this.#current;
  }

  /** A range of the slab is not in use any more. */
  release(slab: Slab): void {
    slab.ranges -= 1;
    if (slab.ranges > 0) return;
    slab.usedBytes = 0;
    if (slab !== this.#current && this.#free.length < mostFreeSlabs) this.#free.push(slab);
  }
}

/** Bytes of one batch that lie together. */
interface Range {
  readonly slab: Slab;
  readonly from: number;
  to: number;
}

/**
 * The bytes of one stream, in order: `push` them, `hand` them on, and `release` what the receiver has kept when it says that it is done.
 * A batch that is dropped without it only takes its slabs out of use.
 */
export class ReadBatch {
  readonly #slabs: ReadSlabs;
  #ranges: Range[] = [];
  /** Handed on to a receiver that still needs the memory. */
  #kept: Range[] = [];

  constructor(slabs: ReadSlabs) {
    this.#slabs = slabs;
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Copies the bytes to the end of the batch. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const slab = this.#slabs.withRoom();
      const from = slab.usedBytes;
      const part = Math.min(bytes.length - at, slabBytes - from);
      bytes.copy(slab.memory, from, at, at + part);
      slab.usedBytes += part;
      at += part;
      const last = this.#ranges.at(-1);
      if (last !== undefined && last.slab === slab && last.to === from) last.to += part;
      else {
        slab.ranges += 1;
        this.#ranges.push({ slab, from, to: from + part });
      }
    }
  }

  /** Hands on everything pushed so far and empties the batch; `receive` says what it did with the memory. */
  hand(receive: (pieces: readonly Buffer[]) => WriteResult): void {
    const ranges = this.#ranges;
    this.#ranges = [];
    const result = receive(ranges.map(({ slab, from, to }) => slab.memory.subarray(from, to)));
    if (result === 'kept') this.#kept.push(...ranges);
    else for (const { slab } of ranges) this.#slabs.release(slab);
  }

  /** The receiver has written what it kept. */
  release(): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const { slab } of kept) this.#slabs.release(slab);
  }

  /** Forgets what was pushed and not handed on. */
  clear(): void {
    this.hand(() => 'ready');
  }
}
