/**
 * Reads a TLS ClientHello before TLS does: the session id stands in SNI or ALPN, and the certificate depends on it (session-protocol.md
 * §2.3, §9.1). The parser is pure. RFC 8446 §4.1.2, §5.1; RFC 6066 §3; RFC 7301 §3.1.
 */
import type { Socket } from 'node:net';
import { StileError, toStileError } from '@stile/protocol';

/** What the worker needs of a ClientHello. */
export interface ClientHello {
  /** SNI host name; undefined when there is none. */
  readonly serverName: string | undefined;
  /** ALPN protocols in the client's order. */
  readonly protocols: readonly string[];
}

/** Most bytes that are read while looking for the end of a ClientHello (session-protocol.md §9.2). */
export const maxClientHelloBytes = 65_536;

const recordHeaderBytes = 5;
const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const alpnExtension = 16;
const hostNameType = 0;
/** Most records that a ClientHello is spread over: keeps the work for each arriving byte small. Real clients send one or two. */
const mostRecords = 64;
/** RFC 8446 §5.1: 2^14 bytes, and 256 for what an encrypted record may add. */
const maxRecordBytes = 16_384 + 256;

function illegal(what: string): StileError {
  return new StileError('invalidFrame', `the first bytes are no TLS ClientHello: ${what}`);
}

/** A cursor over bytes that refuses to run past their end. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** An unsigned number of 1 to 3 bytes. */
  number(width: number): number {
    return this.take(width).readUIntBE(0, width);
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw illegal('a length runs past the end');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  /** A vector: its length in `width` bytes, then its bytes. */
  vector(width: number): Buffer {
    return this.take(this.number(width));
  }
}

/**
 * The ClientHello at the start of what a client sent, or undefined when more bytes are needed. It may span TCP segments and TLS records.
 * @throws {StileError} invalidFrame (no ClientHello), frameTooLarge (longer than maxClientHelloBytes)
 */
export function parseClientHello(bytes: Buffer): ClientHello | undefined {
  const message = handshakeMessage(bytes);
  if (message === undefined) {
    if (bytes.length >= maxClientHelloBytes)
      throw new StileError('frameTooLarge', 'the ClientHello is too long');
    return undefined;
  }
  const cursor = new Cursor(message);
  cursor.take(2 + 32); // legacy_version, random
  cursor.vector(1); // legacy_session_id
  cursor.vector(2); // cipher_suites
  cursor.vector(1); // legacy_compression_methods
  if (cursor.isAtEnd) return { serverName: undefined, protocols: [] };
  return readExtensions(new Cursor(cursor.vector(2)));
}

/** The body of the ClientHello message, put together from its records; undefined when it is not complete. */
function handshakeMessage(bytes: Buffer): Buffer | undefined {
  const fragments: Buffer[] = [];
  let length = 0;
  let at = 0;
  while (at < bytes.length) {
    if (fragments.length >= mostRecords) throw illegal('too many records');
    if (bytes[at] !== handshakeRecord) throw illegal('not a handshake record');
    if (bytes.length - at < recordHeaderBytes) return undefined;
    if (bytes[at + 1] !== 3) throw illegal('not a version of TLS');
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > maxRecordBytes) throw illegal('a record of an illegal length');
    const fragment = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + size);
    fragments.push(fragment);
    length += fragment.length;
    at += recordHeaderBytes + size;
    const wanted = messageLength(fragments, length);
    if (wanted === undefined) continue;
    if (wanted > maxClientHelloBytes) throw new StileError('frameTooLarge', 'the ClientHello is too long');
    if (length >= wanted + 4) return Buffer.concat(fragments, length).subarray(4, wanted + 4);
  }
  return undefined;
}

/** Length of the message's body by its header; undefined while the header is not there. */
function messageLength(fragments: readonly Buffer[], length: number): number | undefined {
  const first = fragments[0];
  if (first !== undefined && first.length > 0 && first[0] !== clientHelloMessage)
    throw illegal('another handshake message');
  if (length < 4) return undefined;
  const head = fragments.length === 1 && first !== undefined ? first : Buffer.concat(fragments, length);
  return head.readUIntBE(1, 3);
}

function readExtensions(cursor: Cursor): ClientHello {
  let serverName: string | undefined;
  let protocols: readonly string[] = [];
  while (!cursor.isAtEnd) {
    const type = cursor.number(2);
    const content = cursor.vector(2);
    if (type === serverNameExtension) serverName ??= readServerName(new Cursor(content));
    if (type === alpnExtension) protocols = readProtocols(new Cursor(content));
  }
  return { serverName, protocols };
}

function readServerName(cursor: Cursor): string | undefined {
  const list = new Cursor(cursor.vector(2));
  while (!list.isAtEnd) {
    const type = list.number(1);
    const name = list.vector(2);
    if (type === hostNameType) return name.toString('latin1');
  }
  return undefined;
}

function readProtocols(cursor: Cursor): string[] {
  const list = new Cursor(cursor.vector(2));
  const protocols: string[] = [];
  while (!list.isAtEnd) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

const sessionIdPattern = /^s_[0-9A-Za-z]{1,60}$/;

/**
 * Reads a ClientHello from a socket that has just been accepted. The bytes must be put back (`unshift`) for TLS to see them. Leaves the socket
 * paused, without listeners of its own.
 * @throws {StileError} invalidFrame (no ClientHello), frameTooLarge, connectionReset, aborted (by the signal)
 */
export function readClientHello(
  socket: Socket,
  signal: AbortSignal,
): Promise<{ hello: ClientHello; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    let memory: Buffer = Buffer.allocUnsafe(2048);
    let length = 0;
    const settle = (): void => {
      socket.pause();
      socket.off('data', onData).off('end', onGone).off('close', onGone);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(toStileError(error));
    };
    const onGone = (): void =>
      fail(new StileError('connectionReset', 'the client went away before its ClientHello'));
    const onAbort = (): void => fail(new StileError('aborted', 'the ClientHello took too long'));
    const onData = (piece: Buffer): void => {
      memory = appended(memory, length, piece);
      length += piece.length;
      const bytes = memory.subarray(0, length);
      try {
        const hello = parseClientHello(bytes);
        if (hello === undefined) return;
        settle();
        resolve({ hello, bytes });
      } catch (error) {
        fail(error);
      }
    };
    if (signal.aborted) {
      fail(new StileError('aborted', 'the ClientHello took too long'));
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('end', onGone).on('close', onGone).on('data', onData);
  });
}

/** `memory` with `piece` behind its first `length` bytes; grown by doubling, so that many small pieces cost no more than one. */
function appended(memory: Buffer, length: number, piece: Buffer): Buffer {
  const wanted = length + piece.length;
  const target = wanted <= memory.length ? memory : Buffer.allocUnsafe(Math.max(wanted, memory.length * 2));
  if (target !== memory) memory.copy(target, 0, 0, length);
  piece.copy(target, length);
  return target;
}

/** The session that a ClientHello asks for: SNI if it is a session id, else the first ALPN entry that is; undefined for none. */
export function sessionIdOf(hello: ClientHello): string | undefined {
  const names = hello.serverName === undefined ? hello.protocols : [hello.serverName, ...hello.protocols];
  return names.find((name) => sessionIdPattern.test(name));
}
