/**
 * Composition root: builds the parts of a controller over one database, and owns the order in which they start and stop. The API
 * listens last, when everything behind it can answer, and stops first.
 */
import {
  OpsListener,
  Shutdown,
  machineFacts,
  silentLogger,
  systemClock,
  type Clock,
  type HostPort,
  type Logger,
  type WorkerProcessInfo,
} from '@stile/runtime';
import { apiServices, type ApiParts } from './api-services.ts';
import { apiOperations } from './api/operations.ts';
import { RateLimiter } from './api/limits/rate-limiter.ts';
import { requireLegalRules } from './api/limits/rate-limit-rules.ts';
import { limitedNameOf, type Operation } from './api/operation.ts';
import { ApiServer } from './api/server.ts';
import { clusterOperations } from './api/v2/cluster-api.ts';
import { AliasService } from './alias/alias-service.ts';
import { makeAuthTokens, type AuthTokens } from './auth/auth-tokens.ts';
import type { AuthTokenSweep } from './auth/sweep/auth-token-sweep.ts';
import { DatabasePulse } from './auth/sweep/database-pulse.ts';
import { auditToken } from './auth/token/token-audit.ts';
import { originText } from './auth/token/origin.ts';
import { makeSignIns, type SignIns } from './auth/sign-ins.ts';
import { ClusterListener, type ClusterListenerOptions } from './cluster/cluster-listener.ts';
import {
  controllerSettings,
  type ApiListenerConfig,
  type ControllerConfig,
  type ControllerSettings,
} from './config.ts';
import { EventStreams } from './events/stream/event-streams.ts';
import { CredentialService } from './credential/credential-service.ts';
import { HostService } from './host/host-service.ts';
import { RoleExplanation } from './iam/explain/role-explanation.ts';
import { GroupService } from './iam/group/group-service.ts';
import { IamService } from './iam/iam-service.ts';
import { RoleService } from './iam/role/role-service.ts';
import { ScopeService } from './iam/scope-service.ts';
import { UserIdentity } from './iam/user/user-identity.ts';
import { UserService } from './iam/user/user-service.ts';
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
import { SessionTraffic } from './session/traffic/session-traffic.ts';
import { openDatabase, type Database } from './store/database.ts';
import { requireInitialized, requireSchema } from './store/schema-checks.ts';
import { TargetService } from './target/target-service.ts';
import { ClusterAuthority } from './worker-registry/cluster-authority.ts';
import { NodeList } from './worker-registry/node-list.ts';
import { Readiness } from './worker-registry/readiness.ts';
import { ControllerPresence } from './worker-registry/controller-presence.ts';
import { WorkerRegistry } from './worker-registry/worker-registry.ts';

