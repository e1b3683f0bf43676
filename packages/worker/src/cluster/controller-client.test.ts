import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/support/eventually.ts';
import { FakeCluster, fingerprintOf, makeAuthority } from '../../../../test/support/fake-cluster.ts';
import type { FakeClusterOptions } from '../../../../test/support/fake-cluster.ts';
import { StileError, encodeActivationToken } from '@stile/protocol';
import {
  enrollMessage,
  type ConnectionClose,
  type SessionReport,
  type SessionRevocation,
} from '@stile/protocol/rpc';
import { Secret, formatHostPort, silentLogger, systemClock, type HostPort } from '@stile/runtime';
import { ClusterClient, type LinkOwner } from './controller-client.ts';
import { enrol } from './enrolment.ts';
import type { WorkerIdentity } from './identity-store.ts';

const authority = makeAuthority();
const workerId = 'w_1234567890';
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function startCluster(options: FakeClusterOptions = {}): Promise<FakeCluster> {
  const cluster = await FakeCluster.start({ authority, ...options });
  closers.push(() => cluster.close());
  return cluster;
}

function identityOf(cluster: FakeCluster, change: { readonly notAfter?: Date } = {}): WorkerIdentity {
  const certificate = cluster.issue(workerId, change);
  return {
    workerId,
    privateKey: new Secret(certificate.keyPem),
    certificate: certificate.der,
    caCertificates: [authority.der],
  };
}

class FakeOwner implements LinkOwner {
  readonly address = 'worker.example:9202';
  reports: readonly SessionReport[] = [];
  connectionCount = 0;
  isDraining = false;
  leases: number[] = [];
  readonly revoked: SessionRevocation[] = [];
  readonly identities: WorkerIdentity[] = [];
  closes: ConnectionClose[] = [];
  renewLeases(fromMs: number): void {
    this.leases.push(fromMs);
  }
  async revoke(revocations: readonly SessionRevocation[]): Promise<readonly ConnectionClose[]> {
    this.revoked.push(...revocations);
    return this.closes;
  }
  drain(): void {
    this.isDraining = true;
  }
  expulsions = 0;
  expel(): void {
    this.expulsions += 1;
  }
  keepIdentity(identity: WorkerIdentity): void {
    this.identities.push(identity);
  }
}

function clientOf(identity: WorkerIdentity, upstreams: readonly HostPort[]): ClusterClient {
  const client = new ClusterClient({
    identity,
    upstreams,
    tags: { zone: ['a'] },
    description: 'test worker',
    releaseVersion: 'Stile v0.1.0',
    machine: { cpuCount: 4, memoryBytes: 2 ** 34 },
    clock: systemClock,
    log: silentLogger,
  });
  closers.push(() => client.close());
  return client;
}

const closeOf = (id: string): ConnectionClose => ({
  connectionId: id,
  bytesUp: 5,
  bytesDown: 6,
  reason: 'client closed',
  closedAt: 7,
});

