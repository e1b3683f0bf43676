/**
 * Composition root: builds the parts of a controller over one database, and owns the order in which they start and stop. The API
 * listens last, when everything behind it can answer, and stops first.
 */
import { StileError } from '@stile/protocol/errors';
import {
  OpsListener,
  Shutdown,
  silentLogger,
  systemClock,
  type Clock,
  type HostPort,
  type Logger,
  type WorkerProcessInfo,
} from '@stile/runtime';
import { apiOperations } from './api/operations.ts';
import { RateLimiter } from './api/limits/rate-limiter.ts';
import { requireLegalRules } from './api/limits/rate-limit-rules.ts';
import { limitedNameOf, type Operation } from './api/operation.ts';
import { ApiServer } from './api/server.ts';
import type { ApiServices } from './api/services.ts';
import { AliasService } from './alias/alias-service.ts';
import { listResolvableAliases } from './alias/alias-repository.ts';
import { listAccounts, lookupAccount } from './auth/account-repository.ts';
import { listAuthMethods, lookupAuthMethod } from './auth/auth-method-repository.ts';
import { AuthTokenChanges } from './auth/minting/auth-token-changes.ts';
import { AuthTokenExchange } from './auth/minting/auth-token-exchange.ts';
import { AuthTokenMinting } from './auth/minting/auth-token-minting.ts';
import { AuthTokenSweep } from './auth/sweep/auth-token-sweep.ts';
import { DatabasePulse } from './auth/sweep/database-pulse.ts';
import { AuthTokenService } from './auth/token/auth-token-service.ts';
import { auditToken } from './auth/token/token-audit.ts';
import { originText } from './auth/token/origin.ts';
import { makeSignIns, type SignIns } from './auth/sign-ins.ts';
import { ClusterListener } from './cluster/cluster-listener.ts';
import {
  controllerSettings,
  type ApiListenerConfig,
  type ControllerConfig,
  type ControllerSettings,
} from './config.ts';
import { CredentialService } from './credential/credential-service.ts';
import { HostService } from './host/host-service.ts';
import { RoleExplanation } from './iam/explain/role-explanation.ts';
import { GroupService } from './iam/group/group-service.ts';
import { IamService } from './iam/iam-service.ts';
import { RoleService } from './iam/role/role-service.ts';
import { listScopes, lookupScope } from './iam/scope-repository.ts';
import { ScopeService } from './iam/scope-service.ts';
import { UserIdentity } from './iam/user/user-identity.ts';
import { UserService } from './iam/user/user-service.ts';
import { listUsers, lookupUser } from './iam/user-repository.ts';
import { KeyService } from './keys/key-service.ts';
import { rootKeyOf } from './keys/root-key.ts';
import { ConnectionEnding } from './session/connection-ending.ts';
import { AccountEnding } from './session/ending/account-ending.ts';
import { AuthTokenEnding } from './session/ending/auth-token-ending.ts';
import { KeyRing } from './session/ending/key-ring.ts';
import { RoleRevocation } from './session/ending/role-revocation.ts';
import { ScopeEnding } from './session/ending/scope-ending.ts';
import { SecondFactorReset } from './session/ending/second-factor-reset.ts';
import { UserEnding } from './session/ending/user-ending.ts';
import { SessionEnding } from './session/session-ending.ts';
import { SessionReaper } from './session/session-reaper.ts';
import { SessionReconciliation } from './session/session-reconciliation.ts';
import { SessionRevocations } from './session/session-revocation.ts';
import { SessionService } from './session/session-service.ts';
import { SessionServing } from './session/session-serving.ts';
import { openDatabase, type Database } from './store/database.ts';
import { listSince } from './store/deleted-resource-repository.ts';
import { isInitialized, migrate, needsMigration } from './store/migrate.ts';
import { estimateRows } from './store/list/row-estimate.ts';
import { lookupTargetView } from './target/target-view-repository.ts';
import { TargetService } from './target/target-service.ts';
import { ClusterAuthority } from './worker-registry/cluster-authority.ts';
import { ControllerPresence } from './worker-registry/controller-presence.ts';
import { WorkerRegistry } from './worker-registry/worker-registry.ts';

