/** Real processes for end-to-end tests: start, read lines as they come, await one with a deadline, stop by process id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the checkout. */
export const root: string = join(fileURLToPath(import.meta.url), '../../..');

/** The built command line. */
export const stileBin: string = join(root, 'packages/cli/bin/stile.cjs');

/** How a process is started. */
export interface StartOptions {
  readonly cwd?: string;
  /** The whole environment; default a clean one with PATH and a HOME that does not exist. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed; default: closed at once. */
  readonly input?: string | Buffer;
  /** Leave standard input open after `input`. */
  readonly keepInputOpen?: boolean;
}

/** What a finished process left. */
export interface Finished {
  /** Exit status, or 128 + signal number as a shell would say. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** After a deadline, what has happened meanwhile is still taken in for so long, milliseconds. */
const lookAgainMs = 1000;

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** A clean environment: nothing of the caller's but PATH, so that no token or address leaks into a test. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: `${process.env.PATH ?? ''}:/usr/sbin`,
    HOME: '/nonexistent',
    TZ: 'UTC',
    LC_ALL: 'C.UTF-8',
    ...more,
  };
}

/** A child process that a test owns. Stop it in `afterEach`/`afterAll`. */
export class RunningProcess {
  readonly child: ChildProcess;
  readonly #name: string;
  readonly #exited: Promise<number>;
  #stdout = '';
  #stderr = '';
  #changed: () => void = () => undefined;

  constructor(program: string, args: readonly string[], options: StartOptions = {}) {
    this.#name = `${program.split('/').pop() ?? program} ${args.slice(0, 4).join(' ')}`;
    this.child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? cleanEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#changed();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
    // A child that is gone before it read its input is a result, not an error of the test.
    this.child.stdin?.on('error', () => undefined);
    if (options.input !== undefined) this.child.stdin?.write(options.input);
    if (options.keepInputOpen !== true) this.child.stdin?.end();
    this.#exited = once(this.child, 'close').then(([code, signal]: unknown[]) => {
      this.#changed();
      return typeof code === 'number' ? code : 128 + (signalNumbers[String(signal)] ?? 0);
    });
  }

  /** Standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Process id. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.child.pid;
  }

  /** The first match of `pattern` in standard output or error; fails when the process ends or the deadline passes first. */
  async match(pattern: RegExp, deadlineMs = 30_000): Promise<RegExpMatchArray> {
    const find = (): RegExpMatchArray | null => this.#stdout.match(pattern) ?? this.#stderr.match(pattern);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<RegExpMatchArray>((resolve, reject) => {
        const check = (): void => {
          const found = find();
          if (found !== null) resolve(found);
          else if (this.child.exitCode !== null || this.child.signalCode !== null) {
            reject(
              new Error(`${this.#name} ended before ${String(pattern)}:\n${this.#stdout}\n${this.#stderr}`),
            );
          }
        };
        timer = setTimeout(() => {
          reject(
            new Error(
              `${this.#name}: no ${String(pattern)} within ${deadlineMs} ms:\n${this.#stdout}\n${this.#stderr}`,
            ),
          );
        }, deadlineMs);
        this.#changed = check;
        check();
      });
    } finally {
      clearTimeout(timer);
      this.#changed = () => undefined;
    }
  }

  /** Waits for the end; kills and fails at the deadline. */
  async finished(deadlineMs = 60_000): Promise<Finished> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const giveUp = (): void => {
        const doing = whatThreadsDo(this.child.pid);
        this.child.kill('SIGKILL');
        reject(
          new Error(
            `${this.#name} did not end within ${deadlineMs} ms (${doing}):\n${this.#stdout}\n${this.#stderr}`,
          ),
        );
      };
      // Timers come before the news of an end: on a machine that stood still this process must look first.
      timer = setTimeout(() => {
        timer = setTimeout(giveUp, lookAgainMs);
      }, deadlineMs);
    });
    try {
      const status = await Promise.race([this.#exited, late]);
      return { status, stdout: this.#stdout, stderr: this.#stderr };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the process to end (SIGTERM by default) and waits. Safe to call again. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 30_000): Promise<Finished> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.finished(deadlineMs);
  }
}

/** Starts a program; the caller stops it. */
export function start(program: string, args: readonly string[], options: StartOptions = {}): RunningProcess {
  return new RunningProcess(program, args, options);
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return start(program, args, options).finished();
}

/** Starts `stile` with arguments; the caller stops it. */
export function startStile(args: readonly string[], options: StartOptions = {}): RunningProcess {
  return start(process.execPath, [stileBin, ...args], options);
}

/** Runs `stile` to its end. */
export function runStile(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return startStile(args, options).finished();
}

/** State, waiting place and CPU time of every thread of a process, for the message of one that hangs (Linux). */
function whatThreadsDo(pid: number | undefined): string {
  if (pid === undefined) return 'it never started';
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks)
      .map((task) => {
        const [, name = '', rest = ''] =
          /\((.*)\) (.*)/s.exec(readFileSync(`${tasks}/${task}/stat`, 'utf8')) ?? [];
        const [state, , , , , , , , , , , user, system] = rest.split(' ');
        return `${name} ${state} ${readFileSync(`${tasks}/${task}/wchan`, 'utf8')} cpu ${user}+${system}`;
      })
      .join('; ');
  } catch (error) {
    return `no /proc: ${String(error)}`;
  }
}