describe('ClusterClient', () => {
  it('says who it is, then sends heartbeats also when idle, and renews leases from when it sent them', async () => {
    const cluster = await startCluster();
    const owner = new FakeOwner();
    const client = clientOf(identityOf(cluster), [cluster.address]);
    const startedMs = systemClock.monotonicMs();
    await client.start(owner);
    expect(client.isLinked).toBe(true);
    expect(cluster.hellos).toEqual([
      {
        address: 'worker.example:9202',
        tags: { zone: ['a'] },
        releaseVersion: 'Stile v0.1.0',
        sessions: [],
        capabilities: [],
        description: 'test worker',
        startedAt: expect.any(Number),
        cpuCount: 4,
        memoryBytes: 2 ** 34,
      },
    ]);
    await eventually(() => (cluster.heartbeats >= 3 ? true : undefined));
    expect(owner.leases.length).toBeGreaterThanOrEqual(3);
    expect(owner.leases.every((each) => each >= startedMs && each <= systemClock.monotonicMs())).toBe(true);
  });

  it('goes to another controller when its own is gone, and tells it what it holds and what ended meanwhile', async () => {
    const [first, second] = [await startCluster(), await startCluster({ handlers: {} })];
    const taken: ConnectionClose[] = [];
    const third = await startCluster({
      handlers: { closeConnections: async ({ connections }) => (taken.push(...connections), {}) },
    });
    await second.close();
    const owner = new FakeOwner();
    const client = clientOf(identityOf(first), [first.address, second.address, third.address]);
    await client.start(owner);
    // The first controller does not take it: it is kept.
    await client.closeConnection(closeOf('sc_lost'));
    owner.reports = [{ sessionId: 's_1', connections: [{ connectionId: 'sc_1', bytesUp: 1, bytesDown: 2 }] }];
    await first.close();
    await eventually(() => (taken.length > 0 ? true : undefined));
    expect(taken).toEqual([closeOf('sc_lost')]);
    expect(third.hellos.map((hello) => hello.sessions)).toEqual([owner.reports]);
  });

  it('learns of controllers that its configuration does not name', async () => {
    const hidden = await startCluster();
    const named = await startCluster({
      controllerAddresses: ['not an address', formatHostPort(hidden.address.host, hidden.address.port)],
    });
    const client = clientOf(identityOf(named), [named.address]);
    await client.start(new FakeOwner());
    await named.close();
    await eventually(() => (hidden.hellos.length > 0 ? true : undefined));
  });

  it('fails calls with controllerUnreachable while no controller is linked', async () => {
    const cluster = await startCluster();
    const client = clientOf(identityOf(cluster), [cluster.address]);
    await expect(client.lookupSession('s_1')).rejects.toMatchObject({ code: 'controllerUnreachable' });
    await client.start(new FakeOwner());
    const hanging = client.lookupSession('s_1').then(
      () => 'answered',
      (error: unknown) => (error instanceof StileError ? error.code : 'other'),
    );
    expect(await hanging).toBe('unsupported');
  });

  it('answers a pushed revocation with the final counters, and does not report them again', async () => {
    const taken: ConnectionClose[] = [];
    const cluster = await startCluster({
      handlers: { closeConnections: async ({ connections }) => (taken.push(...connections), {}) },
    });
    const owner = new FakeOwner();
    owner.closes = [closeOf('sc_1')];
    const client = clientOf(identityOf(cluster), [cluster.address]);
    await client.start(owner);
    const [link] = cluster.links;
    const answer = await link?.peer.call('revokeSessions', {
      revocations: [{ sessionId: 's_1', reason: 'canceled' }],
    });
    expect(answer).toEqual({ connections: [closeOf('sc_1')] });
    expect(owner.revoked).toEqual([{ sessionId: 's_1', reason: 'canceled' }]);
    await link?.peer.call('drain', {});
    expect(owner.isDraining).toBe(true);
  });

  it('ends sessions that a hello or a heartbeat names', async () => {
    let beats = 0;
    const cluster = await startCluster({
      handlers: {
        heartbeat: () => {
          beats += 1;
          const revocations = beats === 1 ? [{ sessionId: 's_2', reason: 'expired' as const }] : [];
          return Promise.resolve({ revocations, controllerAddresses: [], renewNow: false });
        },
      },
    });
    const owner = new FakeOwner();
    await clientOf(identityOf(cluster), [cluster.address]).start(owner);
    await eventually(() => (owner.revoked.length > 0 ? true : undefined));
    expect(owner.revoked).toEqual([{ sessionId: 's_2', reason: 'expired' }]);
  });

  it('ends everything when the cluster does not know it any more, and not when a controller merely cannot answer', async () => {
    for (const [status, expulsions] of [
      [403, 1],
      [503, 0],
    ] as const) {
      const cluster = await startCluster({ refuseWith: status });
      const owner = new FakeOwner();
      const client = clientOf(identityOf(cluster), [cluster.address]);
      const started = client.start(owner).catch((error: unknown) => error);
      if (status === 403) {
        expect(await started).toMatchObject({ code: 'permissionDenied' });
        expect(owner.expulsions).toBeGreaterThanOrEqual(expulsions);
      } else {
        await eventually(() => (cluster.refusals > 1 ? true : undefined));
        await client.close();
        expect(await started).toMatchObject({ code: 'aborted' });
        expect(owner.expulsions).toBe(expulsions);
      }
    }
  });

  it('ends everything when a heartbeat is answered with a refusal', async () => {
    const cluster = await startCluster({
      handlers: { heartbeat: () => Promise.reject(new StileError('permissionDenied', 'deleted')) },
    });
    const owner = new FakeOwner();
    await clientOf(identityOf(cluster), [cluster.address]).start(owner);
    await eventually(() => (owner.expulsions > 0 ? true : undefined));
  });

  it('renews at once when the controller asks for it, and dials by the name of the authority it knows', async () => {
    let asked = false;
    const cluster = await startCluster({
      handlers: {
        heartbeat: () => {
          const renewNow = !asked;
          asked = true;
          return Promise.resolve({ revocations: [], controllerAddresses: [], renewNow });
        },
        renewCertificate: () =>
          Promise.resolve({ certificate: cluster.issue(workerId).der, caCertificates: [authority.der] }),
      },
    });
    const owner = new FakeOwner();
    await clientOf(identityOf(cluster), [cluster.address]).start(owner);
    await eventually(() => (owner.identities.length > 0 ? true : undefined));
    const label = createHash('sha256').update(authority.der).digest('hex').slice(0, 32);
    expect(cluster.serverNames[0]).toBe(`${label}.controller.stile.internal`);
  });

  it('renews its certificate in time with a new key, and links again with it', async () => {
    let fresh: Buffer | undefined;
    const cluster = await startCluster({
      renewBeforeSeconds: 3600,
      handlers: {
        renewCertificate: () => {
          const issued = cluster.issue(workerId, { notAfter: new Date(Date.now() + 86_400_000) });
          fresh = issued.der;
          return Promise.resolve({ certificate: issued.der, caCertificates: [authority.der] });
        },
      },
    });
    const owner = new FakeOwner();
    const old = identityOf(cluster, { notAfter: new Date(Date.now() + 60_000) });
    await clientOf(old, [cluster.address]).start(owner);
    await eventually(() => (owner.identities.length > 0 ? true : undefined));
    expect(owner.identities[0]?.certificate.equals(fresh ?? Buffer.alloc(0))).toBe(true);
    expect(owner.identities[0]?.privateKey.reveal()).not.toBe(old.privateKey.reveal());
  });

  it('ends a link whose hello is still to be answered when it is closed', async () => {
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const cluster = await startCluster({
      handlers: {
        hello: async () => {
          await held;
          return {
            workerId,
            heartbeatIntervalMs: 1000,
            revocations: [],
            renewBeforeSeconds: 60,
            controllerAddresses: [],
          };
        },
      },
    });
    const client = clientOf(identityOf(cluster), [cluster.address]);
    const refusal = client.start(new FakeOwner()).catch((error: unknown) => error);
    const [link] = await eventually(() => (cluster.links.length > 0 ? cluster.links : undefined));
    const gone = new Promise((resolve) => link?.socket.once('close', resolve));
    const closing = client.close();
    answer();
    await closing;
    await gone;
    expect(client.isLinked).toBe(false);
    expect(await refusal).toMatchObject({ code: 'aborted' });
  });

  it('is refused for good by its cluster', async () => {
    const cluster = await startCluster({ refuseWith: 403 });
    const started = clientOf(identityOf(cluster), [cluster.address]).start(new FakeOwner());
    await expect(started).rejects.toMatchObject({ code: 'permissionDenied' });
  });

  it.each([
    ['of another authority', { authority: makeAuthority('stranger') }],
    ['with another name', { serverName: 'worker.stile.internal' }],
  ] as const)('says nothing to a controller %s', async (_what, options) => {
    const good = await startCluster();
    const stranger = await FakeCluster.start({ authority, ...options });
    closers.push(() => stranger.close());
    const client = clientOf(identityOf(good), [stranger.address, good.address]);
    await client.start(new FakeOwner());
    expect(stranger.links).toEqual([]);
    expect(good.hellos).toHaveLength(1);
  });
});

