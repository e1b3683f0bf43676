/** `stile dev`: a controller and a worker with first resources, from one command (http-api.md §3). The work stands in server/. */
import type { Command, CommandContext, CheckFailure, Flag } from '../command.ts';
import { checkLogLevel, logLevels } from '../server/server-flags.ts';
import { withStartFailures } from '../server/start-failure.ts';

const text = (name: string, env: string, help: string, value?: string): Flag => ({
  name,
  type: 'string',
  help,
  ...(env === '' ? {} : { env }),
  ...(value === undefined ? {} : { default: value }),
});

const resourceFlags: readonly Flag[] = [
  text(
    'id-suffix',
    'DEV_ID_SUFFIX',
    'Ten characters of [A-Za-z0-9] that ids of first resources end in.',
    '1234567890',
  ),
  text(
    'secondary-id-suffix',
    'DEV_SECONDARY_ID_SUFFIX',
    'The same for second resources, as the target with host sources.',
    '0987654321',
  ),
  text('login-name', 'DEV_LOGIN_NAME', 'Login name of the administrator.', 'admin'),
  text('password', 'DEV_PASSWORD', 'Password of the administrator.', 'password'),
  text(
    'unprivileged-login-name',
    'DEV_UNPRIVILEGED_LOGIN_NAME',
    'Login name of a user without further rights.',
    'user',
  ),
  text('unprivileged-password', 'DEV_UNPRIVILEGED_PASSWORD', 'Password of that user.', 'password'),
  text('host-address', 'DEV_HOST_ADDRESS', 'Address of the first host, without a port.', 'localhost'),
  {
    name: 'target-default-port',
    type: 'uint',
    env: 'DEV_TARGET_DEFAULT_PORT',
    default: '22',
    help: 'Port of the first targets.',
  },
  {
    name: 'target-session-connection-limit',
    type: 'int',
    env: 'DEV_TARGET_SESSION_CONNECTION_LIMIT',
    default: '-1',
    help: 'Connections that a session of the first targets may open; -1 is unlimited.',
  },
  {
    name: 'target-session-max-seconds',
    type: 'uint',
    env: 'DEV_TARGET_SESSION_MAX_SECONDS',
    default: '0',
    help: 'How long a session of the first targets lasts; 0 is eight hours.',
  },
  {
    name: 'skip-alias-target-creation',
    type: 'boolean',
    help: 'Make no targets with aliases.',
    hidden: true,
  },
];

const listenFlags: readonly Flag[] = [
  text(
    'api-listen-address',
    'DEV_CONTROLLER_API_LISTEN_ADDRESS',
    'host:port of the HTTP API.',
    '127.0.0.1:9200',
  ),
  text(
    'cluster-listen-address',
    'DEV_CONTROLLER_CLUSTER_LISTEN_ADDRESS',
    'host:port that workers call.',
    '127.0.0.1:9201',
  ),
  text(
    'proxy-listen-address',
    'DEV_WORKER_PROXY_LISTEN_ADDRESS',
    'host:port that clients dial on the worker.',
    '127.0.0.1:9202',
  ),
  text('ops-listen-address', 'DEV_OPS_LISTEN_ADDRESS', 'host:port of health and metrics.', '127.0.0.1:9203'),
  text(
    'controller-public-cluster-address',
    'DEV_CONTROLLER_PUBLIC_CLUSTER_ADDRESS',
    'host:port that workers are told to call.',
  ),
  text('worker-public-address', 'DEV_WORKER_PUBLIC_ADDRESS', 'host:port that clients are told to dial.'),
  { name: 'controller-only', type: 'boolean', help: 'Start no worker.' },
  {
    name: 'api-rate-limit-disable',
    type: 'boolean',
    help: 'No limits on API requests: for tests and scripts.',
  },
];