/** What `prepare` and the holder of a controller may use: the use cases, and the database below them. */
export interface ControllerParts extends SignIns, AuthTokens {
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
  readonly secondFactorReset: SecondFactorReset;
  readonly tokenEndings: AuthTokenEnding;
  readonly hosts: HostService;
  readonly credentials: CredentialService;
  readonly aliases: AliasService;
  readonly targets: TargetService;
  readonly sessions: SessionService;
  readonly endings: SessionEnding;
  readonly accountEndings: AccountEnding;
  readonly workers: WorkerRegistry;
  readonly eventStreams: EventStreams;
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
  /** As `Stile v0.1.0`: what the Cluster API tells of this controller. */
  readonly releaseVersion?: string;
  /** Whether a worker of this process belongs to the controller: it is ready only with a live one. Default false. */
  readonly hasWorker?: boolean;
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
  readonly presence: ControllerPresence;
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
  const { parts, reaper, tokenSweep, revocations, cluster, presence } = await assemble(
    settings,
    { database, clock, log, build: environment.releaseVersion ?? 'stile' },
    { shutdown, environment },
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
  const nodes = new NodeList({ database, clock, localId: presence.id });
  const hasWorker = environment.hasWorker === true;
  const readiness = new Readiness({ database, presence, nodes, hasWorker });
  const apiAddresses = await startApi(settings, { ...parts, nodes, readiness }, { log, shutdown });
  parts.eventStreams.start();
  // Before the listeners, which wait for what they are answering.
  shutdown.add('event streams', () => parts.eventStreams.close());
  const ops = await startOps(settings, environment, shutdown);
  // Stopped first: others see that it stops while it still answers.
  shutdown.add('sign of stopping', () => presence.drain());
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

/** What every part of a controller stands on. */
interface Ground {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name and version of the program. */
  readonly build: string;
}

async function assemble(
  settings: ControllerSettings,
  ground: Ground,
  around: { readonly shutdown: Shutdown; readonly environment: ControllerEnvironment },
): Promise<Assembly> {
  const { shutdown, environment } = around;
  const { database, clock } = ground;
  const keys = await KeyService.open({ ...ground, rootKey: rootKeyOf(settings.rootKey) });
  shutdown.add('keys', () => Promise.resolve(keys.close()));
  const iam = new IamService(ground);
  const lostRights = new RoleRevocation({ ...ground, iam });
  const { tokenParts, tokenSweep } = makeAuthTokens({ ...ground, keys, settings: settings.authTokens });
  const { authTokens } = tokenParts;
  shutdown.add('auth tokens', () => authTokens.close());
  const targets = new TargetService(ground);
  const authority = await ClusterAuthority.open({ ...ground, keys });
  const workers = new WorkerRegistry({ ...ground, keys, authority });
  const traffic = new SessionTraffic();
  const ending = new ConnectionEnding({ ...ground, traffic });
  const revocations = new SessionRevocations({ ...ground, ending });
  const presence = presenceOf(settings, environment, ground);
  const sessions = new SessionService({ ...ground, keys, selection: workers.selection, revocations });
  const watched = { tokens: authTokens, sessions, workers };
  const eventStreams = new EventStreams({ ...ground, ...watched, controllerId: presence.id });
  const { traffic: reports, setUps: watch, countOf: countStreams } = eventStreams;
  const served = { filters: workers.filters, ending, traffic, watch };
  const serving = new SessionServing({ ...ground, ...served, keys, iam });
  const signIns = makeSignIns({ ...ground, keys, workers: settings.concurrentPasswordHashWorkers });
  const tokenEndings = new AuthTokenEnding({ ...ground, revocations, countStreams });
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
    ...tokenParts,
    secondFactorReset: new SecondFactorReset({
      database,
      factors: signIns.secondFactors,
      endings: tokenEndings,
    }),
    tokenEndings,
    hosts: new HostService(ground),
    credentials: new CredentialService({ ...ground, keys }),
    aliases: new AliasService(ground),
    targets,
    sessions,
    endings: new SessionEnding({ ...ground, targets }),
    accountEndings: new AccountEnding({ ...ground, settings: settings.authTokens }),
    workers,
    eventStreams,
  };
  const cluster = clusterListener(settings, {
    ...ground,
    registry: workers,
    presence,
    serving,
    revocations,
    reconciliation: new SessionReconciliation({ ...ground, ending, traffic, watch: reports }),
  });
  return {
    parts,
    reaper: new SessionReaper({ ...ground, ending }),
    tokenSweep,
    revocations,
    cluster,
    presence,
  };
}

/** This controller's row among the running ones. */
function presenceOf(
  { name }: ControllerSettings,
  { releaseVersion }: ControllerEnvironment,
  ground: Ground,
): ControllerPresence {
  return new ControllerPresence({ ...ground, name, releaseVersion, machine: machineFacts() });
}

/** Where workers link. */
function clusterListener(
  settings: ControllerSettings,
  parts: Omit<ClusterListenerOptions, 'address'>,
): ClusterListener {
  const { publicClusterAddress: publicAddress } = settings;
  const { address } = settings.listeners.cluster;
  return new ClusterListener({
    ...parts,
    address,
    ...(publicAddress === undefined ? {} : { publicAddress }),
  });
}

async function startApi(
  settings: ControllerSettings,
  parts: ApiParts,
  around: { readonly log: Logger; readonly shutdown: Shutdown },
): Promise<readonly HostPort[]> {
  const services = apiServices(parts, settings.maxPageSize);
  const operations = [
    ...apiOperations(services),
    ...clusterOperations(services).map(({ operation }) => operation),
  ];
  const rateLimiter = rateLimiterOf(settings, operations, parts.clock);
  const addresses: HostPort[] = [];
  for (const listener of settings.listeners.api) {
    const server = new ApiServer({
      operations,
      gate: parts.iam,
      authenticate: (presented) => parts.authTokens.authenticate(presented),
      noteUse: (caller, client) => parts.authTokens.noteUse(caller, client),
      noteExposed: (authTokenId, client) =>
        auditToken(around.log, 'exposed', { authTokenId, address: originText(client) }),
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
