/** `stile read|update|delete ID`: shown in help; `run.ts` rewrites the command line before these are reached (cli.md §1.12). */
import type { Command, CommandContext } from '../command.ts';

async function refuse({ output, command }: CommandContext): Promise<number> {
  output.error(
    `stile ${command.path} needs the ID of a resource that this program knows, as in: ${command.examples[0]}`,
  );
  return Promise.resolve(1);
}

function shortcut(verb: string, what: string): Command {
  return {
    path: verb,
    summary: `${what} a resource by its ID`,
    description: `${what}s the resource with the given ID: the same as the "${verb}" command of the resource's type, whose flags can follow the ID.`,
    examples: [`stile ${verb} ttcp_1234567890`],
    groups: [],
    positional: 'ID',
    run: refuse,
  };
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  shortcut('read', 'Read'),
  shortcut('update', 'Update'),
  shortcut('delete', 'Delete'),
];
