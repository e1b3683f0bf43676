/**
 * Reads the configuration file of `stile server` and `stile database`: YAML (ADR 0004), checked against the option table, every
 * fault named with its line, secrets resolved. The only reader of that file; what it returns is already legal.
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import { StileError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document, type Node } from 'yaml';
import { configSchema, type OptionSchema } from './config-schema.ts';
import { isAddress, parseDurationSeconds, resolveSecretText } from './config-values.ts';

/** An address to listen on. */
export interface ListenerSection {
  readonly purpose: 'api' | 'cluster' | 'proxy' | 'ops';
  readonly address: string;
  readonly tls_disable: boolean;
  readonly tls_cert_file?: string;
  readonly tls_key_file?: string;
  readonly cors_enabled: boolean;
  readonly cors_allowed_origins?: readonly string[];
  readonly cors_allowed_headers?: readonly string[];
  /** Bytes. */
  readonly max_request_size: number;
  readonly max_request_duration: string;
}

/** What makes the process a controller. Durations are texts that parseDurationSeconds accepts. */
export interface ControllerSection {
  readonly name: string;
  readonly description?: string;
  readonly database: { readonly url: Secret; readonly max_open_connections: number };
  readonly public_cluster_addr?: string;
  readonly auth_token_time_to_live: string;
  readonly auth_token_time_to_stale: string;
  readonly max_page_size: number;
  readonly concurrent_password_hash_workers: number;
}

/** What makes the process a worker. */
export interface WorkerSection {
  readonly name?: string;
  readonly description?: string;
  readonly public_addr?: string;
  readonly initial_upstreams?: readonly string[];
  readonly controller_generated_activation_token?: Secret;
  readonly auth_storage_path: string;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
}

/** A key that seals what the database holds. */
export interface KmsSection {
  readonly purpose: 'root';
  readonly key: Secret;
  readonly key_id: string;
}

/** The file, checked and complete with defaults. */
export interface FileConfig {
  readonly controller?: ControllerSection;
  readonly worker?: WorkerSection;
  readonly listener: readonly ListenerSection[];
  readonly kms: readonly KmsSection[];
  readonly log_level: string;
}

/** Largest file that is read, bytes. */
const maxFileBytes = 1024 * 1024;

/**
 * The configuration in `path`.
 * @throws {StileError} invalidConfig naming file, line and what to write instead
 */
export function readConfigFile(path: string, env: Readonly<Record<string, string | undefined>>): FileConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StileError('invalidConfig', `configuration file ${path} cannot be read`, { cause });
  }
  if (text.length > maxFileBytes) throw new StileError('invalidConfig', `${path} is larger than 1 MiB`);
  return parseConfig(text, path, env);
}

/**
 * The configuration in a text; `name` stands in messages.
 * @throws {StileError} invalidConfig
 */
