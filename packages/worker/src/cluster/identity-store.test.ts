import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '@stile/runtime';
import { IdentityStore, type WorkerIdentity } from './identity-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stile-identity-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const identity: WorkerIdentity = {
  workerId: 'w_1234567890',
  privateKey: new Secret('-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n'),
  certificate: Buffer.from([1, 2, 3]),
  caCertificates: [Buffer.from([4]), Buffer.from([5])],
};

describe('IdentityStore', () => {
  it('reads what it wrote, from a file that only its owner can read', () => {
    const store = new IdentityStore(join(folder, 'deep', 'worker'));
    expect(store.read()).toBeUndefined();
    store.write(identity);
    store.write(identity);
    expect(store.read()).toEqual(identity);
    const file = join(folder, 'deep', 'worker', 'identity.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'deep', 'worker')).mode & 0o777).toBe(0o700);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it.each(['', '{', '{"version":1}', 'null', '{"version":1,"worker_id":"w_1","private_key":7}'])(
    'names the file and shows nothing of it when it is damaged: %j',
    (text) => {
      const file = join(folder, 'identity.json');
      writeFileSync(file, text);
      expect(() => new IdentityStore(folder).read()).toThrow(
        expect.objectContaining({ code: 'invalidConfig', message: expect.stringContaining(file) }),
      );
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );

  it('says so when the folder cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    const store = new IdentityStore(join(folder, 'file', 'below'));
    expect(() => store.write(identity)).toThrow(expect.objectContaining({ code: 'invalidConfig' }));
  });
});
