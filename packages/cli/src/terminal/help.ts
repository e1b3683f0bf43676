/** Help texts, rendered from the command table: root, groups, commands (cli.md §1.11). Printed on stderr. */
import type { Command, CommandRow, Flag, RootGroup } from '../command.ts';
import { pathsOf } from '../command-path.ts';
import { wrap } from './layout.ts';

/** Flag descriptions wrap here, whatever the terminal (cli.md §1.11). */
const helpColumns = 78;

const rootGroups: readonly (readonly [RootGroup, string])[] = [
  ['local', 'Local/Client Commands:'],
  ['generic', 'Generic Commands:'],
  ['type', 'Type-Specific Commands:'],
];

function aligned(entries: readonly (readonly [name: string, summary: string])[], gap: number): string[] {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, summary]) => `    ${name.padEnd(width + gap)}${summary}`);
}

/** `stile`, `stile -h`. */
export function rootHelp(rows: readonly CommandRow[]): string {
  const lines = ['Usage: stile <command> [args]'];
  for (const [group, title] of rootGroups) {
    const entries = rows.filter((row) => row.group === group).map((row) => [row.name, row.summary] as const);
    lines.push('', title, ...aligned(entries, 6));
  }
  return lines.join('\n');
}

const placeholders: Readonly<Record<Flag['type'], string>> = {
  string: '=<string>',
  int: '=<int>',
  uint: '=<uint>',
  duration: '=<duration>',
  boolean: '',
};

function flagHelp(flag: Flag): string[] {
  const sentences = [flag.help];
  if (flag.repeat === true) sentences.push('Can be given several times.');
  if (flag.default !== undefined) sentences.push(`The default is ${flag.default}.`);
  if (flag.env !== undefined) {
    sentences.push(
      `This can also be specified via the STILE_${flag.env} or BOUNDARY_${flag.env} environment variable.`,
    );
  }
  const short = flag.alias === undefined ? '' : `, -${flag.alias}${placeholders[flag.type]}`;
  return [
    `  -${flag.name}${placeholders[flag.type]}${short}`,
    wrap([`      ${sentences.join(' ')}`], helpColumns),
    '',
  ];
}

function subcommandLines(path: string, commands: readonly Command[]): string[] {
  const depth = path.split(' ').length;
  const entries = new Map<string, string>();
  for (const command of commands) {
    const words = command.path.split(' ');
    const word = words[depth];
    if (word === undefined || words.slice(0, depth).join(' ') !== path) continue;
    const isGroup = words.length > depth + 1;
    const name = isGroup ? word : [word, ...(command.aliases ?? [])].join(', ');
    if (!entries.has(name))
      entries.set(name, isGroup ? groupSummary([...words.slice(0, depth), word], commands) : command.summary);
  }
  if (entries.size === 0) return [];
  return [
    '',
    'Subcommands:',
    ...aligned(
      [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      4,
    ),
  ];
}

/** What a command that only holds others is for: `Create targets, by type`; of other verbs, the commands in it. */
function groupSummary(path: readonly string[], commands: readonly Command[]): string {
  const [resource = '', verb = ''] = path;
  if (verb === 'create' || verb === 'update') return `${capital(verb)} ${resource}, by type`;
  const start = `${path.join(' ')} `;
  const within = commands.filter((command) => command.path.startsWith(start));
  return within.map((command) => command.summary).join('; ');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence with other names for a command; empty when there are none. */
function otherNames(paths: readonly string[]): string {
  return paths.length === 0 ? '' : ` Also: ${paths.map((path) => `stile ${path}`).join(', ')}.`;
}

/** Usage of the plain words of a command. */
function operandUsage({ operands }: Command): string {
  if (operands === undefined) return '';
  const text = operands.max > 1 ? `${operands.name}…` : operands.name;
  return operands.isRequired === true ? ` ${text}` : ` [${text}]`;
}

/** A command that only holds others: `stile targets`, `stile targets create`. */
export function groupHelp(path: string, row: CommandRow, commands: readonly Command[]): string {
  const words = path.split(' ');
  const type = words.length > 1 ? ' [type]' : '';
  const example = commands.find((command) => command.path.startsWith(`${path} `))?.examples[0];
  const lines = [
    `Usage: stile ${path}${type} [sub command] [options] [args]`,
    '',
    `  ${row.summary}.${otherNames(words.length > 1 ? [] : (row.aliases ?? []))}`,
    ...(example === undefined ? [] : ['', '  Example:', '', `      $ ${example}`]),
    ...subcommandLines(path, commands),
  ];
  return lines.join('\n');
}

/** One command: usage, what it does, examples, flags by group. */
export function commandHelp(command: Command, commands: readonly Command[]): string {
  const sentences = [command.description];
  if (command.positional !== undefined)
    sentences.push(`The ${command.positional} can also be the first word.`);
  if (command.passthrough === true) sentences.push('What follows "--" is passed to the program that runs.');
  if (command.assignments === true) sentences.push('Options can also be written as key=value.');
  const [, ...others] = pathsOf(command).map((path) => path.join(' '));
  if (command.sameAs !== undefined) others.unshift(command.sameAs);
  const lines = [
    `Usage: stile ${command.path}${operandUsage(command)} [options]${command.operands === undefined ? ' [args]' : ''}`,
    '',
    wrap([`  ${sentences.join(' ')}${otherNames(others)}`], helpColumns),
    '',
    command.examples.length > 1 ? '  Examples:' : '  Example:',
    '',
    ...command.examples.map((example) => `      $ ${example}`),
    '',
  ];
  for (const group of command.groups) {
    const flags = group.flags.filter((flag) => flag.hidden !== true);
    if (flags.length === 0) continue;
    const sorted = flags.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    lines.push(`${group.title}:`, '', ...sorted.flatMap(flagHelp));
  }
  lines.push(...subcommandLines(command.path, commands));
  return lines.join('\n').trimEnd();
}
