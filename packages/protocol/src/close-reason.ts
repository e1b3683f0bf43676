/**
 * The WebSocket close codes and reason texts between client and worker (session-protocol.md §3.4). The texts are a fact of
 * the wire: the real client matches two of them. The worker turns an error into one, the client turns one into an error.
 */
import type { ErrorCode } from './errors.ts';

/** A close frame's code and text (RFC 6455 §7.4; the text has at most 123 bytes). */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** Name of a row of `closeReasons`. */
export type CloseReasonName =
  | 'invalidHandshake'
  | 'unreadableHandshake'
  | 'invalidTofuToken'
  | 'sessionCanceled'
  | 'cancelFailed'
  | 'tofuTokenNotAllowed'
  | 'refusingToActivate'
  | 'activateFailed'
  | 'workerNotReady'
  | 'authorizeFailed'
  | 'resultNotSent'
  | 'endpointUnusable'
  | 'proxyFailed'
  | 'connectFailed'
  | 'controllerAway'
  | 'unexpectedText'
  | 'messageTooLarge'
  | 'protocolError'
  | 'workerStopping'
  | 'done';

/** Every close a worker sends, by a name of ours. */
export const closeReasons: Readonly<Record<CloseReasonName, CloseReason>> = {
  /** First message unreadable, or not binary. */
  invalidHandshake: { code: 1008, reason: 'invalid handshake received' },
  /** First message is no such protobuf. */
  unreadableHandshake: { code: 1007, reason: 'failed to unmarshal protobuf' },
  /** The TOFU token does not have 20 bytes. */
  invalidTofuToken: { code: 1003, reason: 'invalid tofu token' },
  /** A cancel command was carried out. */
  sessionCanceled: { code: 1000, reason: 'session canceled' },
  /** A cancel command failed. */
  cancelFailed: { code: 1011, reason: 'unable to cancel session' },
  /** Another client holds the session. The real client matches this text. */
  tofuTokenNotAllowed: { code: 1008, reason: 'tofu token not allowed' },
  /** The session ended before its first use. */
  refusingToActivate: { code: 1011, reason: 'refusing to activate session' },
  activateFailed: { code: 1011, reason: 'unable to activate session' },
  /** The worker has no id yet. */
  workerNotReady: { code: 1011, reason: 'worker id is empty' },
  /** Not active, expired, or at its limit. The real client matches this text and stops listening. */
  authorizeFailed: { code: 1011, reason: 'unable to authorize connection' },
  resultNotSent: { code: 1002, reason: 'unable to send handshake result' },
  /** After the handshake result: the client sees an end of stream. */
  endpointUnusable: { code: 1002, reason: 'unable to parse endpoint' },
  /** After the handshake result: the endpoint could not be dialed. */
  proxyFailed: { code: 3000, reason: 'unable to setup proxying' },
  /** After the handshake result: the controller did not take the connection. */
  connectFailed: { code: 1011, reason: 'unable to establish proxy' },
  /** The controller cannot be asked: nothing new begins, what runs goes on. Ours; no real client matches it. */
  controllerAway: { code: 1011, reason: 'controller unreachable, no new connections now' },
  /** A text frame in the byte stream (coder/websocket's text). */
  unexpectedText: { code: 1003, reason: 'unexpected frame type read (expected MessageBinary): MessageText' },
  /** A handshake message above 32,768 bytes (coder/websocket's text). */
  messageTooLarge: { code: 1009, reason: 'read limited at 32769 bytes' },
  protocolError: { code: 1002, reason: 'protocol error' },
  /** The worker stops; ours, read as a clean end by every client. */
  workerStopping: { code: 1001, reason: 'worker is stopping' },
  /** Normal end of a connection. */
  done: { code: 1000, reason: 'done' },
};

/** What the worker answers for each error before or after the handshake result; a code without a row does not compile. */
const reasonOfError: Readonly<Record<ErrorCode, CloseReasonName>> = {
  invalidHandshake: 'invalidHandshake',
  unreadableHandshake: 'unreadableHandshake',
  invalidTofuToken: 'invalidTofuToken',
  tofuTokenNotAllowed: 'tofuTokenNotAllowed',
  sessionNotPending: 'refusingToActivate',
  connectionNotAuthorized: 'authorizeFailed',
  sessionNotAccepted: 'authorizeFailed',
  sessionExpired: 'authorizeFailed',
  permissionDenied: 'authorizeFailed',
  unauthenticated: 'authorizeFailed',
  notFound: 'authorizeFailed',
  endpointRefused: 'proxyFailed',
  endpointUnreachable: 'proxyFailed',
  invalidFrame: 'protocolError',
  frameTooLarge: 'messageTooLarge',
  aborted: 'workerStopping',
  // What is left says nothing about the session; a text that the real client does not match keeps it from
  // believing that no connections are left.
  invalidArgument: 'connectFailed',
  failedPrecondition: 'connectFailed',
  invalidListToken: 'connectFailed',
  methodNotAllowed: 'connectFailed',
  unsupported: 'connectFailed',
  payloadTooLarge: 'connectFailed',
  tooManyRequests: 'connectFailed',
  unavailable: 'connectFailed',
  deadlineExceeded: 'controllerAway',
  internal: 'connectFailed',
  invalidConfig: 'connectFailed',
  invalidFlag: 'connectFailed',
  invalidAuthorizationToken: 'connectFailed',
  workerUnreachable: 'connectFailed',
  controllerUnreachable: 'controllerAway',
  connectionReset: 'connectFailed',
  listenFailed: 'connectFailed',
  storageFull: 'connectFailed',
  conflict: 'connectFailed',
};

/** The close a worker sends for an error. */
export function closeReasonOf(code: ErrorCode): CloseReason {
  return closeReasons[reasonOfError[code]];
}

/** What a close text means to our client while it waits for the handshake result. */
const errorOfReason: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  [closeReasons.invalidHandshake.reason, 'invalidHandshake'],
  [closeReasons.unreadableHandshake.reason, 'unreadableHandshake'],
  [closeReasons.invalidTofuToken.reason, 'invalidTofuToken'],
  [closeReasons.tofuTokenNotAllowed.reason, 'tofuTokenNotAllowed'],
  [closeReasons.refusingToActivate.reason, 'sessionNotPending'],
  [closeReasons.authorizeFailed.reason, 'connectionNotAuthorized'],
  [closeReasons.activateFailed.reason, 'unavailable'],
  [closeReasons.workerNotReady.reason, 'unavailable'],
  [closeReasons.connectFailed.reason, 'unavailable'],
  [closeReasons.controllerAway.reason, 'controllerUnreachable'],
  [closeReasons.proxyFailed.reason, 'endpointUnreachable'],
  [closeReasons.messageTooLarge.reason, 'frameTooLarge'],
  [closeReasons.workerStopping.reason, 'unavailable'],
]);

/** The error a client reports for a close that came instead of the handshake result; `connectionReset` for an unknown one. */
export function errorCodeOfClose(close: CloseReason): ErrorCode {
  return errorOfReason.get(close.reason) ?? (close.code === 1000 ? 'aborted' : 'connectionReset');
}
