import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Secret, silentLogger, systemClock, type Clock } from '@stile/runtime';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { openDatabase, parseDatabaseUrl } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { KeyService } from './key-service.ts';
import { rootKeyOf, type RootKey } from './root-key.ts';

const rootKey: RootKey = rootKeyOf(new Secret(Buffer.alloc(32, 7).toString('base64')));
const knownSecret = Buffer.from('a-very-well-known-private-key-0123456789');

/** A system clock that stands `aheadUs` in the future. */
function clockAhead(aheadUs: number): Clock {
  return { ...systemClock, nowUs: () => systemClock.nowUs() + aheadUs };
}

describeBothEngines('key service', ({ engine, open, newUrl }) => {
  it('opens what it sealed, and a second service on the same database does too', async () => {
    const database = await open();
    const first = await KeyService.open({ database, rootKey, clock: systemClock });
    const sealed = first.seal(knownSecret, 'session/private_key/s_1');
    const second = await KeyService.open({ database, rootKey, clock: systemClock });
    expect(Buffer.from(second.open(sealed, 'session/private_key/s_1'))).toEqual(knownSecret);
    expect(Buffer.from(sealed).includes(knownSecret)).toBe(false);
    first.close();
    second.close();
  });

  it('refuses a sealed value that was moved to another row or column, altered or cut', async () => {
    const database = await open();
    const keys = await KeyService.open({ database, rootKey, clock: systemClock });
    const sealed = keys.seal(knownSecret, 'session/private_key/s_1');
    const refused = expect.objectContaining({ code: 'internal' });
    expect(() => keys.open(sealed, 'session/private_key/s_2')).toThrow(refused);
    expect(() => keys.open(sealed, 'session/tofu_token/s_1')).toThrow(refused);
    expect(() => keys.open(sealed, '')).toThrow(refused);
    for (let at = 0; at < sealed.length; at++) {
      const altered = Uint8Array.from(sealed);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(() => keys.open(altered, 'session/private_key/s_1')).toThrow(refused);
      expect(() => keys.open(sealed.subarray(0, at), 'session/private_key/s_1')).toThrow(refused);
    }
    keys.close();
  });

  it('never seals the same bytes twice alike', async () => {
    const keys = await KeyService.open({ database: await open(), rootKey, clock: systemClock });
    expect(keys.seal(knownSecret, 'x')).not.toEqual(keys.seal(knownSecret, 'x'));
    keys.close();
  });

  it('goes on opening old values after a rotation, and seals with the new key once every controller has it', async () => {
    const database = await open();
    const clock = { ...systemClock, ahead: 0, nowUs: () => systemClock.nowUs() + clock.ahead };
    const keys = await KeyService.open({ database, rootKey, clock });
    const old = keys.seal(knownSecret, 'x');
    const oldMac = keys.mac('label', Buffer.from('data'));
    await keys.rotate();
    expect(keys.mac('label', Buffer.from('data')).keyVersion).toBe(engine === 'sqlite' ? 2 : 1);
    clock.ahead = 600_000_000;
    expect(keys.mac('label', Buffer.from('data')).keyVersion).toBe(2);
    const sealed = keys.seal(knownSecret, 'x');
    expect(Buffer.from(keys.open(old, 'x'))).toEqual(knownSecret);
    expect(Buffer.from(keys.open(sealed, 'x'))).toEqual(knownSecret);
    expect(Buffer.from(keys.macWith(oldMac.keyVersion, 'label', Buffer.from('data')))).toEqual(oldMac.mac);
    expect(keys.mac('label', Buffer.from('data')).mac).not.toEqual(oldMac.mac);
    keys.close();
  });

  it('gives each label its own MAC key', async () => {
    const keys = await KeyService.open({ database: await open(), rootKey, clock: systemClock });
    const data = Buffer.from('data');
    expect(keys.mac('a', data).mac).toHaveLength(32);
    expect(keys.mac('a', data).mac).toEqual(keys.mac('a', data).mac);
    expect(keys.mac('a', data).mac).not.toEqual(keys.mac('b', data).mac);
    keys.close();
  });

  it('refuses to open under another root key, naming both', async () => {
    const database = await open();
    (await KeyService.open({ database, rootKey, clock: systemClock })).close();
    const other = rootKeyOf(new Secret(Buffer.alloc(32, 8).toString('base64')));
    await expect(KeyService.open({ database, rootKey: other, clock: systemClock })).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining(other.id),
    });
  });

  it('makes one key only when several controllers open an empty database at once', async () => {
    const database = await open();
    const services = await Promise.all(
      [0, 1, 2, 3].map(() => KeyService.open({ database, rootKey, clock: systemClock })),
    );
    const sealed = services[0]?.seal(knownSecret, 'x') ?? new Uint8Array();
    for (const service of services) {
      expect(Buffer.from(service.open(sealed, 'x'))).toEqual(knownSecret);
      service.close();
    }
    expect(await database.reader.selectFrom('data_key').select('version').execute()).toEqual([
      { version: 1 },
    ]);
  });

  it('finds keys that another controller has made since', async () => {
    const database = await open();
    const first = await KeyService.open({ database, rootKey, clock: systemClock });
    const second = await KeyService.open({ database, rootKey, clock: clockAhead(600_000_000) });
    await second.rotate();
    const sealed = second.seal(knownSecret, 'x');
    expect(first.hasVersion(2)).toBe(false);
    await first.refresh();
    expect(Buffer.from(first.open(sealed, 'x'))).toEqual(knownSecret);
    first.close();
    second.close();
  });

  it('leaves neither a sealed secret nor a data key readable in the database, after a rotation too', async () => {
    const url = await newUrl();
    const database = await openDatabase({ url, clock: systemClock, log: silentLogger });
    await migrate(database);
    const keys = await KeyService.open({ database, rootKey, clock: systemClock });
    await keys.rotate();
    await database.write((tx) =>
      tx
        .insertInto('cluster_authority')
        .values({
          id: 'ca_1',
          certificate: new Uint8Array([1]),
          private_key_sealed: keys.seal(knownSecret, 'cluster_authority/private_key/ca_1'),
          expires_at: 1,
          created_at: 1,
        })
        .execute(),
    );
    const row = await database.reader.selectFrom('cluster_authority').selectAll().executeTakeFirstOrThrow();
    expect(Buffer.from(row.private_key_sealed).includes(knownSecret)).toBe(false);
    expect(Buffer.from(keys.open(row.private_key_sealed, 'cluster_authority/private_key/ca_1'))).toEqual(
      knownSecret,
    );
    const address = parseDatabaseUrl(url);
    if (address.engine === 'sqlite') {
      const dir = dirname(address.path);
      for (const name of await readdir(dir)) {
        expect((await readFile(join(dir, name))).includes(knownSecret)).toBe(false);
      }
    }
    keys.close();
    await database.close();
  });
});
