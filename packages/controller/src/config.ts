/**
 * What a controller is started with: the option table of the composition root, checked and completed here. The configuration
 * file (docs/configuration.md) and `stile dev` both end in these options.
 */
import { StileError } from '@stile/protocol/errors';
import type { HostPort, Secret } from '@stile/runtime';
import { checkedAuthTokenSettings, type AuthTokenSettings } from './auth/token/auth-token-settings.ts';

/** A certificate chain and its private key, PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly privateKey: Secret;
}

/** A listener for the HTTP API. */
export interface ApiListenerConfig {
  readonly address: HostPort;
  /** Absent = plain HTTP (`tls_disable`). */
  readonly tls?: TlsFiles;
  /** Answer browsers of other origins. Default true. */
  readonly corsEnabled?: boolean;
  /** Default `*`; `serve://boundary` is always among them. */
  readonly corsAllowedOrigins?: readonly string[];
  readonly corsAllowedHeaders?: readonly string[];
  /** Addresses and networks of proxies whose `X-Forwarded-For` counts. Default none. */
  readonly trustedProxies?: readonly string[];
  /** Cookies are given and taken without TLS. Default false. */
  readonly insecureCookies?: boolean;
  /** Largest body, bytes. Default 4 MiB. */
  readonly maxRequestSize?: number;
  /** Largest body of a caller without a valid auth token, bytes. Default 64 KiB. */
  readonly maxAnonymousRequestSize?: number;
  /** Largest headers of a request together, bytes. Default 16 KiB. */
  readonly maxHeaderSize?: number;
  /** A request is answered within this time, seconds. Default 90. */
  readonly maxRequestDurationSeconds?: number;
  /** The headers of a request must be there within this time, seconds. Default 10. */
  readonly readHeaderTimeoutSeconds?: number;
  /** The whole request must be there within this time, seconds. Default 60. */
  readonly readTimeoutSeconds?: number;
  /** An idle keep-alive connection is closed after this, seconds. Default 75. */
  readonly idleTimeoutSeconds?: number;
}

/** A limit on API requests (http-api.md §1.12); the last one that names an operation and scope decides. */
export interface ApiRateLimitRule {
  /** Resource types as in grants, or `*`. */
  readonly resources: readonly string[];
  /** Actions, or `*`. */
  readonly actions: readonly string[];
  readonly per: 'total' | 'ip-address' | 'auth-token';
  /** Requests in a period; Infinity = unlimited. */
  readonly limit: number;
  readonly periodSeconds: number;
}

/** Options of a controller. Names are those of the configuration file in our spelling. */
export interface ControllerConfig {
  /** Unique among the controllers of an installation. */
  readonly name: string;
  readonly database: {
    /** `sqlite:///absolute/path.db` or `postgresql://…`. Secret: it may hold a password. */
    readonly url: Secret;
    /** Connections to PostgreSQL. Default 10. */
    readonly maxOpenConnections?: number;
  };
  /** 32 random bytes in base64. */
  readonly rootKey: Secret;
  readonly listeners: {
    /** One at least. */
    readonly api: readonly ApiListenerConfig[];
    readonly cluster: { readonly address: HostPort };
    /** Health and metrics; absent = none. */
    readonly ops?: { readonly address: HostPort };
  };
  /** `host:port` at which workers reach the cluster listener. Default: its bound address. */
  readonly publicClusterAddress?: string;
  /** Lifetimes of auth tokens, and who may mint them. Default: tokens.md §1.5. */
  readonly authTokens?: Partial<AuthTokenSettings>;
  /** Most items of a list page. Default 1000. */
  readonly maxPageSize?: number;
  /** Passwords hashed at a time, 64 MiB each. Default 2. */
  readonly concurrentPasswordHashWorkers?: number;
  /** Limits on top of the defaults. */
  readonly apiRateLimits?: readonly ApiRateLimitRule[];
  /** No limits at all, not even the defaults. Default false. */
  readonly apiRateLimitDisable?: boolean;
  /** Quotas kept at a time; when all are in use new ones are refused with 503. Default 100,000. */
  readonly apiRateLimitMaxQuotas?: number;
  /** Bring the schema of the database up to date first. Default: refuse to start when it is not. */
  readonly migrate?: boolean;
}

/** The options, complete. */
export interface ControllerSettings extends ControllerConfig {
  readonly authTokens: AuthTokenSettings;
  readonly maxPageSize: number;
  readonly apiRateLimits: readonly ApiRateLimitRule[];
  readonly apiRateLimitDisable: boolean;
  readonly apiRateLimitMaxQuotas: number;
  readonly migrate: boolean;
}