/** What `prepare` and the holder of a controller may use: the use cases, and the database below them. */
export interface ControllerParts extends SignIns {
  readonly database: Database;
  readonly clock: Clock;
  readonly keys: KeyService;
  readonly iam: IamService;
  readonly scopeService: ScopeService;
  readonly scopeEnding: ScopeEnding;
  readonly keyRing: KeyRing;
  readonly userService: UserService;
  readonly userIdentity: UserIdentity;
  readonly userEndings: UserEnding;
  readonly groups: GroupService;
  readonly roles: RoleService;
  readonly explanation: RoleExplanation;
  readonly authTokens: AuthTokenService;
  readonly secondFactorReset: SecondFactorReset;
  readonly minting: AuthTokenMinting;
  readonly tokenChanges: AuthTokenChanges;
  readonly exchange: AuthTokenExchange;
  readonly tokenEndings: AuthTokenEnding;
  readonly hosts: HostService;
  readonly credentials: CredentialService;
  readonly aliases: AliasService;
  readonly targets: TargetService;
  readonly sessions: SessionService;
  readonly endings: SessionEnding;
  readonly accountEndings: AccountEnding;
  readonly workers: WorkerRegistry;
}

/** What surrounds a controller. */
export interface ControllerEnvironment {
  /** Default: no logs. */
  readonly log?: Logger;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Runs when the schema is there and before anything listens: the place for first resources. */
  readonly prepare?: (parts: ControllerParts) => Promise<void>;
  /** What `/health?worker_info=1` shows of a worker in this process. */
  readonly workerInfo?: () => WorkerProcessInfo;
}

