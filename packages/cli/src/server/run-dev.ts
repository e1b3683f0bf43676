/** `stile dev`: a controller and a worker with first resources, on a SQLite file that is gone at exit, or on a database to keep. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControllerParts, InitialPlan } from '@stile/controller';
import { StileError, toStileError } from '@stile/protocol/errors';
import { Secret, parseHostPort, type HostPort } from '@stile/runtime';
import type { FlagValues } from '../arguments/flag-values.ts';
import type { CommandContext } from '../command.ts';
import { resolveSecretText } from '../config/config-values.ts';
import { serve, type RunningController } from './serve.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** Where PostgreSQL would listen if it ran on this machine; the target with the alias `postgres.boundary.dev` leads there. */
const postgresPort = 5432;

/** Runs the command. @throws {StileError} what a part fails with at start */
export async function runDev(context: CommandContext): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'stile-dev-'));
  chmodSync(folder, 0o700);
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  // Also when a second signal ends the process at once.
  process.once('exit', removeFolder);
  try {
    return await serveDev(context, folder);
  } catch (error) {
    throw namingFlag(error, context.flags);
  } finally {
    removeFolder();
  }
}

const listenFlags = [
  'api-listen-address',
  'cluster-listen-address',
  'proxy-listen-address',
  'ops-listen-address',
] as const;

/** An address to listen on. @throws {StileError} invalidFlag, naming the flag */
function listenAddress(flags: FlagValues, name: (typeof listenFlags)[number]): HostPort {
  try {
    return parseHostPort(flags.text(name));
  } catch (cause) {
    throw new StileError('invalidFlag', `-${name}: ${toStileError(cause).message}`, { cause });
  }
}

/** The failure to listen on an address with the flag that names another one. */
function namingFlag(error: unknown, flags: FlagValues): unknown {
  if (!(error instanceof StileError) || error.code !== 'listenFailed') return error;
  const name = listenFlags.find((each) => error.message.includes(` ${flags.text(each)}: `));
  if (name === undefined) return error;
  const isTaken = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';
  const guess = isTaken ? ' (does another stile dev run?)' : '';
  return new StileError('listenFailed', `${error.message}${guess}; -${name} names another one`, {
    cause: error,
  });
}

async function serveDev({ flags, environment, output }: CommandContext, folder: string): Promise<number> {
  const { generateRootKey } = await import('@stile/controller');
  const variables = environment.copy();
  const kept = flags.text('database-url');
  const url = kept === '' ? `sqlite://${join(folder, 'stile.db')}` : resolveSecretText(kept, variables);
  const rootKey =
    kept === '' ? generateRootKey() : keptRootKey(flags.text('root-key'), variables, generateRootKey);
  const logLevel = flags.text('log-level');
  const [api, cluster, proxy, ops] = listenFlags;
  const listener = (name: (typeof listenFlags)[number]): { address: HostPort } => ({
    address: listenAddress(flags, name),
  });
  // The worker's is read before the controller starts, too.
  listener(proxy);
  const publicCluster = flags.text('controller-public-cluster-address');
  return serve(
    {
      command: 'dev',
      logLevel,
      facts: factsOf(flags, kept === ''),
      controller: {
        name: 'dev-controller',
        database: { url: new Secret(url) },
        rootKey,
        listeners: {
          api: [listener(api)],
          cluster: listener(cluster),
          ops: listener(ops),
        },
        ...(publicCluster === '' ? {} : { publicClusterAddress: publicCluster }),
        apiRateLimitDisable: flags.bool('api-rate-limit-disable'),
        migrate: true,
      },
      prepare: (parts) => makeFirstResources(parts, flags),
      ...(flags.bool('controller-only')
        ? {}
        : { worker: (controller) => workerPlanOf(controller, { flags, folder, logLevel }) }),
    },
    output,
  );
}

