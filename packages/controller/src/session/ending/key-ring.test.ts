import { Secret } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { newApplicant, registerCall, shownCertificate } from '../../../../../test/support/registration.ts';
import { appCode, secondFactorParts } from '../../../../../test/support/second-factor.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../../test/support/session-world.ts';
import { PasswordHasher } from '../../auth/password/password-hasher.ts';
import { listSealedColumns } from '../../keys/sealed-place-repository.ts';
import { ClusterAuthority } from '../../worker-registry/cluster-authority.ts';
import { requireRegistrationRequest } from '../../worker-registry/worker-registry.ts';
import { sealContexts } from '../session.ts';
import { KeyRing, sealedPlaces } from './key-ring.ts';

/** Longer than it takes until every controller of a PostgreSQL seals with a new key, milliseconds. */
const settledMs = 250_000;

describeBothEngines('the key ring', (engineTest) => {
  test('knows every column that holds sealed values', async () => {
    const database = await engineTest.open();
    const known = sealedPlaces.map(({ table, column }) => `${table}.${column}`);
    expect((await listSealedColumns(database.reader)).sort()).toEqual(known.sort());
  });

  test('destroys a version that nobody uses: what it sealed is sealed anew, its tokens and their sessions end', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await fillDatabase(database, clock.nowUs());
    const world = await makeWorld(database, clock);
    const ring = new KeyRing({ database, clock, keys: world.keys });
    const worker = await addLiveWorker(world);
    const target = await addTarget(world);
    const oldCaller = await addCaller(world);
    const ended = await addSession(world, target, { caller: oldCaller });
    await addConnection(world, worker, ended);
    const applicant = newApplicant();
    const applied = await world.registry.createWorkerLed({}, requireRegistrationRequest(applicant.request));
    const [first] = (await ring.view()).versions;
    if (first === undefined) throw new Error('no key');

    await expect(ring.destroy(first.id, 'u_admin')).rejects.toMatchObject({ code: 'failedPrecondition' });
    await ring.rotate({ rewrap: true });
    if (engineTest.engine === 'postgres') {
      // Another controller may not have taken the new key yet.
      await expect(ring.destroy(first.id, 'u_admin')).rejects.toMatchObject({ code: 'failedPrecondition' });
    }
    clock.advance(settledMs);
    await addLiveWorker(world);
    const newCaller = await addCaller(world);
    await database.write((tx) =>
      tx
        .updateTable('auth_token')
        .set({ secret_key_version: 2 })
        .where('id', '=', newCaller.authTokenId ?? '')
        .execute(),
    );
    const kept = await addSession(world, target, { caller: newCaller });

    await ring.destroy(first.id, 'u_admin');

    expect((await ring.view()).versions.map((each) => each.version)).toEqual([2]);
    expect((await world.domain.sessions.read(ended))?.session).toMatchObject({
      status: 'canceling',
      end_reason: 'token revoked',
      ended_by: 'u_admin',
    });
    expect((await world.domain.sessions.read(kept))?.session).toMatchObject({ status: 'pending' });
    const sessions = await database.reader.selectFrom('session').selectAll().execute();
    expect(sessions).toHaveLength(2);
    for (const session of sessions) {
      const key = world.keys.open(session.private_key_sealed, sealContexts.privateKey(session.id));
      expect(key).toHaveLength(64);
      if (session.tofu_token_sealed === null) continue;
      const tofu = world.keys.open(session.tofu_token_sealed, sealContexts.tofuToken(session.id));
      expect(Buffer.from(tofu).toString()).toBe('a'.repeat(20));
    }
    await expect(ClusterAuthority.open({ database, keys: world.keys, clock })).resolves.toBeDefined();
    await expect(world.registry.register(registerCall(applicant), shownCertificate)).resolves.toMatchObject({
      workerId: applied.id,
    });
    await expect(ring.destroy(first.id, 'u_admin')).rejects.toMatchObject({ code: 'notFound' });
    await world.close();
  });

  test('keeps second factors when a version is destroyed, and lets the recovery codes go that only it can prove', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await makeIdentities(database, await new PasswordHasher({ memoryKiB: 512 }).hash(new Secret('password')));
    const { keys, factors } = await secondFactorParts(database, clock);
    const ring = new KeyRing({ database, clock, keys });
    const { user: userId, account: accountId } = testIds.plain;
    const proof = { userId, accountId, password: new Secret('password'), address: '10.0.0.1' };
    const secret = (await factors.enroll(proof)).secret.reveal();
    const code = (): Secret => new Secret(appCode(secret, clock.nowUs()));
    const confirmed = { userId, code: code(), authTokenId: undefined };
    const [old = new Secret('')] = await factors.confirm(confirmed);
    const [first] = await keys.listVersions();
    await ring.rotate({ rewrap: false });
    clock.advance(settledMs);
    // One that waits for its first code is sealed anew as well.
    await factors.enroll({ ...proof, code: old });
    const sealedBefore = await database.reader.selectFrom('user_second_factor').selectAll().execute();
    await ring.destroy(first?.id ?? '', 'u_admin');
    expect((await ring.view()).versions).toHaveLength(1);
    const [after] = await database.reader.selectFrom('user_second_factor').selectAll().execute();
    expect(after?.secret_sealed).not.toEqual(sealedBefore[0]?.secret_sealed);
    expect(await factors.read(userId)).toMatchObject({ isEnrolled: true, recoveryCodesLeft: 0 });
    expect(await factors.verify({ userId, code: old })).toBe(false);
    expect(await factors.verify({ userId, code: code() })).toBe(true);
    clock.advance(60_000);
    const renewed = await factors.renewRecoveryCodes({ ...proof, code: code() });
    expect(await factors.verify({ userId, code: renewed[0] ?? old })).toBe(true);
    keys.close();
  });
});
