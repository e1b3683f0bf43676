/**
 * The compatible WebSocket as a ByteStream: first whole messages (the handshake), then a stream of bytes in binary messages.
 * Takes a socket whose HTTP upgrade is done and owns it; both roles. Why not `ws` here: docs/adr/0001.
 */
import type { TLSSocket } from 'node:tls';
import { StileError, toStileError } from '@stile/protocol/errors';
import type { ByteStream, StreamReader, WriteResult } from './byte-stream.ts';
import { lengthOf } from './byte-stream.ts';
import { ReadBatch } from './read-batch.ts';
import { readInto } from './read-into.ts';
import type { StreamBuffers, TurnMember } from './stream-buffers.ts';
import { turnBytes } from './stream-buffers.ts';
import type { CloseFrame, ControlOpcode, FrameHandler } from './websocket-frame.ts';
import {
  FrameParser,
  decodeClosePayload,
  encodeClosePayload,
  encodeFrame,
  frameHeaderBytes,
  opcodes,
  writeFrameHeader,
} from './websocket-frame.ts';

/** How to make a stream of an upgraded socket. */
export interface WebSocketStreamOptions {
  /**
   * Paused, with nothing but its `error` listener attached; the stream owns it from now on. TLS, because shared buffers are
   * written to it: TLS has encrypted a write when it returns, where TCP may still hold the memory.
   */
  readonly socket: TLSSocket;
  /** Which end this is: a client masks what it sends. */
  readonly role: 'client' | 'server';
  readonly buffers: StreamBuffers;
  /** Bytes that were read behind the upgrade. */
  readonly head?: Buffer;
  /** Longest message until `start`, bytes (session-protocol.md §2.5: 32,768). */
  readonly maxMessageBytes?: number;
  /** How long the peer may take to answer a close frame, milliseconds (session-protocol.md §2.5: 5 s). */
  readonly closeTimeoutMs?: number;
}

/** A pong is left out when more than this waits to be sent, so that pings cannot fill the memory. */
const maxQueuedForPong = 65_536;
const emptyReason: CloseFrame = { code: 1000, reason: '' };

interface MessageWaiter {
  readonly resolve: (message: Buffer) => void;
  readonly reject: (error: StileError) => void;
}

/** One WebSocket: `receiveMessage` and `sendMessage` before `start`, a ByteStream after it. */
export class WebSocketStream implements ByteStream, FrameHandler, TurnMember {
  readonly canHalfClose = false;
  readonly closed: Promise<void>;
  readonly flushed: Promise<void>;
  readonly #socket: TLSSocket;
  readonly #buffers: StreamBuffers;
  readonly #isClient: boolean;
  readonly #closeTimeoutMs: number;
  readonly #parser: FrameParser;
  #reader: StreamReader | undefined;
  #waiter: MessageWaiter | undefined;
  #message: Buffer[] = [];
  #messageBytes = 0;
  readonly #batch: ReadBatch;
  #readInTurn = 0;
  #isScheduled = false;
  #isPaused = false;
  #isDraining = false;
  #closeSent = false;
  #isDropping = false;
  #hasProtocolError = false;
  #peerClose: CloseFrame | undefined;
  #failure: StileError | undefined;
  /** The reader was told of an end or a reset, or is not to be told any more. */
  #isOver = false;
  #hasTransportEnded = false;
  #closeTimer: NodeJS.Timeout | undefined;
  #settleFlushed: () => void = () => undefined;

