/** `stile connect` and its helpers: the rows of the command table (cli.md §4). The work is in `../connect/`. */
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, Flag } from '../command.ts';
import { checkTarget } from '../connect/authorization.ts';
import { databaseHelpers } from '../connect/database-helpers.ts';
import type { Helper } from '../connect/helper.ts';
import { sshHelper } from '../connect/ssh-helper.ts';
import { webHelpers } from '../connect/web-helpers.ts';

const connectFlags: readonly Flag[] = [
  {
    name: 'authz-token',
    type: 'string',
    env: 'CONNECT_AUTHZ_TOKEN',
    secret: true,
    help: 'Use a session that was authorized before, here or on another machine; no login is needed. "-" reads standard input: the token, or the JSON of "targets authorize-session". env://NAME and file://PATH work too.',
  },
  {
    name: 'target-id',
    type: 'string',
    completesFrom: 'target',
    help: 'ID or alias of the target. It can also be the first word.',
  },
  {
    name: 'target-name',
    type: 'string',
    help: 'Name of the target. Needs -target-scope-id or -target-scope-name.',
  },
  {
    name: 'target-scope-id',
    type: 'string',
    env: 'CONNECT_TARGET_SCOPE_ID',
    completesFrom: 'scope',
    help: 'ID of the scope that the named target lies in.',
  },
  {
    name: 'target-scope-name',
    type: 'string',
    env: 'CONNECT_TARGET_SCOPE_NAME',
    help: 'Name of the scope that the named target lies in.',
  },
  {
    name: 'host-id',
    type: 'string',
    help: "ID of the host to connect to, out of the target's host sources.",
  },
  {
    name: 'exec',
    type: 'string',
    env: 'CONNECT_EXEC',
    help: 'Program to run once the proxy listens. What follows "--" is passed to it; {{stile.port}}, {{stile.ip}} and {{stile.addr}} are replaced there.',
  },
  {
    name: 'inactive-timeout',
    type: 'duration',
    help: 'End this long after the last connection has ended. 0 or a negative duration: never.',
  },
];

const listenFlags: readonly Flag[] = [
  {
    name: 'listen-addr',
    type: 'string',
    env: 'CONNECT_LISTEN_ADDR',
    help: 'IP address to listen on. The default is 127.0.0.1.',
  },
  {
    name: 'listen-port',
    type: 'int',
    env: 'CONNECT_LISTEN_PORT',
    help: "Port to listen on. The default is the target's client port, else a free one.",
  },
];

function helperCommand(helper: Helper): Command {
  const style: Flag = {
    name: 'style',
    type: 'string',
    env: helper.styleVariable,
    default: helper.styles[0],
    completes: helper.styles,
    help: `How to call the program: ${helper.styles.map((each) => `"${each}"`).join(', ')}. It is also the program that runs, unless -exec names another.`,
  };
  return {
    path: `connect ${helper.name}`,
    summary: helper.summary,
    description: `Authorizes a session against a target and runs a program through it. When the program ends, the session is ended, and the exit code is the program's.`,
    examples: [helper.example],
    groups: [
      ...apiOptions,
      { title: 'Connect Options', flags: connectFlags },
      { title: helper.title, flags: [style, ...helper.flags] },
    ],
    positional: 'target',
    passthrough: true,
    check: (context) => {
      const chosen = context.flags.text('style').toLowerCase();
      return helper.styles.includes(chosen)
        ? checkTarget(context)
        : {
            message: `Unknown style ${JSON.stringify(chosen)}: this command has ${helper.styles.join(', ')}`,
          };
    },
    run: async (context) => {
      const { runConnect } = await import('../connect/connect-run.ts');
      return runConnect(context, helper);
    },
  };
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'connect',
    summary: 'Connect to a target through a Stile worker',
    description:
      'Authorizes a session against a target and listens on a local port, whose connections are led through a worker to the target. At the end the session is ended.',
    examples: [
      'stile connect -target-id ttcp_1234567890',
      'stile connect ttcp_1234567890 -exec curl -- http://{{stile.addr}}/',
      'stile targets authorize-session -id ttcp_1234567890 -format json | ssh other.example stile connect -authz-token -',
    ],
    groups: [...apiOptions, { title: 'Connect Options', flags: [...connectFlags, ...listenFlags] }],
    positional: 'target',
    passthrough: true,
    check: checkTarget,
    run: async (context) => {
      const { runConnect } = await import('../connect/connect-run.ts');
      return runConnect(context, undefined);
    },
  },
  ...[sshHelper, ...databaseHelpers, ...webHelpers].map(helperCommand),
];
