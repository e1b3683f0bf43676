/**
 * Wire messages of the cluster link to plain values and back, one pair of functions a message. The wire is hostile: every
 * length, range and word is checked here, so that nobody after this file needs to.
 */
import type { stile } from '../../gen/cluster.js';
import type {
  ClusterMethod,
  ClusterRequest,
  ClusterResponse,
  ConnectionClose,
  ConnectionReport,
  SessionReport,
  SessionRevocation,
} from './calls.ts';
import { StileError } from '../errors.ts';
import { isConnectionEndReason, isSessionEndReason, isSessionStatus } from '../session-status.ts';
import type { SessionStatus } from '../session-status.ts';
import { copyBytes, toSafeInteger } from '../codec/wire.ts';

/** The generated message classes of the link. */
type v1 = typeof stile.controller.servers.v1;
type WireFrame = InstanceType<v1['Frame']>;
/** Wire form of a request: the field of Frame with the method's name. */
export type WireRequest<M extends ClusterMethod> = NonNullable<WireFrame[M]>;
/** Wire form of a response: the field of Frame with the method's name and `Ok`. */
export type WireResponse<M extends ClusterMethod> = NonNullable<WireFrame[`${M}Ok`]>;

/** The four directions of one call. Decoders throw StileError invalidFrame. */
export interface CallCodec<M extends ClusterMethod> {
  encodeRequest(request: ClusterRequest<M>): WireRequest<M>;
  decodeRequest(wire: WireRequest<M>): ClusterRequest<M>;
  encodeResponse(response: ClusterResponse<M>): WireResponse<M>;
  decodeResponse(wire: WireResponse<M>): ClusterResponse<M>;
}

/** Most characters of an id. */
const maxIdLength = 64;
/** Most characters of an address, a tag, a version: a DNS name with a port has at most 259. */
const maxNameLength = 512;
/** Most characters of a free text or a token. */
const maxTextLength = 4096;
/** Most bytes of a certificate, key or signature. */
const maxBlobBytes = 16_384;

