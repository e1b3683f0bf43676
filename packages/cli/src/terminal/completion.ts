/**
 * Shell completion: the shell sets COMP_LINE and COMP_POINT and runs the program, which prints one candidate a line
 * (bash's `complete -C`, cli.md §1.13). Commands, subcommands, flags and known values; nothing is asked of a server.
 */
import type { Command, CommandRow, Flag } from '../command.ts';

function words(line: string): { before: readonly string[]; current: string } {
  const parts = line.split(/\s+/).filter((part) => part !== '');
  if (/\s$/.test(line)) return { before: parts.slice(1), current: '' };
  return { before: parts.slice(1, -1), current: parts.at(-1) ?? '' };
}

function starting(candidates: Iterable<string>, start: string): string[] {
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(start)).toSorted();
}

function flagNamed(command: Command | undefined, word: string | undefined): Flag | undefined {
  if (command === undefined || word === undefined || !/^--?[^-=]/.test(word)) return undefined;
  const name = word.replace(/^--?/, '');
  return command.groups.flatMap((group) => group.flags).find((flag) => flag.name === name);
}

/** Flags of a command in the dash style that the user has begun. */
function flagCandidates(command: Command, current: string): string[] {
  const dash = current.startsWith('--') ? '--' : '-';
  const shown = command.groups.flatMap((group) => group.flags).filter((flag) => flag.hidden !== true);
  return shown.map((flag) => `${dash}${flag.name}`);
}

/**
 * Candidates for the word at the end of `line` (cut at the cursor).
 * @param rows the command table; only the module of the first word is loaded
 */
export async function complete(rows: readonly CommandRow[], line: string): Promise<string[]> {
  const { before, current } = words(line);
  const [first] = before;
  if (first === undefined) {
    const shown = rows.filter((row) => row.group !== 'hidden').map((row) => row.name);
    return starting([...shown, 'version'], current);
  }
  const found = rows.find((row) => row.name === first);
  if (found === undefined) return [];
  const { commands } = await found.load();
  const path: string[] = [];
  for (const word of before) {
    const longer = [...path, word].join(' ');
    if (!commands.some((command) => `${command.path} `.startsWith(`${longer} `))) break;
    path.push(word);
  }
  const command = commands.find((each) => each.path === path.join(' '));
  const valueFlag = flagNamed(command, before.at(-1));
  if (valueFlag !== undefined && valueFlag.type !== 'boolean')
    return starting(valueFlag.completes ?? [], current);
  if (current.startsWith('-'))
    return command === undefined ? [] : starting(flagCandidates(command, current), current);
  if (before.length > path.length) return [];
  const next = commands
    .map((each) => each.path.split(' '))
    .filter((parts) => parts.slice(0, path.length).join(' ') === path.join(' '));
  return starting(
    next.flatMap((parts) => parts[path.length] ?? []),
    current,
  );
}
