/**
 * The two messages that open a proxied connection, client to worker and back (session-protocol.md §3), and the limits and
 * names both sides must agree on. Runs in a browser.
 */
import { stile } from '../gen/session.js';
import { StileError } from './errors.ts';
import { decodeMessage, fromTimestamp, toTimestamp } from './codec/wire.ts';

const { ClientHandshake, HandshakeCommand, HandshakeResult } = stile.worker.proxy.v1;

/** The only version negotiation there is; the worker must echo it (session-protocol.md §2.4). */
export const proxySubprotocol = 'boundary-tcp-proxy-v1';
/** Path of the WebSocket upgrade at the worker. */
export const proxyPath = '/v1/proxy';
/** Bytes of a TOFU token. */
export const tofuTokenLength = 20;
/** Largest message either side reads until the handshake is over, bytes; none after it (session-protocol.md §2.5). */
export const maxHandshakeBytes = 32_768;
/** Most capabilities a message may name, and the longest name of one. Ours: the real client sends none. */
const maxCapabilities = 64;
const maxCapabilityLength = 64;

/** `connect` opens a connection, `cancel` ends the session. */
export type HandshakeCommandName = 'connect' | 'cancel';

/** First message, client to worker. */
export interface ClientHandshakeMessage {
  /** 20 bytes, normally of [A-Za-z0-9]; the same for all connections of one client process. Secret. */
  readonly tofuToken: string;
  readonly command: HandshakeCommandName;
  /** Names of optional features the client offers. */
  readonly capabilities: readonly string[];
}

/** Answer of the worker; the byte stream begins after it. */
export interface HandshakeResultMessage {
  /** End of the session, epoch µs; 0 when the worker named none. */
  readonly expiresAt: number;
  /** Connections the session may ever open; -1 = unlimited. */
  readonly connectionLimit: number;
  /** Connections left after this one; -1 = unlimited, 0 = stop listening. */
  readonly connectionsLeft: number;
  /** The offered capabilities that the worker accepts. */
  readonly capabilities: readonly string[];
}

/** Bytes of the first message. */
export function encodeClientHandshake(handshake: ClientHandshakeMessage): Uint8Array {
  return ClientHandshake.encode({
    tofuToken: handshake.tofuToken,
    command:
      handshake.command === 'cancel'
        ? HandshakeCommand.HANDSHAKE_COMMAND_SESSION_CANCEL
        : HandshakeCommand.HANDSHAKE_COMMAND_UNSPECIFIED,
    capabilities: [...handshake.capabilities],
  }).finish(true);
}

/**
 * Reads the first message.
 * @throws {StileError} frameTooLarge, unreadableHandshake (no such protobuf), invalidTofuToken (not 20 bytes),
 *   invalidHandshake (unknown command, or too many or too long capability names).
 */
export function decodeClientHandshake(bytes: Uint8Array): ClientHandshakeMessage {
  const message = decodeMessage(ClientHandshake, boundedMessage(bytes), unreadable);
  if (utf8Length(message.tofuToken) !== tofuTokenLength) {
    throw new StileError('invalidTofuToken', `tofu token must have ${tofuTokenLength} bytes`);
  }
  return {
    tofuToken: message.tofuToken,
    command: readCommand(message.command),
    capabilities: readCapabilities(message.capabilities),
  };
}

/** Bytes of the worker's answer. A `connectionsLeft` of 0 is absent on the wire. */
export function encodeHandshakeResult(result: HandshakeResultMessage): Uint8Array {
  return HandshakeResult.encode({
    expiration: toTimestamp(result.expiresAt),
    connectionLimit: result.connectionLimit,
    connectionsLeft: result.connectionsLeft,
    capabilities: [...result.capabilities],
  }).finish(true);
}

/**
 * Reads the worker's answer.
 * @throws {StileError} frameTooLarge, unreadableHandshake (no such protobuf), invalidHandshake (a number or name out of
 *   its range).
 */
export function decodeHandshakeResult(bytes: Uint8Array): HandshakeResultMessage {
  const message = decodeMessage(HandshakeResult, boundedMessage(bytes), unreadable);
  if (message.connectionLimit < -1 || message.connectionsLeft < -1) {
    throw new StileError('invalidHandshake', 'connection limit of the handshake result is out of range');
  }
  return {
    expiresAt: fromTimestamp(message.expiration, 'invalidHandshake', 'expiration of the handshake result'),
    connectionLimit: message.connectionLimit,
    connectionsLeft: message.connectionsLeft,
    capabilities: readCapabilities(message.capabilities),
  };
}

const unreadable = { code: 'unreadableHandshake', message: 'failed to unmarshal protobuf' } as const;

function boundedMessage(bytes: Uint8Array): Uint8Array {
  if (bytes.length > maxHandshakeBytes) {
    throw new StileError('frameTooLarge', `handshake message is larger than ${maxHandshakeBytes} bytes`);
  }
  return bytes;
}

function readCommand(command: number): HandshakeCommandName {
  if (command === HandshakeCommand.HANDSHAKE_COMMAND_UNSPECIFIED) return 'connect';
  if (command === HandshakeCommand.HANDSHAKE_COMMAND_SESSION_CANCEL) return 'cancel';
  throw new StileError('invalidHandshake', 'unknown handshake command');
}

function readCapabilities(names: readonly string[]): readonly string[] {
  if (names.length > maxCapabilities || names.some((name) => name.length > maxCapabilityLength)) {
    throw new StileError('invalidHandshake', 'handshake names too many or too long capabilities');
  }
  return names;
}

/** Bytes of `text` in UTF-8: the worker counts bytes, not characters. */
function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return length;
}
