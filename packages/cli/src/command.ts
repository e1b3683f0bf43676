/**
 * The command table: what one row is. `main.ts` looks up a row by its first word and loads the module behind it only then;
 * argument parsing, help, completion and the docs table all read the loaded rows (tokens.md §3.5).
 */
import type { KeptConnections } from '@stile/client/api';
import type { ResourceType } from '@stile/protocol/grant';
import type { Environment } from './arguments/environment.ts';
import type { FlagValue, FlagValues } from './arguments/flag-values.ts';
import type { CommandStreams } from './terminal/streams.ts';
import type { Output } from './terminal/output.ts';

/** How a flag's text is read: Go flag syntax (cli.md §1.1). `duration` yields milliseconds. */
export type FlagType = 'string' | 'boolean' | 'int' | 'uint' | 'duration';

/** One flag of a command. */
export interface Flag {
  /** Without a dash, as `scope-id`. */
  readonly name: string;
  /** Short spelling without a dash, as `n` for `-n`. */
  readonly alias?: string;
  readonly type: FlagType;
  /** One or more sentences for help; default and environment are appended by the help printer. */
  readonly help: string;
  /** Environment variable without its prefix: `ADDR` stands for `STILE_ADDR`, then `BOUNDARY_ADDR`. */
  readonly env?: string;
  /** As it would be written on the command line. */
  readonly default?: string;
  /** The value must never be printed, nor kept in a history. */
  readonly secret?: boolean;
  /** May be given several times; the value is a list, white space around each value cut. */
  readonly repeat?: boolean;
  /** With `repeat`: values are somebody's data and stay as they are. */
  readonly keepsSpaces?: boolean;
  /** Given, it is as if its name, with `_`, stood among the plain words of the command. */
  readonly isWord?: boolean;
  /** Works, but is not shown in help or completion. */
  readonly hidden?: boolean;
  /** Words offered by completion, and nothing else: the command checks the value. */
  readonly completes?: readonly string[];
  /** The value is the id or name of such a resource: the shell offers those that the server lists. */
  readonly completesFrom?: ResourceType;
}

/** Plain words that a command takes before, between or behind its flags. */
export interface Operands {
  /** As `USER`, `NAME|ID`. */
  readonly name: string;
  readonly max: number;
  /** At least one must be given. */
  readonly isRequired?: boolean;
  /** Words offered by completion. */
  readonly completes?: readonly string[];
  readonly completesFrom?: ResourceType;
}

/** A heading in help and the flags under it. */
export interface FlagGroup {
  /** As `Command Options`; no colon. */
  readonly title: string;
  readonly flags: readonly Flag[];
}

/** What stands around a line of the shell (tokens.md §3.4); a command that is run by itself has none. */
export interface ShellLine {
  /** What the shell was started with: values for flags of these names that the line does not give. */
  readonly inherited: ReadonlyMap<string, FlagValue>;
  /** Gives up the calls of the command: Ctrl-C. */
  readonly signal: AbortSignal;
  /** Connections to the controller that stay from line to line. The shell closes them. */
  readonly connections: KeptConnections;
  /** Told that the controller knows no valid token of the caller (401). */
  readonly onUnauthenticated: () => void;
  /** Waits for the command no longer, with this exit code. Where there is no shell, the process ends. */
  readonly abandon: (exitCode: number) => void;
}

/** How a command line is run from within the program. */
export interface LineRun {
  readonly words: readonly string[];
  readonly streams: CommandStreams;
  readonly isPrivateLine: boolean;
  readonly line: ShellLine;
}

/** The whole program, for the shell, which is a second front of it. */
export interface Program {
  /** The command table. */
  readonly rows: readonly CommandRow[];
  /** Runs a command line as if it had been given to `stile`. @returns the exit code */
  readonly run: (line: LineRun) => Promise<number>;
}

/** What a command gets to work with; nothing of the parser. */
export interface CommandContext {
  readonly command: Command;
  readonly flags: FlagValues;
  /** The leading word of commands that take one (`positional`), else undefined. */
  readonly positional: string | undefined;
  /** The plain words of commands that take some (`operands`), in their order. */
  readonly operands: readonly string[];
  /** What stood after the first `--`; only commands with `passthrough` get any. */
  readonly passthrough: readonly string[];
  readonly environment: Environment;
  readonly output: Output;
  readonly streams: CommandStreams;
  /** Whether a secret may stand in the words themselves: they come from the shell of this program, not from a process list. */
  readonly isPrivateLine: boolean;
  /** Set for a line of the shell. */
  readonly line: ShellLine | undefined;
  readonly program: Program;
}

/** Why the flags of a command do not go together. */
export interface CheckFailure {
  readonly message: string;
  /** Printed as plain text in JSON mode too, where the recorded runs do so (cli.md §1.6). */
  readonly plain?: boolean;
}

/** One command that can be run. */
export interface Command {
  /** Words after `stile`, as `targets create tcp`. */
  readonly path: string;
  /** Other last words for it, as `ls` for `tokens list`. */
  readonly aliases?: readonly string[];
  /** Set on a row made from another one: the path of that one. */
  readonly sameAs?: string;
  readonly summary: string;
  /** What the caller must be allowed to do, as `target:read`; shown in the docs table. */
  readonly permission?: string;
  /** Paragraphs of help, without the examples. */
  readonly description: string;
  /** Command lines, as `stile targets read -id ttcp_1234567890`. At least one. */
  readonly examples: readonly [string, ...string[]];
  readonly groups: readonly FlagGroup[];
  /** The leading word, taken off before the flags, and what it means (`ID or alias`). */
  readonly positional?: string;
  readonly operands?: Operands;
  /** Flags may also be written `key=value`. */
  readonly assignments?: true;
  /** What comes after `--` is handed to the command. */
  readonly passthrough?: boolean;
  /** Runs until it is stopped and has the process for itself: not in the shell. */
  readonly ownsProcess?: true;
  /** The command's own rules on its flags; runs before leftover words are refused. A failure is exit 3. */
  readonly check?: (context: CommandContext) => CheckFailure | undefined;
  /**
   * Does the work and prints through `context.output`.
   * @returns the exit code of cli.md §1.8
   * @throws {StileError} printed as a CLI error; its code's `exitCode` is the exit code
   */
  readonly run: (context: CommandContext) => Promise<number>;
}

/** What a command module exports as `commands`: every command whose path starts with the row's name. */
export interface CommandModule {
  readonly commands: readonly Command[];
}

/** Where root help shows a command; `hidden` nowhere. */
export type RootGroup = 'local' | 'generic' | 'type' | 'hidden';

/** One row of the command table: what is known before the command's module is loaded. */
export interface CommandRow {
  /** The first word, as `targets`. */
  readonly name: string;
  /** Other first words for it, as `token` for `tokens`. */
  readonly aliases?: readonly string[];
  /** All its commands take `key=value` for their flags. */
  readonly takesAssignments?: true;
  readonly summary: string;
  readonly group: RootGroup;
  /** Loads the commands; nothing of them is read before. */
  readonly load: () => Promise<CommandModule>;
}