/** The codec of every call; a call without a row does not compile. */
export const callCodecs: { readonly [M in ClusterMethod]: CallCodec<M> } = {
  enroll: {
    encodeRequest: ({ activationToken, publicKey, signature }) => ({ activationToken, publicKey, signature }),
    decodeRequest: (wire) => ({
      activationToken: text(wire.activationToken, 'activation token', maxTextLength),
      publicKey: blob(wire.publicKey, 'public key'),
      signature: blob(wire.signature, 'signature'),
    }),
    encodeResponse: (response) => ({ ...response, caCertificates: [...response.caCertificates] }),
    decodeResponse: (wire) => ({
      workerId: id(wire.workerId, 'worker id'),
      certificate: blob(wire.certificate, 'certificate'),
      caCertificates: (wire.caCertificates ?? []).map((bytes) => blob(bytes, 'CA certificate')),
    }),
  },
  register: {
    encodeRequest: ({ publicKey, signature }) => ({ publicKey, signature }),
    decodeRequest: (wire) => ({
      publicKey: blob(wire.publicKey, 'public key'),
      signature: blob(wire.signature, 'signature'),
    }),
    encodeResponse: (response) => ({ ...response, caCertificates: [...response.caCertificates] }),
    decodeResponse: (wire) => ({
      workerId: id(wire.workerId, 'worker id'),
      certificate: blob(wire.certificate, 'certificate'),
      caCertificates: (wire.caCertificates ?? []).map((bytes) => blob(bytes, 'CA certificate')),
      proof: blob(wire.proof, 'proof'),
    }),
  },
  hello: {
    encodeRequest: (request) => ({
      address: request.address,
      tags: Object.entries(request.tags).map(([key, values]) => ({ key, values: [...values] })),
      releaseVersion: request.releaseVersion,
      sessions: request.sessions.map(encodeSessionReport),
      capabilities: [...request.capabilities],
      description: request.description,
      startedAt: request.startedAt,
      cpuCount: request.cpuCount,
      memoryBytes: request.memoryBytes,
    }),
    decodeRequest: (wire) => ({
      address: text(wire.address, 'worker address'),
      tags: Object.fromEntries(
        (wire.tags ?? []).map((tag) => [text(tag.key, 'tag key'), texts(tag.values, 'tag value')]),
      ),
      releaseVersion: text(wire.releaseVersion, 'release version'),
      sessions: (wire.sessions ?? []).map(decodeSessionReport),
      capabilities: texts(wire.capabilities, 'capability'),
      description: text(wire.description, 'description', maxTextLength),
      startedAt: count(wire.startedAt, 'start time'),
      cpuCount: wire.cpuCount ?? 0,
      memoryBytes: count(wire.memoryBytes, 'memory'),
    }),
    encodeResponse: (response) => ({
      workerId: response.workerId,
      heartbeatIntervalMs: response.heartbeatIntervalMs,
      revocations: response.revocations.map(encodeRevocation),
      renewBeforeSeconds: response.renewBeforeSeconds,
      controllerAddresses: [...response.controllerAddresses],
    }),
    decodeResponse: (wire) => ({
      workerId: id(wire.workerId, 'worker id'),
      heartbeatIntervalMs: wire.heartbeatIntervalMs ?? 0,
      revocations: (wire.revocations ?? []).map(decodeRevocation),
      renewBeforeSeconds: wire.renewBeforeSeconds ?? 0,
      controllerAddresses: texts(wire.controllerAddresses, 'controller address'),
    }),
  },
  heartbeat: {
    encodeRequest: (request) => ({
      sessions: request.sessions.map(encodeSessionReport),
      activeConnections: request.activeConnections,
      draining: request.draining,
    }),
    decodeRequest: (wire) => ({
      sessions: (wire.sessions ?? []).map(decodeSessionReport),
      activeConnections: wire.activeConnections ?? 0,
      draining: wire.draining ?? false,
    }),
    encodeResponse: (response) => ({
      revocations: response.revocations.map(encodeRevocation),
      controllerAddresses: [...response.controllerAddresses],
      renewNow: response.renewNow,
    }),
    decodeResponse: (wire) => ({
      revocations: (wire.revocations ?? []).map(decodeRevocation),
      controllerAddresses: texts(wire.controllerAddresses, 'controller address'),
      renewNow: wire.renewNow ?? false,
    }),
  },
  lookupSession: {
    encodeRequest: ({ sessionId }) => ({ sessionId }),
    decodeRequest: (wire) => ({ sessionId: id(wire.sessionId, 'session id') }),
    encodeResponse: (response) => ({ ...response }),
    decodeResponse: (wire) => ({
      sessionId: id(wire.sessionId, 'session id'),
      certificate: blob(wire.certificate, 'certificate'),
      privateKey: blob(wire.privateKey, 'private key'),
      tofuToken: text(wire.tofuToken, 'tofu token'),
      status: status(wire.status),
      endpoint: text(wire.endpoint, 'endpoint'),
      expiresAt: count(wire.expiresAt, 'expiry'),
      connectionLimit: limit(wire.connectionLimit, 'connection limit'),
      leaseSeconds: wire.leaseSeconds ?? 0,
    }),
  },
  activateSession: {
    encodeRequest: ({ sessionId, tofuToken }) => ({ sessionId, tofuToken }),
    decodeRequest: (wire) => ({
      sessionId: id(wire.sessionId, 'session id'),
      tofuToken: text(wire.tofuToken, 'tofu token'),
    }),
    encodeResponse: (response) => ({ status: response.status }),
    decodeResponse: (wire) => ({ status: status(wire.status) }),
  },
  authorizeConnection: {
    encodeRequest: ({ sessionId, clientAddress, clientPort }) => ({ sessionId, clientAddress, clientPort }),
    decodeRequest: (wire) => ({
      sessionId: id(wire.sessionId, 'session id'),
      clientAddress: text(wire.clientAddress, 'client address'),
      clientPort: port(wire.clientPort, 'client port'),
    }),
    encodeResponse: ({ connectionId, connectionsLeft }) => ({ connectionId, connectionsLeft }),
    decodeResponse: (wire) => ({
      connectionId: id(wire.connectionId, 'connection id'),
      connectionsLeft: limit(wire.connectionsLeft, 'connections left'),
    }),
  },
  connectConnection: {
    encodeRequest: ({ connectionId, endpointAddress, endpointPort }) => ({
      connectionId,
      endpointAddress,
      endpointPort,
    }),
    decodeRequest: (wire) => ({
      connectionId: id(wire.connectionId, 'connection id'),
      endpointAddress: text(wire.endpointAddress, 'endpoint address'),
      endpointPort: port(wire.endpointPort, 'endpoint port'),
    }),
    encodeResponse: () => ({}),
    decodeResponse: () => ({}),
  },
  closeConnections: {
    encodeRequest: (request) => ({ connections: request.connections.map(encodeClose) }),
    decodeRequest: (wire) => ({ connections: (wire.connections ?? []).map(decodeClose) }),
    encodeResponse: () => ({}),
    decodeResponse: () => ({}),
  },
  cancelSession: {
    encodeRequest: ({ sessionId }) => ({ sessionId }),
    decodeRequest: (wire) => ({ sessionId: id(wire.sessionId, 'session id') }),
    encodeResponse: (response) => ({ status: response.status }),
    decodeResponse: (wire) => ({ status: status(wire.status) }),
  },
  renewCertificate: {
    encodeRequest: ({ publicKey, signature }) => ({ publicKey, signature }),
    decodeRequest: (wire) => ({
      publicKey: blob(wire.publicKey, 'public key'),
      signature: blob(wire.signature, 'signature'),
    }),
    encodeResponse: (response) => ({ ...response, caCertificates: [...response.caCertificates] }),
    decodeResponse: (wire) => ({
      certificate: blob(wire.certificate, 'certificate'),
      caCertificates: (wire.caCertificates ?? []).map((bytes) => blob(bytes, 'CA certificate')),
    }),
  },
  revokeSessions: {
    encodeRequest: (request) => ({ revocations: request.revocations.map(encodeRevocation) }),
    decodeRequest: (wire) => ({ revocations: (wire.revocations ?? []).map(decodeRevocation) }),
    encodeResponse: (response) => ({ connections: response.connections.map(encodeClose) }),
    decodeResponse: (wire) => ({ connections: (wire.connections ?? []).map(decodeClose) }),
  },
  drain: {
    encodeRequest: () => ({}),
    decodeRequest: () => ({}),
    encodeResponse: () => ({}),
    decodeResponse: () => ({}),
  },
};

