/**
 * The WebSocket wire format (RFC 6455 §5): a parser that streams payload without collecting it, and frame headers.
 * Pure: bytes in, calls out. Both roles; no extensions, so a reserved bit is an error.
 */
import { StileError } from '@stile/protocol/errors';

/** Opcodes of RFC 6455 §5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Opcode of a control frame. */
export type ControlOpcode = 8 | 9 | 10;

/** Longest payload of a control frame, bytes (RFC 6455 §5.5). */
export const maxControlBytes = 125;

/** Longest UTF-8 text of a close reason, bytes: a control frame less the code. */
export const maxCloseReasonBytes = 123;

/** Takes what the parser finds, in order. It may call `hold` on the parser to stop after the present call. */
export interface FrameHandler {
  /** A data message begins. */
  onMessageStart(isText: boolean): void;
  /** Payload of the message, unmasked; a view of what was pushed. Never empty. */
  onPayload(piece: Buffer): void;
  /** The message is complete. */
  onMessageEnd(): void;
  /** A control frame. */
  onControl(opcode: ControlOpcode, payload: Buffer): void;
}

const isControl = (opcode: number): opcode is ControlOpcode => opcode >= opcodes.close;
const none: Buffer = Buffer.alloc(0);

/** Parses one direction of a connection. After a throw it must not be used again. */
export class FrameParser {
  readonly #handler: FrameHandler;
  readonly #isMasked: boolean;
  #maxMessageBytes: number;
  readonly #header: Buffer = Buffer.alloc(14);
  #headerBytes = 0;
  /** Payload bytes of the present frame that are still to come; −1 between frames. */
  #leftBytes = -1;
  #opcode = 0;
  #isFinal = false;
  #isInMessage = false;
  #messageBytes = 0;
  #maskKey: Buffer | undefined;
  #maskOffset = 0;
  #control: Buffer = none;
  #held: Buffer[] = [];
  #isHeld = false;