  constructor(options: WebSocketStreamOptions) {
    this.#socket = options.socket;
    this.#buffers = options.buffers;
    this.#batch = new ReadBatch(options.buffers.slabs);
    this.#isClient = options.role === 'client';
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 5_000;
    this.#parser = new FrameParser(this, {
      isMasked: !this.#isClient,
      maxMessageBytes: options.maxMessageBytes ?? 32_768,
    });
    const socket = this.#socket;
    socket.pause();
    socket.on('error', (error) => this.#fail(connectionReset(error)));
    this.flushed = new Promise((resolve) => {
      this.#settleFlushed = resolve;
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#settleFlushed();
        clearTimeout(this.#closeTimer);
        this.#fail(new StileError('connectionReset', 'the connection was cut'));
        resolve();
      });
      if (socket.destroyed) resolve();
    });
    socket.on('end', () => this.#onTransportEnd());
    socket.on('data', this.#onData);
    if (options.head !== undefined && options.head.length > 0) socket.unshift(options.head);
  }

  /** The peer's close frame, when one came. */
  get peerClose(): CloseFrame | undefined {
    return this.#peerClose;
  }

  /**
   * The next whole binary message; nothing behind it is read. Before `start` only, one call at a time.
   * @throws {StileError} invalidHandshake (text message), frameTooLarge, invalidFrame, connectionReset (also when the peer
   *   closes: see `peerClose`)
   */
  receiveMessage(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiter = { resolve, reject };
      this.#guard(() => this.#parser.release());
      this.#socket.resume();
    });
  }

  /** Sends one binary message. */
  sendMessage(message: Uint8Array): void {
    if (!this.#closeSent) this.#socket.write(encodeFrame(opcodes.binary, message, this.#isClient));
  }

  start(reader: StreamReader): void {
    this.#reader = reader;
    this.#parser.maxMessageBytes = Infinity;
    if (this.#failure !== undefined) {
      this.#tellReset(this.#failure);
      return;
    }
    this.#guard(() => this.#parser.release());
    this.#readByRecord();
    if (!this.#isPaused) this.#socket.resume();
  }

  pause(): void {
    if (this.#isPaused || this.#closeSent) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#batch.release();
    if (!this.#batch.isEmpty) this.#schedule();
    else this.#socket.resume();
  }

  write(pieces: readonly Buffer[], headroomBytes: number): WriteResult {
    if (this.#closeSent || this.#socket.destroyed) return 'ready';
    const payloadBytes = lengthOf(pieces);
    if (payloadBytes === 0) return 'ready';
    const frame = this.#frameOf(pieces, payloadBytes, headroomBytes);
    const hasRoom = this.#socket.write(frame, this.#onWritten);
    if (hasRoom) return 'ready';
    this.#isDraining = true;
    return 'busy';
  }

  end(): void {
    this.closeWith(emptyReason);
  }

  close(error?: StileError): void {
    this.closeWith(error === undefined ? emptyReason : { code: closeCodeOf(error), reason: error.message });
  }

  /** Closes in order with this code and reason: after what was written, and waits a bounded time for the peer's answer. */
  closeWith(close: CloseFrame): void {
    this.#isOver = true;
    if (this.#closeSent || this.#socket.destroyed) return;
    this.#sendClose(close);
    if (this.#peerClose !== undefined || this.#hasTransportEnded) this.#socket.end();
    this.#drop();
  }

  reset(error: StileError): void {
    // No close frame: a cut must not wait for a peer that does not read (session-protocol.md §2.5, "context-cancel path").
    this.#isOver = true;
    this.#rejectWaiter(error);
    this.#socket.destroy();
  }

  /** Called by the parser. */
  onMessageStart(isText: boolean): void {
    if (!isText) return;
    if (this.#isDropping) return;
    throw this.#reader === undefined
      ? new StileError('invalidHandshake', 'the first message is text')
      : new StileError('invalidFrame', unexpectedText.reason);
  }

  /** Called by the parser. */
  onPayload(piece: Buffer): void {
    if (this.#isOver || this.#isDropping) return;
    if (this.#reader === undefined) {
      this.#message.push(piece);
      this.#messageBytes += piece.length;
      return;
    }
    this.#batch.push(piece);
    this.#schedule();
  }

  /** Called by the parser. */
  onMessageEnd(): void {
    if (this.#reader !== undefined || this.#isDropping) return;
    this.#parser.hold();
    this.#socket.pause();
    const message = Buffer.concat(this.#message, this.#messageBytes);
    this.#message = [];
    this.#messageBytes = 0;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve(message);
  }

  /** Called by the parser. */
  onControl(opcode: ControlOpcode, payload: Buffer): void {
    if (opcode === opcodes.ping) this.#answerPing(payload);
    else if (opcode === opcodes.close) this.#onClose(decodeClosePayload(payload));
  }

  /** Called once at the end of a turn in which something was read. */
  onTurnEnd(): void {
    this.#isScheduled = false;
    this.#readInTurn = 0;
    this.#deliver();
    const isWanted = this.#reader !== undefined || this.#waiter !== undefined || this.#isDropping;
    if (isWanted && !this.#isPaused) this.#socket.resume();
  }

  readonly #onData = (bytes: Buffer): void => {
    // One stream may take this much of a turn; the rest waits in the kernel, so that others get theirs.
    this.#readInTurn += bytes.length;
    if (this.#readInTurn >= turnBytes) {
      this.#socket.pause();
      this.#schedule();
    }
    this.#guard(() => this.#parser.push(bytes));
  };

  readonly #onWritten = (): void => {
    if (!this.#isDraining || this.#socket.writableLength > 0) return;
    this.#isDraining = false;
    if (!this.#closeSent) this.#reader?.onWritable();
  };

  /** From the byte stream on, reads go to the thread's record buffer; what Node has read before comes first. */
  #readByRecord(): void {
    const socket = this.#socket;
    const { recordBuffer } = this.#buffers;
    // `read` gives it to the 'data' listener.
    while (socket.read() !== null);
    readInto(socket, recordBuffer, (length) => this.#onData(recordBuffer.subarray(0, length)));
  }

  #guard(step: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      step();
    } catch (error) {
      this.#onProtocolError(toStileError(error));
    }
  }

  #onProtocolError(error: StileError): void {
    this.#failure = error;
    this.#hasProtocolError = true;
    if (this.#reader === undefined) {
      // Before the byte stream the owner answers, with the close code of its own protocol.
      this.#rejectWaiter(error);
      return;
    }
    this.#deliver();
    const isText = error.message === unexpectedText.reason;
    if (!this.#closeSent)
      this.#sendClose(isText ? unexpectedText : { code: closeCodeOf(error), reason: error.message });
    this.#drop();
    this.#tellReset(error);
  }

  #onClose(close: CloseFrame): void {
    this.#peerClose = close;
    this.#deliver();
    if (!this.#closeSent) this.#sendClose(close);
    this.#drop();
    this.#socket.end();
    if (this.#reader === undefined) {
      this.#fail(new StileError('connectionReset', `closed by the peer with code ${close.code}`));
    } else if (close.code === 1000 || close.code === 1001 || close.code === 1005) {
      this.#tellEnd('closed');
    } else {
      this.#tellReset(new StileError('connectionReset', `closed by the peer with code ${close.code}`));
    }
  }

  #onTransportEnd(): void {
    this.#hasTransportEnded = true;
    this.#deliver();
    if (this.#reader === undefined) this.#fail(new StileError('connectionReset', 'the peer went away'));
    else this.#tellEnd('lost');
    this.#socket.end();
  }

  /** The transport broke. */
  #fail(error: StileError): void {
    this.#failure ??= error;
    this.#rejectWaiter(error);
    if (this.#reader === undefined) return;
    this.#deliver();
    this.#tellReset(error);
  }

  #rejectWaiter(error: StileError): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(error);
  }

  #tellEnd(kind: 'closed' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.onEnd(kind);
  }

  #tellReset(error: StileError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader?.onReset(error);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#buffers.atTurnEnd(this);
  }

  #deliver(): void {
    if (this.#batch.isEmpty || this.#reader === undefined) return;
    const isEnding = this.#peerClose !== undefined || this.#hasTransportEnded || this.#failure !== undefined;
    // A reader that is full gets its bytes later, except the last ones, which it must take before the end.
    if (this.#isPaused && !isEnding) return;
    const reader = this.#reader;
    this.#batch.hand((pieces) => (this.#isOver ? 'ready' : reader.onBytes(pieces, 0)));
  }

  /** From now on what arrives is read only to find the peer's close frame, or, where frames make no sense, thrown away. */
  #drop(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#batch.clear();
    this.#isPaused = false;
    this.#parser.maxMessageBytes = Infinity;
    this.#guard(() => this.#parser.release());
    this.#socket.resume();
    if (this.#hasProtocolError) this.#socket.end();
  }

  #sendClose(close: CloseFrame): void {
    this.#closeSent = true;
    this.#socket.write(encodeFrame(opcodes.close, encodeClosePayload(close), this.#isClient), () => {
      // Counted from the moment the transport took the frame: flushing what was written may take as long as the peer reads.
      if (this.#socket.destroyed) return;
      this.#closeTimer = setTimeout(() => this.#socket.destroy(), this.#closeTimeoutMs);
    });
  }

  #answerPing(payload: Buffer): void {
    if (this.#closeSent || this.#socket.writableLength > maxQueuedForPong) return;
    this.#socket.write(encodeFrame(opcodes.pong, payload, this.#isClient));
  }

  /** One buffer with header and payload. The socket has taken it when `write` returns, unless something is queued before it. */
  #frameOf(pieces: readonly Buffer[], payloadBytes: number, headroomBytes: number): Buffer {
    const headerBytes = frameHeaderBytes(payloadBytes, this.#isClient);
    const header = { opcode: opcodes.binary, payloadBytes, isMasked: this.#isClient };
    const first = pieces[0];
    const isQueued = this.#socket.writableLength > 0;
    if (!isQueued && first !== undefined && pieces.length === 1 && headroomBytes >= headerBytes) {
      const frame = Buffer.from(first.buffer, first.byteOffset - headerBytes, headerBytes + payloadBytes);
      writeFrameHeader(frame, 0, header);
      return frame;
    }
    const frameBytes = headerBytes + payloadBytes;
    const shared = this.#buffers.frameBuffer;
    const frame =
      isQueued || frameBytes > shared.length
        ? Buffer.allocUnsafe(frameBytes)
        : shared.subarray(0, frameBytes);
    let at = writeFrameHeader(frame, 0, header);
    for (const piece of pieces) at += piece.copy(frame, at);
    return frame;
  }
}

/** Close for a text message in the byte stream: a fact of the wire (session-protocol.md §2.5). */
const unexpectedText: CloseFrame = {
  code: 1003,
  reason: 'unexpected frame type read (expected MessageBinary): MessageText',
};

/** 1005 and 1006 never stand in a frame (RFC 6455 §7.4.1). */
function closeCodeOf(error: StileError): number {
  const code = error.traits.closeCode;
  return code === 1005 || code === 1006 ? 1011 : code;
}

function connectionReset(cause: Error): StileError {
  return new StileError('connectionReset', 'the connection was reset', { cause });
}
