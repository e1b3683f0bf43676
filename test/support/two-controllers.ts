/** Two controllers, `c1` and `c2`, on one PostgreSQL, with a worker `w1` that knows one of them, and something to connect to. */
import { Cluster } from './cluster.ts';
import { startEchoServer, type TestServer } from './echo-server.ts';
import { createDatabase, PostgresServer } from './postgres.ts';

/** Owns all of it. */
export class TwoControllers {
  readonly cluster: Cluster;
  readonly echo: TestServer;
  readonly #postgres: PostgresServer;

  private constructor(parts: { cluster: Cluster; echo: TestServer; postgres: PostgresServer }) {
    this.cluster = parts.cluster;
    this.echo = parts.echo;
    this.#postgres = parts.postgres;
  }

  /** Starts everything; the worker is live on the controller that it knows when this resolves. */
  static async start(workerOf: 'c1' | 'c2'): Promise<TwoControllers> {
    const postgres = await PostgresServer.start();
    const echo = await startEchoServer();
    const cluster = new Cluster({ databaseUrl: await createDatabase(postgres.url) });
    const all = new TwoControllers({ cluster, echo, postgres });
    try {
      await cluster.initialize();
      await cluster.startController('c1');
      await cluster.startController('c2');
      await cluster.startWorker('w1', [workerOf]);
      await cluster.liveWorkers('c1', 1);
      return all;
    } catch (error) {
      await all.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    await this.echo.close();
    await this.#postgres.stop();
  }
}
