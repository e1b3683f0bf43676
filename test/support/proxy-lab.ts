/** A worker's whole client side on real sockets with a fake controller behind it, and clients of another make in front. */
import { StreamBuffers, formatHostPort, silentLogger, systemClock, type Clock } from '@stile/runtime';
import { defaultLimits, type WorkerLimits } from '../../packages/worker/src/config.ts';
import { ProxyService } from '../../packages/worker/src/proxy-service.ts';
import { SessionCache } from '../../packages/worker/src/session/session-cache.ts';
import { FakeControllerClient, type FakeSession } from './fake-controller-client.ts';
import { ForeignConnection, isResult, newTofuToken, type ForeignOptions } from './foreign-client.ts';
import type { ForeignAuthorization } from './foreign-messages.ts';

/** How the lab departs from the defaults. */
export interface ProxyLabOptions {
  readonly limits?: Partial<WorkerLimits>;
  readonly clock?: Clock;
}

/** One service and what opens connections to it. */
export class ProxyLab {
  readonly controller: FakeControllerClient = new FakeControllerClient();
  readonly sessions: SessionCache;
  readonly service: ProxyService;
  address = '';
  readonly #connections: ForeignConnection[] = [];

  private constructor(options: ProxyLabOptions) {
    const clock = options.clock ?? systemClock;
    this.sessions = new SessionCache({ client: this.controller, clock });
    this.service = new ProxyService({
      controller: this.controller,
      sessions: this.sessions,
      buffers: new StreamBuffers(),
      limits: { ...defaultLimits, ...options.limits },
      clock,
      log: silentLogger,
    });
  }

  /** Starts a service on a port of its own. */
  static async start(options: ProxyLabOptions = {}): Promise<ProxyLab> {
    const lab = new ProxyLab(options);
    const bound = await lab.service.start({ host: '127.0.0.1', port: 0 });
    lab.address = formatHostPort(bound.host, bound.port);
    return lab;
  }

  /** What a client of the session holds. */
  auth(session: FakeSession): ForeignAuthorization {
    return this.controller.authorizationOf(session, this.address);
  }

  /** TLS and upgrade; the handshake is still to come. */
  async open(
    session: FakeSession,
    options: ForeignOptions & { readonly tofuToken?: string } = {},
  ): Promise<ForeignConnection> {
    const connection = await ForeignConnection.open(this.auth(session), options);
    this.#connections.push(connection);
    return connection;
  }

  /** A connection that is proxied. */
  async connected(session: FakeSession, tofuToken: string = newTofuToken()): Promise<ForeignConnection> {
    const connection = await this.open(session, { tofuToken });
    const answer = await connection.handshake();
    if (!isResult(answer)) throw new Error(`no handshake result: ${JSON.stringify(answer)}`);
    return connection;
  }

  /** Ends clients and service. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.service.close();
  }
}
