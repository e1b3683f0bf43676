/**
 * The option table of the configuration file: one JSON Schema (2020-12 words that ajv checks) from which the reader, the error
 * texts and docs/configuration.md come. Keys that mean what Boundary's do carry Boundary's names (http-api.md §4.1, tokens.md §1.5).
 */

/** One option or group of the file. `x-secret` marks values that may be `env://NAME` or `file://PATH`, and never appear in messages. */
export interface OptionSchema {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description: string;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | OptionSchema;
  readonly items?: OptionSchema;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly format?: 'duration' | 'address';
  readonly default?: string | number | boolean;
  readonly 'x-secret'?: true;
  /** A secret that counts once: when its variable or file is gone later, the option counts as absent. */
  readonly 'x-used-once'?: true;
}

const text = (description: string, more: Partial<OptionSchema> = {}): OptionSchema => ({
  type: 'string',
  minLength: 1,
  description,
  ...more,
});
const secret = (description: string): OptionSchema => text(description, { 'x-secret': true });
const duration = (description: string, value: string): OptionSchema =>
  text(description, { format: 'duration', default: value });
const whole = (description: string, more: Partial<OptionSchema>): OptionSchema => ({
  type: 'integer',
  description,
  ...more,
});
const flag = (description: string, value: boolean): OptionSchema => ({
  type: 'boolean',
  description,
  default: value,
});
const list = (description: string, items: OptionSchema): OptionSchema => ({
  type: 'array',
  description,
  items,
});
const group = (
  description: string,
  properties: Readonly<Record<string, OptionSchema>>,
  required: readonly string[] = [],
): OptionSchema => ({ type: 'object', description, properties, required, additionalProperties: false });

/** Lifetimes of auth tokens, and who may mint them (tokens.md §1.5). */
const authTokenOptions: Readonly<Record<string, OptionSchema>> = {
  auth_token_time_to_live: duration('A login ends this long after it was made.', '168h'),
  auth_token_time_to_stale: duration('A login ends this long after its last use; 0 = never.', '24h'),
  session_duration: text(
    'Another name of `auth_token_time_to_stale`; it is this one that counts when both are given.',
    {
      format: 'duration',
    },
  ),
  disable_session_expiry_refresh: flag(
    'A login ends `auth_token_time_to_stale` after it was made, however much it is used.',
    false,
  ),
  default_token_lifetime: duration('How long an API token lives that does not say.', '168h'),
  max_token_lifetime: duration(
    'Longest life of an API token; a lower value binds those that are there, too.',
    '8760h',
  ),
  max_admin_token_lifetime: text(
    'Longest life of an API token whose owner may make them for others; checked when it is made. Default: `max_token_lifetime`.',
    { format: 'duration' },
  ),
  max_tokens_per_user: whole('Active API tokens of one user.', {
    minimum: 1,
    maximum: 100_000,
    default: 100,
  }),
  web_session_lifetime: duration('How long a web session lives that an administrator opens.', '1h'),
  max_web_session_lifetime: duration('Longest life of such a web session.', '168h'),
  one_time_token_lifetime: duration('How long a one-time token lives that does not say.', '600s'),
  max_one_time_token_lifetime: duration('Longest life of a one-time token; 0 = there are none.', '24h'),
  api_token_policy: text(
    'Who may make API tokens: everybody for themselves, holders of a grant, or nobody.',
    {
      enum: ['self-service', 'by-grant', 'off'],
      default: 'self-service',
    },
  ),
  auth_token_gc_period: duration('How often ended auth tokens are marked and deleted.', '1h'),
  auth_token_gc_retention: duration('How long an ended auth token can still be read.', '168h'),
  auth_token_gc_max_deletions: whole(
    'Most auth tokens deleted in one cycle; while there are more, one cycle follows another.',
    {
      minimum: 1,
      maximum: 100_000,
      default: 1000,
    },
  ),
  auth_token_last_used_interval: duration(
    'A last use is written again when the written one is older.',
    '10m',
  ),
  revoke_on_password_change: flag('Another password ends the other logins of the account.', true),
};

const database = group(
  'Where the truth is kept.',
  {
    url: secret('`sqlite:///path/to/file.db` or `postgresql://user:password@host:port/name`.'),
    max_open_connections: whole('Connections to PostgreSQL.', { minimum: 2, maximum: 500, default: 10 }),
  },
  ['url'],
);

const rateLimit = group(
  'A limit on API requests, on top of the defaults of 30000 (total), 30000 (ip-address) and 3000 (auth-token) requests in 30 s, for `list` 1500, 1500 and 150. Of several that name the same operation the last one decides.',
  {
    resources: {
      ...list('Resource types as in grants, such as `target`; `*` for all.', text('A resource type.')),
      minItems: 1,
    },
    actions: {
      ...list('Actions such as `list`, `read` or `authorize-session`; `*` for all.', text('An action.')),
      minItems: 1,
    },
    per: text('What is counted together.', { enum: ['total', 'ip-address', 'auth-token'] }),
    limit: whole('Requests of one operation in a period; needed unless `unlimited` is true.', { minimum: 1 }),
    period: duration('How long a count lasts.', '30s'),
    unlimited: flag('No limit.', false),
  },
  ['resources', 'actions', 'per'],
);