/** The key given, or the one kept in the user's state directory, made at the first start: a kept database needs the same key again. */
function keptRootKey(
  given: string,
  variables: Readonly<Record<string, string | undefined>>,
  generate: () => Secret,
): Secret {
  if (given !== '') {
    if (!/^(env|file):\/\//.test(given)) {
      throw new StileError(
        'invalidFlag',
        '-root-key must be env://NAME or file://PATH: a key on the command line can be seen by others',
      );
    }
    return new Secret(resolveSecretText(given, variables));
  }
  const state = variables['XDG_STATE_HOME'] ?? join(variables['HOME'] ?? homedir(), '.local', 'state');
  const path = join(state, 'stile', 'dev-root.key');
  try {
    mkdirSync(join(state, 'stile'), { recursive: true, mode: 0o700 });
    try {
      writeFileSync(path, generate().reveal(), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // It is there from an earlier start: that one counts.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return new Secret(readFileSync(path, 'utf8').trim());
  } catch (cause) {
    throw new StileError(
      'invalidConfig',
      `the root key in ${path} can neither be read nor made; give one with -root-key`,
      { cause },
    );
  }
}

async function makeFirstResources(parts: ControllerParts, flags: FlagValues): Promise<void> {
  const { createInitialResources, isInitialized } = await import('@stile/controller');
  if (await isInitialized(parts.database)) return;
  const login = async (name: string): Promise<{ loginName: string; passwordHash: string }> => ({
    loginName: flags.text(`${name}login-name`),
    passwordHash: await parts.passwords.hash(new Secret(flags.text(`${name}password`))),
  });
  const [admin, user] = await Promise.all([login(''), login('unprivileged-')]);
  const maxSeconds = flags.number('target-session-max-seconds') ?? 0;
  const plan: InitialPlan = {
    suffix: flags.text('id-suffix'),
    secondarySuffix: flags.text('secondary-id-suffix'),
    admin,
    user,
    mayConnect: 'mayConnect',
    hasScopeRoles: false,
    skip: {},
    hostAddress: flags.text('host-address'),
    targets: {
      defaultPort: flags.number('target-default-port') ?? 22,
      connectionLimit: flags.number('target-session-connection-limit') ?? -1,
      ...(maxSeconds === 0 ? {} : { maxSeconds }),
      ...(flags.bool('skip-alias-target-creation')
        ? {}
        : { aliasPostgres: { port: postgresPort, keys: parts.keys } }),
    },
  };
  await createInitialResources(parts.database, parts.clock, plan);
}

async function workerPlanOf(
  controller: RunningController | undefined,
  around: { readonly flags: FlagValues; readonly folder: string; readonly logLevel: string },
): Promise<WorkerPlan> {
  if (controller === undefined) throw new StileError('internal', 'a dev worker needs its controller');
  const { activateLocalWorker } = await import('@stile/controller');
  const { flags, folder, logLevel } = around;
  const id = `w_${flags.text('id-suffix')}`;
  const name = id.toLowerCase();
  const description = 'A default worker created in dev mode';
  const { database, workers } = controller.parts;
  const token = await activateLocalWorker({ database, registry: workers }, { id, name, description });
  const publicAddress = flags.text('worker-public-address');
  return {
    name,
    description,
    listenAddress: flags.text('proxy-listen-address'),
    ...(publicAddress === '' ? {} : { publicAddress }),
    upstreams: [controller.clusterAddress],
    tags: { type: ['dev', 'local'] },
    authStoragePath: join(folder, 'worker'),
    activationToken: token.reveal(),
    logLevel,
  };
}

/** Lines of the banner that scripts look up (http-api.md §3.4). */
function factsOf(flags: FlagValues, isTemporary: boolean): Record<string, string> {
  const suffix = flags.text('id-suffix');
  const aliases = flags.bool('skip-alias-target-creation')
    ? {}
    : {
        'generated postgres target with alias': 'postgres.boundary.dev',
        'generated ssh target with alias': 'ssh.boundary.dev',
        'generated web target with alias': 'www.hashicorp.com',
      };
  return {
    'dev database': isTemporary
      ? 'SQLite file in a temporary directory, removed at exit'
      : 'kept (-database-url)',
    'generated admin login name': flags.text('login-name'),
    'generated admin password': flags.text('password'),
    'generated host catalog id': `hcst_${suffix}`,
    'generated host id': `hst_${suffix}`,
    'generated host set id': `hsst_${suffix}`,
    'generated org scope id': `o_${suffix}`,
    'generated password auth method id': `ampw_${suffix}`,
    'generated project scope id': `p_${suffix}`,
    'generated target with address id': `ttcp_${suffix}`,
    'generated target with host source id': `ttcp_${flags.text('secondary-id-suffix')}`,
    'generated unprivileged login name': flags.text('unprivileged-login-name'),
    'generated unprivileged password': flags.text('unprivileged-password'),
    ...aliases,
  };
}
