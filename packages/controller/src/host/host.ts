/**
 * Rules of static host catalogs, host sets and hosts (http-api.md §2.9): what an address may be and what of a row may change.
 * Pure; SQL is in host-repository.ts, use cases in host-service.ts.
 */
import { invalidField, StileError } from '@stile/protocol';
import { parseHostPort } from '@stile/runtime';
import type { HostCatalogTable, HostSetTable, HostTable } from '../store/schema.ts';

export { differenceOf, idsRefused } from '../iam/membership.ts';

/** List of hosts. */
export type HostCatalog = HostCatalogTable;
/** Equivalent hosts within a catalog. */
export type HostSet = HostSetTable;
/** One address. */
export type Host = HostTable;

/** Shortest and longest address, characters (http-api.md §2.9, §2.10). */
export const addressLength = { minimum: 3, maximum: 255 } as const;

/** Name and description, which every resource has; null clears, absent leaves as is. */
export interface NameChanges {
  readonly name?: string | null;
  readonly description?: string | null;
}

/** What of a host may change. */
export interface HostChanges extends NameChanges {
  readonly address?: string;
}

/**
 * Why a text cannot be an address of a host or a target, in the words of the facts; undefined when it can be one.
 * `subject` is the start of the sentence, as `Address for static hosts`.
 */
export function addressProblem(address: string, subject: string): string | undefined {
  if (address.length < addressLength.minimum || address.length > addressLength.maximum) {
    return `Address length must be between ${addressLength.minimum} and ${addressLength.maximum} characters.`;
  }
  const noPort = -1;
  try {
    const parsed = parseHostPort(address, noPort);
    return parsed.port === noPort ? undefined : `${subject} does not support a port.`;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    return `${subject} must be a host name or an IP address.`;
  }
}

/** An address as it is dialled: without the brackets that an IPv6 literal may be written with. */
export function bareAddress(address: string): string {
  return parseHostPort(address, 0).host;
}

/** @throws {StileError} invalidArgument naming `attributes.address` */
export function requireHostAddress(address: string): void {
  const problem = addressProblem(address, 'Address for static hosts');
  if (problem !== undefined) throw invalidField('attributes.address', problem);
}
