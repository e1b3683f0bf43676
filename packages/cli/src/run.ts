/**
 * One command line from words to exit code: find the row, load its module, parse, check, run (cli.md §1). Takes everything from
 * outside, so that tests run it in their own process.
 */
import { StileError } from '@stile/protocol/errors';
import { Environment, type Variables } from './arguments/environment.ts';
import { expandShortcut } from './arguments/shortcuts.ts';
import type { CheckFailure, Command, CommandContext, CommandRow, Program, ShellLine } from './command.ts';
import { findRow, groupPath, resolveCommand, underRow } from './command-path.ts';
import type { CommandStreams } from './terminal/streams.ts';
import { commandTable } from './command-table.ts';
import { Output, type OutputFormat } from './terminal/output.ts';

/** What a run of the program gets. */
export interface RunOptions {
  /** Words after `stile`. */
  readonly words: readonly string[];
  readonly variables: Variables;
  readonly streams: CommandStreams;
  /** Set by the shell of this program: what is typed there stands in no process list, so that words may hold a secret. */
  readonly isPrivateLine?: boolean;
  /** Set by the shell of this program. */
  readonly line?: ShellLine;
}

/** Exit code of an unknown command (cli.md §1.8). */
const unknownCommand = 127;

const helpWords: ReadonlySet<string> = new Set(['-h', '-help', '--help']);

/** What is known before any command is: read from the whole command line up to `--` (cli.md §1.4, 1.8, 1.9). */
interface Preview {
  readonly format: string;
  readonly wantsHelp: boolean;
  readonly wantsCurl: boolean;
}

function preview({ words, line }: RunOptions, environment: Environment): Preview {
  const end = words.indexOf('--');
  const takesAssignments = line !== undefined || findRow(commandTable, words[0])?.takesAssignments === true;
  const own = (end < 0 ? words : words.slice(0, end)).map((word) =>
    takesAssignments && /^(?:format|output[-_]curl[-_]string)=/.test(word)
      ? `-${word.replaceAll('_', '-')}`
      : word,
  );
  const inherited = line?.inherited.get('format')?.value;
  let format = typeof inherited === 'string' ? inherited : (environment.get('CLI_FORMAT') ?? 'table');
  for (const [index, word] of own.entries()) {
    const [, attached] = /^--?format(?:=(.*))?$/s.exec(word) ?? [];
    if (attached !== undefined) format = attached;
    else if (/^--?format$/.test(word)) format = own[index + 1] ?? format;
  }
  return {
    format: format.toLowerCase(),
    wantsHelp: own.some((word) => helpWords.has(word)),
    wantsCurl: own.some((word) => /^--?output-curl-string(?:=true)?$/.test(word)),
  };
}

/** Behind the help, which may be long: what of the words was no command. */
function sayUnknown(streams: CommandStreams, words: readonly string[]): void {
  const [first = ''] = words;
  if (first === '') return;
  const [close] = commandTable
    .filter(({ name, group }) => group !== 'hidden' && (name.startsWith(first) || first.startsWith(name)))
    .map(({ name }) => name)
    .toSorted((a, b) => Math.abs(a.length - first.length) - Math.abs(b.length - first.length));
  const hint = words.length > 1 || close === undefined ? '' : `; did you mean "${close}"?`;
  streams.stderr.write(`\nThere is no command ${JSON.stringify(words.join(' '))}${hint}\n`);
}

async function showRootHelp(streams: CommandStreams): Promise<void> {
  const { rootHelp } = await import('./terminal/help.ts');
  streams.stderr.write(`${rootHelp(commandTable)}\n`);
}

/** The words of the command proper: root flags and shortcuts rewritten (cli.md §1.12, 1.13). */
function rewrite(words: readonly string[]): readonly string[] {
  const [first, ...rest] = words;
  if (first === '-autocomplete-install') return ['config', 'autocomplete', 'install', ...rest];
  if (first === '-autocomplete-uninstall') return ['config', 'autocomplete', 'uninstall', ...rest];
  if (rest.length === 0 && (first === '-v' || first === '-version' || first === '--version'))
    return ['version'];
  return expandShortcut(words) ?? words;
}

function missingOperand({ command: { operands }, ...context }: CommandContext): CheckFailure | undefined {
  return operands?.isRequired === true && context.operands.length === 0
    ? { message: `${operands.name} is required` }
    : undefined;
}

