/** Go's double-quoted string, as it stands in filters: what is between the quotes to its value. Runs in a browser. */

const single: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
]);

const escape =
  /\\(?:([abfnrtv\\"])|x([0-9A-Fa-f]{2})|([0-7]{3})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([^]?))/g;

/** The value of the text; undefined when it holds an escape that Go does not know, or a line break. */
export function readGoString(inner: string): string | undefined {
  if (inner.includes('\n')) return undefined;
  if (!inner.includes('\\')) return inner;
  let isLegal = true;
  const value = inner.replaceAll(escape, (_whole: string, ...groups: readonly (string | undefined)[]) => {
    const [letter, hex, octal, short, long] = groups;
    if (letter !== undefined) return single.get(letter) ?? '';
    const digits = hex ?? short ?? long;
    const point = digits === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(digits, 16);
    // Bytes above ASCII would be half of a UTF-8 character: no text of ours holds one.
    const highest = hex !== undefined || octal !== undefined ? 0x7f : 0x10ffff;
    if (Number.isNaN(point) || point > highest || (point >= 0xd800 && point <= 0xdfff)) {
      isLegal = false;
      return '';
    }
    return String.fromCodePoint(point);
  });
  return isLegal ? value : undefined;
}
