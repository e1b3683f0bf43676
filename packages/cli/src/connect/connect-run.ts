/**
 * One `connect` from flags to exit code: authorize, listen, run the program if there is one, wait, clean up, end the session
 * (cli.md §4.6). Step 1 of the connection flow.
 */
import { isIP } from 'node:net';
import { ClientProxy, type SessionCredential } from '@stile/client';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import { obtainAuthorization, type ConnectAuthorization } from './authorization.ts';
import { readCredential, type BrokeredCredential } from './brokered-credentials.ts';
import {
  Child,
  childEnvironment,
  fillTemplate,
  findProgram,
  type ProgramLine,
  type ProxyPlace,
} from './child.ts';
import {
  endFromOutside,
  endReason,
  explain,
  printConnectionsLeft,
  printCredentials,
  printListening,
  printTermination,
  rfc3339,
} from './connect-output.ts';
import type { HostPortLike, ProxyEnd } from './connect-types.ts';
import { addressOf, type Helper, type HelperPlan } from './helper.ts';
import { Interruption, interruptedExitCode, leaveOf } from './interruption.ts';
import { SecretFiles } from './secret-files.ts';

/** How long the controller may take to say why a session has ended, ms. */
const endQuestionMs = 2000;

/** Where to listen. @returns undefined after the reason was printed */
function listenAddress(context: CommandContext): HostPortLike | undefined {
  const { flags, output } = context;
  const host = flags.text('listen-addr') || '127.0.0.1';
  const port = flags.number('listen-port') ?? 0;
  if (isIP(host) === 0) {
    output.error(
      `Could not successfully parse listen address of ${JSON.stringify(host)}: it must be an IP address`,
    );
    return undefined;
  }
  if (port < 0 || port > 65_535) {
    output.error(`Invalid listen port ${port}: it must be between 0 and 65535`);
    return undefined;
  }
  return { host, port };
}

/** The program to run, and everything it needs. */
interface Program extends ProgramLine {
  readonly unused: readonly SessionCredential[];
}

/** One run of the command; owns the proxy, the child and the temporary files. */
class ConnectRun {
  readonly #context: CommandContext;
  readonly #helper: Helper | undefined;
  readonly #authorization: ConnectAuthorization;
  readonly #proxy: ClientProxy;
  readonly #files = new SecretFiles();
  #child: Child | undefined;
  #isShutdown = false;

