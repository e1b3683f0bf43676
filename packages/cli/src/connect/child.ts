/** The program that `connect` runs: found without the current directory, started with its environment, awaited (session-protocol.md §7.4). */
import { spawn, type ChildProcess } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { StileError } from '@stile/protocol/errors';
import type { Environment } from '../arguments/environment.ts';
import type { CommandStreams } from '../terminal/streams.ts';

/** How long a program whose proxy has ended may take to end by itself, with its own exit status, before SIGTERM, ms. */
const termDelayMs = 2_000;
/** How long it may take after SIGTERM before it is killed, ms. */
const killDelayMs = 10_000;

/** Where the proxy listens, for `{{stile.port}}` and its like. */
export interface ProxyPlace {
  readonly ip: string;
  readonly port: number;
  /** `ip:port`. */
  readonly address: string;
}

/** `{{boundary.port}}`, `{{ stile.addr }}` and the others of an argument, replaced (cli.md §4.3). */
export function fillTemplate(argument: string, place: ProxyPlace): string {
  const values: Readonly<Record<string, string>> = {
    port: String(place.port),
    ip: place.ip,
    addr: place.address,
  };
  return argument.replace(
    /\{\{ ?(?:boundary|stile)\.(port|ip|addr) ?\}\}/g,
    (whole, name: string) => values[name] ?? whole,
  );
}

/** The environment of a program behind the proxy (cli.md §4.4). */
export function childEnvironment(
  environment: Environment,
  place: ProxyPlace,
  more: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const proxied: Record<string, string> = {};
  for (const prefix of ['STILE', 'BOUNDARY']) {
    proxied[`${prefix}_PROXIED_PORT`] = String(place.port);
    proxied[`${prefix}_PROXIED_IP`] = place.ip;
    proxied[`${prefix}_PROXIED_ADDR`] = place.address;
  }
  return { ...environment.copy(), ...proxied, ...more };
}

/**
 * The program's path. A name without a slash is looked up in absolute entries of PATH only: never in the current directory.
 * @throws {StileError} notFound
 */
export async function findProgram(name: string, environment: Environment): Promise<string> {
  if (name.includes('/') || process.platform === 'win32') return name;
  const folders = (environment.raw('PATH') ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  for (const folder of folders) {
    const path = join(folder, name);
    const isRunnable = await access(path, constants.X_OK).then(
      () => true,
      // Not there or not for us: the next folder may have it.
      () => false,
    );
    if (isRunnable) return path;
  }
  throw new StileError(
    'notFound',
    `the program ${JSON.stringify(name)} was not found in PATH; install it, or name another with -exec`,
  );
}

/** What to start. */
export interface ProgramLine {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A running program. */
export class Child {
  readonly #process: ChildProcess;
  /** Exit status, or 128 + signal number. @throws {StileError} notFound when it could not be started */
  readonly exited: Promise<number>;
  #stopTimer: NodeJS.Timeout | undefined;
  #hasExited = false;

  /**
   * Starts the program on the terminal of this process. It reads standard input only where the command does: the lines of a script that
   * the shell runs are not its input.
   */
  constructor({ path, args, environment }: ProgramLine, { stdin }: Pick<CommandStreams, 'stdin'>) {
    const input = stdin === process.stdin ? 'inherit' : 'ignore';
    this.#process = spawn(path, args, { stdio: [input, 'inherit', 'inherit'], env: environment });
    this.exited = new Promise<number>((resolve, reject) => {
      this.#process.once('error', (cause) => {
        // There is nothing to stop: no timer may keep this process waiting for it.
        clearTimeout(this.#stopTimer);
        this.#hasExited = true;
        reject(new StileError('notFound', `cannot run ${JSON.stringify(path)}: ${codeOf(cause)}`, { cause }));
      });
      this.#process.once('exit', (status, signal) => {
        clearTimeout(this.#stopTimer);
        this.#hasExited = true;
        resolve(status ?? 128 + (signal === null ? 0 : osConstants.signals[signal]));
      });
    });
  }

  /** Whether it runs. */
  get isRunning(): boolean {
    return !this.#hasExited;
  }

  /** Passes a signal on. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** The proxy is gone: lets the program end by itself, then SIGTERM, then SIGKILL. Idempotent. */
  stop(): void {
    if (this.#hasExited || this.#stopTimer !== undefined) return;
    this.#stopTimer = setTimeout(() => {
      this.#process.kill('SIGTERM');
      this.#stopTimer = setTimeout(() => this.#process.kill('SIGKILL'), killDelayMs);
    }, termDelayMs);
  }
}

function codeOf(cause: Error): string {
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