  /** `isMasked`: frames must be masked (one reads from a client) or must not be. */
  constructor(handler: FrameHandler, options: { isMasked: boolean; maxMessageBytes: number }) {
    this.#handler = handler;
    this.#isMasked = options.isMasked;
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** Longest message accepted, bytes, counted from the declared lengths; `Infinity` for none. */
  set maxMessageBytes(bytes: number) {
    this.#maxMessageBytes = bytes;
  }

  /** Bytes that wait because of `hold`. */
  get heldBytes(): number {
    return this.#held.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Stops after the present call of the handler; what follows is kept until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  /**
   * Goes on with what was kept.
   * @throws {StileError} invalidFrame, frameTooLarge
   */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const kept = this.#held;
    this.#held = [];
    for (const piece of kept) this.push(piece);
  }

  /**
   * Takes bytes from the wire; unmasks them in place.
   * @throws {StileError} invalidFrame, frameTooLarge
   */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#isHeld) {
        this.#held.push(at === 0 ? bytes : bytes.subarray(at));
        return;
      }
      at = this.#leftBytes < 0 ? this.#takeHeader(bytes, at) : this.#takePayload(bytes, at);
    }
  }

  #takeHeader(bytes: Buffer, start: number): number {
    let at = start;
    const header = this.#header;
    for (;;) {
      const wanted = this.#headerBytes < 2 ? 2 : headerLength(header[1] ?? 0);
      if (this.#headerBytes >= 2 && this.#headerBytes === wanted) break;
      if (at >= bytes.length) return at;
      const part = Math.min(wanted - this.#headerBytes, bytes.length - at);
      bytes.copy(header, this.#headerBytes, at, at + part);
      this.#headerBytes += part;
      at += part;
    }
    this.#headerBytes = 0;
    this.#beginFrame(header);
    return at;
  }

  #beginFrame(header: Buffer): void {
    const first = header[0] ?? 0;
    const second = header[1] ?? 0;
    this.#isFinal = (first & 0x80) !== 0;
    this.#opcode = first & 0x0f;
    const isMasked = (second & 0x80) !== 0;
    if ((first & 0x70) !== 0) throw new StileError('invalidFrame', 'a reserved bit of a frame is set');
    if (isMasked !== this.#isMasked) {
      throw new StileError(
        'invalidFrame',
        isMasked ? 'a masked frame from a server' : 'an unmasked frame from a client',
      );
    }
    const lengthBytes = (second & 0x7f) < 126 ? 0 : (second & 0x7f) === 126 ? 2 : 8;
    const length = payloadLength(header, second & 0x7f);
    this.#leftBytes = length;
    this.#setMask(isMasked ? header.readUInt32BE(2 + lengthBytes) : 0, 2 + lengthBytes);
    if (isControl(this.#opcode)) this.#beginControl(length);
    else this.#beginData(length);
    if (length === 0) this.#endFrame();
  }

  #setMask(key: number, at: number): void {
    this.#maskOffset = 0;
    this.#maskKey = key === 0 ? undefined : Buffer.from(this.#header.subarray(at, at + 4));
  }

  #beginControl(length: number): void {
    if (this.#opcode > opcodes.pong) throw new StileError('invalidFrame', `unknown opcode ${this.#opcode}`);
    if (!this.#isFinal || length > maxControlBytes) {
      throw new StileError('invalidFrame', 'a control frame is fragmented or longer than 125 bytes');
    }
    this.#control = none;
  }

  #beginData(length: number): void {
    if (this.#opcode > opcodes.binary) throw new StileError('invalidFrame', `unknown opcode ${this.#opcode}`);
    if ((this.#opcode === opcodes.continuation) !== this.#isInMessage) {
      throw new StileError('invalidFrame', 'a fragment out of order');
    }
    const isStart = this.#opcode !== opcodes.continuation;
    this.#messageBytes = isStart ? length : this.#messageBytes + length;
    if (this.#messageBytes > this.#maxMessageBytes) {
      throw new StileError('frameTooLarge', `a message is longer than ${this.#maxMessageBytes} bytes`);
    }
    if (isStart) {
      this.#isInMessage = true;
      this.#handler.onMessageStart(this.#opcode === opcodes.text);
    }
  }

  #takePayload(bytes: Buffer, start: number): number {
    const part = Math.min(this.#leftBytes, bytes.length - start);
    const piece = start === 0 && part === bytes.length ? bytes : bytes.subarray(start, start + part);
    this.#unmask(piece);
    this.#leftBytes -= part;
    if (isControl(this.#opcode)) this.#control = Buffer.concat([this.#control, piece]);
    else this.#handler.onPayload(piece);
    if (this.#leftBytes === 0) this.#endFrame();
    return start + part;
  }

  #unmask(piece: Buffer): void {
    const key = this.#maskKey;
    // A zero key changes nothing; Stile's own client sends it (ADR 0001).
    if (key === undefined) return;
    xorInPlace(piece, key, this.#maskOffset);
    this.#maskOffset = (this.#maskOffset + piece.length) & 3;
  }

  #endFrame(): void {
    this.#leftBytes = -1;
    if (isControl(this.#opcode)) {
      const payload = this.#control;
      this.#control = none;
      this.#handler.onControl(this.#opcode, payload);
    } else if (this.#isFinal) {
      this.#isInMessage = false;
      this.#handler.onMessageEnd();
    }
  }
}

/** Bytes of a frame header whose second byte is `second`. */
function headerLength(second: number): number {
  const length = second & 0x7f;
  return 2 + (length < 126 ? 0 : length === 126 ? 2 : 8) + ((second & 0x80) === 0 ? 0 : 4);
}

function payloadLength(header: Buffer, length: number): number {
  if (length < 126) return length;
  if (length === 126) return header.readUInt16BE(2);
  const high = header.readUInt32BE(2);
  // 2^53 and more cannot be counted exactly; the top bit must be 0 anyway (RFC 6455 §5.2).
  if (high > 0x1f_ffff) throw new StileError('frameTooLarge', 'a frame declares 2^53 bytes or more');
  return high * 2 ** 32 + header.readUInt32BE(6);
}

/** Below this many bytes a plain loop is cheaper than a view of 32-bit words. */
const wordLoopBytes = 64;

/** XORs `bytes` with the four bytes of `key`, beginning at `key[offset]`. */
function xorInPlace(bytes: Buffer, key: Buffer, offset: number): void {
  let at = 0;
  if (bytes.length >= wordLoopBytes) {
    const lead = (4 - (bytes.byteOffset & 3)) & 3;
    for (; at < lead; at += 1) bytes[at] = (bytes[at] ?? 0) ^ (key[(at + offset) & 3] ?? 0);
    const rotated = Buffer.from([0, 1, 2, 3].map((i) => key[(i + at + offset) & 3] ?? 0));
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (bytes.length - at) >>> 2);
    const word = new Int32Array(rotated.buffer.slice(rotated.byteOffset, rotated.byteOffset + 4))[0] ?? 0;
    for (let i = 0; i < words.length; i += 1) words[i] = (words[i] ?? 0) ^ word;
    at += words.length * 4;
  }
  for (; at < bytes.length; at += 1) bytes[at] = (bytes[at] ?? 0) ^ (key[(at + offset) & 3] ?? 0);
}

/** Bytes of the header that `writeFrameHeader` writes for this payload. */
export function frameHeaderBytes(payloadBytes: number, isMasked: boolean): number {
  return 2 + (payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8) + (isMasked ? 4 : 0);
}

/** What a frame header says. */
export interface FrameHeader {
  readonly opcode: number;
  readonly payloadBytes: number;
  /**
   * Whether the frame carries a mask (client to server). The key is zero: it is there against proxies that misread plain text,
   * and inside TLS nobody reads it (ADR 0001).
   */
  readonly isMasked: boolean;
}

/** Writes the header of an unfragmented frame at `at` and gives the offset behind it. */
export function writeFrameHeader(target: Buffer, at: number, header: FrameHeader): number {
  const { opcode, payloadBytes, isMasked } = header;
  const maskBit = isMasked ? 0x80 : 0;
  target[at] = 0x80 | opcode;
  let next = at + 2;
  if (payloadBytes < 126) target[at + 1] = maskBit | payloadBytes;
  else if (payloadBytes < 65_536) {
    target[at + 1] = maskBit | 126;
    next = target.writeUInt16BE(payloadBytes, next);
  } else {
    target[at + 1] = maskBit | 127;
    target.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), next);
    next = target.writeUInt32BE(payloadBytes % 2 ** 32, next + 4);
  }
  return isMasked ? target.writeUInt32BE(0, next) : next;
}

/** A whole frame, for control frames and handshake messages. */
export function encodeFrame(opcode: number, payload: Uint8Array, isMasked: boolean): Buffer {
  const headerBytes = frameHeaderBytes(payload.length, isMasked);
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  writeFrameHeader(frame, 0, { opcode, payloadBytes: payload.length, isMasked });
  frame.set(payload, headerBytes);
  return frame;
}

/** Code and reason of a close frame. */
export interface CloseFrame {
  /** RFC 6455 §7.4; 1005 = none given, 1006 = no close frame came. */
  readonly code: number;
  readonly reason: string;
}

/** Payload of a close frame; the reason is cut at a character so that it fits. 1005 gives an empty payload. */
export function encodeClosePayload(close: CloseFrame): Buffer {
  if (close.code === 1005) return none;
  let reason = Buffer.from(close.reason, 'utf8');
  if (reason.length > maxCloseReasonBytes) {
    let end = maxCloseReasonBytes;
    while (end > 0 && ((reason[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    reason = reason.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + reason.length);
  payload.writeUInt16BE(close.code, 0);
  payload.set(reason, 2);
  return payload;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the payload of a close frame.
 * @throws {StileError} invalidFrame
 */
export function decodeClosePayload(payload: Buffer): CloseFrame {
  if (payload.length === 0) return { code: 1005, reason: '' };
  if (payload.length === 1) throw new StileError('invalidFrame', 'a close frame of one byte');
  const code = payload.readUInt16BE(0);
  if (!isCloseCode(code)) throw new StileError('invalidFrame', `close code ${code} is not legal`);
  try {
    return { code, reason: utf8.decode(payload.subarray(2)) };
  } catch (cause) {
    throw new StileError('invalidFrame', 'the reason of a close frame is no UTF-8', { cause });
  }
}

/** Whether a close code may stand in a frame (RFC 6455 §7.4). */
function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  );
}
