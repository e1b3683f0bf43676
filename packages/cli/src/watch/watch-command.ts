/** `stile sessions watch`: the row of the command table; what it does is loaded when it runs. */
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, CommandContext } from '../command.ts';
import { scopeParent } from '../resources/row-parts/parents.ts';
import type { ApiSession } from '../tokens/api-session.ts';
import { attempt } from '../tokens/attempt.ts';

async function run(context: CommandContext): Promise<number> {
  const { watchSessions } = await import('./session-watch.ts');
  const watch = async ({ client }: ApiSession): Promise<number> => {
    await watchSessions(context, client);
    return 0;
  };
  return attempt(context, { verb: 'watch', noun: 'session' }, watch, { endsItself: true });
}

/** `stile sessions watch`. */
export const watchCommand: Command = {
  path: 'sessions watch',
  permission: 'session:list',
  summary: 'Watch sessions live',
  description:
    'Shows sessions as they change, until Ctrl-C: a live table in a terminal, a line for each change elsewhere, with -format json a line for each event. Without -scope-id the sessions of all scopes are watched. A lost connection is found again by itself, on any controller.',
  examples: [
    'stile sessions watch',
    'stile sessions watch -scope-id p_1234567890',
    'stile sessions watch -format json',
    'stile sessions watch -filter \'"/item/user_id" == "u_1234567890"\'',
  ],
  groups: [
    ...apiOptions,
    {
      title: 'Command Options',
      flags: [
        {
          ...scopeParent.flag,
          help: 'The project whose sessions are shown; another scope needs -recursive. Without it, the sessions of all scopes are shown.',
        },
        {
          name: 'filter',
          type: 'string',
          help: 'Expression that a session must fulfil to be shown, evaluated by the controller, as \'"/item/status" == "active"\'.',
        },
        {
          name: 'include-terminated',
          type: 'boolean',
          help: 'Also show sessions that have ended; else they stay for a minute.',
        },
        { name: 'recursive', type: 'boolean', help: 'Also show what lies in the scopes below.' },
      ],
    },
  ],
  run,
};
