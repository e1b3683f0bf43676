/**
 * An answer that goes on, compressed (console.md §3.2): each write is compressed whole and at once, so that no event waits for the next
 * one, and a peer that does not read is seen as without compression. As RFC 1952 has it: a head, deflate blocks that each end at a byte and
 * refer to nothing before them, and at the end the check sum and the size.
 */
import { negotiate } from '@fastify/accept-negotiator';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ResponseLike } from '../../events/viewer/stream-socket.ts';

/** Rows resemble their neighbours: the fastest level, with a window of 8 kB, makes a tenth of them, 240 kB in a fifth of a millisecond. */
const options = {
  level: constants.Z_BEST_SPEED,
  windowBits: 13,
  memLevel: 6,
  finishFlush: constants.Z_SYNC_FLUSH,
};
/** Deflate, no flags, no time, an unknown system (RFC 1952 §2.3). */
const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** The last block, empty (RFC 1951 §3.2.6). */
const lastBlock = Buffer.from([3, 0]);

/** Longest text that a stored block takes, bytes (RFC 1951 §3.2.4). */
const mostStored = 65_535;
/** Texts that are remembered, and how long each may be: the changes of the last moment, as viewers with the same rights are told them. */
const mostShared = 32;
const mostSharedLength = 65_536;

/** A text, and the blocks that hold it. */
interface Piece {
  readonly bytes: Buffer;
  readonly blocks: Buffer;
}

function deflated(text: string): Piece {
  const bytes = Buffer.from(text);
  return { bytes, blocks: deflateRawSync(bytes, options) };
}

/** As it is, where there is too little to win. */
function stored(text: string): Piece {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  if (length > mostStored) return deflated(text);
  const blockHead = Buffer.from([0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255]);
  return { bytes, blocks: Buffer.concat([blockHead, bytes]) };
}

/** Texts that many answers hold, compressed once. */
export class SharedPieces {
  readonly #pieces = new Map<string, Piece>();

  of(text: string): Piece {
    const known = this.#pieces.get(text);
    if (known !== undefined) return known;
    const piece = deflated(text);
    if (text.length > mostSharedLength) return piece;
    this.#pieces.set(text, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= mostShared) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }
}

/** Whether the client takes gzip, and rather than the text as it is (RFC 9110 §12.5.3). */
export function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  const accepted = headers['accept-encoding'];
  if (typeof accepted !== 'string') return false;
  // `*` is what is not named: the negotiator takes it for gzip also behind `gzip;q=0`.
  const named = accepted.toLowerCase().replaceAll('*', '');
  return negotiate(named, ['gzip', 'identity']) === 'gzip';
}

/** What is used of the answer. */
type Response = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'on' | 'destroyed'>;

/** An answer of server-sent events as its writer sees it: text goes in. What is said of an event is this viewer's own, its data are not. */
export class GzipResponse implements ResponseLike {
  readonly #response: Response;
  readonly #shared: SharedPieces;
  #checkSum = 0;
  /** Bytes before compression. */
  #size = 0;

  constructor(response: Response, shared: SharedPieces) {
    this.#response = response;
    this.#shared = shared;
    response.write(head);
  }

  get destroyed(): boolean {
    return this.#response.destroyed;
  }

  /** False when the peer does not keep up: `drain` follows. */
  write(text: string): boolean {
    const cut = text.indexOf('\ndata: ') + 1;
    const pieces =
      cut === 0 ? [stored(text)] : [stored(text.slice(0, cut)), this.#shared.of(text.slice(cut))];
    for (const { bytes } of pieces) {
      this.#checkSum = crc32(bytes, this.#checkSum);
      this.#size += bytes.length;
    }
    return this.#response.write(Buffer.concat(pieces.map(({ blocks }) => blocks)));
  }

  end(): void {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checkSum, 0);
    trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
    this.#response.end(Buffer.concat([lastBlock, trailer]));
  }

  destroy(): void {
    this.#response.destroy();
  }

  on(event: 'drain' | 'close' | 'error', listener: () => void): void {
    this.#response.on(event, listener);
  }
}
