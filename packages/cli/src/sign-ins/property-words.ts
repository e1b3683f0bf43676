/** Properties as plain words (`auth sessions id origin`): those that were named, in that order (tokens.md §3.3). Pure. */
import { usage } from './sign-in-attempt.ts';

/**
 * The properties that words name, each once, `-` for `_` too; all of them for no words.
 * @param things what has the properties, for the error
 * @throws {StileError} invalidFlag naming the one that there is not, and those there are
 */
export function propertiesOf(
  words: readonly string[],
  known: readonly string[],
  things: string,
): readonly string[] {
  const names = words.map((word) => word.replaceAll('-', '_'));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw usage(`there is no property ${JSON.stringify(unknown)}: ${things} have ${known.join(', ')}`);
  return names.length === 0 ? known : [...new Set(names)];
}
