import { generateKeyPairSync } from 'node:crypto';
import { Secret, systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines, type EngineTest } from '../../../../test/support/engines.ts';
import { fillDatabase, worldIds } from '../../../../test/support/session-world.ts';
import { KeyService } from '../keys/key-service.ts';
import { rootKeyOf } from '../keys/root-key.ts';
import type { Database } from '../store/database.ts';
import { listSince } from '../store/deleted-resource-repository.ts';
import { TargetService } from '../target/target-service.ts';
import { canonicalJson } from './credential.ts';
import { CredentialService } from './credential-service.ts';

interface Scene {
  readonly database: Database;
  readonly credentials: CredentialService;
  readonly targets: TargetService;
  readonly keys: KeyService;
  readonly storeId: string;
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const rootKey = rootKeyOf(new Secret(Buffer.alloc(32, 7).toString('base64')));
  const keys = await KeyService.open({ database, rootKey, clock: systemClock });
  const credentials = new CredentialService({ database, clock: systemClock, keys });
  const targets = new TargetService({ database, clock: systemClock });
  const store = await credentials.createStore({ scopeId: worldIds.project });
  return { database, credentials, targets, keys, storeId: store.id };
}

const plainText = 'a-very-well-known-password-0123456789';
const secret = new Secret(plainText);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const plainKey = new Secret(String(privateKey.export({ type: 'pkcs1', format: 'pem' })));
const lockedKey = new Secret(
  String(privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })),
);
const right = new Secret('right');

