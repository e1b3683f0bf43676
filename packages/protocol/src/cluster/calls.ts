/**
 * What controller and worker ask of each other over the cluster link, in plain types (design.md §6). The wire form is
 * proto/controller/servers/v1; `codec.ts` maps one to the other and checks every value.
 */
import type { ConnectionEndReason, SessionEndReason, SessionStatus } from '../session-status.ts';

/** First call of a worker that has no cluster certificate yet. */
export interface EnrollRequest {
  /** One-time text. Secret. */
  readonly activationToken: string;
  /** SubjectPublicKeyInfo (DER) of the worker's own Ed25519 key. */
  readonly publicKey: Uint8Array;
  /** Over `stile/enroll/v1` ‖ SHA-256(activationToken) ‖ publicKey. */
  readonly signature: Uint8Array;
}

/** The worker's identity. */
export interface EnrollResponse {
  readonly workerId: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER, all that the worker must trust. */
  readonly caCertificates: readonly Uint8Array[];
}

/** Live counters of one connection, absolute totals in bytes. */
export interface ConnectionReport {
  readonly connectionId: string;
  /** Client to endpoint. */
  readonly bytesUp: number;
  /** Endpoint to client. */
  readonly bytesDown: number;
}

/** Asks whether the registration request of this key was approved. */
export interface RegisterRequest {
  /** SubjectPublicKeyInfo (DER) of the worker's own Ed25519 key. */
  readonly publicKey: Uint8Array;
  /** Over `stile/register/v1` ‖ publicKey ‖ SHA-256 of the server's certificate on this connection. */
  readonly signature: Uint8Array;
}

/** The worker's identity, and the proof that it comes from whoever approved the request. */
export interface RegisterResponse extends EnrollResponse {
  /** HMAC-SHA-256 under the request's secret (registration-request.ts). */
  readonly proof: Uint8Array;
}

/** A session the worker holds. */
export interface SessionReport {
  readonly sessionId: string;
  readonly connections: readonly ConnectionReport[];
}

/** A session that must end now, and why. */
export interface SessionRevocation {
  readonly sessionId: string;
  /** An unknown word from a newer peer is read as `canceled`. */
  readonly reason: SessionEndReason;
}

/** First call on a link with a client certificate. */
export interface HelloRequest {
  /** `host:port` that clients dial. */
  readonly address: string;
  readonly tags: Readonly<Record<string, readonly string[]>>;
  /** `Stile v0.1.0`. */
  readonly releaseVersion: string;
  readonly sessions: readonly SessionReport[];
  readonly capabilities: readonly string[];
  readonly description: string;
  /** When the worker started, epoch µs; 0 = not told. */
  readonly startedAt: number;
  /** Processors of its machine; 0 = not told. */
  readonly cpuCount: number;
  /** Memory of its machine, bytes; 0 = not told. */
  readonly memoryBytes: number;
}

/** What the worker must know to stay. */
export interface HelloResponse {
  readonly workerId: string;
  readonly heartbeatIntervalMs: number;
  readonly revocations: readonly SessionRevocation[];
  readonly renewBeforeSeconds: number;
  /** Cluster `host:port` of every live controller. */
  readonly controllerAddresses: readonly string[];
}

/** Sent always, also when idle; renews the lease of every session named. */
export interface HeartbeatRequest {
  readonly sessions: readonly SessionReport[];
  readonly activeConnections: number;
  /** The worker takes no new sessions. */
  readonly draining: boolean;
}

/** Answer to a heartbeat. */
export interface HeartbeatResponse {
  readonly revocations: readonly SessionRevocation[];
  readonly controllerAddresses: readonly string[];
  /** The cluster has a new authority: the worker renews its certificate now. */
  readonly renewNow: boolean;
}

/** Asks for one session. */
export interface LookupSessionRequest {
  readonly sessionId: string;
}

/** All a worker needs to serve a session. */
export interface LookupSessionResponse {
  readonly sessionId: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** 64 bytes: Ed25519 seed ‖ public key. Secret. */
  readonly privateKey: Uint8Array;
  /** Empty until the session is activated. Secret. */
  readonly tofuToken: string;
  readonly status: SessionStatus;
  /** `tcp://host:port`. */
  readonly endpoint: string;
  /** Epoch µs. */
  readonly expiresAt: number;
  /** -1 = unlimited. */
  readonly connectionLimit: number;
  /** How long the worker may serve without a renewed lease. */
  readonly leaseSeconds: number;
}

