/**
 * What follows when a change takes rights away. The roles and groups say who may have lost one; what ends with it is decided
 * in `session/`, in the same unit of work.
 */
import { anonymousUserId, authenticatedUserId } from '@stile/protocol';
import type { Connection } from '../store/database.ts';

/** Users who may have lost a right; everybody when the anonymous or every authenticated user held it. */
export type Holders = 'everybody' | readonly string[];

/** Ends what stood on rights that are gone. */
export interface LostRights {
  /** To be called after the change, within its unit of work. `by` is the id of the user who made it. */
  endSessions(tx: Connection, lost: { readonly holders: Holders; readonly by: string }): Promise<void>;
}

/** Holders of what these users held: the anonymous user and the authenticated one stand for everybody. */
export function holdersAmong(userIds: readonly string[]): Holders {
  const isEverybody = userIds.includes(anonymousUserId) || userIds.includes(authenticatedUserId);
  return isEverybody ? 'everybody' : [...new Set(userIds)];
}