  /** @throws {StileError} invalidAuthorizationToken */
  constructor(
    context: CommandContext,
    helper: Helper | undefined,
    options: { authorization: ConnectAuthorization; listen: HostPortLike },
  ) {
    this.#context = context;
    this.#helper = helper;
    this.#authorization = options.authorization;
    const { output, flags } = context;
    this.#proxy = new ClientProxy({
      authorization: options.authorization.token,
      listenHost: options.listen.host,
      listenPort: options.listen.port,
      inactivityTimeoutMs: flags.number('inactive-timeout') ?? 0,
      onConnectionsLeft: (left) => {
        if (!this.#hasProgram) printConnectionsLeft(output, left);
      },
      onConnectionError: (error) => output.error(`Error from proxy client: ${explain(error)}`),
    });
  }

  get #hasProgram(): boolean {
    return this.#helper !== undefined || this.#context.flags.text('exec') !== '';
  }

  /** @returns the exit code */
  async run(interruption: Interruption): Promise<number> {
    interruption.handOver((signal) => this.#onSignal(signal));
    try {
      if (this.#isShutdown) return await this.#interrupted();
      let bound: HostPortLike;
      try {
        bound = await this.#proxy.start();
      } catch (error) {
        if (!(error instanceof StileError)) throw error;
        return this.#isShutdown ? await this.#interrupted() : await this.#startFailed(error);
      }
      const exitCode = await this.#serve(bound);
      if (exitCode !== 0) await this.#sayEndFromOutside();
      const end = await this.#proxy.close();
      await this.#endSession(end.teardown);
      this.#sayWhyEnded(end);
      return exitCode;
    } finally {
      await this.#files.remove();
    }
  }

  /**
   * A program that failed may have lost its session: its own words are those of a broken connection, the controller knows the reason
   * (design.md §1.4). Nothing is said where it cannot be asked.
   */
  async #sayEndFromOutside(): Promise<void> {
    const { client, sessionId } = this.#authorization;
    if (!this.#hasProgram || client === undefined || this.#isShutdown) return;
    try {
      const options = { signal: AbortSignal.timeout(endQuestionMs) };
      const { body } = await client.resource('sessions').read(sessionId, options);
      const why = endFromOutside(body);
      if (why !== undefined) this.#context.output.error(why);
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
    }
  }

  /** A signal came before there was anything to serve. */
  async #interrupted(): Promise<number> {
    const end = await this.#proxy.closed;
    await this.#endSession(end.teardown);
    return interruptedExitCode;
  }

  /** The termination block; beside a program only what the program cannot know, on stderr. */
  #sayWhyEnded(end: ProxyEnd): void {
    const { output } = this.#context;
    if (!this.#hasProgram) printTermination(output, endReason(end, this.#isShutdown));
    else if (end.reason === 'error' && end.error !== undefined)
      output.error(`Error from proxy client: ${explain(end.error)}`);
    else if (end.reason === 'Session has expired') output.error(this.#expiry);
    else if (end.reason === 'Inactivity timeout reached') output.error(end.reason);
  }

  /** That and when the session has expired, and what to do. */
  get #expiry(): string {
    return `Session has expired: it ended at ${rfc3339(this.#proxy.authorization.expiresAt)}. Authorize another session; if that fails, run "stile authenticate".`;
  }

  async #startFailed(error: StileError): Promise<number> {
    const { output } = this.#context;
    if (error.code === 'sessionExpired') {
      output.error(this.#expiry);
      if (!this.#hasProgram) printTermination(output, 'Session has expired');
      return this.#hasProgram ? 2 : 0;
    }
    output.error(`Error starting proxy: unable to start listening: ${error.message}`);
    const end = await this.#proxy.closed;
    await this.#endSession(end.teardown);
    return 2;
  }

  /** Until the program or the proxy ends. */
  async #serve(bound: HostPortLike): Promise<number> {
    const { output } = this.#context;
    if (!this.#hasProgram) {
      const { credentials } = this.#authorization;
      printListening(output, { bound, authorization: this.#proxy.authorization, credentials });
      await this.#proxy.closed;
      return 0;
    }
    let program: Program;
    try {
      program = await this.#prepare(bound);
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
      output.error(error.message);
      return error.code === 'invalidArgument' ? 3 : 2;
    }
    if (this.#helper === undefined) {
      printListening(output, { bound, authorization: this.#proxy.authorization, credentials: [] });
    }
    printCredentials(output, program.unused);
    return this.#runProgram(program);
  }

  async #runProgram(program: Program): Promise<number> {
    if (this.#isShutdown) return 0;
    const child = new Child(program, this.#context.streams);
    this.#child = child;
    void this.#proxy.closed.then(() => child.stop());
    try {
      return await child.exited;
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
      this.#context.output.error(error.message);
      return 2;
    }
  }

  async #prepare(bound: HostPortLike): Promise<Program> {
    const { environment, flags, passthrough } = this.#context;
    const place: ProxyPlace = {
      ip: bound.host,
      port: bound.port,
      address: addressOf({ ip: bound.host, port: bound.port }),
    };
    const credentials = this.#authorization.credentials.map(readCredential);
    const plan = await this.#plan(place, credentials);
    for (const warning of plan.warnings ?? []) this.#context.output.warn(warning);
    const name = flags.text('exec') || this.#style;
    const args = [...(plan.leading ?? []), ...passthrough, ...plan.args];
    const consumed = plan.consumed ?? [];
    return {
      path: await findProgram(name, environment),
      args: args.map((argument) => fillTemplate(argument, place)),
      environment: childEnvironment(environment, place, plan.environment ?? {}),
      unused: credentials
        .filter((credential) => !consumed.includes(credential))
        .map((credential) => credential.received),
    };
  }

  get #style(): string {
    return this.#context.flags.text('style').toLowerCase();
  }

  async #plan(place: ProxyPlace, credentials: readonly BrokeredCredential[]): Promise<HelperPlan> {
    const helper = this.#helper;
    if (helper === undefined) return { args: [] };
    return helper.plan({
      ip: place.ip,
      port: place.port,
      style: this.#style,
      flags: this.#context.flags,
      authorization: this.#proxy.authorization,
      credentials,
      files: this.#files,
    });
  }

  /**
   * A running program gets the signal; from a terminal it already has its Ctrl-C. Without one, the first signal ends everything
   * in order and the second does not wait for the end of the session.
   */
  #onSignal(signal: NodeJS.Signals): void {
    const child = this.#child;
    if (child?.isRunning === true) {
      if (signal !== 'SIGINT' || this.#context.streams.stdin.isTTY !== true) child.signal(signal);
      return;
    }
    if (this.#isShutdown)
      void this.#files.remove().finally(() => leaveOf(this.#context)(interruptedExitCode));
    this.#isShutdown = true;
    void this.#proxy.close();
  }

  /** When the worker could not be told, the controller is asked, if this command asked for the session. */
  async #endSession(teardown: 'done' | 'skipped' | StileError): Promise<void> {
    if (!(teardown instanceof StileError)) return;
    const { client, sessionId } = this.#authorization;
    let failure = teardown;
    if (client !== undefined && sessionId !== '') {
      try {
        await client.cancelSession(sessionId);
        return;
      } catch (error) {
        if (!(error instanceof StileError)) throw error;
        failure = error;
      }
    }
    const until = rfc3339(this.#proxy.authorization.expiresAt);
    this.#context.output.error(
      `Error ending the session: ${explain(failure)}; it ends by itself at ${until}`,
    );
  }
}

/** Runs `connect`, with a helper or without. @returns the exit code */
export async function runConnect(context: CommandContext, helper: Helper | undefined): Promise<number> {
  const listen = listenAddress(context);
  if (listen === undefined) return 2;
  const interruption = new Interruption(leaveOf(context));
  try {
    return await authorizeAndRun(context, helper, { listen, interruption });
  } finally {
    interruption.close();
  }
}

async function authorizeAndRun(
  context: CommandContext,
  helper: Helper | undefined,
  { listen, interruption }: { listen: HostPortLike; interruption: Interruption },
): Promise<number> {
  const authorization = await obtainAuthorization(context, interruption);
  if (typeof authorization === 'number') return authorization;
  let run: ConnectRun;
  try {
    run = new ConnectRun(context, helper, { authorization, listen });
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    context.output.error(`Error decoding session authorization data: ${error.message}`);
    // The answer cannot be used, so this is a courtesy; the session ends by itself too.
    await authorization.client?.cancelSession(authorization.sessionId).catch(() => undefined);
    return 3;
  }
  return run.run(interruption);
}