/** A running controller. */
export interface Controller {
  /** Bound addresses, in the order of the configuration. */
  readonly apiAddresses: readonly HostPort[];
  readonly clusterAddress: HostPort;
  /** Undefined when there is no ops listener. */
  readonly opsAddress: HostPort | undefined;
  readonly parts: ControllerParts;
  /** Stops everything in order. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** Everything inside, the parts that nobody outside calls included. */
interface Assembly {
  readonly parts: ControllerParts;
  readonly reaper: SessionReaper;
  readonly tokenSweep: AuthTokenSweep;
  readonly revocations: SessionRevocations;
  readonly cluster: ClusterListener;
}

/**
 * Starts a controller. What was started is closed again when a later part fails.
 * @throws {StileError} invalidConfig, failedPrecondition (schema missing or old: the message says which command helps; other
 * root key), listenFailed, unavailable, storageFull
 */
export async function startController(
  config: ControllerConfig,
  environment: ControllerEnvironment = {},
): Promise<Controller> {
  const settings = controllerSettings(config);
  const log = environment.log ?? silentLogger;
  const shutdown = new Shutdown({ log });
  try {
    return await start(settings, { ...environment, log }, shutdown);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function start(
  settings: ControllerSettings,
  environment: ControllerEnvironment & { readonly log: Logger },
  shutdown: Shutdown,
): Promise<Controller> {
  const { log, clock = systemClock } = environment;
  const database = await openDatabase({
    url: settings.database.url.reveal(),
    clock,
    log,
    ...(settings.database.maxOpenConnections === undefined
      ? {}
      : { maxConnections: settings.database.maxOpenConnections }),
  });
  shutdown.add('database', () => database.close());
  await requireSchema(database, settings.migrate);
  const { parts, reaper, tokenSweep, revocations, cluster } = await assemble(
    settings,
    { database, clock, log },
    shutdown,
  );
  await environment.prepare?.(parts);
  await requireInitialized(database);

  shutdown.add('session revocations', () => revocations.close());
  reaper.start();
  shutdown.add('session reaper', () => reaper.close());
  const pulse = new DatabasePulse({ database, clock, log });
  await pulse.start();
  shutdown.add('database pulse', () => pulse.close());
  tokenSweep.start();
  shutdown.add('auth token sweep', () => tokenSweep.close());
  shutdown.add('cluster listener', () => cluster.close());
  const clusterAddress = await cluster.start();
  const apiAddresses = await startApi(settings, parts, { log, shutdown });
  const ops = await startOps(settings, environment, shutdown);
  log.info({ name: settings.name, api: apiAddresses, cluster: clusterAddress }, 'controller is ready');
  return {
    apiAddresses,
    clusterAddress,
    opsAddress: ops?.address,
    parts,
    close: () => {
      ops?.listener.markStopping();
      return shutdown.run();
    },
  };
}

/** @throws {StileError} failedPrecondition */
async function requireSchema(database: Database, mayMigrate: boolean): Promise<void> {
  if (!(await needsMigration(database))) return;
  if (mayMigrate) {
    await migrate(database);
    return;
  }
  const command = (await isInitialized(database)) ? 'migrate' : 'init';
  const what = command === 'migrate' ? 'has the schema of an older version' : 'is not initialized';
  throw new StileError(
    'failedPrecondition',
    `the database ${what}: run "stile database ${command} -config FILE"`,
  );
}

/** @throws {StileError} failedPrecondition */
async function requireInitialized(database: Database): Promise<void> {
  if (await isInitialized(database)) return;
  throw new StileError(
    'failedPrecondition',
    'the database has no global scope: run "stile database init -config FILE"',
  );
}

async function assemble(
  settings: ControllerSettings,
  ground: { readonly database: Database; readonly clock: Clock; readonly log: Logger },
  shutdown: Shutdown,
): Promise<Assembly> {
  const { database, clock } = ground;
  const keys = await KeyService.open({ ...ground, rootKey: rootKeyOf(settings.rootKey) });
  shutdown.add('keys', () => Promise.resolve(keys.close()));
  const iam = new IamService(ground);
  const lostRights = new RoleRevocation({ ...ground, iam });
  const authTokens = new AuthTokenService({
    ...ground,
    keys,
    settings: settings.authTokens,
  });
  shutdown.add('auth tokens', () => authTokens.close());
  const targets = new TargetService(ground);
  const authority = await ClusterAuthority.open({ ...ground, keys });
  const workers = new WorkerRegistry({ ...ground, keys, authority });
  const ending = new ConnectionEnding(ground);
  const revocations = new SessionRevocations({ ...ground, ending });
  const serving = new SessionServing({ ...ground, keys, iam, filters: workers.filters, ending });
  const signIns = makeSignIns({ ...ground, keys, workers: settings.concurrentPasswordHashWorkers });
  const tokenEndings = new AuthTokenEnding({
    ...ground,
    revocations,
    countStreams: () => Promise.resolve(0),
  });
  const parts: ControllerParts = {
    database,
    clock,
    keys,
    iam,
    scopeService: new ScopeService(ground),
    scopeEnding: new ScopeEnding({ ...ground, lostRights }),
    keyRing: new KeyRing({ ...ground, keys }),
    userService: new UserService(ground),
    userIdentity: new UserIdentity(ground),
    userEndings: new UserEnding(ground),
    groups: new GroupService({ ...ground, lostRights }),
    roles: new RoleService({ ...ground, lostRights }),
    explanation: new RoleExplanation(ground),
    ...signIns,
    authTokens,
    secondFactorReset: new SecondFactorReset({
      database,
      factors: signIns.secondFactors,
      endings: tokenEndings,
    }),
    minting: new AuthTokenMinting({ ...ground, tokens: authTokens }),
    tokenChanges: new AuthTokenChanges({ ...ground, tokens: authTokens }),
    exchange: new AuthTokenExchange({ ...ground, tokens: authTokens }),
    tokenEndings,
    hosts: new HostService(ground),
    credentials: new CredentialService({ ...ground, keys }),
    aliases: new AliasService(ground),
    targets,
    sessions: new SessionService({ ...ground, keys, selection: workers.selection, revocations }),
    endings: new SessionEnding({ ...ground, targets }),
    accountEndings: new AccountEnding({ ...ground, settings: authTokens.settings }),
    workers,
  };
  const cluster = new ClusterListener({
    ...ground,
    address: settings.listeners.cluster.address,
    ...(settings.publicClusterAddress === undefined ? {} : { publicAddress: settings.publicClusterAddress }),
    registry: workers,
    presence: new ControllerPresence({ ...ground, name: settings.name }),
    serving,
    reconciliation: new SessionReconciliation({ ...ground, ending }),
    revocations,
  });
  const tokenSweep = new AuthTokenSweep({ ...ground, settings: authTokens.settings });
  return { parts, reaper: new SessionReaper({ ...ground, ending }), tokenSweep, revocations, cluster };
}

/** The use cases as the API calls them; reads go straight to the repositories. */
function apiServices(parts: ControllerParts, settings: ControllerSettings): ApiServices {
  const { database, iam, clock } = parts;
  const { reader } = database;
  return {
    ...parts,
    lookupTarget: (id) => lookupTargetView(reader, id),
    scopes: {
      lookup: (id) => iam.lookup(id),
      tree: () => iam.tree(),
      lookupRow: (id) => lookupScope(reader, id),
      listRows: (parentIds, page) => listScopes(reader, parentIds, page),
    },
    users: {
      lookup: (id) => lookupUser(reader, id),
      list: (scopeIds, page) => listUsers(reader, scopeIds, page),
      resolvableAliases: (permissions, page) => listResolvableAliases(reader, permissions, page),
    },
    authMethods: {
      lookup: (id) => lookupAuthMethod(reader, id),
      list: (scopeIds, page) => listAuthMethods(reader, scopeIds, page),
    },
    accounts: {
      lookup: (id) => lookupAccount(reader, id),
      list: (authMethodId, page) => listAccounts(reader, authMethodId, page),
    },
    lists: {
      keys: parts.keys,
      clock,
      maxPageSize: settings.maxPageSize,
      estimate: (rows, limit) => estimateRows(reader, rows, limit),
      deletedSince: async (type, sinceUs) => (await listSince(reader, type, sinceUs)).ids,
    },
  };
}

async function startApi(
  settings: ControllerSettings,
  parts: ControllerParts,
  around: { readonly log: Logger; readonly shutdown: Shutdown },
): Promise<readonly HostPort[]> {
  const operations = apiOperations(apiServices(parts, settings));
  const rateLimiter = rateLimiterOf(settings, operations, parts.clock);
  const addresses: HostPort[] = [];
  for (const listener of settings.listeners.api) {
    const server = new ApiServer({
      operations,
      gate: parts.iam,
      authenticate: (presented) => parts.authTokens.authenticate(presented),
      noteUse: (caller, client) => parts.authTokens.noteUse(caller, client),
      noteExposed: (authTokenId, client) =>
        auditToken(around.log, 'token exposed', { authTokenId, address: originText(client) }),
      log: around.log,
      rateLimiter,
      ...apiListenerOptions(listener),
    });
    around.shutdown.add('API listener', () => server.close());
    addresses.push(await server.start());
  }
  return addresses;
}

/** One limiter for all listeners; undefined when limits are switched off. @throws {StileError} invalidConfig */
function rateLimiterOf(
  settings: ControllerSettings,
  operations: readonly Operation[],
  clock: Clock,
): RateLimiter | undefined {
  requireLegalRules(
    settings.apiRateLimits,
    new Set(operations.map((operation) => limitedNameOf(operation).action)),
  );
  if (settings.apiRateLimitDisable) return undefined;
  return new RateLimiter({
    clock,
    rules: settings.apiRateLimits,
    maxQuotas: settings.apiRateLimitMaxQuotas,
  });
}

/** A time of the configuration file as milliseconds under its name in the options; nothing when it is not given. */
function milliseconds<K extends string>(key: K, seconds: number | undefined): { readonly [P in K]?: number } {
  return seconds === undefined ? {} : ({ [key]: seconds * 1000 } as { readonly [P in K]: number });
}

function apiListenerOptions(
  listener: ApiListenerConfig,
): Omit<
  ConstructorParameters<typeof ApiServer>[0],
  'operations' | 'gate' | 'authenticate' | 'noteUse' | 'noteExposed' | 'log' | 'rateLimiter'
> {
  const { tls, maxRequestSize, maxAnonymousRequestSize, maxHeaderSize } = listener;
  return {
    address: listener.address,
    ...(tls === undefined
      ? {}
      : { tls: { certificate: tls.certificate, privateKey: tls.privateKey.reveal() } }),
    crossOrigin: {
      enabled: listener.corsEnabled ?? true,
      allowedOrigins: listener.corsAllowedOrigins ?? ['*'],
      allowedHeaders: listener.corsAllowedHeaders ?? [],
    },
    ...(listener.trustedProxies === undefined ? {} : { trustedProxies: listener.trustedProxies }),
    ...(listener.insecureCookies === undefined ? {} : { insecureCookies: listener.insecureCookies }),
    ...(maxRequestSize === undefined ? {} : { maxRequestBytes: maxRequestSize }),
    ...(maxAnonymousRequestSize === undefined ? {} : { maxAnonymousRequestBytes: maxAnonymousRequestSize }),
    ...(maxHeaderSize === undefined ? {} : { maxHeaderBytes: maxHeaderSize }),
    ...milliseconds('maxRequestMs', listener.maxRequestDurationSeconds),
    ...milliseconds('headersTimeoutMs', listener.readHeaderTimeoutSeconds),
    ...milliseconds('receiveTimeoutMs', listener.readTimeoutSeconds),
    ...milliseconds('keepAliveMs', listener.idleTimeoutSeconds),
  };
}

async function startOps(
  settings: ControllerSettings,
  environment: ControllerEnvironment & { readonly log: Logger },
  shutdown: Shutdown,
): Promise<{ readonly listener: OpsListener; readonly address: HostPort } | undefined> {
  const { ops } = settings.listeners;
  if (ops === undefined) return undefined;
  const { log, workerInfo } = environment;
  const listener = new OpsListener({
    address: ops.address,
    log,
    ...(workerInfo === undefined ? {} : { workerInfo }),
  });
  shutdown.add('ops listener', () => listener.close());
  return { listener, address: await listener.start() };
}
