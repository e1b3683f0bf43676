/**
 * Texts that clients keep for us and cannot change: a keyed MAC makes them ours. List tokens and page positions are such texts.
 */
import { timingSafeEqual } from 'node:crypto';

/** Makes and checks MACs under the controller's versioned data keys. */
export interface TokenMac {
  mac(label: string, data: Uint8Array): { readonly mac: Uint8Array; readonly keyVersion: number };
  macWith(keyVersion: number, label: string, data: Uint8Array): Uint8Array;
}

const macBytes = 16;
const headBytes = 4 + macBytes;
/** Longest text that is looked at, characters. */
const longestText = 2048;

/** Key version, MAC and the value's JSON; base64url. `label` keeps texts of one purpose from serving another. */
export function signText(label: string, value: object, keys: TokenMac): string {
  const data = Buffer.from(JSON.stringify(value), 'utf8');
  const { mac, keyVersion } = keys.mac(label, data);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(keyVersion, 0);
  head.set(mac.subarray(0, macBytes), 4);
  return Buffer.concat([head, data]).toString('base64url');
}

/** The value that was signed under this label; undefined for every other text. */
export function openSignedText(label: string, text: string, keys: TokenMac): unknown {
  if (text.length > longestText || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= headBytes) return undefined;
  const data = bytes.subarray(headBytes);
  let expected: Uint8Array;
  try {
    expected = keys.macWith(bytes.readUInt32BE(0), label, data);
  } catch {
    // No such version of the key: never ours, or of a key that was destroyed.
    return undefined;
  }
  if (!timingSafeEqual(expected.subarray(0, macBytes), bytes.subarray(4, headBytes))) return undefined;
  return JSON.parse(data.toString('utf8'));
}