/** Binds a session to its first client. */
export interface ActivateSessionRequest {
  readonly sessionId: string;
  /** Secret. */
  readonly tofuToken: string;
}

/** Where a session stands after a call. */
export interface SessionStatusResponse {
  readonly status: SessionStatus;
}

/** Takes one connection of the session's limit. */
export interface AuthorizeConnectionRequest {
  readonly sessionId: string;
  /** TCP peer of the worker. */
  readonly clientAddress: string;
  readonly clientPort: number;
}

/** The permission for one connection. */
export interface AuthorizeConnectionResponse {
  readonly connectionId: string;
  /** After this one; -1 = unlimited. */
  readonly connectionsLeft: number;
}

/** The endpoint was reached. */
export interface ConnectConnectionRequest {
  readonly connectionId: string;
  /** Address really connected to, after name resolution. */
  readonly endpointAddress: string;
  readonly endpointPort: number;
}

/** The end of one connection, with final counters in bytes. */
export interface ConnectionClose {
  readonly connectionId: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** An unknown word from a newer peer is read as `protocol error`. */
  readonly reason: ConnectionEndReason;
  /** Epoch µs. */
  readonly closedAt: number;
}

/** Idempotent; the highest counters seen win. */
export interface CloseConnectionsRequest {
  readonly connections: readonly ConnectionClose[];
}

/** A client ends its own session. Idempotent. */
export interface CancelSessionRequest {
  readonly sessionId: string;
}

/** Asks for a certificate of a new key. */
export interface RenewCertificateRequest {
  /** SubjectPublicKeyInfo (DER). */
  readonly publicKey: Uint8Array;
  /** By the new key over `stile/renew/v1` ‖ publicKey. */
  readonly signature: Uint8Array;
}

/** The new certificate. */
export interface RenewCertificateResponse {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER. */
  readonly caCertificates: readonly Uint8Array[];
}

/** Pushed by the controller: these sessions must end now. */
export interface RevokeSessionsRequest {
  readonly revocations: readonly SessionRevocation[];
}

/** Sent when every connection of the sessions is closed. */
export interface RevokeSessionsResponse {
  readonly connections: readonly ConnectionClose[];
}

/** A message without content. */
export type Empty = Readonly<Record<never, never>>;

/** Every call of the link: worker → controller, and the last two controller → worker. */
export interface ClusterCalls {
  readonly enroll: { readonly request: EnrollRequest; readonly response: EnrollResponse };
  readonly register: { readonly request: RegisterRequest; readonly response: RegisterResponse };
  readonly hello: { readonly request: HelloRequest; readonly response: HelloResponse };
  readonly heartbeat: { readonly request: HeartbeatRequest; readonly response: HeartbeatResponse };
  readonly lookupSession: {
    readonly request: LookupSessionRequest;
    readonly response: LookupSessionResponse;
  };
  readonly activateSession: {
    readonly request: ActivateSessionRequest;
    readonly response: SessionStatusResponse;
  };
  readonly authorizeConnection: {
    readonly request: AuthorizeConnectionRequest;
    readonly response: AuthorizeConnectionResponse;
  };
  readonly connectConnection: { readonly request: ConnectConnectionRequest; readonly response: Empty };
  readonly closeConnections: { readonly request: CloseConnectionsRequest; readonly response: Empty };
  readonly cancelSession: {
    readonly request: CancelSessionRequest;
    readonly response: SessionStatusResponse;
  };
  readonly renewCertificate: {
    readonly request: RenewCertificateRequest;
    readonly response: RenewCertificateResponse;
  };
  readonly revokeSessions: {
    readonly request: RevokeSessionsRequest;
    readonly response: RevokeSessionsResponse;
  };
  readonly drain: { readonly request: Empty; readonly response: Empty };
}

/** Name of a call. */
export type ClusterMethod = keyof ClusterCalls;
/** Request of a call. */
export type ClusterRequest<M extends ClusterMethod> = ClusterCalls[M]['request'];
/** Response of a call. */
export type ClusterResponse<M extends ClusterMethod> = ClusterCalls[M]['response'];
