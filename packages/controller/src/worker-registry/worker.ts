/**
 * Rules of workers (http-api.md §2.16): names, tags, what a worker may say about itself, and when it counts as live. Pure;
 * SQL is in worker-repository.ts.
 */
import { StileError } from '@stile/protocol';
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

/** What a worker says of itself when its link opens. */
export interface WorkerStatement {
  /** `host:port` that clients dial. */
  readonly address: string;
  readonly tags: Tags;
  readonly releaseVersion: string;
  /** Empty = keep the one that the API set. */
  readonly description: string;
}

/**
 * Checks what a worker, possibly hostile, says of itself.
 * @throws {StileError} invalidArgument
 */
export function requireLegalStatement(statement: WorkerStatement): void {
  if (statement.address.length > longestAddress) {
    throw new StileError('invalidArgument', 'the address of the worker is too long');
  }
  const { port } = parseHostPort(statement.address);
  if (port === 0) throw new StileError('invalidArgument', 'the address of the worker has no port');
  if (statement.releaseVersion.length > longestText || statement.description.length > longestText) {
    throw new StileError('invalidArgument', 'version or description of the worker is too long');
  }
  const entries = Object.entries(statement.tags);
  const texts = entries.flatMap(([key, values]) => [key, ...values]);
  if (texts.length > mostTagValues || texts.some((text) => text.length < 1 || text.length > longestTag)) {
    throw new StileError(
      'invalidArgument',
      `tags of the worker: at most ${mostTagValues} keys and values of 1 to ${longestTag} characters`,
    );
  }
}

/** @throws {StileError} invalidArgument naming `name` (http-api.md §2.16) */
export function requireLegalWorkerName(name: string | null | undefined): void {
  if (name === null || name === undefined || name === name.toLowerCase()) return;
  throw new StileError('invalidArgument', 'Error in provided request.', {
    details: { requestFields: [{ name: 'name', description: 'Name must be all lowercase.' }] },
  });
}

/** Tags as they stand in a column. A column that holds anything else has none. */
export function parseTags(json: string): Tags {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  const tags: Record<string, string[]> = {};
  for (const [key, values] of Object.entries(parsed)) {
    if (!Array.isArray(values)) continue;
    tags[key] = values.filter((value): value is string => typeof value === 'string');
  }
  return tags;
}

/** Tags for a column: sorted and without duplicates, so that equal tags are equal text. */
export function encodeTags(tags: Tags): string {
  const entries = Object.entries(tags).map(([key, values]) => [key, [...new Set(values)].sort()] as const);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Tags of the worker's configuration and those set over the API, together. */
export function canonicalTags(worker: Pick<Worker, 'config_tags' | 'api_tags'>): Tags {
  const all: Record<string, string[]> = {};
  for (const tags of [parseTags(worker.config_tags), parseTags(worker.api_tags)]) {
    for (const [key, values] of Object.entries(tags)) {
      all[key] = [...new Set([...(all[key] ?? []), ...values])].sort();
    }
  }
  return all;
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
