import { X509Certificate, createHash, sign } from 'node:crypto';
import { decodeActivationToken, encodeActivationToken } from '@stile/protocol';
import { enrollMessage, renewMessage } from '@stile/protocol/rpc';
import type { EnrollRequest } from '@stile/protocol/rpc';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { addLiveWorker, fillDatabase, makeWorld } from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { encodeSpki, generateEd25519 } from '../pki/ed25519.ts';
import type { Ed25519KeyPair } from '../pki/ed25519.ts';
import { ClusterAuthority } from './cluster-authority.ts';
import { WorkerFilters } from './worker-filter.ts';
import { canonicalTags, requireLegalStatement, type WorkerStatement } from './worker.ts';
import { shuffled } from './worker-selection.ts';

async function newWorld(engineTest: EngineTest): Promise<{ world: SessionWorld; clock: ManualClock }> {
  const clock = new ManualClock();
  const database = await engineTest.open();
  await fillDatabase(database, clock.nowUs());
  return { world: await makeWorld(database, clock), clock };
}

function enrolment(activationToken: string, key: Ed25519KeyPair = generateEd25519()): EnrollRequest {
  const publicKey = encodeSpki(key.publicKey);
  return {
    activationToken,
    publicKey,
    signature: sign(null, enrollMessage(activationToken, publicKey), key.privateKey),
  };
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const refused = expect.objectContaining({ code: 'permissionDenied' });

const statement = {
  address: '10.0.0.7:9202',
  tags: { type: ['dev', 'local', 'dev'] },
  releaseVersion: 'Stile v0.1.0',
  description: '',
};

describeBothEngines('worker registry', (engineTest) => {
  test('an activation token enrols its worker once, and only its hash is stored', async () => {
    const { world } = await newWorld(engineTest);
    const { worker, activationToken } = await world.registry.createControllerLed({ name: 'w1' });
    const text = activationToken.reveal();
    const { secret, workerId, caFingerprint } = decodeActivationToken(text);
    expect(workerId).toBe(worker.id);
    expect(Buffer.from(worker.activation_mac ?? []).equals(Buffer.from(secret))).toBe(false);
    const key = generateEd25519();
    const enrolled = await world.registry.enrol(enrolment(text, key));
    expect(enrolled.workerId).toBe(worker.id);
    const certificate = new X509Certificate(enrolled.certificate);
    const [authority] = enrolled.caCertificates;
    expect(sha256(authority ?? new Uint8Array()).equals(Buffer.from(caFingerprint))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority ?? '').publicKey)).toBe(true);
    expect(await world.registry.lookupByFingerprint(sha256(certificate.raw))).toMatchObject({
      id: worker.id,
      activation_mac: null,
    });
    await expect(world.registry.enrol(enrolment(text))).rejects.toEqual(refused);
    await world.close();
  });

  test('of ten enrolments with one token at the same time one wins', async () => {
    const { world } = await newWorld(engineTest);
    const { activationToken } = await world.registry.createControllerLed({});
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => world.registry.enrol(enrolment(activationToken.reveal()))),
    );
    expect(attempts.filter((attempt) => attempt.status === 'fulfilled')).toHaveLength(1);
    await world.close();
  });

  test('garbage, another secret, another worker, a foreign signature and an expired token are all refused alike', async () => {
    const { world, clock } = await newWorld(engineTest);
    const { activationToken } = await world.registry.createControllerLed({});
    const text = activationToken.reveal();
    const token = decodeActivationToken(text);
    const good = enrolment(text);
    const hostile: EnrollRequest[] = [
      enrolment(''),
      enrolment('stwa_!!!'),
      enrolment(`${text}1`),
      enrolment(encodeActivationToken({ ...token, secret: new Uint8Array(32) })),
      enrolment(encodeActivationToken({ ...token, workerId: 'w_0000000000' })),
      { ...good, signature: enrolment(text).signature },
      { ...good, signature: new Uint8Array(0) },
      { ...good, publicKey: new Uint8Array(44) },
    ];
    for (const request of hostile) await expect(world.registry.enrol(request)).rejects.toEqual(refused);
    clock.advance(86_400_000);
    await expect(world.registry.enrol(good)).rejects.toEqual(refused);
    await world.close();
  });

  test('after a renewal both certificates are good until the new one is used', async () => {
    const { world } = await newWorld(engineTest);
    const { worker, activationToken } = await world.registry.createControllerLed({});
    const first = await world.registry.enrol(enrolment(activationToken.reveal()));
    const linked = { workerId: worker.id, fingerprint: sha256(first.certificate) };
    const key = generateEd25519();
    const publicKey = encodeSpki(key.publicKey);
    const signature = sign(null, renewMessage(publicKey), key.privateKey);
    await expect(world.registry.renew(linked, { publicKey, signature: new Uint8Array(64) })).rejects.toEqual(
      refused,
    );
    const second = await world.registry.renew(linked, { publicKey, signature });
    const newest = { workerId: worker.id, fingerprint: sha256(second.certificate) };
    for (const each of [linked, newest]) {
      expect(await world.registry.lookupByFingerprint(each.fingerprint)).toMatchObject({ id: worker.id });
    }
    // The answer got lost: the worker renews again over its old link.
    const third = await world.registry.renew(linked, { publicKey, signature });
    expect(await world.registry.lookupByFingerprint(newest.fingerprint)).toBeUndefined();
    await world.registry.hello(
      { workerId: worker.id, fingerprint: sha256(third.certificate) },
      statement,
      'ctrl_1',
    );
    expect(await world.registry.lookupByFingerprint(linked.fingerprint)).toBeUndefined();
    await expect(world.registry.renew(linked, { publicKey, signature })).rejects.toEqual(refused);
    await expect(
      world.registry.heartbeat(linked, { activeConnections: 0, isDraining: false }, 'ctrl_1'),
    ).rejects.toEqual(refused);
    await world.close();
  });

  test('a worker is live from its hello on, as long as its heartbeats come, it has a link and does not drain', async () => {
    const { world, clock } = await newWorld(engineTest);
    const { worker, activationToken } = await world.registry.createControllerLed({ name: 'w1' });
    const enrolled = await world.registry.enrol(enrolment(activationToken.reveal()));
    const linked = { workerId: worker.id, fingerprint: sha256(enrolled.certificate) };
    const isLive = async (): Promise<boolean> => (await world.registry.listLive()).length === 1;
    expect(await isLive()).toBe(false);
    const row = await world.registry.hello(linked, statement, 'ctrl_1');
    expect(row).toMatchObject({
      address: '10.0.0.7:9202',
      config_tags: '{"type":["dev","local"]}',
      controller_id: 'ctrl_1',
    });
    expect(await isLive()).toBe(true);
    clock.advance(14_999);
    expect(await isLive()).toBe(true);
    clock.advance(1);
    expect(await isLive()).toBe(false);
    await world.registry.heartbeat(linked, { activeConnections: 3, isDraining: false }, 'ctrl_1');
    expect(await isLive()).toBe(true);
    await world.registry.heartbeat(linked, { activeConnections: 3, isDraining: true }, 'ctrl_1');
    expect(await isLive()).toBe(false);
    const boast = { activeConnections: 4_294_967_295, isDraining: false };
    expect(await world.registry.heartbeat(linked, boast, 'ctrl_2')).toMatchObject({
      active_connections: 2_147_483_647,
    });
    await world.registry.unlinked(worker.id, 'ctrl_1');
    expect(await isLive()).toBe(true);
    await world.registry.unlinked(worker.id, 'ctrl_2');
    expect(await isLive()).toBe(false);
    await world.close();
  });

  test('names are lower case and unique', async () => {
    const { world } = await newWorld(engineTest);
    await expect(world.registry.createControllerLed({ name: 'Upper' })).rejects.toMatchObject({
      details: { requestFields: [{ name: 'name', description: 'Name must be all lowercase.' }] },
    });
    await world.registry.createControllerLed({ name: 'one' });
    await expect(world.registry.createControllerLed({ name: 'one' })).rejects.toMatchObject({
      code: 'invalidArgument',
    });
    expect(await world.registry.list()).toHaveLength(1);
    await world.close();
  });

  test('controllers that start together agree on one authority, whose key is not readable in the database', async () => {
    const { world, clock } = await newWorld(engineTest);
    await world.database.write(async (tx) => {
      await tx.deleteFrom('cluster_authority').execute();
    });
    const options = { database: world.database, keys: world.keys, clock };
    const authorities = await Promise.all(Array.from({ length: 5 }, () => ClusterAuthority.open(options)));
    const fingerprints = new Set(authorities.map((authority) => authority.fingerprint.toString('hex')));
    expect(fingerprints.size).toBe(1);
    const again = await ClusterAuthority.open(options);
    const server = new X509Certificate(again.issueController().certificate);
    expect(server.verify(new X509Certificate(again.certificates[0] ?? '').publicKey)).toBe(true);
    const row = await world.database.reader
      .selectFrom('cluster_authority')
      .selectAll()
      .executeTakeFirstOrThrow();
    expect(row.private_key_sealed.length).toBeGreaterThan(32);
    expect(Buffer.from(row.certificate).equals(Buffer.from(again.certificates[0] ?? []))).toBe(true);
    await world.close();
  });

  test('a controller tells the addresses of all that live, its own first, and leaves the list when it stops', async () => {
    const { world, clock } = await newWorld(engineTest);
    const other = await makeWorld(world.database, clock);
    await world.presence.start('10.0.0.1:9201');
    await other.presence.start('10.0.0.2:9201');
    expect(await world.presence.liveAddresses()).toEqual(['10.0.0.1:9201', '10.0.0.2:9201']);
    expect(await other.presence.liveAddresses()).toEqual(['10.0.0.2:9201', '10.0.0.1:9201']);
    await other.presence.close();
    clock.advance(1000);
    expect(await world.presence.liveAddresses()).toEqual(['10.0.0.1:9201']);
    await world.presence.close();
    await Promise.all([world.close(), other.close()]);
  });

  test('selection gives every live worker in changing order', async () => {
    const { world } = await newWorld(engineTest);
    for (let index = 0; index < 3; index += 1)
      await addLiveWorker(world, { address: `10.0.0.${index}:9202` });
    const orders = new Set<string>();
    for (let index = 0; index < 200; index += 1) {
      const workers = await world.registry.selection.select(null);
      orders.add(workers.map((worker) => worker.address).join());
    }
    expect(orders.size).toBe(6);
    await world.close();
  });
});

