/** `stile server`: the configuration file turned into what serve.ts runs. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { StileError } from '@stile/protocol/errors';
import { Secret, parseHostPort } from '@stile/runtime';
import type { ControllerConfig, TlsFiles } from '@stile/controller';
import type { CommandContext } from '../command.ts';
import { readConfigFile } from '../config/config-file.ts';
import type {
  ControllerSection,
  FileConfig,
  ListenerSection,
  WorkerSection,
} from '../config/config-sections.ts';
import { parseDurationSeconds } from '../config/config-values.ts';
import { serve, type RunningController, type ServePlan } from './serve.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** Runs the command. @throws {StileError} invalidConfig and what a part fails with at start */
export async function runServer({ flags, environment, output }: CommandContext): Promise<number> {
  const config = readConfigFile(flags.text('config'), environment.copy());
  const logLevel = flags.isGiven('log-level') ? flags.text('log-level') : config.log_level;
  return serve(servePlanOf(config, logLevel), output);
}

/** The listeners with a purpose. */
function listenersFor(config: FileConfig, purpose: ListenerSection['purpose']): ListenerSection[] {
  return config.listener.filter((each) => each.purpose === purpose);
}

/** The first listener with a purpose; the reader has made sure that there is one where one is needed. */
function addressFor(config: FileConfig, purpose: ListenerSection['purpose']): string {
  const [listener] = listenersFor(config, purpose);
  if (listener === undefined) throw new StileError('invalidConfig', `no listener with purpose ${purpose}`);
  return listener.address;
}

function servePlanOf(config: FileConfig, logLevel: string): ServePlan {
  const { worker } = config;
  const [ops] = listenersFor(config, 'ops');
  return {
    command: 'server',
    logLevel,
    facts: {},
    ...(config.controller === undefined ? {} : { controller: controllerConfigOf(config) }),
    ...(worker === undefined
      ? {}
      : { worker: (controller) => workerPlanOf(worker, { config, logLevel, controller }) }),
    ...(ops === undefined ? {} : { workerOpsAddress: ops.address }),
  };
}

/** What `stile server` and `stile database` start a controller with. */
export function controllerConfigOf(config: FileConfig): ControllerConfig {
  const section = config.controller;
  const rootKey = config.kms.find((each) => each.purpose === 'root')?.key;
  if (section === undefined || rootKey === undefined) {
    throw new StileError('invalidConfig', 'the configuration has no controller section');
  }
  const [ops] = listenersFor(config, 'ops');
  return {
    name: section.name,
    database: { url: section.database.url, maxOpenConnections: section.database.max_open_connections },
    rootKey,
    listeners: {
      api: listenersFor(config, 'api').map((listener) => ({
        address: parseHostPort(listener.address),
        corsEnabled: listener.cors_enabled,
        insecureCookies: listener.insecure_cookies,
        ...(listener.x_forwarded_for_authorized_addrs === undefined
          ? {}
          : { trustedProxies: listener.x_forwarded_for_authorized_addrs }),
        maxRequestSize: listener.max_request_size,
        maxAnonymousRequestSize: listener.max_anonymous_request_size,
        maxHeaderSize: listener.max_header_size,
        maxRequestDurationSeconds: parseDurationSeconds(listener.max_request_duration),
        readHeaderTimeoutSeconds: parseDurationSeconds(listener.http_read_header_timeout),
        readTimeoutSeconds: parseDurationSeconds(listener.http_read_timeout),
        idleTimeoutSeconds: parseDurationSeconds(listener.http_idle_timeout),
        ...(listener.tls_disable ? {} : { tls: tlsFilesOf(listener) }),
        ...(listener.cors_allowed_origins === undefined
          ? {}
          : { corsAllowedOrigins: listener.cors_allowed_origins }),
        ...(listener.cors_allowed_headers === undefined
          ? {}
          : { corsAllowedHeaders: listener.cors_allowed_headers }),
      })),
      cluster: { address: parseHostPort(addressFor(config, 'cluster')) },
      ...(ops === undefined ? {} : { ops: { address: parseHostPort(ops.address) } }),
    },
    ...(section.public_cluster_addr === undefined
      ? {}
      : { publicClusterAddress: section.public_cluster_addr }),
    authTokens: authTokenSettingsOf(section),
    maxPageSize: section.max_page_size,
    concurrentPasswordHashWorkers: section.concurrent_password_hash_workers,
    apiRateLimits: (section.api_rate_limit ?? []).map((rule) => ({
      resources: rule.resources,
      actions: rule.actions,
      per: rule.per,
      limit: rule.limit ?? Infinity,
      periodSeconds: parseDurationSeconds(rule.period),
    })),
    apiRateLimitDisable: section.api_rate_limit_disable,
    apiRateLimitMaxQuotas: section.api_rate_limit_max_quotas,
  };
}

