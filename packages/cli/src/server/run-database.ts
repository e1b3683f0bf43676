/** `stile database init|migrate`: tables, first resources, and the recorded output (http-api.md §4.2). */
import type { InitialPlan, InitialResources, MadeTarget } from '@stile/controller';
import { randomBase62 } from '@stile/protocol/ids';
import { Secret, createLogger, systemClock, type Logger } from '@stile/runtime';
import type { FlagValues } from '../arguments/flag-values.ts';
import type { CommandContext } from '../command.ts';
import type { Output } from '../terminal/output.ts';
import { readConfigFile } from '../config/config-file.ts';
import { controllerConfigOf } from './run-server.ts';

/** Characters of the administrator's password; base62. */
const passwordLength = 20;
const loginName = 'admin';

/** What the two commands work on. */
interface Ground {
  readonly url: string;
  readonly rootKey: Secret;
  readonly log: Logger;
}

function groundOf({ flags, environment }: CommandContext): Ground {
  const config = readConfigFile(flags.text('config'), environment.copy());
  const { database, rootKey } = controllerConfigOf(config);
  const level = flags.isGiven('log-level') ? flags.text('log-level') : config.log_level;
  return { url: database.url.reveal(), rootKey, log: createLogger({ level }) };
}

/** Runs `database init`. @throws {StileError} invalidConfig, unavailable, storageFull */
export async function runDatabaseInit(context: CommandContext): Promise<number> {
  const {
    KeyService,
    PasswordHasher,
    createInitialResources,
    isInitialized,
    migrate,
    openDatabase,
    rootKeyOf,
  } = await import('@stile/controller');
  const { url, rootKey, log } = groundOf(context);
  const { output, flags } = context;
  const database = await openDatabase({ url, clock: systemClock, log });
  try {
    if (await isInitialized(database)) {
      output.print(
        'Database has already been initialized. Please use "stile database migrate" if there are any new schema changes to apply.',
      );
      return 0;
    }
    await migrate(database);
    if (!output.isJson) output.print('Migrations successfully run.');
    const keys = await KeyService.open({ database, rootKey: rootKeyOf(rootKey), clock: systemClock, log });
    keys.close();
    if (!output.isJson) output.print('Global-scope KMS keys successfully created.');
    const password = randomBase62(passwordLength);
    const passwordHash = await new PasswordHasher().hash(new Secret(password));
    const made = await createInitialResources(database, systemClock, planOf(flags, passwordHash));
    printInitialResources(output, made, password);
    return 0;
  } finally {
    await database.close();
  }
}

/** Runs `database migrate`. @throws {StileError} invalidConfig, unavailable, failedPrecondition (newer version) */
export async function runDatabaseMigrate(context: CommandContext): Promise<number> {
  const { isInitialized, migrate, openDatabase } = await import('@stile/controller');
  const { url, log } = groundOf(context);
  const database = await openDatabase({ url, clock: systemClock, log });
  try {
    if (!(await isInitialized(database))) {
      context.output.error(
        'Database has not been initialized. Please use "stile database init" to initialize it.',
      );
      // The recorded status (cli.md §2.5).
      return 255;
    }
    const { applied } = await migrate(database);
    if (context.output.isJson) context.output.printJson({ applied });
    else
      context.output.print(applied.length === 0 ? 'No migrations to run.' : 'Migrations successfully run.');
    return 0;
  } finally {
    await database.close();
  }
}

function planOf(flags: FlagValues, passwordHash: string): InitialPlan {
  return {
    ...(flags.bool('skip-auth-method-creation') ? {} : { admin: { loginName, passwordHash } }),
    mayConnect: 'mayNotConnect',
    hasScopeRoles: true,
    skip: {
      loginRole: flags.bool('skip-initial-login-role-creation'),
      authenticatedUserRole: flags.bool('skip-initial-authenticated-user-role-creation'),
      scopes: flags.bool('skip-scopes-creation'),
      hostResources: flags.bool('skip-host-resources-creation'),
      targets: flags.bool('skip-target-creation'),
    },
    hostAddress: 'localhost',
    targets: { defaultPort: 22, connectionLimit: -1 },
  };
}

/** One block: its heading, its key in JSON, its rows by label and its JSON object. */
interface Block {
  readonly heading: string;
  readonly key: string;
  readonly rows: Readonly<Record<string, string>>;
  readonly json: object;
}