test('what a hostile worker says of itself is bounded', () => {
  const refuse = (change: Partial<WorkerStatement>): void => {
    expect(() => requireLegalStatement({ ...statement, ...change })).toThrow(
      expect.objectContaining({ code: 'invalidArgument' }),
    );
  };
  requireLegalStatement(statement);
  refuse({ address: 'no-port' });
  refuse({ address: 'host:0' });
  refuse({ address: `${'x'.repeat(300)}:1` });
  refuse({ address: '' });
  refuse({ releaseVersion: 'x'.repeat(2000) });
  refuse({ tags: { type: [''] } });
  refuse({ tags: { type: ['x'.repeat(513)] } });
  refuse({ tags: { type: Array.from({ length: 300 }, String) } });
  refuse({ tags: { 'a\0': ['x'] } });
  refuse({ tags: { type: ['\u001b[2J'] } });
  refuse({ releaseVersion: 'v1\0' });
  refuse({ description: 'two\u001b' });
  requireLegalStatement({ ...statement, description: 'two\nlines' });
});

test('the address of a worker must be one that fits into a session certificate: it stands there for all workers', () => {
  const isLegal = (address: string): boolean => {
    try {
      requireLegalStatement({ ...statement, address });
      return true;
    } catch {
      return false;
    }
  };
  const legal = ['10.0.0.7:1', '[::1]:1', 'w-1.example.com:1', 'w_1:1', 'w.example.:1'];
  expect(legal.filter((address) => !isLegal(address))).toEqual([]);
  const illegal = [
    'ü:1',
    '\0:1',
    '\u001b[31m:1',
    '-o:1',
    '*.a:1',
    'a..b:1',
    `${'a'.repeat(64)}:1`,
    '[::1%eth0]:1',
  ];
  expect(illegal.filter(isLegal)).toEqual([]);
});

test('tags may have the names of what every object has', () => {
  const json = '{"__proto__":["a"],"constructor":["b"],"toString":["c"]}';
  const worker = { config_tags: json, api_tags: '{"toString":["d"]}' };
  expect(JSON.stringify(canonicalTags(worker))).toBe(
    '{"__proto__":["a"],"constructor":["b"],"toString":["c","d"]}',
  );
  const filters = new WorkerFilters();
  expect(filters.matches('"b" in "/tags/constructor"', { ...worker, name: 'w' })).toBe(true);
  expect(filters.matches('"b" in "/tags/valueOf"', { ...worker, name: 'w' })).toBe(false);
});

test('tags of configuration and API are shown together', () => {
  expect(canonicalTags({ config_tags: '{"a":["1","2"]}', api_tags: '{"a":["2","3"],"b":["x"]}' })).toEqual({
    a: ['1', '2', '3'],
    b: ['x'],
  });
  expect(canonicalTags({ config_tags: '[]', api_tags: '{"a":1}' })).toEqual({});
});

test('shuffling keeps every item', () => {
  expect(new Set(shuffled([1, 2, 3, 4]))).toEqual(new Set([1, 2, 3, 4]));
  expect(shuffled([1, 2, 3, 4])).toHaveLength(4);
});
