/** Rules of aliases: other names for targets, unique in the installation (http-api.md §2.12). Pure. */
import { invalidField } from '@stile/protocol';
import type { AliasTable } from '../store/schema.ts';

/** Another name for a target. */
export type Alias = AliasTable;

/**
 * Why a text cannot be the value of an alias; undefined when it can: dot-separated labels of letters, digits and inner hyphens, 1 to
 * 63 characters each, fewer than 254 in all, the last label not only digits.
 */
export function aliasProblem(value: string): string | undefined {
  const labels = value.split('.');
  const isLegal =
    value.length < 254 &&
    labels.every((label) => /^(?!-)[A-Za-z0-9-]{1,63}$/.test(label) && !label.endsWith('-')) &&
    !/^\d+$/.test(labels.at(-1) ?? '');
  return isLegal
    ? undefined
    : 'This must be a name of dot-separated labels made of letters, digits and hyphens, the last not only digits.';
}

/** How an alias value is compared: aliases are unique whatever their case. */
export function aliasKey(value: string): string {
  return value.toLowerCase();
}

/** The path of the field that says which host an alias leads to. */
export const hostIdField = 'attributes.authorize_session_arguments.host_id';

/** @throws {StileError} invalidArgument when there is a host without a destination (http-api.md §2.12) */
export function requireDestination(alias: Pick<Alias, 'destination_id' | 'host_id'>): void {
  if (alias.host_id === null || alias.destination_id !== null) return;
  throw invalidField('destination_id', `This field is required when '${hostIdField}' is specified.`);
}
