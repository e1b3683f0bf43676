import { X509Certificate, createHash, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { controllerServerName, enrollPath, renewMessage } from '@stile/protocol/rpc';
import type { ClusterHandlers, ConnectionClose } from '@stile/protocol/rpc';
import { silentLogger, systemClock } from '@stile/runtime';
import type { HostPort } from '@stile/runtime';
import { afterEach, expect, test } from 'vitest';
import { makeCertificate } from '../../../../test/support/certificates.ts';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import {
  addCaller,
  addSession,
  addTarget,
  fillDatabase,
  firstTofuToken,
  makeWorld,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { enrol, helloOf, identityOf, openLink } from '../../../../test/support/test-worker.ts';
import type { ClientIdentity, LinkOptions, TestLink } from '../../../../test/support/test-worker.ts';
import {
  createClusterAuthority,
  issueWorkerCertificate,
  restoreClusterAuthority,
} from '../pki/cluster-certificate.ts';
import type { ClusterAuthorityKey } from '../pki/cluster-certificate.ts';
import { encodeSpki, generateEd25519 } from '../pki/ed25519.ts';
import { ClusterListener } from './cluster-listener.ts';
import type { HalfOpenLimits } from './half-open-sockets.ts';

const cleanups: (() => Promise<unknown>)[] = [];

interface Cluster {
  readonly world: SessionWorld;
  readonly listener: ClusterListener;
  readonly address: HostPort;
}

async function startCluster(engineTest: EngineTest, halfOpen?: HalfOpenLimits): Promise<Cluster> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const world = await makeWorld(database, systemClock);
  const listener = new ClusterListener({
    address: { host: '127.0.0.1', port: 0 },
    registry: world.registry,
    presence: world.presence,
    serving: world.domain.serving,
    reconciliation: world.domain.reconciliation,
    revocations: world.domain.revocations,
    clock: systemClock,
    log: silentLogger,
    ...(halfOpen === undefined ? {} : { halfOpen }),
  });
  const address = await listener.start();
  cleanups.push(
    () => world.close(),
    () => listener.close(),
  );
  return { world, listener, address };
}

async function newIdentity(cluster: Cluster): Promise<{ identity: ClientIdentity; workerId: string }> {
  const { worker, activationToken } = await cluster.world.registry.createControllerLed({});
  const { identity } = await enrol(cluster.address, activationToken.reveal());
  return { identity, workerId: worker.id };
}

async function link(options: LinkOptions): Promise<TestLink> {
  const open = await openLink(options);
  cleanups.push(() => open.close());
  return open;
}

/** An enrolled worker that has said hello. */
async function linkWorker(
  cluster: Cluster,
  handlers: ClusterHandlers = {},
): Promise<{ open: TestLink; workerId: string; identity: ClientIdentity }> {
  const { identity, workerId } = await newIdentity(cluster);
  const open = await link({ address: cluster.address, identity, handlers });
  await open.peer.call('hello', helloOf());
  return { open, workerId, identity };
}

/** The authority of the cluster with its key, as somebody who has stolen both would have it. */
async function authorityOf({ world }: Cluster): Promise<ClusterAuthorityKey> {
  const row = await world.database.reader
    .selectFrom('cluster_authority')
    .selectAll()
    .executeTakeFirstOrThrow();
  const seed = world.keys.open(row.private_key_sealed, `cluster_authority/private_key/${row.id}`);
  const name = new X509Certificate(row.certificate).subject.replace(/^CN=/, '');
  return restoreClusterAuthority(name, row.certificate, seed);
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

describeBothEngines('cluster listener', (engineTest) => {
  // Before the hook that closes the database: hooks run in reverse order.
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  test('a worker enrols, links, is live, serves a session and is not live when it leaves', async () => {
    const cluster = await startCluster(engineTest);
    const { open, workerId } = await linkWorker(cluster);
    const { world } = cluster;
    expect(cluster.listener.linkedWorkerIds).toEqual([workerId]);
    const sessionId = await addSession(world, await addTarget(world, { sessionConnectionLimit: 1 }));
    expect(await open.peer.call('lookupSession', { sessionId })).toMatchObject({
      sessionId,
      status: 'pending',
    });
    expect(await open.peer.call('activateSession', { sessionId, tofuToken: firstTofuToken })).toEqual({
      status: 'active',
    });
    const client = { clientAddress: '192.0.2.1', clientPort: 4711 };
    const { connectionId, connectionsLeft } = await open.peer.call('authorizeConnection', {
      sessionId,
      ...client,
    });
    expect(connectionsLeft).toBe(0);
    await open.peer.call('connectConnection', {
      connectionId,
      endpointAddress: '127.0.0.1',
      endpointPort: 22,
    });
    const close = {
      connectionId,
      bytesUp: 5,
      bytesDown: 6,
      reason: 'client closed',
      closedAt: systemClock.nowUs(),
    } as const;
    await open.peer.call('closeConnections', { connections: [close] });
    const detail = await world.domain.sessions.read(sessionId);
    expect(detail?.session).toMatchObject({ status: 'terminated', end_reason: 'connection limit' });
    expect(detail?.connections[0]).toMatchObject({ bytes_up: 5, bytes_down: 6, client_address: '192.0.2.1' });
    await open.close();
    await eventually(async () => ((await world.registry.listLive()).length === 0 ? true : undefined));
  });

  test('hello tells the heartbeat interval and every controller; a heartbeat is answered with revocations', async () => {
    const cluster = await startCluster(engineTest);
    const { identity, workerId } = await newIdentity(cluster);
    const open = await link({ address: cluster.address, identity });
    const hello = await open.peer.call('hello', {
      ...helloOf(),
      sessions: [{ sessionId: 's_gone', connections: [] }],
    });
    expect(hello).toEqual({
      workerId,
      heartbeatIntervalMs: 2000,
      renewBeforeSeconds: 403_200,
      revocations: [{ sessionId: 's_gone', reason: 'canceled' }],
      controllerAddresses: [`127.0.0.1:${cluster.address.port}`],
    });
    const sessions = [{ sessionId: 's_gone', connections: [] }];
    const beat = await open.peer.call('heartbeat', { sessions, activeConnections: 2, draining: true });
    expect(beat.revocations).toEqual([{ sessionId: 's_gone', reason: 'canceled' }]);
    expect(await cluster.world.registry.lookup(workerId)).toMatchObject({
      active_connections: 2,
      draining: 1,
    });
  });

  test('a cancel is pushed over the link and the answer of the worker ends the session', async () => {
    const cluster = await startCluster(engineTest);
    const { world } = cluster;
    let connectionId = '';
    const { open } = await linkWorker(cluster, {
      revokeSessions: ({ revocations }) => {
        const reason = 'session canceled' as const;
        const closes: ConnectionClose[] = revocations.map(() => ({
          connectionId,
          bytesUp: 1,
          bytesDown: 2,
          reason,
          closedAt: systemClock.nowUs(),
        }));
        return Promise.resolve({ connections: closes });
      },
    });
    const sessionId = await addSession(world, await addTarget(world));
    await open.peer.call('activateSession', { sessionId, tofuToken: firstTofuToken });
    const client = { clientAddress: '192.0.2.1', clientPort: 4711 };
    ({ connectionId } = await open.peer.call('authorizeConnection', { sessionId, ...client }));
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 10_000 });
    expect(result.revocation).toEqual({ workers: 1, confirmed: 1 });
    expect(result.detail.connections[0]).toMatchObject({ bytes_up: 1, bytes_down: 2 });
  });

  test('a client that cancels while its own connection is open is answered, and the push goes to the same worker', async () => {
    const cluster = await startCluster(engineTest);
    const { world } = cluster;
    const { open } = await linkWorker(cluster, {
      revokeSessions: () => Promise.resolve({ connections: [] }),
    });
    const sessionId = await addSession(world, await addTarget(world));
    await open.peer.call('activateSession', { sessionId, tofuToken: firstTofuToken });
    await open.peer.call('authorizeConnection', { sessionId, clientAddress: '192.0.2.1', clientPort: 1 });
    // The push may be confirmed before the call is answered.
    expect(['canceling', 'terminated']).toContain(
      (await open.peer.call('cancelSession', { sessionId })).status,
    );
    await eventually(async () =>
      (await world.domain.sessions.read(sessionId))?.session.status === 'terminated' ? true : undefined,
    );
  });

  test('nothing but hello is served before hello, and enrolment is not served on a link', async () => {
    const cluster = await startCluster(engineTest);
    const { identity } = await newIdentity(cluster);
    const open = await link({ address: cluster.address, identity });
    const refused = { code: 'failedPrecondition' };
    await expect(open.peer.call('lookupSession', { sessionId: 's_1' })).rejects.toMatchObject(refused);
    await expect(open.peer.call('closeConnections', { connections: [] })).rejects.toMatchObject(refused);
    await expect(
      open.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false }),
    ).rejects.toMatchObject(refused);
    const bytes = new Uint8Array(64);
    await expect(
      open.peer.call('enroll', { activationToken: 'x', publicKey: bytes, signature: bytes }),
    ).rejects.toMatchObject({ code: 'unsupported' });
    await open.peer.call('hello', helloOf());
    await expect(open.peer.call('hello', helloOf())).rejects.toMatchObject(refused);
  });

  test('a newer link of a worker replaces the older one, and the worker stays live', async () => {
    const cluster = await startCluster(engineTest);
    const first = await linkWorker(cluster);
    const second = await link({ address: cluster.address, identity: first.identity });
    await second.peer.call('hello', helloOf());
    expect(await first.open.closed).toBe(1001);
    expect(cluster.listener.linkedWorkerIds).toEqual([first.workerId]);
    expect(await cluster.world.registry.listLive()).toHaveLength(1);
    await second.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false });
  });

  test('a certificate is refused that is missing, self-signed, of another authority, expired or of no worker', async () => {
    const cluster = await startCluster(engineTest);
    const { workerId } = await newIdentity(cluster);
    const real = await authorityOf(cluster);
    const foreign = createClusterAuthority(real.name, systemClock.nowUs());
    const key = generateEd25519();
    const issue = (authority: typeof real, nowUs: number): ClientIdentity =>
      identityOf(
        key,
        issueWorkerCertificate(authority, { workerId, publicKey: key.publicKey }, nowUs).certificate,
      );
    const selfSigned = makeCertificate({ dnsNames: [workerId], commonName: workerId });
    const now = systemClock.nowUs();
    const hostile: (ClientIdentity | undefined)[] = [
      undefined,
      { cert: selfSigned.pem, key: selfSigned.keyPem },
      issue(foreign, now),
      issue(real, now - 15 * 86_400_000_000),
      // Of our authority, with the name of a worker, but not the certificate that was given to it.
      issue(real, now),
    ];
    for (const identity of hostile) {
      await expect(
        openLink({ address: cluster.address, ...(identity === undefined ? {} : { identity }) }),
      ).rejects.toThrow('refused with 403');
    }
    expect(cluster.listener.linkedWorkerIds).toEqual([]);
  });

  test('a certificate that a worker row pins is refused all the same when it is expired or of another authority', async () => {
    const cluster = await startCluster(engineTest);
    const { workerId } = await newIdentity(cluster);
    const real = await authorityOf(cluster);
    const now = systemClock.nowUs();
    const foreign = createClusterAuthority(real.name, now);
    const key = generateEd25519();
    for (const [authority, nowUs] of [
      [real, now - 15 * 86_400_000_000],
      [foreign, now],
    ] as const) {
      const issued = issueWorkerCertificate(authority, { workerId, publicKey: key.publicKey }, nowUs);
      await cluster.world.database.write(async (tx) => {
        const change = { certificate_fingerprint: issued.fingerprint };
        await tx.updateTable('worker').set(change).where('id', '=', workerId).execute();
      });
      const identity = identityOf(key, issued.certificate);
      await expect(openLink({ address: cluster.address, identity })).rejects.toThrow('refused with 403');
    }
  });

  test('a worker renews over its link; with the new certificate in use the old one is refused', async () => {
    const cluster = await startCluster(engineTest);
    const { open, identity } = await linkWorker(cluster);
    const key = generateEd25519();
    const publicKey = encodeSpki(key.publicKey);
    const signature = sign(null, renewMessage(publicKey), key.privateKey);
    const renewed = await open.peer.call('renewCertificate', { publicKey, signature });
    await open.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false });
    const next = await link({ address: cluster.address, identity: identityOf(key, renewed.certificate) });
    await next.peer.call('hello', helloOf());
    await expect(openLink({ address: cluster.address, identity })).rejects.toThrow('refused with 403');
    expect(await cluster.world.registry.lookupByFingerprint(sha256(renewed.certificate))).toBeDefined();
  });

  test('a worker that floods heartbeats waits for itself, and nobody else does', async () => {
    const cluster = await startCluster(engineTest);
    const flooding = await linkWorker(cluster);
    const good = await linkWorker(cluster);
    const report = { sessions: [], activeConnections: 0, draining: false };
    let answered = 0;
    const flood = Array.from({ length: 200 }, () =>
      flooding.open.peer.call('heartbeat', report).then(
        () => (answered += 1),
        () => undefined,
      ),
    );
    await flood[0];
    await good.open.peer.call('heartbeat', report);
    // Without a pace the calls that were sent first would have been answered first.
    expect(answered).toBeLessThan(20);
    await Promise.all([flooding.open.close(), ...flood]);
  });

  test('the link of a worker that was deleted is closed at its next heartbeat', async () => {
    const cluster = await startCluster(engineTest);
    const { open, workerId } = await linkWorker(cluster);
    await cluster.world.database.write(async (tx) => {
      await tx.deleteFrom('worker').where('id', '=', workerId).execute();
    });
    await expect(
      open.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false }),
    ).rejects.toBeDefined();
    expect(await open.closed).toBe(1008);
  });

  test('an activation token works once over the wire, garbage never, and one link enrols once', async () => {
    const cluster = await startCluster(engineTest);
    const { activationToken } = await cluster.world.registry.createControllerLed({});
    await enrol(cluster.address, activationToken.reveal());
    await expect(enrol(cluster.address, activationToken.reveal())).rejects.toMatchObject({
      code: 'permissionDenied',
    });
    const open = await link({ address: cluster.address, path: enrollPath });
    const bytes = new Uint8Array(64);
    const garbage = { activationToken: 'garbage', publicKey: bytes, signature: bytes };
    const answers = await Promise.allSettled([
      open.peer.call('enroll', garbage),
      open.peer.call('enroll', garbage),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual(['rejected', 'rejected']);
    await open.closed;
    const second = await link({ address: cluster.address, path: enrollPath });
    await expect(second.peer.call('hello', helloOf())).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('another path, plain HTTP, a text message and an oversized one end the connection, and the listener goes on', async () => {
    const cluster = await startCluster(engineTest);
    const { identity } = await newIdentity(cluster);
    await expect(openLink({ address: cluster.address, path: '/other', identity })).rejects.toThrow(
      'refused with 404',
    );
    const plain = connectTcp(cluster.address.port, cluster.address.host);
    plain.on('error', () => undefined);
    plain.write('GET /cluster HTTP/1.1\r\n\r\n');
    await once(plain, 'close');
    const text = await link({ address: cluster.address, identity });
    text.socket.send('hello');
    expect(await text.closed).toBe(1008);
    const large = await link({ address: cluster.address, identity });
    large.socket.send(Buffer.alloc(1024 * 1024 + 1));
    expect(await large.closed).toBe(1009);
    const garbage = await link({ address: cluster.address, identity });
    garbage.socket.send(Buffer.from('ffffffffff', 'hex'));
    expect(await garbage.closed).toBe(1008);
    const good = await link({ address: cluster.address, identity });
    await good.peer.call('hello', helloOf());
  });

  test('closing the listener closes every link, leaves no worker linked, and is idempotent', async () => {
    const cluster = await startCluster(engineTest);
    const { open, workerId } = await linkWorker(cluster);
    await Promise.all([cluster.listener.close(), cluster.listener.close()]);
    expect(await open.closed).toBe(1001);
    expect(await cluster.world.registry.lookup(workerId)).toMatchObject({ controller_id: null });
    expect(await cluster.world.database.reader.selectFrom('controller').selectAll().execute()).toEqual([]);
    await expect(openLink({ address: cluster.address })).rejects.toThrow();
  });

  test('half-open sockets are few and end at their deadline, and a good worker is served meanwhile', async () => {
    const cluster = await startCluster(engineTest, { deadlineMs: 1500, mostSockets: 20 });
    const { identity } = await newIdentity(cluster);
    const stalled: Promise<unknown>[] = [];
    const open = (socket: Socket): void => {
      socket.on('error', () => undefined);
      stalled.push(once(socket, 'close'));
    };
    for (let index = 0; index < 60; index += 1) {
      const { host, port } = cluster.address;
      if (index % 2 === 0) open(connectTcp(port, host));
      else {
        const tls = connectTls({ host, port, rejectUnauthorized: false, servername: controllerServerName });
        // The upgrade request begins and never ends.
        tls.on('secureConnect', () => tls.write('GET /cluster HTTP/1.1\r\nHost: x\r\n'));
        open(tls);
      }
    }
    const good = await link({ address: cluster.address, identity });
    await good.peer.call('hello', helloOf());
    expect(cluster.listener.halfOpenSockets).toBeLessThanOrEqual(20);
    await Promise.all(stalled);
    await eventually(() => (cluster.listener.halfOpenSockets === 0 ? true : undefined));
    await good.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false });
  });

  test('links that never say hello are few for each worker and end at their deadline; so do those that never enrol', async () => {
    const cluster = await startCluster(engineTest, { deadlineMs: 1500, mostSockets: 200 });
    const { identity } = await newIdentity(cluster);
    const silent: TestLink[] = [];
    for (let index = 0; index < 6; index += 1) {
      silent.push(await link({ address: cluster.address, identity }));
    }
    // The two oldest went for the two newest.
    for (const oldest of silent.slice(0, 2)) expect(await oldest.closed).toBe(1008);
    const [newest] = silent.slice(-1);
    await newest?.peer.call('hello', helloOf());
    const enrolling = await Promise.all(
      Array.from({ length: 70 }, () => link({ address: cluster.address, path: enrollPath })),
    );
    const { activationToken } = await cluster.world.registry.createControllerLed({});
    await enrol(cluster.address, activationToken.reveal());
    for (const each of [...enrolling, ...silent.slice(2, -1)]) expect(await each.closed).toBe(1008);
    await newest?.peer.call('heartbeat', { sessions: [], activeConnections: 0, draining: false });
  });

  test('a worker may act in its own name only: the connections of another are out of its reach', async () => {
    const cluster = await startCluster(engineTest);
    const { world } = cluster;
    const owner = await linkWorker(cluster);
    const thief = await linkWorker(cluster);
    const sessionId = await addSession(world, await addTarget(world), { caller: await addCaller(world) });
    await owner.open.peer.call('activateSession', { sessionId, tofuToken: firstTofuToken });
    const { connectionId } = await owner.open.peer.call('authorizeConnection', {
      sessionId,
      clientAddress: '192.0.2.1',
      clientPort: 1,
    });
    const forged = {
      connectionId,
      bytesUp: 99,
      bytesDown: 99,
      reason: 'client closed',
      closedAt: 0,
    } as const;
    await thief.open.peer.call('closeConnections', { connections: [forged] });
    await expect(
      thief.open.peer.call('connectConnection', {
        connectionId,
        endpointAddress: '10.9.9.9',
        endpointPort: 1,
      }),
    ).rejects.toMatchObject({ code: 'connectionNotAuthorized' });
    await expect(
      thief.open.peer.call('activateSession', { sessionId, tofuToken: 'bbbbbbbbbbbbbbbbbbbb' }),
    ).rejects.toMatchObject({ code: 'tofuTokenNotAllowed' });
    expect((await world.domain.sessions.read(sessionId))?.connections[0]).toMatchObject({
      status: 'authorized',
      bytes_up: 0,
    });
  });
});
