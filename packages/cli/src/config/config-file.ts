/**
 * Reads the configuration file of `stile server` and `stile database`: YAML (ADR 0004), checked against the option table, every
 * fault named with its line, secrets resolved. The only reader of that file; what it returns is already legal.
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import { StileError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document, type Node } from 'yaml';
import { checkSections } from './config-rules.ts';
import type { FileConfig } from './config-sections.ts';
import { configSchema, type OptionSchema } from './config-schema.ts';
import { isAddress, parseDurationSeconds, resolveSecretText, whyUnread } from './config-values.ts';

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
    throw new StileError('invalidConfig', `configuration file ${path} cannot be read${whyUnread(cause)}`, {
      cause,
    });
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
  const fail = (path: readonly (string | number)[], cause: unknown): StileError => {
    const node = document.getIn(path, true);
    const why = cause instanceof StileError ? cause.message : 'cannot be resolved';
    const place = at(isNode(node) ? node.range?.[0] : undefined);
    return new StileError('invalidConfig', `${place}: ${path.join('.')}: ${why}`, { cause });
  };
  const resolved = resolveSecrets(value, configSchema, [], { env, fail });
  return checkSections(resolved as Partial<FileConfig>, name);
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

/** How secrets are found, and how a missing one is reported. */
interface SecretSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fail: (path: readonly (string | number)[], cause: unknown) => StileError;
}

/** The value with every secret option replaced by a Secret of its resolved text. */
function resolveSecrets(
  value: unknown,
  schema: OptionSchema | undefined,
  path: readonly (string | number)[],
  source: SecretSource,
): unknown {
  if (schema?.['x-secret'] === true && typeof value === 'string') {
    try {
      return new Secret(resolveSecretText(value, source.env));
    } catch (cause) {
      if (schema['x-used-once'] === true) return undefined;
      throw source.fail(path, cause);
    }
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveSecrets(item, schema?.items, [...path, index], source));
  }
  if (typeof value !== 'object' || value === null) return value;
  const resolve = ([key, item]: [string, unknown]): [string, unknown] => [
    key,
    resolveSecrets(item, schema?.properties?.[key], [...path, key], source),
  ];
  return Object.fromEntries(
    Object.entries(value)
      .map(resolve)
      .filter(([, item]) => item !== undefined),
  );
}
