import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { newApplicant, registerCall, shownCertificate } from '../../../../../test/support/registration.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../../test/support/session-world.ts';
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
});
