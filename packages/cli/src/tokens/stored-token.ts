/** The end of a stored token: what has ended is removed from the store, and nothing else. */
import { Secret } from '@stile/runtime/secret';
import type { CommandContext } from '../command.ts';
import { tokenPlace } from './token-place.ts';
import { tokenId } from './token-source.ts';

/** What became of the stored token: `kept` when another one is stored, `absent` when none is, `unused` with `-keyring-type none`. */
export type StoredTokenEnd = 'removed' | 'kept' | 'absent' | 'unused';

/**
 * Removes the token with this id from the store that the flags choose.
 * @throws {StileError} when the store can be neither read nor changed
 */
export async function forgetStoredToken(context: CommandContext, id: string): Promise<StoredTokenEnd> {
  const { name, store } = await tokenPlace(context);
  if (store === undefined) return 'unused';
  const token = (await store.lookup(name))?.token;
  if (token === undefined) return 'absent';
  if (tokenId(new Secret(token)) !== id) return 'kept';
  await store.delete(name);
  return 'removed';
}
