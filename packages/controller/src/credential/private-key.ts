/** Checks of SSH private keys and their passphrases: what is stored can be used (http-api.md §2.13). */
import { StileError } from '@stile/protocol';
import type { Secret } from '@stile/runtime';
import { attributeRefused } from './credential.ts';
import { KeyProblem, opensWith, readOpenSshKey, type OpenSshKey } from './openssh-key.ts';
import { pemLabels, readPemKey } from './pem-key.ts';

/** Longest text of a key: an RSA key of 16,384 bits has 12,700 characters. */
const mostCharacters = 65_536;

/** Checks that wait for their turn; one runs at a time, each is some seconds of work at most. */
const mostWaiting = 8;
let waiting = 0;
let turn: Promise<unknown> = Promise.resolve();

/**
 * Whether the key is encrypted; with a passphrase also that it opens the key.
 * @throws {StileError} invalidArgument naming `attributes.private_key` or `attributes.private_key_passphrase`; tooManyRequests
 */
export async function checkPrivateKey(
  privateKey: Secret,
  passphrase: Secret | undefined,
): Promise<{ readonly isEncrypted: boolean }> {
  const key = read(privateKey.reveal());
  if (passphrase === undefined) return key;
  if (!key.isEncrypted) {
    throw attributeRefused('private_key_passphrase', 'Passphrase supplied for unencrypted key.');
  }
  if (!(await key.opens(passphrase.reveal()))) {
    throw attributeRefused('private_key_passphrase', 'Incorrect private key passphrase.');
  }
  return key;
}

interface ReadKey {
  readonly isEncrypted: boolean;
  readonly opens: (passphrase: string) => Promise<boolean>;
}

function read(text: string): ReadKey {
  try {
    return readPem(text);
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error;
    throw attributeRefused('private_key', `Unable to parse given private key value: ${error.message}.`);
  }
}

/** The first PEM block (RFC 7468): its label, and what stands between its lines. */
function firstBlock(text: string): { readonly label: string; readonly body: string } {
  const begin = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(text);
  const [opening = '', label = ''] = begin ?? [];
  const start = begin?.index ?? 0;
  const closing = `-----END ${label}-----`;
  const end = text.indexOf(closing, start + opening.length);
  if (begin === null || end < 0) throw new KeyProblem('no PEM block was found');
  return { label, body: text.slice(start + opening.length, end) };
}

function readPem(text: string): ReadKey {
  if (text.length > mostCharacters) throw new KeyProblem(`it is longer than ${mostCharacters} characters`);
  const { label, body } = firstBlock(text);
  if (label === 'OPENSSH PRIVATE KEY') {
    const key = readOpenSshKey(Buffer.from(body, 'base64'));
    return { isEncrypted: key.isEncrypted, opens: (passphrase) => inTurn(key, passphrase) };
  }
  if (!pemLabels.has(label)) throw new KeyProblem(`a PEM block of type "${label}" is not supported`);
  const key = readPemKey(label, body);
  return { ...key, opens: (passphrase) => Promise.resolve(key.opens(passphrase)) };
}

async function inTurn(key: OpenSshKey, passphrase: string): Promise<boolean> {
  if (waiting >= mostWaiting) {
    throw new StileError('tooManyRequests', 'too many private keys at once; try again in a few seconds', {
      details: { retryAfterSeconds: 5 },
    });
  }
  waiting += 1;
  const before = turn;
  const mine = (async () => {
    await before;
    return opensWith(key, passphrase);
  })().finally(() => {
    waiting -= 1;
  });
  turn = mine.catch(() => undefined);
  return mine;
}
