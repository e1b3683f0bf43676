/** Texts of others in messages: in quotes, and no longer than a person reads. Runs in a browser. */

/** Characters of a text that a message quotes; the longest id and every recorded grant fit. */
const mostQuoted = 256;

/** The text in quotes, as JSON writes it; the beginning of a longer one, which could make an answer of megabytes. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= mostQuoted ? text : `${text.slice(0, mostQuoted)}…`);
}
