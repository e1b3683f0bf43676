/**
 * Rules of workers (http-api.md §2.16): names, tags, what a worker may say about itself, and when it counts as live. Pure;
 * SQL is in worker-repository.ts.
 */
import { isIP } from 'node:net';
import { invalidField, StileError } from '@stile/protocol';
import { parseHostPort } from '@stile/runtime';
import type { WorkerTable } from '../store/schema.ts';

/** A process that carries bytes. */
export type Worker = WorkerTable;

/** Tag keys and their values. */
export type Tags = Readonly<Record<string, readonly string[]>>;

/** A worker not heard of for this long gets no new sessions, microseconds (session-protocol.md §4.2). */
export const livenessUs = 15_000_000;
/** How often a worker must send a heartbeat, milliseconds: seven fit into the liveness and into a strict lease. */
export const heartbeatIntervalMs = 2000;
/** How long an activation token may be used, microseconds: a day. */
export const activationLifetimeUs = 86_400_000_000;
/** Longest tag key or value, characters (http-api.md §2.16). */
const longestTag = 512;
/** Most tag values of one worker; keeps rows, lists and filters small. */
const mostTagValues = 256;
/** Longest `host:port`: a DNS name of 253 characters, brackets and a port fit. */
const longestAddress = 262;
const longestText = 1024;
const mostTagsText = `A worker may have at most ${mostTagValues} tag keys and values.`;
/** A label of a host name; underscores are no DNS but in use. */
const hostLabel = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
/** What neither a log nor the database takes: control characters and halves of surrogate pairs. */
const illegalText = /[\p{Cc}\p{Surrogate}]/u;
/** The same for descriptions, which may have lines. */
const illegalDescription = /[^\P{Cc}\t\n\r]|\p{Surrogate}/u;

/** What a worker says of itself when its link opens. */
export interface WorkerStatement {
  /** `host:port` that clients dial. */
  readonly address: string;
  readonly tags: Tags;
  readonly releaseVersion: string;
  /** Empty = keep the one that the API set. */
  readonly description: string;
  /** When it started, epoch µs; 0 = not told. */
  readonly startedAt?: number;
  /** Processors of its machine; 0 = not told. */
  readonly cpuCount?: number;
  /** Memory of its machine, bytes; 0 = not told. */
  readonly memoryBytes?: number;
}

/**
 * Checks what a worker, possibly hostile, says of itself.
 * @throws {StileError} invalidArgument
 */
export function requireLegalStatement(statement: WorkerStatement): void {
  if (statement.address.length > longestAddress) {
    throw new StileError('invalidArgument', 'the address of the worker is too long');
  }
  const { host, port } = parseHostPort(statement.address);
  if (port === 0) throw new StileError('invalidArgument', 'the address of the worker has no port');
  // It goes into the certificate of every session that the worker may serve: a host that cannot stand there would spoil
  // those sessions for the other workers too.
  if (!isDialable(host)) {
    throw new StileError(
      'invalidArgument',
      'the address of the worker is neither a host name in ASCII nor an IP address without a zone',
    );
  }
  if (statement.releaseVersion.length > longestText || statement.description.length > longestText) {
    throw new StileError('invalidArgument', 'version or description of the worker is too long');
  }
  if (illegalText.test(statement.releaseVersion) || illegalDescription.test(statement.description)) {
    throw new StileError('invalidArgument', 'version or description of the worker has control characters');
  }
  const entries = Object.entries(statement.tags);
  const texts = entries.flatMap(([key, values]) => [key, ...values]);
  const isWrong = (text: string): boolean =>
    text.length < 1 || text.length > longestTag || illegalText.test(text);
  if (texts.length > mostTagValues || texts.some(isWrong)) {
    throw new StileError(
      'invalidArgument',
      `tags of the worker: at most ${mostTagValues} keys and values of 1 to ${longestTag} printable characters`,
    );
  }
}

/** Whether a host can be dialed by clients and named in a certificate. */
function isDialable(host: string): boolean {
  if (isIP(host) !== 0) return !host.includes('%');
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return name.length <= 253 && name.split('.').every((label) => hostLabel.test(label));
}