/** One numeric option: its name in the file, unit, default and range. */
export interface NumberOption {
  readonly name: string;
  readonly unit: string;
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Numeric options of a controller and their ranges. */
export const controllerNumbers: Readonly<
  Record<
    'maxPageSize' | 'concurrentPasswordHashWorkers' | 'maxOpenConnections' | 'apiRateLimitMaxQuotas',
    NumberOption
  >
> = {
  maxPageSize: { name: 'max_page_size', unit: 'items', default: 1000, minimum: 1, maximum: 10_000 },
  concurrentPasswordHashWorkers: {
    name: 'concurrent_password_hash_workers',
    unit: 'passwords',
    default: 2,
    minimum: 1,
    maximum: 64,
  },
  maxOpenConnections: {
    name: 'database.max_open_connections',
    unit: 'connections',
    default: 10,
    minimum: 2,
    maximum: 500,
  },
  apiRateLimitMaxQuotas: {
    name: 'api_rate_limit_max_quotas',
    unit: 'quotas',
    default: 100_000,
    minimum: 1000,
    maximum: 10_000_000,
  },
};

/** Numeric options of an API listener and their ranges. */
export const apiListenerNumbers: Readonly<
  Record<
    | 'maxRequestSize'
    | 'maxAnonymousRequestSize'
    | 'maxHeaderSize'
    | 'maxRequestDurationSeconds'
    | 'readHeaderTimeoutSeconds'
    | 'readTimeoutSeconds'
    | 'idleTimeoutSeconds',
    NumberOption
  >
> = {
  maxRequestSize: {
    name: 'max_request_size',
    unit: 'bytes',
    default: 4 * 1024 * 1024,
    minimum: 1024,
    maximum: 1024 ** 3,
  },
  maxAnonymousRequestSize: {
    name: 'max_anonymous_request_size',
    unit: 'bytes',
    default: 64 * 1024,
    minimum: 1024,
    maximum: 1024 ** 3,
  },
  maxHeaderSize: {
    name: 'max_header_size',
    unit: 'bytes',
    default: 16 * 1024,
    minimum: 4096,
    maximum: 1024 ** 2,
  },
  maxRequestDurationSeconds: {
    name: 'max_request_duration',
    unit: 'seconds',
    default: 90,
    minimum: 1,
    maximum: 3600,
  },
  readHeaderTimeoutSeconds: {
    name: 'http_read_header_timeout',
    unit: 'seconds',
    default: 10,
    minimum: 1,
    maximum: 3600,
  },
  readTimeoutSeconds: {
    name: 'http_read_timeout',
    unit: 'seconds',
    default: 60,
    minimum: 1,
    maximum: 3600,
  },
  idleTimeoutSeconds: {
    name: 'http_idle_timeout',
    unit: 'seconds',
    default: 75,
    minimum: 1,
    maximum: 3600,
  },
};

function numberOf(option: NumberOption, value: number | undefined): number {
  const chosen = value ?? option.default;
  if (Number.isSafeInteger(chosen) && chosen >= option.minimum && chosen <= option.maximum) return chosen;
  throw new StileError(
    'invalidConfig',
    `${option.name} must be a whole number of ${option.unit} from ${option.minimum} to ${option.maximum}`,
  );
}

/** @throws {StileError} invalidConfig */
function checkListener(listener: ApiListenerConfig): void {
  for (const key of Object.keys(apiListenerNumbers) as (keyof typeof apiListenerNumbers)[]) {
    numberOf(apiListenerNumbers[key], listener[key]);
  }
  const headerSeconds =
    listener.readHeaderTimeoutSeconds ?? apiListenerNumbers.readHeaderTimeoutSeconds.default;
  const allSeconds = listener.readTimeoutSeconds ?? apiListenerNumbers.readTimeoutSeconds.default;
  if (headerSeconds > allSeconds) {
    throw new StileError(
      'invalidConfig',
      'http_read_header_timeout must not be longer than http_read_timeout, which it is a part of',
    );
  }
}

/** @throws {StileError} invalidConfig */
function checkRateLimit({ limit, periodSeconds }: ApiRateLimitRule): void {
  const isLimit = limit === Infinity || (Number.isSafeInteger(limit) && limit >= 1);
  const isPeriod = Number.isSafeInteger(periodSeconds) && periodSeconds >= 1 && periodSeconds <= 86_400;
  if (isLimit && isPeriod) return;
  throw new StileError(
    'invalidConfig',
    'controller.api_rate_limit: limit must be a whole number from 1, and period from 1s to 24h in whole seconds',
  );
}

function requireName(name: string): void {
  if (/^[\p{L}\p{N}\p{P}\p{S} ]{1,128}$/u.test(name)) return;
  throw new StileError('invalidConfig', 'controller.name must have 1 to 128 printable characters');
}

/**
 * Checks the options and fills in the defaults.
 * @throws {StileError} invalidConfig naming the option as the configuration file spells it
 */
export function controllerSettings(config: ControllerConfig): ControllerSettings {
  requireName(config.name);
  if (config.listeners.api.length === 0) {
    throw new StileError('invalidConfig', 'a controller needs a listener with "api" purpose');
  }
  for (const listener of config.listeners.api) {
    checkListener(listener);
  }
  for (const rule of config.apiRateLimits ?? []) checkRateLimit(rule);
  numberOf(controllerNumbers.maxOpenConnections, config.database.maxOpenConnections);
  return {
    ...config,
    authTokens: checkedAuthTokenSettings(config.authTokens),
    maxPageSize: numberOf(controllerNumbers.maxPageSize, config.maxPageSize),
    concurrentPasswordHashWorkers: numberOf(
      controllerNumbers.concurrentPasswordHashWorkers,
      config.concurrentPasswordHashWorkers,
    ),
    apiRateLimits: config.apiRateLimits ?? [],
    apiRateLimitDisable: config.apiRateLimitDisable ?? false,
    apiRateLimitMaxQuotas: numberOf(controllerNumbers.apiRateLimitMaxQuotas, config.apiRateLimitMaxQuotas),
    migrate: config.migrate ?? false,
  };
}