const storeFlags: readonly Flag[] = [
  text(
    'database-url',
    '',
    'A database to keep: sqlite:///path or postgresql://…, also as env://NAME or file://PATH. Without it a SQLite file in a temporary directory is used, which is gone at exit.',
  ),
  text(
    'root-key',
    'DEV_ROOT_KEY',
    'With -database-url: 32 bytes in base64 as env://NAME or file://PATH that open what the database seals. Without it a key is kept in your state directory.',
  ),
  {
    name: 'log-level',
    type: 'string',
    env: 'LOG_LEVEL',
    default: 'info',
    completes: logLevels,
    help: 'Least severity that is logged, on standard error.',
  },
];

/** Flags of the same command elsewhere that have no meaning here; accepted so that scripts keep working. */
const ignoredFlags: readonly Flag[] = [
  ...['container-image', 'recovery-key', 'worker-auth-key', 'bsr-key', 'log-format', 'event-format'].map(
    (name) => ({ name, type: 'string', help: 'No effect.', hidden: true }) as const,
  ),
  ...['observation-events', 'telemetry-events', 'audit-events', 'system-events'].map(
    (name) => ({ name, type: 'boolean', help: 'No effect.', hidden: true }) as const,
  ),
  ...[
    'worker-auth-method',
    'worker-auth-storage-dir',
    'worker-recording-storage-dir',
    'plugin-execution-dir',
  ].map((name) => ({ name, type: 'string', help: 'No effect.', hidden: true }) as const),
  ...[
    'combine-logs',
    'disable-database-destruction',
    'skip-oidc-auth-method-creation',
    'skip-ldap-auth-method-creation',
    'skip-plugins',
  ].map((name) => ({ name, type: 'boolean', help: 'No effect.', hidden: true }) as const),
];

const suffixPattern = /^[A-Za-z0-9]{10}$/;

/** Nobody could log in with another name: accounts are looked up by names of this form alone. */
const loginNamePattern = /^[a-z0-9.-]+$/;

function check(context: CommandContext): CheckFailure | undefined {
  const { flags } = context;
  const first = flags.text('id-suffix');
  const second = flags.text('secondary-id-suffix');
  for (const [name, value] of [
    ['id-suffix', first],
    ['secondary-id-suffix', second],
  ] as const) {
    if (!suffixPattern.test(value))
      return { message: `-${name} must be exactly 10 characters of [A-Za-z0-9]` };
  }
  if (first === second) return { message: '-id-suffix and -secondary-id-suffix must differ' };
  const port = flags.number('target-default-port') ?? 0;
  if (port < 1 || port > 65_535) return { message: '-target-default-port must be between 1 and 65535' };
  const limit = flags.number('target-session-connection-limit') ?? -1;
  if (limit !== -1 && limit < 1)
    return { message: '-target-session-connection-limit must be -1 or greater than zero' };
  for (const name of ['login-name', 'unprivileged-login-name']) {
    if (!loginNamePattern.test(flags.text(name)))
      return { message: `-${name}: login names are lower case letters, digits, "." and "-"` };
  }
  for (const name of ['password', 'unprivileged-password']) {
    if (flags.text(name) === '') return { message: `-${name} must not be empty` };
  }
  return checkLogLevel(context);
}

/** The command. */
export const commands: readonly Command[] = [
  {
    path: 'dev',
    summary: 'Start a controller and a worker for development',
    description:
      'Starts a whole broker in one process, with an administrator, a user, an organisation, a project, a host and targets. Everything is gone at exit unless -database-url names a database to keep.',
    examples: ['stile dev', 'stile dev -host-address 10.0.0.5 -target-default-port 2222'],
    groups: [
      { title: 'Resource Options', flags: [...resourceFlags, ...ignoredFlags] },
      { title: 'Listener Options', flags: listenFlags },
      { title: 'Store and Log Options', flags: storeFlags },
    ],
    ownsProcess: true,
    check,
    run: async (context) => {
      const { runDev } = await import('../server/run-dev.ts');
      return withStartFailures(context.output, () => runDev(context));
    },
  },
];
