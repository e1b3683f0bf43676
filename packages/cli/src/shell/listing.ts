/** What `ls` shows: the namespaces and commands of a place with what they are for (tokens.md §3.4); in the shell and as `stile auth ls`. */
import type { Command, CommandRow } from '../command.ts';
import type { Output } from '../terminal/output.ts';
import { styledTable } from '../terminal/styled-table.ts';

/** One name of a place. */
export interface Entry {
  readonly name: string;
  readonly description: string;
  readonly isNamespace: boolean;
}

function sorted(entries: readonly Entry[]): Entry[] {
  return entries.toSorted(
    (a, b) => Number(b.isNamespace) - Number(a.isNamespace) || (a.name < b.name ? -1 : 1),
  );
}

/** Longest list of names in a description, characters. */
const maxNames = 60;

/** What a namespace is for, where no command says so: the first names in it. */
function holding(names: readonly string[]): string {
  let text = '';
  for (const name of names) {
    if (text.length + name.length > maxNames) return `Commands: ${text}, …`;
    text += `${text === '' ? '' : ', '}${name}`;
  }
  return `Commands: ${text}`;
}

/** The entries of the root. */
export function rootEntries(rows: readonly CommandRow[], commands: readonly Command[]): Entry[] {
  const shown = rows.filter((row) => row.group !== 'hidden');
  return sorted(
    shown.map(({ name, summary }) => ({
      name,
      description: summary,
      isNamespace: commands.some((command) => command.path.startsWith(`${name} `)),
    })),
  );
}

/** The entries below a namespace. */
export function entriesOf(commands: readonly Command[], place: readonly string[]): Entry[] {
  const start = `${place.join(' ')} `;
  const below = commands
    .filter((command) => command.path.startsWith(start))
    .map((command) => ({ command, words: command.path.slice(start.length).split(' ') }));
  const names = new Set(below.map(({ words }) => words[0] ?? ''));
  return sorted(
    [...names].map((name) => {
      const within = below.filter(({ words }) => words[0] === name);
      const own = within.find(({ words }) => words.length === 1);
      const inner = [...new Set(within.flatMap(({ words }) => words[1] ?? []))];
      return {
        name,
        description: own?.command.summary ?? holding(inner),
        isNamespace: inner.length > 0,
      };
    }),
  );
}

/** Prints entries as a table, or as JSON. */
export function printEntries(output: Output, entries: readonly Entry[]): void {
  if (output.isJson) {
    output.printJson({
      items: entries.map(({ name, description, isNamespace }) => ({
        name,
        description,
        is_namespace: isNamespace,
      })),
    });
    return;
  }
  const rows = entries.map(({ name, description }) => [name, description]);
  output.print(styledTable('box', { header: ['Commands', 'Description'], rows }).join('\n'));
}
