/**
 * What a controller is started with: the option table of the composition root, checked and completed here. The configuration
 * file (docs/configuration.md) and `stile dev` both end in these options.
 */
import { StileError } from '@stile/protocol/errors';
import type { HostPort, Secret } from '@stile/runtime';

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
  /** Largest body, bytes. Default 4 MiB. */
  readonly maxRequestSize?: number;
  /** A request is answered within this time, seconds. Default 90. */
  readonly maxRequestDurationSeconds?: number;
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
  /** A login ends this long after it was made, seconds. Default 7 days. */
  readonly authTokenTimeToLiveSeconds?: number;
  /** A login ends this long after its last use, seconds; 0 = never. Default 24 hours. */
  readonly authTokenTimeToStaleSeconds?: number;
  /** Most items of a list page. Default 1000. */
  readonly maxPageSize?: number;
  /** Passwords hashed at a time, 64 MiB each. Default 2. */
  readonly concurrentPasswordHashWorkers?: number;
  /** Bring the schema of the database up to date first. Default: refuse to start when it is not. */
  readonly migrate?: boolean;
}

/** The options, complete. */
export interface ControllerSettings extends ControllerConfig {
  readonly authTokenTimeToLiveSeconds: number;
  readonly authTokenTimeToStaleSeconds: number;
  readonly maxPageSize: number;
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

const yearSeconds = 365 * 24 * 3600;

/** Numeric options of a controller and their ranges. */
export const controllerNumbers: Readonly<
  Record<
    | 'authTokenTimeToLiveSeconds'
    | 'authTokenTimeToStaleSeconds'
    | 'maxPageSize'
    | 'concurrentPasswordHashWorkers'
    | 'maxOpenConnections',
    NumberOption
  >
> = {
  authTokenTimeToLiveSeconds: {
    name: 'auth_token_time_to_live',
    unit: 'seconds',
    default: 7 * 24 * 3600,
    minimum: 1,
    maximum: 10 * yearSeconds,
  },
  authTokenTimeToStaleSeconds: {
    name: 'auth_token_time_to_stale',
    unit: 'seconds',
    default: 24 * 3600,
    minimum: 0,
    maximum: 10 * yearSeconds,
  },
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
};

/** Numeric options of an API listener and their ranges. */
export const apiListenerNumbers: Readonly<
  Record<'maxRequestSize' | 'maxRequestDurationSeconds', NumberOption>
> = {
  maxRequestSize: {
    name: 'max_request_size',
    unit: 'bytes',
    default: 4 * 1024 * 1024,
    minimum: 1024,
    maximum: 1024 ** 3,
  },
  maxRequestDurationSeconds: {
    name: 'max_request_duration',
    unit: 'seconds',
    default: 90,
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
    numberOf(apiListenerNumbers.maxRequestSize, listener.maxRequestSize);
    numberOf(apiListenerNumbers.maxRequestDurationSeconds, listener.maxRequestDurationSeconds);
  }
  numberOf(controllerNumbers.maxOpenConnections, config.database.maxOpenConnections);
  return {
    ...config,
    authTokenTimeToLiveSeconds: numberOf(
      controllerNumbers.authTokenTimeToLiveSeconds,
      config.authTokenTimeToLiveSeconds,
    ),
    authTokenTimeToStaleSeconds: numberOf(
      controllerNumbers.authTokenTimeToStaleSeconds,
      config.authTokenTimeToStaleSeconds,
    ),
    maxPageSize: numberOf(controllerNumbers.maxPageSize, config.maxPageSize),
    concurrentPasswordHashWorkers: numberOf(
      controllerNumbers.concurrentPasswordHashWorkers,
      config.concurrentPasswordHashWorkers,
    ),
    migrate: config.migrate ?? false,
  };
}