const controller = group(
  'Makes this process a controller. Needs listeners with purpose `api` and `cluster` and a `root` key.',
  {
    name: text('Name of this controller, unique among them.'),
    description: text('A note for people.'),
    database,
    public_cluster_addr: text(
      '`host:port` of the cluster listener as workers reach it; default: the address of that listener.',
      {
        format: 'address',
      },
    ),
    ...authTokenOptions,
    max_page_size: whole('Most items of one list page.', { minimum: 1, maximum: 10_000, default: 1000 }),
    concurrent_password_hash_workers: whole('Passwords hashed at the same time, 64 MiB each.', {
      minimum: 1,
      maximum: 64,
      default: 2,
    }),
    api_rate_limit: list('Limits on API requests.', rateLimit),
    api_rate_limit_disable: flag('No limits on API requests, not even the defaults.', false),
    api_rate_limit_max_quotas: whole(
      'Counts kept at a time, one for each operation and address or token that calls it; a request that needs one more is answered with 503.',
      { minimum: 1000, maximum: 10_000_000, default: 100_000 },
    ),
  },
  ['name', 'database'],
);

const worker = group(
  'Makes this process a worker. Needs a listener with purpose `proxy`.',
  {
    name: text(
      'Name shown in the log of this worker; the controller keeps the name given at `workers create`.',
    ),
    description: text('A note for people, shown by `workers read`.'),
    public_addr: text('`host:port` that clients dial; default: the address of the `proxy` listener.', {
      format: 'address',
    }),
    initial_upstreams: list(
      '`host:port` of the cluster listeners of one or more controllers, tried in turn.',
      text('host:port', { format: 'address' }),
    ),
    controller_generated_activation_token: {
      ...secret(
        'One-time token of `stile workers create controller-led`; used once, then the key in `auth_storage_path` counts. Without it, a worker that has no key yet prints a registration request and waits for its approval.',
      ),
      'x-used-once': true,
    },
    auth_storage_path: text('Folder (0700) where the worker keeps its own key and certificate.'),
    tags: {
      type: 'object',
      description: 'Tags that worker filters see: key to list of values.',
      additionalProperties: list('Values of the tag.', text('A value.')),
    },
  },
  ['auth_storage_path'],
);

const listener = group(
  'An address to listen on.',
  {
    purpose: text('What it serves.', { enum: ['api', 'cluster', 'proxy', 'ops'] }),
    address: text('`host:port`; port 0 takes a free one.', { format: 'address' }),
    tls_disable: flag(
      'Plain HTTP: `api` may, and needs a certificate and key without it; `ops` must.',
      false,
    ),
    tls_cert_file: text('PEM file with the certificate chain; `api` only.'),
    tls_key_file: text('PEM file with its private key; `api` only.'),
    cors_enabled: flag('Answer browsers of other origins.', true),
    cors_allowed_origins: list('Origins allowed; `*` for all.', text('An origin.')),
    cors_allowed_headers: list('Request headers allowed besides the usual ones.', text('A header name.')),
    x_forwarded_for_authorized_addrs: list(
      'Addresses and networks of proxies whose `X-Forwarded-For` header counts.',
      text('An IP address or network, as 10.0.0.0/8.'),
    ),
    insecure_cookies: flag('Give and take cookies without TLS; for laboratories only.', false),
    max_request_size: whole('Largest body in bytes.', {
      minimum: 1024,
      maximum: 1_073_741_824,
      default: 4_194_304,
    }),
    max_anonymous_request_size: whole('Largest body of a caller without a valid auth token, in bytes.', {
      minimum: 1024,
      maximum: 1_073_741_824,
      default: 65_536,
    }),
    max_header_size: whole('Largest headers of a request together, in bytes.', {
      minimum: 4096,
      maximum: 1_048_576,
      default: 16_384,
    }),
    max_request_duration: duration('A request is answered within this time or with 504.', '90s'),
    http_read_header_timeout: duration('The headers of a request must be there within this time.', '10s'),
    http_read_timeout: duration('The whole request must be there within this time.', '60s'),
    http_idle_timeout: duration('A connection without a request is closed after this time.', '75s'),
  },
  ['purpose', 'address'],
);

const kms = group(
  'A key that seals what the database holds.',
  {
    purpose: text('What the key is for.', { enum: ['root'] }),
    type: text('Where the key lives: `aead` = in this file, the environment or a file.', {
      enum: ['aead'],
      default: 'aead',
    }),
    aead_type: text('Cipher.', { enum: ['aes-gcm'], default: 'aes-gcm' }),
    key: secret('32 random bytes in base64, as `openssl rand -base64 32` prints them.'),
    key_id: text('Name of the key, kept beside what it wrapped.', { default: 'global_root' }),
  },
  ['purpose', 'key'],
);

/** The whole file. */
export const configSchema: OptionSchema = group('Configuration of `stile server` and `stile database`.', {
  controller,
  worker,
  listener: { ...list('Addresses to listen on, each with one purpose.', listener), minItems: 1 },
  kms: list('Keys; a controller needs one with purpose `root`.', kms),
  log_level: text('Least severity that is logged.', {
    enum: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
  }),
});