function printInitialResources(output: Output, made: InitialResources, password: string): void {
  const blocks = blocksOf(made, password);
  if (output.isJson) {
    output.printJson(Object.fromEntries(blocks.map((block) => [block.key, block.json])));
    return;
  }
  for (const { heading, rows } of blocks) {
    const width = Math.max(...Object.keys(rows).map((label) => label.length)) + 2;
    const lines = Object.entries(rows)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([label, value]) => `  ${`${label}:`.padEnd(width + 1)} ${value}`);
    output.print(['', `${heading}:`, ...lines].join('\n'));
  }
}

function blocksOf(made: InitialResources, password: string): Block[] {
  const projectId = made.project?.id ?? '';
  const blocks: (Block | undefined)[] = [
    roleBlock('Initial login role information', 'login_role', made.loginRole),
    roleBlock(
      'Initial authenticated user role information',
      'authenticated_user_role',
      made.authenticatedUserRole,
    ),
    authBlock(made, password),
    scopeBlock('Initial org scope information', 'org_scope', made.org, 'org'),
    scopeBlock('Initial project scope information', 'project_scope', made.project, 'project'),
    hostBlock(made, projectId),
    targetBlock('target', made.addressTarget, projectId),
    targetBlock('target_secondary', made.hostSourceTarget, projectId),
  ];
  return blocks.filter((block) => block !== undefined);
}

type Made = { readonly id: string; readonly name: string } | undefined;

/** The role's id stands under `scope_id`, as recorded (http-api.md §4.2). */
function roleBlock(heading: string, key: string, role: Made): Block | undefined {
  if (role === undefined) return undefined;
  return {
    heading,
    key,
    rows: { Name: role.name, 'Role ID': role.id },
    json: { scope_id: role.id, name: role.name },
  };
}

function authBlock({ authMethod }: InitialResources, password: string): Block | undefined {
  if (authMethod === undefined) return undefined;
  const json = {
    auth_method_id: authMethod.id,
    auth_method_name: authMethod.name,
    login_name: loginName,
    password,
    scope_id: 'global',
    user_id: authMethod.userId,
    user_name: authMethod.userName,
  };
  const rows = {
    'Auth Method ID': json.auth_method_id,
    'Auth Method Name': json.auth_method_name,
    'Login Name': json.login_name,
    Password: password,
    'Scope ID': json.scope_id,
    'User ID': json.user_id,
    'User Name': json.user_name,
  };
  return { heading: 'Initial auth information', key: 'auth_method', rows, json };
}

function scopeBlock(heading: string, key: string, scope: Made, type: string): Block | undefined {
  if (scope === undefined) return undefined;
  const rows = { Name: scope.name, 'Scope ID': scope.id, Type: type };
  return { heading, key, rows, json: { scope_id: scope.id, type, name: scope.name } };
}

function hostBlock({ hostResources }: InitialResources, projectId: string): Block | undefined {
  if (hostResources === undefined) return undefined;
  const { hostCatalog, hostSet, host } = hostResources;
  const json = {
    host_catalog_id: hostCatalog.id,
    host_set_id: hostSet.id,
    host_id: host.id,
    type: 'static',
    scope_id: projectId,
    host_catalog_name: hostCatalog.name,
    host_set_name: hostSet.name,
    host_name: host.name,
  };
  const rows = {
    'Host Catalog ID': hostCatalog.id,
    'Host Catalog Name': hostCatalog.name,
    'Host ID': host.id,
    'Host Name': host.name,
    'Host Set ID': hostSet.id,
    'Host Set Name': hostSet.name,
    'Scope ID': projectId,
    Type: 'static',
  };
  return { heading: 'Initial host resources information', key: 'host_resources', rows, json };
}

function targetBlock(key: string, target: MadeTarget | undefined, projectId: string): Block | undefined {
  if (target === undefined) return undefined;
  const json = {
    target_id: target.id,
    default_port: target.defaultPort,
    session_max_seconds: target.maxSeconds,
    session_connection_limit: target.connectionLimit,
    type: 'tcp',
    scope_id: projectId,
    name: target.name,
  };
  const rows = {
    'Default Port': String(target.defaultPort),
    Name: target.name,
    'Scope ID': projectId,
    'Session Connection Limit': String(target.connectionLimit),
    'Session Max Seconds': String(target.maxSeconds),
    'Target ID': target.id,
    Type: 'tcp',
  };
  return { heading: 'Initial target information', key, rows, json };
}