/** @throws {StileError} invalidArgument naming `name` (http-api.md §2.16) */
export function requireLegalWorkerName(name: string | null | undefined): void {
  if (name === null || name === undefined || name === name.toLowerCase()) return;
  throw invalidField('name', 'Name must be all lowercase.');
}

/** Tags as they stand in a column. A column that holds anything else has none. */
export function parseTags(json: string): Tags {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  // Not by assignment: a key may be the name of a property that every object inherits.
  return Object.fromEntries(
    Object.entries(parsed)
      .filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
      .map(([key, values]) => [key, values.filter((value) => typeof value === 'string')]),
  );
}

/** Tags for a column: sorted and without duplicates, so that equal tags are equal text. */
export function encodeTags(tags: Tags): string {
  const entries = Object.entries(tags).map(([key, values]) => [key, [...new Set(values)].sort()] as const);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** A change of the tags that were set over the API. */
export interface TagChange {
  readonly action: 'add' | 'set' | 'remove';
  readonly tags: Tags;
}

/** What is wrong with tags that came over the API; undefined when nothing is. */
export function tagProblem(tags: Tags): string | undefined {
  const entries = Object.entries(tags);
  const texts = entries.flatMap(([key, values]) => [key, ...values]);
  if (entries.some(([, values]) => values.length === 0)) return 'A tag must have at least one value.';
  if (texts.some((text) => text.length < 1 || text.length > longestTag || illegalText.test(text))) {
    return `Keys and values must have 1 to ${longestTag} printable characters.`;
  }
  return texts.length > mostTagValues ? mostTagsText : undefined;
}

const tagError = (description: string): StileError =>
  new StileError('invalidArgument', 'Errors in provided fields.', {
    details: { requestFields: [{ name: 'api_tags', description }] },
  });

/**
 * The worker's API tags after a change.
 * @throws {StileError} invalidArgument naming `api_tags`: adds what is there, removes what is not, too many
 */
export function changedTags(worker: Pick<Worker, 'id' | 'api_tags'>, change: TagChange): Tags {
  if (change.action === 'set') return change.tags;
  const isAdd = change.action === 'add';
  const all = new Map(
    Object.entries(parseTags(worker.api_tags)).map(([key, values]) => [key, new Set(values)]),
  );
  for (const [key, values] of Object.entries(change.tags)) {
    const known = all.get(key) ?? new Set<string>();
    for (const value of new Set(values)) {
      if (known.has(value) === isAdd) {
        const what = `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
        throw tagError(
          `Worker ${worker.id} has ${isAdd ? 'the' : 'no'} tag ${what}${isAdd ? ' already' : ''}.`,
        );
      }
      if (isAdd) known.add(value);
      else known.delete(value);
    }
    if (known.size === 0) all.delete(key);
    else all.set(key, known);
  }
  const count = [...all.values()].reduce((sum, values) => sum + values.size + 1, 0);
  if (count > mostTagValues) throw tagError(mostTagsText);
  return Object.fromEntries([...all].map(([key, values]) => [key, [...values].sort()]));
}

/** Tags of the worker's configuration and those set over the API, together. */
export function canonicalTags(worker: Pick<Worker, 'config_tags' | 'api_tags'>): Tags {
  const all = new Map<string, readonly string[]>();
  for (const tags of [parseTags(worker.config_tags), parseTags(worker.api_tags)]) {
    for (const [key, values] of Object.entries(tags)) {
      all.set(key, [...new Set([...(all.get(key) ?? []), ...values])].sort());
    }
  }
  return Object.fromEntries(all);
}

/** What a worker filter is evaluated on (session-protocol.md §4.10). */
export function filterInputOf(worker: Pick<Worker, 'name' | 'config_tags' | 'api_tags'>): {
  readonly name: string;
  readonly tags: Tags;
} {
  return { name: worker.name ?? '', tags: canonicalTags(worker) };
}

/** Whether the worker may get new sessions: linked, heard of within the liveness, not draining. */
export function isLive(worker: Worker, nowUs: number): boolean {
  return (
    worker.address !== null &&
    worker.controller_id !== null &&
    worker.draining === 0 &&
    worker.last_seen_at !== null &&
    worker.last_seen_at > nowUs - livenessUs
  );
}