describe('enrolment', () => {
  const tokenFor = (caFingerprint: Buffer): Secret =>
    new Secret(encodeActivationToken({ workerId, secret: Buffer.alloc(32, 7), caFingerprint }));
  const enrolWith = (token: Secret, upstreams: readonly HostPort[]): Promise<WorkerIdentity> =>
    enrol({
      activationToken: token,
      upstreams,
      clock: systemClock,
      log: silentLogger,
      signal: new AbortController().signal,
    });

  it('makes its own key, proves it, and takes the certificate', async () => {
    const token = tokenFor(fingerprintOf(authority));
    let isProven = false;
    const cluster = await startCluster({
      handlers: {
        enroll: (request) => {
          const key = createPublicKey({ key: Buffer.from(request.publicKey), format: 'der', type: 'spki' });
          isProven = verify(null, enrollMessage(token.reveal(), request.publicKey), key, request.signature);
          return Promise.resolve({
            workerId,
            certificate: cluster.issue(workerId).der,
            caCertificates: [authority.der],
          });
        },
      },
    });
    const identity = await enrolWith(token, [cluster.address]);
    expect(isProven).toBe(true);
    expect(identity.workerId).toBe(workerId);
    expect(createPrivateKey(identity.privateKey.reveal()).asymmetricKeyType).toBe('ed25519');
    expect(cluster.links[0]?.shown).toBeUndefined();
  });

  it('shows its token to no controller of another authority', async () => {
    const stranger = await startCluster({ authority: makeAuthority('stranger') });
    await expect(enrolWith(tokenFor(fingerprintOf(authority)), [stranger.address])).rejects.toMatchObject({
      code: 'permissionDenied',
    });
    expect(stranger.enrolments).toEqual([]);
  });

  it('does not try a refused token elsewhere, but goes on past a controller that is away', async () => {
    const [gone, refusing, other] = [await startCluster(), await startCluster(), await startCluster()];
    await gone.close();
    const upstreams = [gone.address, refusing.address, other.address];
    await expect(enrolWith(tokenFor(fingerprintOf(authority)), upstreams)).rejects.toMatchObject({
      code: 'permissionDenied',
    });
    expect([refusing.enrolments.length, other.enrolments.length]).toEqual([1, 0]);
  });
});
