/**
 * Where workers link to this controller (design.md §6): TLS 1.3, client certificates pinned byte for byte to the worker's
 * row on `/cluster`, activation tokens on `/enroll`. Holds the links and pushes revocations through them.
 */
import { createHash } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { StileError, toStileError } from '@stile/protocol';
import { clusterPath, enrollPath, maxFrameBytes } from '@stile/protocol/rpc';
import type { ConnectionClose, SessionRevocation } from '@stile/protocol/rpc';
import { formatHostPort, listen } from '@stile/runtime';
import type { Clock, HostPort, Logger, Timer } from '@stile/runtime';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { SessionRevocations, WorkerLinks } from '../session/session-revocation.ts';
import { HalfOpenSockets } from './half-open-sockets.ts';
import type { HalfOpenLimits } from './half-open-sockets.ts';
import { ServerIdentities } from './server-identities.ts';
import { WorkerLink } from './worker-link.ts';
import { enrolHandlers, workerHandlers } from './worker-service.ts';
import type { LinkPeer, WorkerServices } from './worker-service.ts';

/** Defaults of the limits before authentication. */
const defaultHalfOpen: HalfOpenLimits = { deadlineMs: 10_000, mostSockets: 256 };
/** Links that enrol at a time; when one more comes the oldest goes, so that nobody can keep a worker from enrolling. */
const mostEnrolling = 64;
/** Links of one worker that have not said hello; the oldest goes likewise. */
const mostSilentOfWorker = 4;
/** How long the sessions of a deleted worker may take to end before its link is closed all the same, milliseconds. */
const retireMs = 2000;
/** Header bytes of the upgrade request. */
const maxHeaderBytes = 8192;

/** What the listener is made of; it owns none of the services. */
export interface ClusterListenerOptions extends WorkerServices {
  readonly address: HostPort;
  /** `host:port` at which workers reach this controller, when that is not the bound address. */
  readonly publicAddress?: string;
  readonly revocations: SessionRevocations;
  readonly clock: Clock;
  readonly log: Logger;
  readonly halfOpen?: HalfOpenLimits;
}

/** Listens from `start` until `close`. */
export class ClusterListener implements WorkerLinks {
  readonly #options: ClusterListenerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #halfOpen: HalfOpenSockets;
  readonly #firstCallMs: number;
  /** The link of each worker that said hello. */
  readonly #links = new Map<string, WorkerLink>();
  /** Every link, those before their hello and the enrolling ones included. */
  readonly #all = new Set<WorkerLink>();
  readonly #unlinking = new Set<Promise<void>>();
  readonly #enrolling = new Set<WorkerLink>();
  /** Links of each worker before their hello. */
  readonly #silent = new Map<string, Set<WorkerLink>>();
  readonly #unsubscribe: () => void;
  readonly #identities: ServerIdentities;
  #closing: Promise<void> | undefined;

