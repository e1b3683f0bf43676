/** `stile version`: which Stile this is. Loads nothing but the printer (cli.md §1.13). */
import type { Command, CommandContext } from '../command.ts';
import { outputOptions } from '../arguments/standard-flags.ts';
import { block } from '../terminal/layout.ts';
import { version } from '../version.ts';

async function run({ output }: CommandContext): Promise<number> {
  if (output.isJson) output.printJson({ version });
  else output.printLines(['', 'Version information:', ...block({ 'Version Number': version }, 2, 19), '']);
  return Promise.resolve(0);
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'version',
    summary: 'Print the version',
    description: 'Prints the version of this program.',
    examples: ['stile version', 'stile version -format json'],
    groups: [outputOptions],
    run,
  },
];
