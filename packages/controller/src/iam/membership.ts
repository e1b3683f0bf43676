/** How add, set and remove calls change a list of ids, and what they answer when they cannot (http-api.md §1.7, §1.9, §7). Pure. */
import { StileError } from '@stile/protocol';

/** How a call changes a list. */
export type MembershipAction = 'add' | 'set' | 'remove';

/** What has to be added and removed. */
export interface MembershipChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A 400 for an add, set or remove call whose list holds ids that do not fit; the field is named (http-api.md §7). */
export function idsRefused(field: string, description: string): StileError {
  return new StileError('invalidArgument', 'Errors in provided fields.', {
    details: { requestFields: [{ name: field, description }] },
  });
}

/** What has to be added and removed to get from one list of ids to another; duplicates count once. */
export function differenceOf(
  present: readonly string[],
  wanted: readonly string[],
): { readonly added: string[]; readonly removed: string[] } {
  const before = new Set(present);
  const after = new Set(wanted);
  return {
    added: [...after].filter((id) => !before.has(id)),
    removed: [...before].filter((id) => !after.has(id)),
  };
}

/** The words for ids that are there already, or are not. */
export interface MembershipWords {
  /** Field of the request. */
  readonly field: string;
  readonly isThere: (id: string) => string;
  readonly isNotThere: (id: string) => string;
}

/**
 * What an action does to a list; each id counts once.
 * @throws {StileError} invalidArgument for adding what is there and removing what is not
 */
export function membershipChange(
  action: MembershipAction,
  present: readonly string[],
  ids: readonly string[],
  words: MembershipWords,
): MembershipChange {
  if (action === 'set') return differenceOf(present, ids);
  const before = new Set(present);
  const unique = [...new Set(ids)];
  if (action === 'add') {
    const twice = unique.find((id) => before.has(id));
    if (twice !== undefined) throw idsRefused(words.field, words.isThere(twice));
    return { added: unique, removed: [] };
  }
  const absent = unique.find((id) => !before.has(id));
  if (absent !== undefined) throw idsRefused(words.field, words.isNotThere(absent));
  return { added: [], removed: unique };
}
