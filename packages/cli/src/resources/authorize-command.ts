/** `targets authorize-session`: the one verb whose target can be named by id, alias, or name and scope (cli.md §2.3, 3.3). */
import { apiOptions } from '../arguments/standard-flags.ts';
import type { CheckFailure, Command, CommandContext } from '../command.ts';
import { authorizeLayout, credentialLines } from '../terminal/credential-lines.ts';
import { block, localTime } from '../terminal/layout.ts';
import { reportFailure, withApi } from '../tokens/api-session.ts';
import { idOf } from './resource-runs.ts';
import type { Json } from './resource-spec.ts';
import { asJson } from './table-view.ts';

/** The nine rows that are always there, then credentials (cli.md §3.3). */
function authorizationLines(item: Json): string[] {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const rows = {
    'Authorization Token': text(item['authorization_token']),
    'Created Time': localTime(text(item['created_time'])),
    Endpoint: text(item['endpoint']),
    'Host ID': text(item['host_id']),
    'Scope ID': text(asJson(item['scope'])['id']),
    'Session ID': text(item['session_id']),
    'Target ID': text(item['target_id']),
    Type: text(item['type']),
    'User ID': text(item['user_id']),
  };
  const credentials = credentialLines(item['credentials'], authorizeLayout);
  const lines = ['', 'Target information:', ...block(rows, 2, 21)];
  return credentials.length === 0 ? [...lines, ''] : [...lines, ...credentials];
}

/** A scope from the environment yields to an id on the command line (cli.md §5.6). */
function scopeOf(context: CommandContext, flag: string): string {
  const isOverruled = idOf(context) !== '' && context.flags.origin(flag) === 'environment';
  return isOverruled ? '' : context.flags.text(flag);
}

function checkAuthorize(context: CommandContext): CheckFailure | undefined {
  const id = idOf(context);
  const name = context.flags.text('name');
  const hasScope = scopeOf(context, 'scope-id') !== '' || scopeOf(context, 'scope-name') !== '';
  if (id !== '') {
    return name !== '' || hasScope
      ? { message: 'Cannot specify a target ID and also other lookup parameters', plain: true }
      : undefined;
  }
  return name !== '' && hasScope
    ? undefined
    : {
        message:
          'ID was not passed in, but no combination of target name and scope ID/name was passed in either',
        plain: true,
      };
}

/** `stile targets authorize-session`. */
export const authorizeCommand: Command = {
  path: 'targets authorize-session',
  summary: 'Authorize a session against a target',
  description:
    'Asks for a session against a target and prints what authorizes it. Whoever has the printed token can use the session, once.',
  examples: [
    'stile targets authorize-session -id ttcp_1234567890',
    'stile targets authorize-session -name web -scope-id p_1234567890 -format json',
  ],
  positional: 'ID or alias',
  groups: [
    ...apiOptions,
    {
      title: 'Command Options',
      flags: [
        { name: 'id', type: 'string', help: 'ID of the target.' },
        {
          name: 'host-id',
          type: 'string',
          help: "ID of the host to connect to, out of the target's host sources.",
        },
        { name: 'name', type: 'string', help: 'Name of the target. Needs -scope-id or -scope-name.' },
        {
          name: 'scope-id',
          type: 'string',
          completesFrom: 'scope',
          env: 'SCOPE_ID',
          help: 'ID of the scope that the named target lies in.',
        },
        {
          name: 'scope-name',
          type: 'string',
          env: 'SCOPE_NAME',
          help: 'Name of the scope that the named target lies in.',
        },
      ],
    },
  ],
  check: checkAuthorize,
  run: (context) =>
    withApi(context, async ({ client }) => {
      const { flags, output } = context;
      const hostId = flags.text('host-id');
      const scopeId = scopeOf(context, 'scope-id');
      const scopeName = scopeOf(context, 'scope-name');
      try {
        const { status, body } = await client.authorizeSession({
          target: idOf(context) || flags.text('name'),
          ...(hostId === '' ? {} : { hostId }),
          ...(scopeId === '' ? {} : { scopeId }),
          ...(scopeName === '' ? {} : { scopeName }),
        });
        output.printItem(status, body, () => authorizationLines(asJson(body)));
        return 0;
      } catch (error) {
        return reportFailure(context, error, { verb: 'authorize-session', noun: 'a session against target' });
      }
    }),
};
