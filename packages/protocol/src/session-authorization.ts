/**
 * The session authorization that authorize-session returns, and its text form, the authorization token: base58 of a
 * protobuf message (session-protocol.md §1). The controller encodes, the client decodes. Runs in a browser.
 */
import { stile } from '../gen/session.js';
import { decodeBase58, encodeBase58 } from './codec/base58.ts';
import { StileError } from './errors.ts';
import { copyBytes, decodeMessage, fromTimestamp, toTimestamp } from './codec/wire.ts';

const { SessionAuthorizationData } = stile.controller.targets.v1;

/** The scope of the target, as shown beside it. */
export interface SessionAuthorizationScope {
  readonly id: string;
  /** `project` for every target. */
  readonly type: string;
  readonly name: string;
  readonly description: string;
  readonly parentScopeId: string;
}

/** All a client needs to open connections of one session. Whoever has it can use and cancel the session. */
export interface SessionAuthorization {
  readonly sessionId: string;
  readonly targetId: string;
  readonly scope: SessionAuthorizationScope;
  /** Epoch µs. */
  readonly createdAt: number;
  /** Target type, `tcp`. */
  readonly type: string;
  /** -1 = unlimited. */
  readonly connectionLimit: number;
  /** Port of the endpoint. */
  readonly endpointPort: number;
  /** Epoch µs; 0 when the token has none, which a client takes as expired. */
  readonly expiresAt: number;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** 64 bytes: Ed25519 seed ‖ public key. Secret. */
  readonly privateKey: Uint8Array;
  /** Empty when the target has an address of its own. */
  readonly hostId: string;
  /** `tcp://host:port`, IPv6 in brackets. */
  readonly endpoint: string;
  /** `host:port` in order of preference. */
  readonly workerAddresses: readonly string[];
  /** Local port the client should listen on; 0 = any free one. */
  readonly defaultClientPort: number;
}

/** Bytes of an Ed25519 key in the token: seed and public key. */
export const sessionPrivateKeyBytes = 64;

/**
 * Largest content of a token that is read, bytes: a real one has about 600, and one with 64 worker addresses about 6,000.
 * It bounds the quadratic cost of base58.
 */
export const maxAuthorizationBytes = 8192;

/**
 * The token of a session authorization; the same input always gives the same text.
 * @throws {StileError} internal when the private key does not have 64 bytes or a number is out of its range.
 */
export function encodeAuthorizationToken(authorization: SessionAuthorization): string {
  const { scope } = authorization;
  if (authorization.privateKey.length !== sessionPrivateKeyBytes) {
    throw new StileError('internal', 'encode authorization token: private key must have 64 bytes');
  }
  const bytes = SessionAuthorizationData.encode({
    sessionId: authorization.sessionId,
    targetId: authorization.targetId,
    scope: hasScope(scope) ? scope : null,
    createdTime: toTimestamp(authorization.createdAt),
    type: authorization.type,
    connectionLimit: authorization.connectionLimit,
    endpointPort: authorization.endpointPort,
    expiration: toTimestamp(authorization.expiresAt),
    certificate: authorization.certificate,
    privateKey: authorization.privateKey,
    hostId: authorization.hostId,
    endpoint: authorization.endpoint,
    workerInfo: authorization.workerAddresses.map((address) => ({ address })),
    defaultClientPort: authorization.defaultClientPort,
  }).finish(true);
  return encodeBase58(bytes);
}

/**
 * Reads a token. Nothing is trimmed here; a caller that reads standard input cuts white space itself. Unknown fields are
 * ignored; a token without workers, host or scope is legal here, and the client refuses what it cannot use.
 * @throws {StileError} invalidAuthorizationToken, with the words of the real client (session-protocol.md §1.5).
 */
export function decodeAuthorizationToken(text: string): SessionAuthorization {
  if (text.length === 0) throw invalid('authorization token is empty');
  const bytes = decodeText(text);
  if (bytes.length === 0) throw invalid('zero-length authorization information after decoding');
  const data = decodeMessage(SessionAuthorizationData, bytes, {
    code: 'invalidAuthorizationToken',
    message: 'unable to unmarshal authorization data',
  });
  if (data.privateKey.length !== sessionPrivateKeyBytes) {
    throw invalid('private key of the authorization data must have 64 bytes');
  }
  if (data.certificate.length === 0) throw invalid('authorization data has no certificate');
  if (data.sessionId === '') throw invalid('authorization data has no session id');
  return {
    sessionId: data.sessionId,
    targetId: data.targetId,
    scope: readScope(data.scope),
    createdAt: fromTimestamp(data.createdTime, 'invalidAuthorizationToken', 'created time'),
    type: data.type,
    connectionLimit: readLimit(data.connectionLimit),
    endpointPort: readPort(data.endpointPort, 'endpoint port'),
    expiresAt: fromTimestamp(data.expiration, 'invalidAuthorizationToken', 'expiration'),
    certificate: copyBytes(data.certificate),
    privateKey: copyBytes(data.privateKey),
    hostId: data.hostId,
    endpoint: data.endpoint,
    workerAddresses: data.workerInfo.map((worker) => worker.address ?? ''),
    defaultClientPort: readPort(data.defaultClientPort, 'default client port'),
  };
}

function decodeText(text: string): Uint8Array {
  try {
    return decodeBase58(text, maxAuthorizationBytes);
  } catch (cause) {
    const why = cause instanceof StileError ? cause.message : 'internal error';
    throw new StileError('invalidAuthorizationToken', `unable to base58-decode authorization token: ${why}`, {
      cause,
    });
  }
}

function hasScope(scope: SessionAuthorizationScope): boolean {
  return [scope.id, scope.type, scope.name, scope.description, scope.parentScopeId].some(
    (part) => part !== '',
  );
}

function readScope(
  scope: stile.controller.targets.v1.ScopeInfo.$Properties | null | undefined,
): SessionAuthorizationScope {
  return {
    id: scope?.id ?? '',
    type: scope?.type ?? '',
    name: scope?.name ?? '',
    description: scope?.description ?? '',
    parentScopeId: scope?.parentScopeId ?? '',
  };
}

function readLimit(limit: number): number {
  if (limit < -1) throw invalid('connection limit is out of range');
  return limit;
}

function readPort(port: number, what: string): number {
  if (port > 65_535) throw invalid(`${what} is out of range`);
  return port;
}

function invalid(message: string): StileError {
  return new StileError('invalidAuthorizationToken', message);
}
