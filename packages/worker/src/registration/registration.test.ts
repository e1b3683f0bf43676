/** A worker that waits for approval, against controllers that it has no reason to trust. */
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { approvalProof, decodeRegistrationRequest, StileError } from '@stile/protocol';
import type { RegisterResponse } from '@stile/protocol/rpc';
import { silentLogger, systemClock, type HostPort } from '@stile/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeCluster } from '../../../../test/support/fake-cluster.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import type { EnrolmentGround } from '../cluster/enrolment.ts';
import { askForApproval } from './registration.ts';
import { RegistrationStore } from './registration-store.ts';

let folder: TempDir;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await makeTempDir();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await folder.remove();
});

function groundOf(upstreams: readonly HostPort[]): EnrolmentGround {
  return { upstreams, clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(20_000) };
}

async function clusterThatAnswers(
  answer: (cluster: FakeCluster) => Promise<RegisterResponse>,
): Promise<FakeCluster> {
  const cluster: FakeCluster = await FakeCluster.start({ handlers: { register: () => answer(cluster) } });
  closers.push(() => cluster.close());
  return cluster;
}

const notApproved = (): Promise<never> => Promise.reject(new StileError('notFound', 'not approved'));

describe('asking for approval', () => {
  test('gives nothing while no controller has it approved, and says when none can be reached', async () => {
    const pending = new RegistrationStore(folder.path).open();
    const cluster = await clusterThatAnswers(notApproved);
    expect(await askForApproval(pending, groundOf([cluster.address]))).toBeUndefined();
    const nobody = { host: '127.0.0.1', port: 1 };
    expect(await askForApproval(pending, groundOf([nobody, cluster.address]))).toBeUndefined();
    await expect(askForApproval(pending, groundOf([nobody]))).rejects.toMatchObject({
      code: 'controllerUnreachable',
    });
  });

  test('takes no certificate from somebody who was not given the request', async () => {
    const pending = new RegistrationStore(folder.path).open();
    const forged =
      (proof: Buffer) =>
      (cluster: FakeCluster): Promise<RegisterResponse> =>
        Promise.resolve({
          workerId: 'w_1234567890',
          certificate: cluster.issue('w_1234567890').der,
          caCertificates: [cluster.authority.der],
          proof,
        });
    for (const proof of [randomBytes(32), randomBytes(1)]) {
      const cluster = await clusterThatAnswers(forged(proof));
      await expect(askForApproval(pending, groundOf([cluster.address]))).rejects.toMatchObject({
        code: 'controllerUnreachable',
        cause: expect.objectContaining({ code: 'permissionDenied' }),
      });
    }
  });

  test('takes no certificate for a key that is not its own, whoever sent it', async () => {
    const pending = new RegistrationStore(folder.path).open();
    const { secret, publicKey } = decodeRegistrationRequest(pending.request);
    const cluster = await clusterThatAnswers((self) => {
      const answer = {
        workerId: 'w_1234567890',
        certificate: self.issue('w_1234567890').der,
        caCertificates: [self.authority.der],
      };
      return Promise.resolve({ ...answer, proof: approvalProof(secret, publicKey, answer) });
    });
    await expect(askForApproval(pending, groundOf([cluster.address]))).rejects.toMatchObject({
      cause: expect.objectContaining({ message: 'the certificate is for another key' }),
    });
  });
});

describe('the registration of a folder', () => {
  test('is the same at every start until it is forgotten, and only its owner can read it', () => {
    const store = new RegistrationStore(join(folder.path, 'keys'));
    const first = store.open();
    expect(store.open().request).toBe(first.request);
    const names = readdirSync(join(folder.path, 'keys'));
    expect(names.sort()).toEqual(['auth_request_token', 'registration.json']);
    for (const name of names) expect(statSync(join(folder.path, 'keys', name)).mode & 0o077).toBe(0);
    store.forget();
    expect(readdirSync(join(folder.path, 'keys'))).toEqual([]);
    expect(store.open().request).not.toBe(first.request);
  });

  test('that is damaged is named, not replaced, and nothing of it is shown', () => {
    const store = new RegistrationStore(folder.path);
    store.open();
    const path = join(folder.path, 'registration.json');
    const text = readFileSync(path, 'utf8');
    for (const damaged of [text.slice(0, 60), '{}', '[]', text.replace('PRIVATE', 'PUBLIC')]) {
      writeFileSync(path, damaged);
      const opening = (): unknown => store.open();
      expect(opening).toThrow(expect.objectContaining({ code: 'invalidConfig' }));
      expect(opening).toThrow(path);
      expect(readFileSync(path, 'utf8')).toBe(damaged);
    }
  });
});
