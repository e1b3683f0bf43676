/**
 * Shell completion: the shell sets COMP_LINE and COMP_POINT and runs the program, which prints one candidate a line
 * (bash's `complete -C`, cli.md §1.13). Commands, subcommands, flags and known values; nothing is asked of a server.
 */
import type { Command, CommandRow, Flag } from '../command.ts';
import { findRow, nextWords, resolveCommand, underRow, type FoundCommand } from '../command-path.ts';

function words(line: string): { before: readonly string[]; current: string } {
  const parts = line.split(/\s+/).filter((part) => part !== '');
  if (/\s$/.test(line)) return { before: parts.slice(1), current: '' };
  return { before: parts.slice(1, -1), current: parts.at(-1) ?? '' };
}

function starting(candidates: Iterable<string>, start: string): string[] {
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(start)).toSorted();
}

/** The flag that a word with a dash names, as `-id`, `--scope_id`, `-n`. */
export function flagNamed(command: Command | undefined, word: string | undefined): Flag | undefined {
  if (command === undefined || word === undefined || !/^--?[^-=]/.test(word)) return undefined;
  const name = word.replace(/^--?/, '');
  return command.groups
    .flatMap((group) => group.flags)
    .find((flag) => flag.name === name || flag.alias === name || flag.name === name.replaceAll('_', '-'));
}

/** Flags of a command that help and completion show. */
export function shownFlags(command: Command): Flag[] {
  return command.groups.flatMap((group) => group.flags).filter((flag) => flag.hidden !== true);
}

/** Flags of a command in the dash style that the user has begun. */
function flagCandidates(command: Command, current: string): string[] {
  const dash = current.startsWith('--') ? '--' : '-';
  return shownFlags(command).map((flag) => `${dash}${flag.name}`);
}

/** What may stand behind the path of a command: flags, `key=`, and plain words that are known. */
function argumentCandidates(
  { command, length }: FoundCommand,
  { typed, current }: { typed: readonly string[]; current: string },
): string[] {
  if (current.startsWith('-')) return flagCandidates(command, current);
  const flags = shownFlags(command);
  const [, key] = (command.assignments === true && /^([\w-]+)=/.exec(current)) || [];
  if (key !== undefined) {
    const values = flags.find((flag) => flag.name === key.replaceAll('_', '-'))?.completes ?? [];
    return values.map((value) => `${key}=${value}`);
  }
  // A command with plain words and no more room for them, or without any, ends here.
  const words =
    typed.length - length < (command.operands?.max ?? 0) ? (command.operands?.completes ?? []) : [];
  return [...words, ...(command.assignments === true ? assignments(command) : [])];
}

function assignments(command: Command): string[] {
  return assignableFlags(command).map((name) => `${name.replaceAll('-', '_')}=`);
}

/** Names of the flags of a command's own, for `key=`; those that all commands have are offered with a dash. */
export function assignableFlags(command: Command): string[] {
  const own = command.groups.at(-1)?.flags ?? [];
  return own.filter((flag) => flag.hidden !== true && flag.isWord !== true).map((flag) => flag.name);
}

/**
 * Candidates for the word at the end of `line` (cut at the cursor).
 * @param rows the command table; only the module of the first word is loaded
 * @param shellWord the word as the shell sees it: bash takes what stands behind `=` or `:` for a word of its own
 */
export async function complete(
  rows: readonly CommandRow[],
  line: string,
  shellWord?: string,
): Promise<string[]> {
  const found = await candidates(rows, line);
  const before = cutOff(words(line).current, shellWord);
  return before === ''
    ? found
    : found.flatMap((each) => (each.startsWith(before) ? each.slice(before.length) : []));
}

/** What of the last word the shell has cut off before the word that it completes. */
function cutOff(current: string, shellWord: string | undefined): string {
  if (shellWord === undefined || !/[=:]/.test(current)) return '';
  // Right behind the sign, the shell may give the sign itself.
  const own = /^[=:]$/.test(shellWord) ? '' : shellWord;
  return current.endsWith(own) ? current.slice(0, current.length - own.length) : '';
}

async function candidates(rows: readonly CommandRow[], line: string): Promise<string[]> {
  const { before, current } = words(line);
  const [first] = before;
  if (first === undefined) {
    const shown = rows
      .filter((row) => row.group !== 'hidden')
      .flatMap((row) => [row.name, ...(row.aliases ?? [])]);
    return starting([...shown, 'version'], current);
  }
  const row = findRow(rows, first);
  if (row === undefined) return [];
  const { commands } = await row.load();
  const typed = underRow(row, before);
  const found = resolveCommand(commands, typed);
  const flag = flagNamed(found?.command, before.at(-1));
  if (flag !== undefined && flag.type !== 'boolean') return starting(flag.completes ?? [], current);
  const next = nextWords(commands, typed);
  if (found === undefined) return current.startsWith('-') ? [] : starting(next, current);
  return starting([...next, ...argumentCandidates(found, { typed, current })], current);
}
