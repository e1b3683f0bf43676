/** Options of a worker: what worker.ts is given. Names follow the configuration file (http-api.md §4.1); units stand in the names. */
import type { HostPort, Secret } from '@stile/runtime';

/** Bounds on what peers may use before and while they are served. */
export interface WorkerLimits {
  /** Sockets at a time that have not finished the handshake; the oldest gives way to a new one. */
  readonly mostHalfOpen: number;
  /** Time from accept to the end of the handshake message, milliseconds (session-protocol.md §2.3: 15 s). */
  readonly handshakeDeadlineMs: number;
  /** Time to reach an endpoint, milliseconds. */
  readonly endpointDialMs: number;
}

/** Defaults of the limits. */
export const defaultLimits: WorkerLimits = {
  mostHalfOpen: 1024,
  handshakeDeadlineMs: 15_000,
  endpointDialMs: 15_000,
};

/** What a worker is started with. */
export interface WorkerConfig {
  /** Where clients dial. */
  readonly listen: HostPort;
  /** host:port told to clients; default: the bound address. */
  readonly publicAddress?: string;
  /** Cluster listeners of controllers, tried in turn; at least one. */
  readonly upstreams: readonly HostPort[];
  readonly description?: string;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  /** Folder for the worker's own key and certificate; made with 0700 when missing. */
  readonly authStoragePath: string;
  /** One-time token; needed only while the folder holds no identity. */
  readonly activationToken?: Secret;
  /** As `Stile v0.1.0`. */
  readonly releaseVersion: string;
  readonly limits?: Partial<WorkerLimits>;
}
