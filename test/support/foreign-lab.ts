/** A `stile dev` with an echo server behind a target, and clients of another make that need no cleaning up one by one. */
import { startDevServer, type DevServer } from './dev-server.ts';
import { authorizeSession, createTarget } from './dev-target.ts';
import { startEchoServer, type TestServer } from './echo-server.ts';
import { ForeignConnection, ForeignRefusal, isResult, readAuthorization } from './foreign-client.ts';
import type { ForeignAuthorization } from './foreign-messages.ts';

/** The running parts. `stop` once; `destroyClients` after each test. */
export class ForeignLab {
  readonly dev: DevServer;
  readonly echo: TestServer;
  /** A target without a limit on the echo server. */
  readonly plainTarget: string;
  readonly #opened: { destroy(): unknown }[] = [];

  private constructor(dev: DevServer, echo: TestServer, plainTarget: string) {
    this.dev = dev;
    this.echo = echo;
    this.plainTarget = plainTarget;
  }

  /** Starts everything; further words go to `stile dev`. */
  static async start(args: readonly string[] = []): Promise<ForeignLab> {
    const echo = await startEchoServer();
    try {
      const port = ['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)];
      const dev = await startDevServer([...port, ...args]);
      return new ForeignLab(dev, echo, await createTarget(dev.api, { port: echo.port }));
    } catch (error) {
      await echo.close();
      throw error;
    }
  }

  /** A fresh session of a target. */
  async session(targetId: string = this.plainTarget): Promise<ForeignAuthorization> {
    const item = await authorizeSession(this.dev.api, targetId);
    return readAuthorization(String(item.authorization_token));
  }

  /** Destroys a socket at the end of the test. */
  keep<T extends { destroy(): unknown }>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  /** An upgraded connection. */
  async open(
    auth: ForeignAuthorization,
    options: Parameters<typeof ForeignConnection.open>[1] = {},
  ): Promise<ForeignConnection> {
    return this.keep(await ForeignConnection.open(auth, options));
  }

  /** A connection whose handshake has brought a result. */
  async connected(auth: ForeignAuthorization, tofuToken?: string): Promise<ForeignConnection> {
    const connection = await this.open(auth, tofuToken === undefined ? {} : { tofuToken });
    const answer = await connection.handshake();
    if (!isResult(answer)) throw new Error(`no result: ${JSON.stringify(answer)}`);
    return connection;
  }

  /** Ends the connections of a test. */
  destroyClients(): void {
    for (const each of this.#opened.splice(0)) each.destroy();
  }

  /** Ends all. */
  async stop(): Promise<void> {
    this.destroyClients();
    await this.dev.stop();
    await this.echo.close();
  }
}

/** Why an attempt was refused before the upgrade; fails when it was not. */
export async function refusal(attempt: Promise<unknown>): Promise<ForeignRefusal> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ForeignRefusal) return error;
  throw new Error(`not refused: ${String(error)}`, { cause: error });
}
