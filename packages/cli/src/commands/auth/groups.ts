/** What the commands of `stile auth` share: their options, their help, and the results of several of them (tokens.md §3.3). */
import { apiOptions } from '../../arguments/standard-flags.ts';
import type { Command, CommandContext, Flag, FlagGroup } from '../../command.ts';

/** The options of a command of `auth`. */
export function groups(flags: readonly Flag[]): readonly FlagGroup[] {
  return [...apiOptions, { title: 'Command Options', flags }];
}

/** A row of `auth`: its options can be written `key=value`. */
export function authCommand(command: Omit<Command, 'assignments'>): Command {
  return { ...command, assignments: true };
}

/** `<null>`, as TrueNAS prints what has nothing to say; in JSON the answer. */
export function showNothing({ output }: CommandContext, status: number, item: unknown): number {
  if (output.isJson) output.printJson({ status_code: status, item });
  else output.print('<null>');
  return 0;
}

/** `true` or `false`; in JSON `{"valid":…}`. */
export function showValid({ output }: CommandContext, status: number, isValid: boolean): number {
  if (output.isJson) output.printJson({ status_code: status, item: { valid: isValid } });
  else output.print(String(isValid));
  return 0;
}
