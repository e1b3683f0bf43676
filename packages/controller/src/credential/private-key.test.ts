import { createCipheriv, createHash, generateKeyPairSync } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { StileError } from '@stile/protocol';
import { Secret } from '@stile/runtime';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustSkipWithout } from '../../../../test/support/required.ts';
import { checkPrivateKey } from './private-key.ts';

const check = (pem: string, passphrase?: string): Promise<{ readonly isEncrypted: boolean }> =>
  checkPrivateKey(new Secret(pem), passphrase === undefined ? undefined : new Secret(passphrase));

const refused = (field: string, description: string): unknown =>
  expect.objectContaining({
    code: 'invalidArgument',
    details: {
      requestFields: [{ name: `attributes.${field}`, description: expect.stringContaining(description) }],
    },
  });
const wrongPassphrase = refused('private_key_passphrase', 'Incorrect private key passphrase.');
const notNeeded = refused('private_key_passphrase', 'Passphrase supplied for unencrypted key.');
const unreadable = refused('private_key', 'Unable to parse given private key value: ');

const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey: ed25519 } = generateKeyPairSync('ed25519');
const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const locked = { cipher: 'aes-256-cbc', passphrase: 'right' } as const;

describe('private keys in PEM of OpenSSL', () => {
  test.each([
    ['RSA, PKCS #1', rsa.export({ type: 'pkcs1', format: 'pem' })],
    ['RSA, PKCS #8', rsa.export(pkcs8)],
    ['EC, SEC 1', ec.export({ type: 'sec1', format: 'pem' })],
    ['Ed25519, PKCS #8', ed25519.export(pkcs8)],
  ])('%s is taken, and needs no passphrase', async (_title, pem) => {
    const text = String(pem);
    expect(await check(text)).toMatchObject({ isEncrypted: false });
    expect(await check(`\r\n  ${text.replaceAll('\n', '\r\n')}\n`)).toMatchObject({ isEncrypted: false });
    await expect(check(text, 'x')).rejects.toEqual(notNeeded);
    await expect(check(text.slice(0, 60))).rejects.toEqual(unreadable);
    const lines = text.trim().split('\n');
    const cut = [lines[0], (lines[1] ?? '').slice(0, 16), lines.at(-1)].join('\n');
    await expect(check(cut)).rejects.toEqual(unreadable);
  });

  test('an encrypted one is taken with its passphrase, without one, and with no other', async () => {
    const pem = String(rsa.export({ type: 'pkcs1', format: 'pem', ...locked }));
    expect(await check(pem, 'right')).toMatchObject({ isEncrypted: true });
    expect(await check(pem.replaceAll('\n', '\r\n'), 'right')).toMatchObject({ isEncrypted: true });
    expect(await check(pem)).toMatchObject({ isEncrypted: true });
    const triple = String(
      ec.export({ type: 'sec1', format: 'pem', cipher: 'des-ede3-cbc', passphrase: 'ü' }),
    );
    expect(await check(triple, 'ü')).toMatchObject({ isEncrypted: true });
    await expect(check(pem, 'wrong')).rejects.toEqual(wrongPassphrase);
    await expect(check(pem, '')).rejects.toEqual(wrongPassphrase);
  });

  test('other blocks are refused by name, and an encrypted PKCS #8 key, whose work its maker chooses', async () => {
    await expect(check(String(rsa.export({ ...pkcs8, ...locked })), 'right')).rejects.toEqual(
      refused('private_key', 'a PEM block of type "ENCRYPTED PRIVATE KEY" is not supported'),
    );
    const { publicKey } = generateKeyPairSync('ed25519');
    await expect(check(String(publicKey.export({ type: 'spki', format: 'pem' })))).rejects.toEqual(
      unreadable,
    );
    await expect(check('not a key')).rejects.toEqual(refused('private_key', 'no PEM block was found'));
    await expect(check('')).rejects.toEqual(unreadable);
  });
});

/** DER, as far as the tests write it: with the shortest length, or OpenSSL does not begin to read. */
const der = (tag: number, content: Buffer): Buffer => {
  const { length } = content;
  const long = Buffer.from(
    length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'),
    'hex',
  );
  const head = length < 0x80 ? Buffer.of(length) : Buffer.concat([Buffer.of(0x80 + long.length), long]);
  return Buffer.concat([Buffer.of(tag), head, content]);
};
const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const number = (bytes: Buffer): Buffer =>
  der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]));

/** PKCS #8 of an algorithm whose public key is computed while it is read, with numbers of `bytes` bytes. */
function endlessKey(algorithm: string, bytes: number): Buffer {
  const odd = Buffer.alloc(bytes, 0xff);
  const parameters = sequence(number(odd), number(Buffer.alloc(32, 0xff)), number(Buffer.of(2)));
  const oid = der(0x06, Buffer.from(algorithm, 'hex'));
  return sequence(number(Buffer.of(0)), sequence(oid, parameters), der(0x04, number(odd)));
}