function authTokenSettingsOf(section: ControllerSection): NonNullable<ControllerConfig['authTokens']> {
  const idle = section.session_duration ?? section.auth_token_time_to_stale;
  const admin = section.max_admin_token_lifetime;
  return {
    timeToLiveSeconds: parseDurationSeconds(section.auth_token_time_to_live),
    timeToStaleSeconds: parseDurationSeconds(idle),
    disableSessionExpiryRefresh: section.disable_session_expiry_refresh,
    defaultTokenLifetimeSeconds: parseDurationSeconds(section.default_token_lifetime),
    maxTokenLifetimeSeconds: parseDurationSeconds(section.max_token_lifetime),
    ...(admin === undefined ? {} : { maxAdminTokenLifetimeSeconds: parseDurationSeconds(admin) }),
    maxTokensPerUser: section.max_tokens_per_user,
    webSessionLifetimeSeconds: parseDurationSeconds(section.web_session_lifetime),
    maxWebSessionLifetimeSeconds: parseDurationSeconds(section.max_web_session_lifetime),
    oneTimeTokenLifetimeSeconds: parseDurationSeconds(section.one_time_token_lifetime),
    maxOneTimeTokenLifetimeSeconds: parseDurationSeconds(section.max_one_time_token_lifetime),
    apiTokenPolicy: section.api_token_policy,
    gcPeriodSeconds: parseDurationSeconds(section.auth_token_gc_period),
    gcRetentionSeconds: parseDurationSeconds(section.auth_token_gc_retention),
    gcMaxDeletions: section.auth_token_gc_max_deletions,
    lastUsedIntervalSeconds: parseDurationSeconds(section.auth_token_last_used_interval),
    revokeOnPasswordChange: section.revoke_on_password_change,
  };
}

function tlsFilesOf(listener: ListenerSection): TlsFiles {
  const read = (path: string | undefined): string => {
    try {
      return readFileSync(path ?? '', 'utf8');
    } catch (cause) {
      throw new StileError(
        'invalidConfig',
        `file ${path ?? '(none)'} of the ${listener.purpose} listener cannot be read`,
        { cause },
      );
    }
  };
  return { certificate: read(listener.tls_cert_file), privateKey: new Secret(read(listener.tls_key_file)) };
}

/** The worker of the file; beside a controller it is made known to it when it has no key yet. */
async function workerPlanOf(
  section: WorkerSection,
  around: {
    readonly config: FileConfig;
    readonly logLevel: string;
    readonly controller: RunningController | undefined;
  },
): Promise<WorkerPlan> {
  const { controller } = around;
  const name = section.name ?? 'worker';
  const upstreams =
    section.initial_upstreams ?? (controller === undefined ? [] : [controller.clusterAddress]);
  const token =
    section.controller_generated_activation_token ?? (await localActivation(section, name, controller));
  return {
    name,
    description: section.description ?? '',
    listenAddress: addressFor(around.config, 'proxy'),
    ...(section.public_addr === undefined ? {} : { publicAddress: section.public_addr }),
    upstreams,
    tags: section.tags ?? {},
    authStoragePath: section.auth_storage_path,
    ...(token === undefined ? {} : { activationToken: token.reveal() }),
    logLevel: around.logLevel,
  };
}

async function localActivation(
  section: WorkerSection,
  name: string,
  controller: RunningController | undefined,
): Promise<Secret | undefined> {
  const path = section.auth_storage_path;
  const hasKey = existsSync(path) && readdirSync(path).length > 0;
  if (controller === undefined || hasKey) return undefined;
  const { activateLocalWorker } = await import('@stile/controller');
  const { database, workers } = controller.parts;
  return activateLocalWorker(
    { database, registry: workers },
    { name, description: section.description ?? '' },
  );
}