  constructor(options: ClusterListenerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log;
    const limits = options.halfOpen ?? defaultHalfOpen;
    this.#firstCallMs = limits.deadlineMs;
    this.#halfOpen = new HalfOpenSockets(options.clock, limits);
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      clientTracking: false,
    });
    this.#identities = new ServerIdentities({ ...options, authority: options.registry.authority });
    this.#server = createServer({
      ...this.#identities.serverOptions,
      requestCert: true,
      // Who comes without a certificate may enrol; `/cluster` looks at it itself.
      rejectUnauthorized: false,
      handshakeTimeout: limits.deadlineMs,
      headersTimeout: limits.deadlineMs,
      requestTimeout: limits.deadlineMs,
      maxHeaderSize: maxHeaderBytes,
    });
    this.#unsubscribe = options.registry.onDeleted((workerId) => void this.#retire(workerId));
    this.#listenToServer();
  }

  #listenToServer(): void {
    this.#server.on('connection', (socket) => {
      if (socket instanceof Socket) this.#halfOpen.add(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      this.#log.debug({ err: error }, 'TLS handshake on the cluster listener failed');
      socket.destroy();
    });
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('request', (_request, response) =>
      response.writeHead(404, { connection: 'close' }).end(),
    );
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', (error) => this.#log.debug({ err: error }, 'cluster socket failed'));
      void this.#upgrade(request, socket, head);
    });
  }

  /**
   * Begins to listen, registers this controller and takes revocations; gives the bound address.
   * @throws {StileError} listenFailed
   */
  async start(): Promise<HostPort> {
    const bound = await listen(this.#server, this.#options.address);
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'the cluster listener failed'));
    const { publicAddress, presence, revocations } = this.#options;
    await presence.start(publicAddress ?? formatHostPort(bound.host, bound.port));
    revocations.attach(this);
    this.#identities.attach(this.#server);
    return bound;
  }

  /** Ends every link, so that the workers go to another controller at once, and stops listening. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#unsubscribe();
    await this.#identities.close();
    this.#options.revocations.attach(undefined);
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const reason = new StileError('aborted', 'the controller stops');
    await Promise.all([...this.#all].map((link) => link.close(reason)));
    this.#halfOpen.close();
    this.#server.closeAllConnections();
    await stopped;
    this.#sockets.close();
    await Promise.all(this.#unlinking);
    await this.#options.presence.close();
  }

  /** Ids of the workers linked to this controller. */
  get linkedWorkerIds(): string[] {
    return [...this.#links.keys()];
  }

  /** Sockets that have not shown who they are. */
  get halfOpenSockets(): number {
    return this.#halfOpen.size;
  }

  isLinked(workerId: string): boolean {
    return this.#links.has(workerId);
  }

  async revoke(
    workerId: string,
    revocations: readonly SessionRevocation[],
  ): Promise<readonly ConnectionClose[]> {
    return this.#linkOf(workerId).revoke(revocations);
  }

  /** Asks a worker to take no new sessions. @throws {StileError} unavailable (not linked here), deadlineExceeded */
  async drain(workerId: string): Promise<void> {
    await this.#linkOf(workerId).drain();
  }

  #linkOf(workerId: string): WorkerLink {
    const link = this.#links.get(workerId);
    if (link === undefined) throw new StileError('unavailable', `worker ${workerId} is not linked here`);
    return link;
  }

  /** Resolves when the ends of sessions that are under way are confirmed, or their time is up. Never rejects. */
  async #settled(): Promise<void> {
    let late: Timer | undefined;
    const timeIsUp = new Promise<void>((resolve) => {
      late = this.#clock.setTimer(retireMs, resolve);
    });
    await Promise.race([this.#options.revocations.settled(), timeIsUp]);
    late?.cancel();
  }

  /** Ends the link of a deleted worker, when it has confirmed the end of its sessions or its time is up. Never rejects. */
  async #retire(workerId: string): Promise<void> {
    const link = this.#links.get(workerId);
    for (const silent of this.#silent.get(workerId) ?? []) {
      void silent.close(new StileError('permissionDenied', 'the worker was deleted'));
    }
    if (link === undefined) return;
    link.retire();
    await this.#settled();
    this.#log.info({ workerId }, 'the link of a deleted worker is closed');
    void link.close(new StileError('permissionDenied', 'the worker was deleted'));
  }

  /** Never rejects: one place turns what goes wrong into an answer. */
  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      if (!(socket instanceof TLSSocket)) throw new StileError('internal', 'a cluster socket without TLS');
      const accept = await this.#acceptOf(request, socket);
      if (socket.destroyed || this.#closing !== undefined) return void socket.destroy();
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#halfOpen.release(socket);
        socket.setKeepAlive(true, 10_000);
        accept(webSocket);
      });
    } catch (error) {
      const { code, traits } = toStileError(error);
      this.#log.warn({ err: error, code, from: remoteOf(socket) }, 'a link to the cluster was refused');
      socket.end(`HTTP/1.1 ${traits.status} ${code}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
        socket.destroy(),
      );
    }
  }

  /** Who may upgrade, and what becomes of the WebSocket. @throws {StileError} notFound, permissionDenied, unavailable */
  async #acceptOf(request: IncomingMessage, socket: TLSSocket): Promise<(webSocket: WebSocket) => void> {
    if (request.url === clusterPath) {
      const linked = await this.#authenticate(socket);
      return (webSocket) => this.#link(webSocket, linked);
    }
    if (request.url !== enrollPath) {
      throw new StileError('notFound', 'no such path on the cluster listener');
    }
    const shown = socket.getX509Certificate()?.raw ?? Buffer.alloc(0);
    return (webSocket) => this.#enrol(webSocket, shown);
  }

  /**
   * The worker whose certificate this is, by the exact bytes. That it is of our authority, and its time, is asked too; a
   * name inside it counts for nothing.
   */
  async #authenticate(socket: TLSSocket): Promise<LinkPeer> {
    const refused = (why: string): StileError => new StileError('permissionDenied', why);
    const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
    if (certificate === undefined) throw refused('no client certificate');
    const nowMs = this.#clock.nowUs() / 1000;
    if (Date.parse(certificate.validTo) <= nowMs || Date.parse(certificate.validFrom) > nowMs) {
      throw refused('the client certificate is expired or not yet valid');
    }
    if (!socket.authorized) {
      // Perhaps of an authority that another controller has made since this handshake: a worker that is refused ends all it serves.
      await this.#identities.lookNow();
      if (this.#options.registry.authority.hasSigned(certificate)) {
        throw new StileError('unavailable', 'the cluster authority has just changed: the worker links again');
      }
      throw refused('the client certificate is not of the cluster authority');
    }
    // A socket may have been open since before its authority's time was over.
    if (!this.#options.registry.authority.isTrusted(certificate.issuer)) {
      throw refused('the client certificate is of an authority that is trusted no longer');
    }
    const fingerprint = createHash('sha256').update(certificate.raw).digest();
    const worker = await this.#options.registry.lookupByFingerprint(fingerprint);
    if (worker === undefined) throw refused('the client certificate is not that of a worker');
    return { workerId: worker.id, fingerprint, issuer: certificate.issuer };
  }

  #link(socket: WebSocket, linked: LinkPeer): void {
    const log = this.#log.child({ workerId: linked.workerId });
    const link = this.#track(
      new WorkerLink({
        socket,
        clock: this.#clock,
        log,
        handlers: (self) =>
          workerHandlers(this.#options, linked, self, {
            onHello: () => this.#adopt(linked.workerId, self),
            beforeRefusal: () => this.#settled(),
          }),
        firstCallMs: this.#firstCallMs,
      }),
    );
    const silent = this.#silent.get(linked.workerId) ?? new Set();
    this.#silent.set(linked.workerId, silent);
    bound(silent, link, mostSilentOfWorker);
    void link.closed.then((reason) => {
      log.info({ code: reason.code }, 'the link to a worker is closed');
      this.#forgetSilent(linked.workerId, link);
      if (this.#links.get(linked.workerId) !== link) return;
      this.#links.delete(linked.workerId);
      this.#options.reconciliation.unlinked(linked.workerId);
      const unlinking = this.#unlinked(linked.workerId);
      this.#unlinking.add(unlinking);
      void unlinking.finally(() => this.#unlinking.delete(unlinking));
    });
  }

  #forgetSilent(workerId: string, link: WorkerLink): void {
    const silent = this.#silent.get(workerId);
    silent?.delete(link);
    if (silent?.size === 0) this.#silent.delete(workerId);
  }

  #adopt(workerId: string, link: WorkerLink): void {
    this.#forgetSilent(workerId, link);
    const older = this.#links.get(workerId);
    this.#links.set(workerId, link);
    this.#log.info({ workerId }, 'a worker is linked');
    if (older !== undefined && older !== link) {
      this.#log.warn(
        { workerId },
        'a newer link replaces a living one: if this goes on, two machines use the same auth_storage_path of one worker',
      );
      void older.close(new StileError('aborted', 'the worker has a newer link'));
    }
  }

  /** Never rejects. */
  async #unlinked(workerId: string): Promise<void> {
    try {
      await this.#options.registry.unlinked(workerId, this.#options.presence.id);
    } catch (error) {
      this.#log.warn({ err: error, workerId }, 'could not note that a worker is not linked any more');
    }
  }

  #enrol(socket: WebSocket, serverCertificate: Buffer): void {
    const link = this.#track(
      new WorkerLink({
        socket,
        clock: this.#clock,
        log: this.#log,
        handlers: (self) =>
          enrolHandlers(this.#options.registry, serverCertificate, () => {
            // The answer is sent first, in the microtasks after the call; then the link has done its work.
            setImmediate(() => void self.close(new StileError('aborted', 'enrolment is over')));
          }),
        firstCallMs: this.#firstCallMs,
      }),
    );
    bound(this.#enrolling, link, mostEnrolling);
    void link.closed.then(() => this.#enrolling.delete(link));
  }

  #track(link: WorkerLink): WorkerLink {
    this.#all.add(link);
    void link.closed.then(() => this.#all.delete(link));
    return link;
  }
}

/** Adds a link to those that have yet to prove something; when there are too many the oldest is closed. */
function bound(links: Set<WorkerLink>, link: WorkerLink, most: number): void {
  const [oldest] = links;
  if (links.size >= most && oldest !== undefined) {
    links.delete(oldest);
    void oldest.close(new StileError('unavailable', 'too many links are open'));
  }
  links.add(link);
}

function remoteOf(socket: Duplex): string {
  if (!(socket instanceof TLSSocket)) return 'unknown';
  return formatHostPort(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
}