async function runCommand(
  command: Command,
  words: readonly string[],
  options: RunOptions & { output: Output },
): Promise<number> {
  const environment = new Environment(options.variables);
  const { output, streams, line } = options;
  const { parseArguments } = await import('./arguments/argv.ts');
  const { leftover, ...parsed } = await parseArguments(command, words, environment, line?.inherited);
  const isPrivateLine = options.isPrivateLine === true;
  const program: Program = { rows: commandTable, run: (next) => run({ ...options, ...next }) };
  const context = { command, environment, output, streams, isPrivateLine, line, program, ...parsed };
  const failure = command.check?.(context) ?? missingOperand(context);
  if (failure !== undefined) {
    if (failure.plain === true) output.plainError(failure.message);
    else output.error(failure.message);
    return 3;
  }
  const [extra] = [...parsed.operands.slice(command.operands?.max ?? 0), ...leftover];
  if (extra !== undefined) {
    const advice = command.operands === undefined ? `: values follow a flag, as in -id ${extra}` : '';
    throw new StileError('invalidFlag', `unexpected argument ${JSON.stringify(extra)}${advice}`);
  }
  return command.run(context);
}

/** `stile auth ls`: what a namespace holds, where it has no command of that name itself. */
function isListing(words: readonly string[], group: readonly string[]): boolean {
  const rest = words.slice(group.length + 1);
  return group.length > 0 && words[group.length] === 'ls' && (rest[0] ?? '-').startsWith('-');
}

/** Help or a run for the words of a known row. */
async function dispatch(
  row: CommandRow,
  words: readonly string[],
  options: RunOptions & { output: Output; wantsHelp: boolean },
): Promise<number> {
  const { commands } = await row.load();
  const found = resolveCommand(commands, words);
  const { streams, wantsHelp } = options;
  if (found !== undefined && !wantsHelp) return runCommand(found.command, words.slice(found.length), options);
  const group = groupPath(commands, words);
  if (!wantsHelp && isListing(words, group)) {
    const { entriesOf, printEntries } = await import('./shell/listing.ts');
    printEntries(options.output, entriesOf(commands, group));
    return 0;
  }
  const { commandHelp, groupHelp } = await import('./terminal/help.ts');
  const text =
    found === undefined
      ? groupHelp(group.join(' ') || row.name, row, commands)
      : commandHelp(found.command, commands);
  streams.stderr.write(`${text}\n`);
  if (!wantsHelp && words.length > group.length) sayUnknown(streams, words.slice(0, group.length + 1));
  return wantsHelp ? 0 : 1;
}

/** `stile`, `stile -h`, `stile ls`, and words that no row answers to. */
async function runWithoutRow(
  words: readonly string[],
  { output, streams, wantsHelp }: { output: Output; streams: CommandStreams; wantsHelp: boolean },
): Promise<number> {
  const [first, next = '-'] = words;
  if (first === 'ls' && !wantsHelp && next.startsWith('-')) {
    const { printEntries, rootEntries } = await import('./shell/listing.ts');
    const modules = await Promise.all(commandTable.map((each) => each.load()));
    printEntries(
      output,
      rootEntries(
        commandTable,
        modules.flatMap((module) => module.commands),
      ),
    );
    return 0;
  }
  if (first?.startsWith('-') === true && !helpWords.has(first)) {
    streams.stderr.write('Flags come after the command, as in: stile targets list -recursive\n');
    return 1;
  }
  await showRootHelp(streams);
  if (!wantsHelp) sayUnknown(streams, words.slice(0, 1));
  return wantsHelp ? 0 : unknownCommand;
}

/** A thrown error as the user sees it, and its exit code. */
function report(error: unknown, output: Output): number {
  if (error instanceof StileError) {
    output.error(error.message);
    return error.code === 'internal' ? 2 : error.traits.exitCode;
  }
  output.error(`internal error: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
}

/**
 * Runs one command line.
 * @returns the exit code (cli.md §1.8)
 */
export async function run(options: RunOptions): Promise<number> {
  const environment = new Environment(options.variables);
  const { streams } = options;
  const completionLine = environment.raw('COMP_LINE');
  if (completionLine !== undefined) {
    const { complete } = await import('./terminal/completion.ts');
    const point = Number(environment.raw('COMP_POINT') ?? completionLine.length);
    const candidates = await complete(commandTable, completionLine.slice(0, point), options.words[1]);
    if (candidates.length > 0) streams.stdout.write(`${candidates.join('\n')}\n`);
    return 0;
  }
  const { format, wantsHelp, wantsCurl } = preview(options, environment);
  if (format !== 'table' && format !== 'json') {
    streams.stderr.write(`Invalid output format: ${JSON.stringify(format).slice(1, -1)}\n`);
    return 1;
  }
  const words = rewrite(options.words);
  const row = findRow(commandTable, words[0]);
  const output = new Output(format satisfies OutputFormat, streams, { environment, quiet: wantsCurl });
  if (row === undefined) return runWithoutRow(words, { output, streams, wantsHelp });
  let exitCode: number;
  try {
    exitCode = await dispatch(row, underRow(row, words), { ...options, output, wantsHelp });
  } catch (error) {
    exitCode = report(error, output);
  }
  if (!wantsCurl || wantsHelp) return exitCode;
  if (output.isCurlPrinted) return 0;
  streams.stderr.write(
    'cURL command not set by API operation; run without -output-curl-string to see what happens\n',
  );
  return 1;
}
