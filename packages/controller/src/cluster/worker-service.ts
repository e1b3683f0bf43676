/**
 * What each call of a worker does: from the wire to the use cases and back. Nothing but hello is served before hello, and
 * every call acts in the name of the worker whose certificate opened the link, never of one that a message names.
 */
import { StileError } from '@stile/protocol';
import type {
  ClusterHandlers,
  EnrollRequest,
  HeartbeatRequest,
  HeartbeatResponse,
  HelloRequest,
  HelloResponse,
  RegisterRequest,
} from '@stile/protocol/rpc';
import type { SessionReconciliation } from '../session/session-reconciliation.ts';
import type { SessionServing } from '../session/session-serving.ts';
import type { ControllerPresence } from '../worker-registry/controller-presence.ts';
import { heartbeatIntervalMs } from '../worker-registry/worker.ts';
import type { Worker } from '../worker-registry/worker.ts';
import { renewBeforeSeconds } from '../worker-registry/worker-registry.ts';
import type { LinkedWorker, WorkerRegistry } from '../worker-registry/worker-registry.ts';
import type { WorkerLink } from './worker-link.ts';

/** Who opened a link. */
export interface LinkPeer extends LinkedWorker {
  /** Issuer of its certificate, as X509Certificate has it. */
  readonly issuer: string;
}

/** A link without a heartbeat for this long is closed, milliseconds: as long as a worker counts as live. */
const silenceMs = 15_000;

/** What the calls act on. */
export interface WorkerServices {
  readonly registry: WorkerRegistry;
  readonly presence: ControllerPresence;
  readonly serving: SessionServing;
  readonly reconciliation: SessionReconciliation;
}

/** Told by the calls of a link. */
export interface LinkEvents {
  /** The worker said hello: from now on the link is the worker's. */
  onHello(link: WorkerLink): void;
  /** Resolves when the ends of sessions that are under way have reached the workers, or were given up. Never rejects. */
  beforeRefusal(): Promise<void>;
}

/** Serves the calls of one worker's link. */
export function workerHandlers(
  services: WorkerServices,
  linked: LinkPeer,
  link: WorkerLink,
  events: LinkEvents,
): ClusterHandlers {
  const { registry, presence, serving, reconciliation } = services;
  const reported = reconciliation.newLink();
  let worker: Worker | undefined;
  const known = (): Worker => {
    if (worker === undefined) throw new StileError('failedPrecondition', 'hello is the first call of a link');
    return worker;
  };
  const self = (): Worker => {
    // Whoever was deleted gets no more rights while its sessions are brought to their end.
    if (link.isRetired) throw new StileError('permissionDenied', 'the worker was deleted');
    return known();
  };
  /** A worker whose certificate was replaced or that was deleted has no link any more. */
  const seen = async (sighting: Promise<Worker>): Promise<Worker> => {
    try {
      worker = await sighting;
      return worker;
    } catch (error) {
      if (error instanceof StileError && error.code === 'permissionDenied') {
        await events.beforeRefusal();
        void link.close(error);
      }
      throw error;
    }
  };
  const hello = async (request: HelloRequest): Promise<HelloResponse> => {
    if (worker !== undefined) throw new StileError('failedPrecondition', 'the link has had its hello');
    const { id } = await seen(registry.hello(linked, request, presence.id));
    events.onHello(link);
    link.heard(silenceMs);
    return {
      workerId: id,
      heartbeatIntervalMs,
      revocations: await reconciliation.reconcile(id, request.sessions, reported),
      renewBeforeSeconds,
      controllerAddresses: await presence.liveAddresses(),
    };
  };
  const beat = async (request: HeartbeatRequest): Promise<HeartbeatResponse> => {
    const { id } = await seen(takeHeartbeat(registry, linked, request, presence.id));
    link.heard(silenceMs);
    return {
      revocations: await reconciliation.reconcile(id, request.sessions, reported),
      controllerAddresses: await presence.liveAddresses(),
      renewNow: !registry.authority.isCurrent(linked.issuer),
    };
  };
  return {
    hello,
    heartbeat: async (request) => {
      known();
      return link.inTurn(() => beat(request));
    },
    lookupSession: async ({ sessionId }) => serving.lookup(self(), sessionId),
    activateSession: async ({ sessionId, tofuToken }) => ({
      status: await serving.activate(self(), sessionId, tofuToken),
    }),
    authorizeConnection: async (request) => link.authorizing(serving.authorizeConnection(self(), request)),
    connectConnection: async (request) => {
      await serving.connectConnection(self(), request);
      return {};
    },
    closeConnections: async ({ connections }) => {
      await serving.closeConnections(known(), connections);
      return {};
    },
    cancelSession: async ({ sessionId }) => ({ status: await serving.cancelByClient(self(), sessionId) }),
    renewCertificate: async (request) => {
      self();
      return registry.renew(linked, request);
    },
  };
}

/** @throws {StileError} permissionDenied (certificate replaced, its authority retired, worker deleted) */
async function takeHeartbeat(
  registry: WorkerRegistry,
  linked: LinkPeer,
  { activeConnections, draining }: HeartbeatRequest,
  controllerId: string,
): Promise<Worker> {
  if (!registry.authority.isTrusted(linked.issuer)) {
    throw new StileError('permissionDenied', 'the certificate is of an authority that is trusted no longer');
  }
  return registry.heartbeat(linked, { activeConnections, isDraining: draining }, controllerId);
}

/**
 * Serves the one call of a link without a certificate. `serverCertificate` is the DER that the link's server shows; `onDone` is
 * called when the call has been answered, well or not.
 */
export function enrolHandlers(
  registry: WorkerRegistry,
  serverCertificate: Uint8Array,
  onDone: () => void,
): ClusterHandlers {
  let isUsed = false;
  const once = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isUsed) throw new StileError('failedPrecondition', 'one enrolment for each link');
    isUsed = true;
    try {
      return await work();
    } finally {
      onDone();
    }
  };
  return {
    enroll: (request: EnrollRequest) => once(() => registry.enrol(request)),
    register: (request: RegisterRequest) => once(() => registry.register(request, serverCertificate)),
  };
}
