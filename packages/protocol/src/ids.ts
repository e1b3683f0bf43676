/** Ids of resources: `<prefix>_` and 10 random characters of [0-9A-Za-z] (http-api.md §1.11). Runs in a browser too. */

/** Prefix of every kind of id that Stile makes. */
export const idPrefixes = {
  authToken: 'at',
  authMethodPassword: 'ampw',
  accountPassword: 'acctpw',
  org: 'o',
  project: 'p',
  user: 'u',
  group: 'g',
  role: 'r',
  hostCatalogStatic: 'hcst',
  hostSetStatic: 'hsst',
  hostStatic: 'hst',
  targetTcp: 'ttcp',
  session: 's',
  sessionConnection: 'sc',
  worker: 'w',
  alias: 'alt',
  credentialStoreStatic: 'csst',
  credentialUsernamePassword: 'credup',
  credentialUsernamePasswordDomain: 'credupd',
  credentialPassword: 'credp',
  credentialSshPrivateKey: 'credspk',
  credentialJson: 'credjson',
  controller: 'ctrl',
  dataKey: 'kdk',
  rootKey: 'krk',
} as const;

/** A kind of id. */
export type IdKind = keyof typeof idPrefixes;

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Random bytes of this many are asked for at a time; a multiple of the ids' 10 characters would not divide evenly anyway. */
const poolBytes = 512;

/**
 * `length` characters of [0-9A-Za-z], each uniform: bytes from 248 up are drawn again (248 = 4 × 62).
 * Cryptographically random.
 */
export function randomBase62(length: number): string {
  let text = '';
  const pool = new Uint8Array(Math.min(poolBytes, Math.max(16, length * 2)));
  while (text.length < length) {
    globalThis.crypto.getRandomValues(pool);
    for (const byte of pool) {
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62);
    }
  }
  return text;
}

/** A new random id of the kind, as `ttcp_…`. */
export function newId(kind: IdKind): string {
  return `${idPrefixes[kind]}_${randomBase62(10)}`;
}

/** Exact ids that no constructor makes. */
export const globalScopeId = 'global';
/** Anybody. */
export const anonymousUserId = 'u_anon';
/** Any caller with a valid auth token. */
export const authenticatedUserId = 'u_auth';
/** Holder of a recovery token; not creatable. */
export const recoveryUserId = 'u_recovery';

/** Whether `text` is one of the prefixes, `_`, and characters of [A-Za-z0-9] (any number, as the facts say). */
export function isIdOf(text: string, ...kinds: readonly IdKind[]): boolean {
  const cut = text.indexOf('_');
  if (cut < 0) return false;
  const prefix = text.slice(0, cut);
  return kinds.some((kind) => idPrefixes[kind] === prefix) && /^[A-Za-z0-9]*$/.test(text.slice(cut + 1));
}

/** The part before the first `_`, or the whole text when there is none. */
export function idPrefix(text: string): string {
  const cut = text.indexOf('_');
  return cut < 0 ? text : text.slice(0, cut);
}