describeBothEngines('credentials', (engineTest) => {
  test('no column of the database holds a secret in the clear, and no answer either', async () => {
    const { credentials, database, storeId } = await newScene(engineTest);
    const base = { credentialStoreId: storeId, secret };
    const made = await credentials.create({ ...base, type: 'username_password', username: 'u' });
    await credentials.create({
      credentialStoreId: storeId,
      type: 'json',
      secret: new Secret(canonicalJson({ password: plainText })),
    });
    const rows = await database.reader.selectFrom('credential').selectAll().execute();
    expect(rows).toHaveLength(2);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
      expect(bytes.includes(plainText)).toBe(false);
    }
    expect(JSON.stringify(made)).not.toContain(plainText);
    expect(Object.keys(made)).not.toContain('secret_sealed');
  });

  test('the hash of a secret stays while the secret does, and tells nothing of equal ones', async () => {
    const { credentials, keys, storeId } = await newScene(engineTest);
    const base = { credentialStoreId: storeId, type: 'password', secret } as const;
    const [first, second] = [await credentials.create(base), await credentials.create(base)];
    expect(Buffer.from(first.secret_mac)).not.toEqual(Buffer.from(second.secret_mac));
    expect((await credentials.lookup(first.id))?.secret_mac).toEqual(first.secret_mac);
    await keys.rotate();
    const same = await credentials.update(first.id, 1, { secret: new Secret(plainText) });
    expect(same).toMatchObject({ version: 1, updated_at: first.updated_at });
    expect(Buffer.from(same.secret_mac)).toEqual(Buffer.from(first.secret_mac));
    const changed = await credentials.update(first.id, 1, { secret: new Secret('another') });
    expect(changed.version).toBe(2);
    expect(Buffer.from(changed.secret_mac)).not.toEqual(Buffer.from(first.secret_mac));
  });

  test('a session of the target gets what was stored, type by type', async () => {
    const { credentials, targets, storeId } = await newScene(engineTest);
    const base = { credentialStoreId: storeId };
    const made = [
      await credentials.create({ ...base, type: 'password', secret }),
      await credentials.create({ ...base, type: 'username_password', username: 'u', secret }),
      await credentials.create({
        ...base,
        type: 'username_password_domain',
        username: 'u',
        domain: 'd',
        secret,
      }),
      await credentials.create({ ...base, type: 'ssh_private_key', username: 'u', secret: plainKey }),
      await credentials.create({
        ...base,
        type: 'ssh_private_key',
        username: 'v',
        secret: lockedKey,
        passphrase: right,
      }),
      await credentials.create({ ...base, type: 'json', secret: new Secret('{"a":{"b":[1]}}') }),
    ];
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    const brokered = made.map(({ id }) => id);
    await targets.changeCredentialSources('add', target.id, 1, { brokered, injected: [] });
    const given = new Map(
      (await credentials.brokered(target.id)).map(({ credential, fields }) => [
        credential.id,
        fields.reveal(),
      ]),
    );
    expect(made.map(({ id }) => given.get(id))).toEqual([
      { password: plainText },
      { username: 'u', password: plainText },
      { username: 'u', domain: 'd', password: plainText },
      { username: 'u', private_key: plainKey.reveal() },
      { username: 'v', private_key: lockedKey.reveal(), private_key_passphrase: 'right' },
      { a: { b: [1] } },
    ]);
  });

  test('a passphrase must open the key it is stored with, at creation and after every change', async () => {
    const { credentials, storeId } = await newScene(engineTest);
    const base = { credentialStoreId: storeId, type: 'ssh_private_key', username: 'u' } as const;
    const refused = expect.objectContaining({ code: 'invalidArgument' });
    await expect(credentials.create({ ...base, secret: plainKey, passphrase: right })).rejects.toEqual(
      refused,
    );
    await expect(
      credentials.create({ ...base, secret: lockedKey, passphrase: new Secret('wrong') }),
    ).rejects.toEqual(refused);
    const { id } = await credentials.create({ ...base, secret: lockedKey, passphrase: right });
    await expect(credentials.update(id, 1, { passphrase: new Secret('wrong') })).rejects.toEqual(refused);
    expect(await credentials.update(id, 1, { secret: lockedKey })).toMatchObject({
      version: 1,
      passphrase_mac: expect.anything(),
    });
    expect(await credentials.update(id, 1, { passphrase: null })).toMatchObject({
      version: 2,
      passphrase_mac: null,
    });
    expect(await credentials.update(id, 2, { passphrase: right })).toMatchObject({ version: 3 });
    expect(await credentials.update(id, 3, { secret: plainKey })).toMatchObject({
      version: 4,
      passphrase_mac: null,
    });
  });

  test('of changes made from one version only one is done, and it holds the secret that belongs to it', async () => {
    const { credentials, storeId, targets } = await newScene(engineTest);
    const { id } = await credentials.create({
      credentialStoreId: storeId,
      type: 'username_password',
      username: 'u0',
      secret,
    });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_each, at) =>
        credentials.update(id, 1, { username: `u${at + 1}`, secret: new Secret(`p${at + 1}`) }),
      ),
    );
    const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(done).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'notFound' });
    }
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    await targets.changeCredentialSources('set', target.id, 1, { brokered: [id], injected: [] });
    const [given] = await credentials.brokered(target.id);
    const fields = given?.fields.reveal() ?? {};
    expect(fields['username']).toBe(done[0]?.username);
    expect(fields['password']).toBe(String(fields['username']).replace('u', 'p'));
  });

  test('names are unique within a store and a type', async () => {
    const { credentials, storeId } = await newScene(engineTest);
    const base = { credentialStoreId: storeId, name: 'n', secret };
    await credentials.create({ ...base, type: 'password' });
    await credentials.create({ ...base, type: 'username_password', username: 'u' });
    await expect(credentials.create({ ...base, type: 'password' })).rejects.toMatchObject({
      code: 'invalidArgument',
    });
  });

  test('only brokered credentials of the same scope become sources of a target', async () => {
    const { credentials, targets, storeId } = await newScene(engineTest);
    const { id } = await credentials.create({ credentialStoreId: storeId, type: 'password', secret });
    const { target } = await targets.create({ scopeId: worldIds.otherProject, name: 't', defaultPort: 22 });
    const change = (action: 'add' | 'set' | 'remove', brokered: string[], injected: string[] = []) =>
      targets.changeCredentialSources(action, target.id, 1, { brokered, injected });
    const field = 'brokered_credential_source_ids';
    const refused = expect.objectContaining({
      code: 'invalidArgument',
      details: { requestFields: [expect.objectContaining({ name: field })] },
    });
    await expect(change('add', [id])).rejects.toEqual(refused);
    await expect(change('set', [id])).rejects.toEqual(refused);
    await expect(change('remove', [id])).rejects.toEqual(refused);
    await expect(change('add', [], [id])).rejects.toMatchObject({ code: 'failedPrecondition' });
    expect(await targets.read(target.id)).toMatchObject({ target: { version: 1 }, credentialSources: [] });
  });

  test('a deleted credential or store leaves its targets, is reported as deleted, and leaves no rows', async () => {
    const { credentials, database, targets, storeId } = await newScene(engineTest);
    const make = () => credentials.create({ credentialStoreId: storeId, type: 'password', secret });
    const ids = [(await make()).id, (await make()).id];
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    await targets.changeCredentialSources('add', target.id, 1, { brokered: ids, injected: [] });
    await credentials.delete(ids[0] ?? '');
    expect((await targets.read(target.id)).credentialSources).toEqual([
      { id: ids[1], credentialStoreId: storeId },
    ]);
    await credentials.deleteStore(storeId);
    expect(await credentials.brokered(target.id)).toEqual([]);
    const { reader } = database;
    expect(await reader.selectFrom('credential').select('id').execute()).toEqual([]);
    expect(await reader.selectFrom('target_credential_source').selectAll().execute()).toEqual([]);
    expect([...(await listSince(reader, 'credential', 0)).ids].sort()).toEqual([...ids].sort());
    expect((await listSince(reader, 'credential-store', 0)).ids).toEqual([storeId]);
    await expect(credentials.deleteStore(storeId)).rejects.toMatchObject({ code: 'notFound' });
    await expect(credentials.delete(ids[0] ?? '')).rejects.toMatchObject({ code: 'notFound' });
  });

  test('a scope that goes takes its stores, credentials and links along', async () => {
    const { credentials, database, targets, storeId } = await newScene(engineTest);
    const { id } = await credentials.create({ credentialStoreId: storeId, type: 'password', secret });
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    await targets.changeCredentialSources('add', target.id, 1, { brokered: [id], injected: [] });
    await database.write((tx) => tx.deleteFrom('scope').where('id', '=', worldIds.project).execute());
    const { reader } = database;
    expect(await reader.selectFrom('credential_store').select('id').execute()).toEqual([]);
    expect(await reader.selectFrom('credential').select('id').execute()).toEqual([]);
    expect(await reader.selectFrom('target_credential_source').selectAll().execute()).toEqual([]);
  });

  test('deleting a target leaves its credentials', async () => {
    const { credentials, database, targets, storeId } = await newScene(engineTest);
    const { id } = await credentials.create({ credentialStoreId: storeId, type: 'password', secret });
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    await targets.changeCredentialSources('add', target.id, 1, { brokered: [id], injected: [] });
    await database.write((tx) => tx.deleteFrom('target').where('id', '=', target.id).execute());
    expect(await credentials.lookup(id)).toBeDefined();
    const links = await database.reader.selectFrom('target_credential_source').selectAll().execute();
    expect(links).toEqual([]);
  });
});