export function parseConfig(
  text: string,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): FileConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    maxAliasCount: 0,
  } as object);
  const at = (offset: number | undefined): string =>
    `${name}:${offset === undefined ? 1 : lines.linePos(offset).line}`;
  const [first] = document.errors;
  if (first !== undefined)
    throw new StileError('invalidConfig', `${at(first.pos[0])}: not legal YAML: ${first.message}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch (cause) {
    throw new StileError('invalidConfig', `${name}: YAML aliases are not allowed`, { cause });
  }
  const faults = validate(value).map((fault) => `${at(offsetOf(document, fault))}: ${explain(fault)}`);
  if (faults.length > 0) throw new StileError('invalidConfig', [...new Set(faults)].slice(0, 10).join('\n'));
  const resolved = resolveSecrets(
    value,
    configSchema,
    [],
    (path, cause) => {
      const node = document.getIn(path, true);
      const offset = isNode(node) ? node.range?.[0] : undefined;
      const why = cause instanceof StileError ? cause.message : 'cannot be resolved';
      return new StileError('invalidConfig', `${at(offset)}: ${path.join('.')}: ${why}`, { cause });
    },
    env,
  );
  return checkWhole(resolved as FileConfig, name);
}

/** ajv fills in the defaults of the table as it checks. */
function validate(value: unknown): readonly ErrorObject[] {
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    strict: false,
    formats: {
      address: (text: string) => isAddress(text),
      duration: (text: string) => {
        try {
          return parseDurationSeconds(text) > 0;
        } catch {
          // Not a duration: the format is what the caller reports.
          return false;
        }
      },
    },
  });
  const check = ajv.compile(configSchema);
  return check(value) ? [] : (check.errors ?? []);
}

/** Keys of a JSON pointer. */
function pathOf(fault: ErrorObject): string[] {
  return fault.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Where the fault stands in the file: at the unknown key itself, else at the value. */
function offsetOf(document: Document, fault: ErrorObject): number | undefined {
  const path = pathOf(fault);
  const node =
    path.length === 0
      ? document.contents
      : document.getIn(
          path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
          true,
        );
  const unknown: unknown = fault.params['additionalProperty'];
  if (typeof unknown === 'string' && isMap(node)) {
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === unknown,
    );
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0];
  }
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}

/** A sentence that says what is wrong and what to write. Values are not repeated: they may be secrets. */
function explain(fault: ErrorObject): string {
  const where = pathOf(fault).join('.');
  const subject = where === '' ? 'the file' : where;
  const params = fault.params as Readonly<Record<string, unknown>>;
  switch (fault.keyword) {
    case 'additionalProperties':
      return `unknown key "${String(params['additionalProperty'])}"${where === '' ? '' : ` in ${where}`}${suggestion(fault)}`;
    case 'required':
      return `${subject} needs the key "${String(params['missingProperty'])}"`;
    case 'enum':
      return `${subject} must be one of ${(params['allowedValues'] as readonly unknown[]).map(String).join(', ')}`;
    case 'type':
      return `${subject} must be ${article(String(params['type']))}`;
    case 'format':
      return params['format'] === 'duration'
        ? `${subject} must be a duration such as 90s, 15m, 8h or 7d`
        : `${subject} must be host:port, an IPv6 host in brackets`;
    default:
      return `${subject} ${fault.message ?? 'is not legal'}`;
  }
}

function article(type: string): string {
  return (
    {
      object: 'a group of keys',
      array: 'a list',
      string: 'a text',
      integer: 'a whole number',
      boolean: 'true or false',
    }[type] ?? type
  );
}

/** The known key nearest to an unknown one, when it is near enough to be a typing mistake. */
function suggestion(fault: ErrorObject): string {
  const known = Object.keys(
    (fault.parentSchema as OptionSchema | undefined)?.properties ?? schemaAt(pathOf(fault))?.properties ?? {},
  );
  const unknown = String((fault.params as Readonly<Record<string, unknown>>)['additionalProperty']);
  const near = known.map((key) => ({ key, far: distance(key, unknown) })).sort((a, b) => a.far - b.far)[0];
  return near !== undefined && near.far <= 3
    ? `; did you mean "${near.key}"?`
    : `; known keys: ${known.join(', ')}`;
}

function schemaAt(path: readonly string[]): OptionSchema | undefined {
  let schema: OptionSchema | undefined = configSchema;
  for (const part of path) schema = /^\d+$/.test(part) ? schema?.items : schema?.properties?.[part];
  return schema;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The value with every secret option replaced by a Secret of its resolved text. */
function resolveSecrets(
  value: unknown,
  schema: OptionSchema | undefined,
  path: readonly (string | number)[],
  fail: (path: readonly (string | number)[], cause: unknown) => StileError,
  env: Readonly<Record<string, string | undefined>>,
): unknown {
  if (schema?.['x-secret'] === true && typeof value === 'string') {
    try {
      return new Secret(resolveSecretText(value, env));
    } catch (cause) {
      throw fail(path, cause);
    }
  }
  if (Array.isArray(value))
    return value.map((item, index) => resolveSecrets(item, schema?.items, [...path, index], fail, env));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        resolveSecrets(item, schema?.properties?.[key], [...path, key], fail, env),
      ]),
    );
  }
  return value;
}

/** Rules that join several sections (http-api.md §4.1 "Start-up refusals"). */
function checkWhole(config: FileConfig, name: string): FileConfig {
  const listeners = config.listener ?? [];
  const kms = config.kms ?? [];
  const has = (purpose: string): boolean => listeners.some((each) => each.purpose === purpose);
  const faults: string[] = [];
  if (config.controller === undefined && config.worker === undefined)
    faults.push('a "controller" or a "worker" section is needed');
  if (config.controller !== undefined) {
    if (!has('api')) faults.push('Config activates controller but no listener with "api" purpose found');
    if (!has('cluster'))
      faults.push('Config activates controller but no listener with "cluster" purpose found');
    if (!kms.some((each) => each.purpose === 'root'))
      faults.push('Config activates controller but no kms with "root" purpose found');
  }
  if (config.worker !== undefined) {
    if (!has('proxy')) faults.push('Config activates worker but no listener with "proxy" purpose found');
    if (config.controller === undefined && (config.worker.initial_upstreams ?? []).length === 0) {
      faults.push('worker.initial_upstreams must name at least one controller');
    }
  }
  for (const each of listeners) {
    const isHttp = each.purpose === 'api' || each.purpose === 'ops';
    if (
      isHttp &&
      !each.tls_disable &&
      (each.tls_cert_file === undefined || each.tls_key_file === undefined)
    ) {
      faults.push(
        `listener with purpose ${each.purpose} needs tls_cert_file and tls_key_file, or tls_disable: true`,
      );
    }
    if (!isHttp && each.tls_disable)
      faults.push(`listener with purpose ${each.purpose} always uses TLS; remove tls_disable`);
  }
  for (const each of kms) {
    if (Buffer.from(each.key.reveal(), 'base64').length !== 32)
      faults.push(`kms key ${each.key_id} must be 32 bytes in base64`);
  }
  if (faults.length > 0)
    throw new StileError('invalidConfig', faults.map((fault) => `${name}: ${fault}`).join('\n'));
  return { ...config, listener: listeners, kms };
}
