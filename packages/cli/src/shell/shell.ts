/**
 * The interactive shell (tokens.md §3.4): a place in the tree of commands, and lines that are run there one after the other. A line is
 * run as `stile` would run it; the shell adds a history, completion, connections that stay, and Ctrl-C that ends the line and not it.
 */
import { KeptConnections, type ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import { systemClock } from '@stile/runtime/clock';
import type { CommandContext, LineRun, ShellLine } from '../command.ts';
import { interruptedExitCode } from '../connect/interruption.ts';
import { printable } from '../terminal/layout.ts';
import { Output } from '../terminal/output.ts';
import type { CommandStreams } from '../terminal/streams.ts';
import { controllerAddress, withApi } from '../tokens/api-session.ts';
import { historyPath } from './history.ts';
import { actionOf, shellWords, type LineAction } from './line-action.ts';
import { completeLine } from './line-completion.ts';
import { LineHistory } from './line-history.ts';
import { LineReader } from './line-reader.ts';
import { entriesOf, printEntries, rootEntries } from './listing.ts';
import { loadRegistry, type Place, type Registry } from './place.ts';
import { RemoteValues } from './remote-values.ts';

/** Flags of the shell that are its own; what else it is given goes to its lines. */
const ownFlags: ReadonlySet<string> = new Set(['c', 'continue-on-error']);

/** How one line ended. */
export interface LineEnd {
  readonly exitCode: number;
  /** It was `exit` or `quit`. */
  readonly leaves: boolean;
}

/** The terminal on which lines are typed and shown. */
interface Terminal {
  readonly input: CommandStreams['stdin'];
  readonly screen: CommandStreams['stdout'];
}

/** One shell. Owns its connections: close it. */
export class Shell {
  readonly #context: CommandContext;
  readonly #registry: Registry;
  readonly #connections = new KeptConnections();
  readonly #closed = new AbortController();
  readonly #remote: RemoteValues;
  #place: Place = [];
  /** Commands that go on, abandoned ones included. */
  #running = 0;
  /** What Ctrl-C does to the line that runs. */
  #interrupt: () => void = () => undefined;

  private constructor(context: CommandContext, registry: Registry) {
    this.#context = context;
    this.#registry = registry;
    this.#remote = new RemoteValues((work) => this.#askController(work), systemClock);
  }

  /** A shell at the root, every command loaded. */
  static async open(context: CommandContext): Promise<Shell> {
    return new Shell(context, await loadRegistry(context.program.rows));
  }

  /** Ends its connections. Idempotent. */
  close(): void {
    this.#closed.abort();
    this.#connections.close();
  }

  /** Lines from a person, until they leave. @returns 0 */
  async interact({ input, screen }: Terminal): Promise<number> {
    const { environment, output } = this.#context;
    const history = await LineHistory.open(historyPath(environment), this.#registry.commands, output);
    const reader = new LineReader({
      input,
      screen,
      complete: (line) => completeLine({ registry: this.#registry, remote: this.#remote }, this.#place, line),
    });
    // One listener for all lines: between two of them Ctrl-C must not end the shell either.
    const onSignal = (): void => this.#interrupt();
    process.on('SIGINT', onSignal);
    try {
      for (;;) {
        const read = await reader.read(this.#prompt, history.lines);
        if (read.kind === 'end') return 0;
        if (read.kind === 'interrupted') continue;
        await history.add(read.text);
        if ((await this.#runTyped(read.text)).leaves) return 0;
      }
    } finally {
      process.off('SIGINT', onSignal);
      if (this.#running > 0) output.warn('What was given up has not ended yet; Ctrl-C does not wait for it.');
    }
  }

  /**
   * Lines of a script.
   * @param isPrivate whether they stand in no process list
   * @returns the exit code of the line that failed, which is the last one unless the shell goes on; then that of the first
   */
  async runScript(lines: AsyncIterable<string>, isPrivate: boolean): Promise<number> {
    const goesOn = this.#context.flags.bool('continue-on-error');
    const streams = this.#context.streams;
    let failed = 0;
    let number = 0;
    for await (const text of lines) {
      number += 1;
      const { exitCode, leaves } = await this.runLine(text, {
        streams,
        isPrivateLine: isPrivate,
        line: this.#line(),
      });
      if (exitCode !== 0 && failed === 0) failed = exitCode;
      if (exitCode !== 0 && !goesOn) {
        if (isPrivate)
          this.#context.output.warn(`stile shell: line ${number} failed with exit code ${exitCode}`);
        return exitCode;
      }
      if (leaves) break;
    }
    return failed;
  }

  /** Runs one line where the shell stands. */
  async runLine(text: string, how: Omit<LineRun, 'words'>): Promise<LineEnd> {
    let action: LineAction;
    try {
      action = actionOf(this.#registry, this.#place, text);
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
      this.#context.output.error(error.message);
      return { exitCode: error.traits.exitCode, leaves: false };
    }
    if (action.kind === 'leave') return { exitCode: 0, leaves: true };
    return { exitCode: await this.#do(action, how), leaves: false };
  }

  async #do(action: Exclude<LineAction, { kind: 'leave' }>, how: Omit<LineRun, 'words'>): Promise<number> {
    const { output, program } = this.#context;
    const { commands, rows } = this.#registry;
    switch (action.kind) {
      case 'nothing':
        return 0;
      case 'enter':
        this.#place = action.place;
        return 0;
      case 'list':
        printEntries(
          output,
          action.place.length === 0 ? rootEntries(rows, commands) : entriesOf(commands, action.place),
        );
        return 0;
      case 'help': {
        const exitCode = await program.run({ ...how, words: [...action.place, '-h'] });
        if (action.isOfShell) this.#context.streams.stderr.write(`${ownHelp()}\n`);
        return exitCode;
      }
      case 'unknown':
        output.error(action.message);
        return action.exitCode;
      case 'run':
        return this.#runCommand(action, how);
    }
  }

  async #runCommand(
    { command, words }: Extract<LineAction, { kind: 'run' }>,
    how: Omit<LineRun, 'words'>,
  ): Promise<number> {
    const { output, program } = this.#context;
    if (command.ownsProcess !== true) return program.run({ ...how, words });
    output.error(
      `"${command.path}" has a process for itself: run "stile ${command.path}" outside of the shell`,
    );
    return 1;
  }

  /** A line from the terminal: Ctrl-C gives its command up. */
  async #runTyped(text: string): Promise<LineEnd> {
    const interrupted = new AbortController();
    let isUnauthenticated = false;
    let stopWaiting: (exitCode: number) => void = () => undefined;
    const abandoned = new Promise<LineEnd>((resolve) => {
      stopWaiting = (exitCode) => resolve({ exitCode, leaves: false });
    });
    const abandon = (exitCode: number): void => {
      // What was abandoned must not keep a shell that is left.
      if (this.#closed.signal.aborted) process.exit(exitCode);
      stopWaiting(exitCode);
    };
    this.#interrupt = () => {
      // A command that listens for signals itself says what a second one means.
      if (interrupted.signal.aborted && process.listenerCount('SIGINT') === 1) abandon(interruptedExitCode);
      interrupted.abort();
    };
    const line = this.#line({
      signal: interrupted.signal,
      abandon,
      onUnauthenticated: () => (isUnauthenticated = true),
    });
    this.#running += 1;
    const { output, streams } = this.#context;
    const running = this.runLine(text, { streams, isPrivateLine: true, line }).finally(() => {
      this.#running -= 1;
    });
    const end = await Promise.race([running, abandoned]);
    this.#interrupt = () => undefined;
    this.#remote.forget();
    if (isUnauthenticated && end.exitCode !== 0)
      output.warn('To log in without leaving the shell: /authenticate');
    return end;
  }

  /** What stands around a line; where nothing else is said, Ctrl-C ends the whole program as it ends any other. */
  #line(more: Partial<ShellLine> = {}): ShellLine {
    const { command, flags } = this.#context;
    const names = command.groups.flatMap((group) => group.flags.map(({ name }) => name));
    const inherited = names
      .filter((name) => !ownFlags.has(name))
      .flatMap((name) => {
        const value = flags.given(name);
        return value === undefined ? [] : [[name, value] as const];
      });
    return {
      inherited: new Map(inherited),
      signal: this.#closed.signal,
      connections: this.#connections,
      onUnauthenticated: () => undefined,
      abandon: (exitCode) => process.exit(exitCode),
      ...more,
    };
  }

  get #prompt(): string {
    return `[${printable(hostPortOf(controllerAddress(this.#context)))}]${this.#place.join(' ')}> `;
  }

  /** For completion: without a word to anyone, whatever goes wrong. */
  async #askController(work: (client: ApiClient) => Promise<void>): Promise<void> {
    const { environment, streams } = this.#context;
    const output = new Output('table', streams, { environment, quiet: true });
    const context = { ...this.#context, output, line: this.#line() };
    await withApi(context, async ({ client }) => {
      await work(client);
      return 0;
    });
  }
}

/** `host:port` of an address, also where the port is that of the protocol; a socket as it is. */
function hostPortOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.host === '' || url.protocol === 'unix:') return address;
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** The words that only the shell has. */
function ownHelp(): string {
  const words = { '..': 'one level up; / is the root, and a name enters it', ...shellWords };
  const lines = Object.entries(words).map(([word, does]) => `    ${word.padEnd(6)}${does}`);
  return ['', 'In the shell:', ...lines].join('\n');
}
