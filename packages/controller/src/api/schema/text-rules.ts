/** Rules for texts that many resources share: names, descriptions, ids (http-api.md §1.7, §1.11). */
import { idPrefixes, type IdKind } from '@stile/protocol/ids';

/** Characters that Go's unicode.IsPrint accepts: the contract is "printable as Boundary means it". */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;
/** Descriptions may hold white space too. */
const printableOrSpace = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\s\u0085]*$/u;
/** Half of a surrogate pair, or NUL: no legal text for the database. */
const illegalText = /[\p{Surrogate}\0]/u;

/** Whether a text can be stored at all: Unicode without NUL. */
export function isStorable(text: string): boolean {
  return !illegalText.test(text);
}

/** What is wrong with a trimmed name or description, if anything. */
export function textProblem(kind: 'name' | 'description', trimmed: string): string | undefined {
  if (trimmed === '') return `Cannot set empty string as ${kind}`;
  const isLegal = kind === 'name' ? printable.test(trimmed) : printableOrSpace.test(trimmed);
  if (!isLegal) return `${kind === 'name' ? 'Name' : 'Description'} contains unprintable characters`;
  return undefined;
}

/** A known prefix, `_`, and characters of [A-Za-z0-9] (any number of them). */
export function isId(text: string, prefixes: readonly string[]): boolean {
  const cut = text.indexOf('_');
  return cut > 0 && prefixes.includes(text.slice(0, cut)) && /^[A-Za-z0-9]*$/.test(text.slice(cut + 1));
}

/** Prefixes of kinds of ids. */
export function prefixesOf(...kinds: readonly IdKind[]): readonly string[] {
  return kinds.map((kind) => idPrefixes[kind]);
}