describe('a key that is work without end', () => {
  const dsa = '2a8648ce380401';
  const block = (label: string, body: string): string =>
    `-----BEGIN ${label}-----\n${body.replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

  test.each(['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY'])(
    'is refused before any is done, as %s',
    async (label) => {
      const before = performance.now();
      await expect(check(block(label, endlessKey(dsa, 6000).toString('base64')))).rejects.toEqual(
        refused('private_key', 'the key is damaged'),
      );
      // Computed, it takes some 25 seconds.
      expect(performance.now() - before).toBeLessThan(1000);
    },
  );

  test('is refused also when a passphrase hides it', async () => {
    const iv = Buffer.alloc(16, 7);
    const md5 = (...parts: (Buffer | string)[]): Buffer =>
      parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest();
    const first = md5('right', iv.subarray(0, 8));
    const key = Buffer.concat([first, md5(first, 'right', iv.subarray(0, 8))]);
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const hide = (content: Buffer): string => {
      const sealed = Buffer.concat([cipher.update(content), cipher.final()]).toString('base64');
      const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,${iv.toString('hex')}\n\n`;
      return `-----BEGIN RSA PRIVATE KEY-----\n${headers}${sealed}\n-----END RSA PRIVATE KEY-----\n`;
    };
    const before = performance.now();
    await expect(check(hide(endlessKey(dsa, 6000)), 'right')).rejects.toEqual(wrongPassphrase);
    expect(performance.now() - before).toBeLessThan(1000);
  });

  test('is refused by its length, whatever it is', async () => {
    await expect(check(block('RSA PRIVATE KEY', 'A'.repeat(70_000)))).rejects.toEqual(
      refused('private_key', 'it is longer than 65536 characters'),
    );
  });
});

describe.skipIf(mustSkipWithout('ssh-keygen'))('private keys of ssh-keygen', () => {
  let folder: string;
  let count = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stile-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const make = (type: string, passphrase: string, ...more: string[]): string => {
    count += 1;
    const path = join(folder, String(count));
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'a comment', '-f', path, ...more]);
    return readFileSync(path, 'utf8');
  };

  test.each([
    ['ed25519', []],
    ['rsa', ['-b', '2048']],
    ['ecdsa', ['-b', '256']],
    ['ecdsa', ['-b', '521']],
  ])('%s %j is taken, and needs no passphrase', async (type, more) => {
    const pem = make(type, '', ...more);
    expect(await check(pem)).toMatchObject({ isEncrypted: false });
    await expect(check(pem, 'x')).rejects.toEqual(notNeeded);
  });

  test.each([['aes256-ctr'], ['aes256-cbc'], ['aes128-ctr']])(
    'encrypted by %s: opened by its passphrase and no other',
    async (cipher) => {
      const pem = make('ed25519', 'correct horse ü', '-a', '4', '-Z', cipher);
      expect(await check(pem)).toMatchObject({ isEncrypted: true });
      expect(await check(pem, 'correct horse ü')).toMatchObject({ isEncrypted: true });
      await expect(check(pem, 'correct horse u')).rejects.toEqual(wrongPassphrase);
    },
  );

  test('the work of many rounds holds nobody else up', async () => {
    const pem = make('ed25519', 'right', '-a', '64');
    const before = performance.eventLoopUtilization();
    await check(pem, 'right');
    // In this thread it would be all of the time.
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
  });

  test('whatever bytes stand in the envelope, the answer is a 400 that names the key', async () => {
    const pem = make('ed25519', '');
    const bytes = Buffer.from(pem.replace(/-----[^\n]*\n?/g, ''), 'base64');
    const wrapped = (content: Uint8Array): string =>
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from(content).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    expect(await check(wrapped(bytes))).toMatchObject({ isEncrypted: false });
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat({ max: bytes.length - 1 }).map((length) => bytes.subarray(0, length)),
      fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
        const copy = Uint8Array.from(bytes);
        copy[at] = (copy[at] ?? 0) ^ flip;
        return copy;
      }),
    );
    await fc.assert(
      fc.asyncProperty(damaged, async (content) => {
        try {
          await check(wrapped(content));
        } catch (error) {
          expect(error).toBeInstanceOf(StileError);
          expect(error).toEqual(unreadable);
          expect(JSON.stringify((error as StileError).details)).not.toContain(
            Buffer.from(bytes.subarray(-60, -30)).toString('base64'),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a key that asks for endless work is refused before any is done', async () => {
    const pem = make('ed25519', 'right', '-a', '4');
    const bytes = Buffer.from(pem.replace(/-----[^\n]*\n?/g, ''), 'base64');
    // kdf options: salt of 16 bytes behind its length, then the rounds.
    const at = bytes.indexOf(Buffer.from([0, 0, 0, 24, 0, 0, 0, 16])) + 8 + 16;
    bytes.writeUInt32BE(0xffff_ffff, at);
    const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    await expect(check(text, 'right')).rejects.toEqual(
      refused('private_key', 'it has more than 1024 rounds of key derivation'),
    );
  });
});
