/** The choice of a token store by `-keyring-type`, and of the name by `-token-name` (cli.md §1.10). */
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import type { TokenStore } from './token-store.ts';

/** Which store the flags choose. */
export interface TokenPlace {
  readonly name: string;
  /** Undefined for `none`. */
  readonly store: TokenStore | undefined;
}

/**
 * The store of `-keyring-type` and the name of `-token-name`.
 * @throws {StileError} invalidFlag for another type, naming the types there are
 */
export async function tokenPlace(context: CommandContext): Promise<TokenPlace> {
  const { flags, environment, output } = context;
  const name = flags.text('token-name');
  const type = flags.text('keyring-type');
  if (name === 'none') {
    output.warn('"-token-name=none" is deprecated, please use "-keyring-type=none"');
    return { name, store: undefined };
  }
  switch (type) {
    case 'none':
      return { name, store: undefined };
    case 'auto':
    case 'file': {
      const { FileTokenStore } = await import('./file-token-store.ts');
      return { name, store: new FileTokenStore(environment) };
    }
    case 'pass': {
      const { PassTokenStore } = await import('./pass-token-store.ts');
      return { name, store: new PassTokenStore() };
    }
    default:
      throw new StileError(
        'invalidFlag',
        `Invalid keyring type ${JSON.stringify(type)}: this program has "auto", "file", "pass" and "none"`,
      );
  }
}
