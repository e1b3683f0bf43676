/**
 * The operator's listener: `GET /health` and `GET /metrics`, in the recorded shapes of http-api.md §1.13. One per process;
 * controller and worker register their metrics in the registry they are given.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { HostPort } from './listen.ts';
import { listen } from './listen.ts';
import type { Logger } from './log.ts';
import { silentLogger } from './log.ts';

/** What `?worker_info=1` shows of a worker in this process. */
export interface WorkerProcessInfo {
  /** active or shutdown. */
  readonly state: string;
  /** Sessions with a live connection. */
  readonly active_session_count: number;
  /** Open proxied connections by session id. */
  readonly session_connections: Readonly<Record<string, number>>;
}

/** How to make the listener. */
export interface OpsListenerOptions {
  readonly address: HostPort;
  /** Metrics of the process; default a new registry with Node's own metrics. */
  readonly registry?: Registry;
  readonly workerInfo?: () => WorkerProcessInfo;
  readonly log?: Logger;
}

/** Header and request time of an operator's probe, milliseconds: a stalled peer gives its socket back. */
const requestTimeoutMs = 10_000;

/** A new registry that already holds the metrics of the Node process. */
export function createMetricsRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Serves health and metrics until `close`. */
export class OpsListener {
  readonly #server: Server;
  readonly #options: OpsListenerOptions;
  readonly #log: Logger;
  readonly registry: Registry;
  #isStopping = false;

  constructor(options: OpsListenerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.registry = options.registry ?? createMetricsRegistry();
    this.#server = createServer(
      {
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        // Node looks every 30 s by default: a slow request would live four times its limit.
        connectionsCheckingInterval: 2_000,
        maxHeaderSize: 8192,
      },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          this.#log.error({ err: error }, 'ops request failed');
          if (!response.headersSent) response.writeHead(500);
          response.end();
        });
      },
    );
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'ops listener failed'));
  }

  /**
   * Starts listening.
   * @throws {StileError} listenFailed
   */
  start(): Promise<HostPort> {
    return listen(this.#server, this.#options.address);
  }

  /** From now on `/health` answers 503: the process ends, send it nothing new. */
  markStopping(): void {
    this.#isStopping = true;
  }

  /** Ends the listener and its connections. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    // A path such as `//` is no URL; it is not found, like any other.
    const url = new URL(URL.canParse(target, 'http://ops') ? target : '/not-found', 'http://ops');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET' }).end();
      return;
    }
    if (url.pathname === '/health') {
      const isWorkerWanted = url.searchParams.get('worker_info') === '1';
      const worker = isWorkerWanted ? this.#options.workerInfo?.() : undefined;
      const body = worker === undefined ? {} : { worker_process_info: worker };
      response.writeHead(this.#isStopping ? 503 : 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
      return;
    }
    if (url.pathname === '/metrics') {
      const text = await this.registry.metrics();
      response.writeHead(200, { 'Content-Type': this.registry.contentType }).end(text);
      return;
    }
    response.writeHead(404).end();
  }
}
