/** Where a command's password or code comes from: `env://`, `file://`, the person at the terminal; words only from the shell (tokens.md §3). */
import { Secret } from '@stile/runtime/secret';
import type { CommandContext, Flag } from '../command.ts';
import { askSecret } from '../terminal/prompt.ts';
import { readIndirect } from '../tokens/token-source.ts';
import { usage } from './sign-in-attempt.ts';

/** What is asked for. */
export interface SecretQuestion {
  /** The flag that may name the source. */
  readonly flag: string;
  /** As `password`. */
  readonly what: string;
  /** As `Password: `. */
  readonly question: string;
}

/** The password of one's own account. */
export const passwordQuestion: SecretQuestion = {
  flag: 'password',
  what: 'password',
  question: 'Password: ',
};

/** A code of one's authenticator, or a recovery code. */
export const codeQuestion: SecretQuestion = {
  flag: 'code',
  what: 'code of the second factor',
  question: 'Code: ',
};

/** The flag `-password`. */
export const passwordFlag: Flag = {
  name: 'password',
  type: 'string',
  secret: true,
  help: 'Where to read the password from: env://NAME or file://PATH. Without it you are asked.',
};

/** The flag `-code`. */
export const codeFlag: Flag = {
  name: 'code',
  type: 'string',
  secret: true,
  help: 'Where to read the code of the second factor from: env://NAME or file://PATH. Without it you are asked.',
};

/**
 * The secret that a flag names, as `env://NAME`; in the shell also the secret itself.
 * @throws {StileError} invalidFlag for another form
 */
export async function readSecret(context: CommandContext, source: string, what: string): Promise<Secret> {
  if (context.isPrivateLine && !/^(?:env|file):\/\//.test(source)) return new Secret(source);
  if (source.startsWith('string://'))
    throw usage(
      `${what} must be env://NAME or file://PATH, so that the secret is not visible to other processes`,
    );
  return readIndirect(source, what, context);
}

/** The secret of a flag, or the answer to a question. @throws {StileError} invalidFlag also without a terminal; aborted */
export async function secretOf(context: CommandContext, asked: SecretQuestion): Promise<Secret> {
  const source = context.flags.text(asked.flag);
  if (source !== '') return readSecret(context, source, `-${asked.flag}`);
  return new Secret(await askSecret(context.streams, asked.what, asked.question));
}
