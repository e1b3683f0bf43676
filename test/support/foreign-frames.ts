/** WebSocket frames by hand (RFC 6455 §5.2), legal and illegal ones, for the client of another make. */
import { randomBytes } from 'node:crypto';

/** Frame kinds. */
export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What a worker sent, or that it is gone. */
export type FrameEvent =
  | { readonly kind: 'message'; readonly opcode: number; readonly payload: Buffer }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  | { readonly kind: 'dropped' };

/** How a frame departs from a masked, final, binary one. */
export interface FrameShape {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  /** RSV bits, as 0x40 for RSV1. */
  readonly reserved?: number;
  /** A length in the header other than that of the payload. */
  readonly claimedBytes?: number;
}

/** The bytes of one frame. */
export function encodeFrame(payload: Buffer, shape: FrameShape = {}): Buffer {
  const first =
    (shape.isFinal === false ? 0 : 0x80) | (shape.reserved ?? 0) | (shape.opcode ?? opcode.binary);
  const maskBit = shape.isMasked === false ? 0 : 0x80;
  const length = shape.claimedBytes ?? payload.length;
  let head: Buffer;
  if (length < 126) head = Buffer.from([first, maskBit | length]);
  else if (length < 65_536) head = Buffer.from([first, maskBit | 126, length >> 8, length & 255]);
  else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (maskBit === 0) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i += 1) masked[i] = (masked[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

/** Cuts a stream into messages; joins fragments; fails on anything a server must not send. */
export class FrameReader {
  readonly #take: (event: FrameEvent) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #opcode = 0;

  constructor(take: (event: FrameEvent) => void) {
    this.#take = take;
  }

  /** Further bytes of the stream. */
  push(part: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? part : Buffer.concat([this.#bytes, part]);
    while (this.#frame());
  }

  #frame(): boolean {
    const bytes = this.#bytes;
    const [first, second] = [bytes[0], bytes[1]];
    if (first === undefined || second === undefined) return false;
    if ((second & 0x80) !== 0) throw new Error('the server masks its frames');
    if ((first & 0x70) !== 0) throw new Error('the server sets reserved bits');
    const size = second & 127;
    const head = size < 126 ? 2 : size === 126 ? 4 : 10;
    if (bytes.length < head) return false;
    const length =
      size < 126 ? size : size === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return false;
    this.#bytes = bytes.subarray(head + length);
    this.#handle(first, bytes.subarray(head, head + length));
    return true;
  }

  #handle(first: number, payload: Buffer): void {
    const kind = first & 15;
    if (kind === opcode.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#take({ kind: 'close', code, reason: payload.subarray(2).toString() });
      return;
    }
    if (kind === opcode.ping) return;
    if (kind === opcode.pong) {
      this.#take({ kind: 'message', opcode: kind, payload: Buffer.from(payload) });
      return;
    }
    if (kind !== opcode.continuation) this.#opcode = kind;
    this.#parts.push(Buffer.from(payload));
    if ((first & 0x80) === 0) return;
    this.#take({ kind: 'message', opcode: this.#opcode, payload: Buffer.concat(this.#parts) });
    this.#parts = [];
  }
}
