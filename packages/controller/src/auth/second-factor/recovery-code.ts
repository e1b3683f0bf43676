/** Recovery codes: ten texts that stand in for a lost device, each once; stored as keyed MACs (tokens.md §1.2, §5.1). */
import { randomBytes } from 'node:crypto';

/** RFC 4648 §6, without padding. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const groups = 4;
const groupLength = 5;
/** 20 characters of 5 bits: nobody guesses 100 bits. */
const codeLength = groups * groupLength;
/** With every hyphen. */
const longestText = codeLength + groups - 1;

/** Codes of one set. */
export const recoveryCodesInSet = 10;

/** Label under which their MAC key is derived. */
export const recoveryCodeLabel = 'stile/recovery-code/v1';

const codePattern = /^[A-Za-z2-7]{5}(?:-?[A-Za-z2-7]{5}){3}$/;
const codeAtEnd = /[A-Za-z2-7]{5}(?:-?[A-Za-z2-7]{5}){3}$/;

/** A new code as it is shown: `ABCDE-FGHIJ-KLMNO-PQRST`. */
export function newRecoveryCode(): string {
  // 256 is a multiple of 32, so every character is as likely as any other.
  const characters = Array.from(randomBytes(codeLength), (byte) => alphabet.charAt(byte % alphabet.length));
  return Array.from({ length: groups }, (_group, at) =>
    characters.slice(at * groupLength, (at + 1) * groupLength).join(''),
  ).join('-');
}

/** The canonical form, upper case without hyphens; undefined when the text is no recovery code. */
export function parseRecoveryCode(text: string): string | undefined {
  if (text.length > longestText || !codePattern.test(text)) return undefined;
  return text.replaceAll('-', '').toUpperCase();
}

/** The recovery code in which a text ends, as it stands there; undefined when it does not end in one. */
export function recoveryCodeAtEnd(text: string): string | undefined {
  return codeAtEnd.exec(text.slice(-longestText))?.[0];
}

/** What the MAC of a code is made over: the user is in it, so that it cannot be moved to another's row. */
export function recoveryCodeMacInput(userId: string, canonical: string): Uint8Array {
  return Buffer.from(`${userId}\u001f${canonical}`, 'utf8');
}
