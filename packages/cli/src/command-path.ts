/**
 * Which command the words of a line name: the longest path wins, aliases count, `_` and `-` are the same letter (tokens.md §3).
 * Command line, help, completion and shell all ask here. Pure.
 */
import type { Command, CommandRow } from './command.ts';

/** The command that words begin with. */
export interface FoundCommand {
  readonly command: Command;
  /** How many of the words are its path. */
  readonly length: number;
}

function same(part: string, word: string | undefined): boolean {
  return part === word || part === word?.replaceAll('_', '-');
}

/** Every path of a command as words: its own first, then those of its aliases. */
export function pathsOf(command: Command): string[][] {
  const own = command.path.split(' ');
  return [own, ...(command.aliases ?? []).map((alias) => [...own.slice(0, -1), alias])];
}

/** Whether `path` begins with all of `words`. */
function begins(path: readonly string[], words: readonly string[]): boolean {
  return words.length <= path.length && words.every((word, index) => same(path[index] ?? '', word));
}

/** The row of a first word. */
export function findRow(rows: readonly CommandRow[], word: string | undefined): CommandRow | undefined {
  const isNamed = (row: CommandRow): boolean =>
    same(row.name, word) || (row.aliases ?? []).some((alias) => same(alias, word));
  return rows.find((row) => row.name === word) ?? rows.find(isNamed);
}

/** The words with the row's own name for the first. */
export function underRow(row: CommandRow, words: readonly string[]): string[] {
  return [row.name, ...words.slice(1)];
}

/** The command with the longest path that the words start with. */
export function resolveCommand(
  commands: readonly Command[],
  words: readonly string[],
): FoundCommand | undefined {
  let found: FoundCommand | undefined;
  for (const command of commands) {
    for (const path of pathsOf(command)) {
      if (path.length > (found?.length ?? 0) && path.every((part, index) => same(part, words[index])))
        found = { command, length: path.length };
    }
  }
  return found;
}

/** The longest start of the words that is the start of some command's path but not all of it, spelled as there. */
export function groupPath(commands: readonly Command[], words: readonly string[]): string[] {
  const paths = commands.map((command) => command.path.split(' '));
  let group: string[] = [];
  for (let length = 1; length <= words.length; length += 1) {
    const longer = paths.find((path) => path.length > length && begins(path, words.slice(0, length)));
    if (longer === undefined) break;
    group = longer.slice(0, length);
  }
  return group;
}

/** The words that may follow `words` in some path. */
export function nextWords(commands: readonly Command[], words: readonly string[]): string[] {
  const paths = commands.flatMap(pathsOf).filter((path) => begins(path, words));
  return [...new Set(paths.flatMap((path) => path[words.length] ?? []))];
}

/** A row that is another one under another path. @param path its path, as `login password` */
export function respelled(command: Command, path: string): Command {
  const [first, ...more] = command.examples;
  const spell = (example: string): string => example.replace(`stile ${command.path}`, `stile ${path}`);
  return { ...command, path, sameAs: command.path, examples: [spell(first), ...more.map(spell)] };
}