/** Whether a name of the wire is a call. */
export function isClusterMethod(name: string): name is ClusterMethod {
  return Object.hasOwn(callCodecs, name);
}

type WireSessionReport = stile.controller.servers.v1.SessionReport.$Properties;
type WireRevocation = stile.controller.servers.v1.SessionRevocation.$Properties;
type WireClose = stile.controller.servers.v1.ConnectionClose.$Properties;

function encodeSessionReport(report: SessionReport): WireSessionReport {
  return { sessionId: report.sessionId, connections: [...report.connections] };
}

function decodeSessionReport(wire: WireSessionReport): SessionReport {
  return {
    sessionId: id(wire.sessionId, 'session id'),
    connections: (wire.connections ?? []).map((connection): ConnectionReport => ({
      connectionId: id(connection.connectionId, 'connection id'),
      bytesUp: count(connection.bytesUp, 'bytes up'),
      bytesDown: count(connection.bytesDown, 'bytes down'),
    })),
  };
}

function encodeRevocation({ sessionId, reason }: SessionRevocation): WireRevocation {
  return { sessionId, reason };
}

function decodeRevocation(wire: WireRevocation): SessionRevocation {
  const reason = text(wire.reason, 'reason');
  return {
    sessionId: id(wire.sessionId, 'session id'),
    reason: isSessionEndReason(reason) ? reason : 'canceled',
  };
}

function encodeClose(close: ConnectionClose): WireClose {
  return { ...close };
}

function decodeClose(wire: WireClose): ConnectionClose {
  const reason = text(wire.reason, 'reason');
  return {
    connectionId: id(wire.connectionId, 'connection id'),
    bytesUp: count(wire.bytesUp, 'bytes up'),
    bytesDown: count(wire.bytesDown, 'bytes down'),
    reason: isConnectionEndReason(reason) ? reason : 'protocol error',
    closedAt: count(wire.closedAt, 'close time'),
  };
}

function invalid(message: string): StileError {
  return new StileError('invalidFrame', message);
}

function id(value: string | null | undefined, what: string): string {
  if (!value || value.length > maxIdLength || !/^[a-z]+_[0-9A-Za-z]+$/.test(value)) {
    throw invalid(`${what} is not well formed`);
  }
  return value;
}

function text(value: string | null | undefined, what: string, max: number = maxNameLength): string {
  if (value && value.length > max) throw invalid(`${what} is too long`);
  return value ?? '';
}

function texts(values: readonly string[] | null | undefined, what: string): readonly string[] {
  return (values ?? []).map((value) => text(value, what));
}

function blob(value: Uint8Array | null | undefined, what: string): Uint8Array {
  if (!value || value.length === 0 || value.length > maxBlobBytes) throw invalid(`${what} has a wrong size`);
  return copyBytes(value);
}

function port(value: number | null | undefined, what: string): number {
  const number = value ?? 0;
  if (number > 65_535) throw invalid(`${what} is out of range`);
  return number;
}

function limit(value: number | null | undefined, what: string): number {
  const number = value ?? 0;
  if (number < -1) throw invalid(`${what} is out of range`);
  return number;
}

function count(value: unknown, what: string): number {
  const number = toSafeInteger(value ?? 0, 'invalidFrame', what);
  if (number < 0) throw invalid(`${what} is out of range`);
  return number;
}

function status(value: string | null | undefined): SessionStatus {
  if (!value || !isSessionStatus(value)) throw invalid('session status is unknown');
  return value;
}
