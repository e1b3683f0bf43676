/** Worker-led enrolment, a replaced certificate authority, and what administrators change of workers, on both engines. */
import { X509Certificate, randomBytes, sign } from 'node:crypto';
import { approvalProof, encodeRegistrationRequest, requestMessage } from '@stile/protocol';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { newApplicant, registerCall, shownCertificate } from '../../../../test/support/registration.ts';
import { addLiveWorker, fillDatabase, makeWorld } from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { certificateFingerprint } from '../pki/certificate.ts';
import { generateEd25519 } from '../pki/ed25519.ts';
import { ClusterAuthority, authorityOverlapUs } from './cluster-authority.ts';
import { changedTags, tagProblem } from './worker.ts';
import { requireRegistrationRequest } from './worker-registry.ts';

async function newWorld(engineTest: EngineTest): Promise<{ world: SessionWorld; clock: ManualClock }> {
  const clock = new ManualClock();
  const database = await engineTest.open();
  await fillDatabase(database, clock.nowUs());
  return { world: await makeWorld(database, clock), clock };
}

const statement = {
  address: '10.0.0.7:9202',
  tags: {},
  releaseVersion: 'Stile v0.1.0',
  description: '',
};

const notFound = expect.objectContaining({ code: 'notFound' });
const refused = expect.objectContaining({ code: 'permissionDenied' });
const illegal = expect.objectContaining({ code: 'invalidArgument' });

describeBothEngines('worker-led enrolment', (engineTest) => {
  test('an approved request gives its key a certificate and proves who approved it; it may be asked again until the worker links', async () => {
    const { world } = await newWorld(engineTest);
    const { registry } = world;
    const applicant = newApplicant();
    await expect(registry.register(registerCall(applicant), shownCertificate)).rejects.toEqual(notFound);
    const worker = await registry.createWorkerLed(
      { name: 'led' },
      requireRegistrationRequest(applicant.request),
    );
    expect(Buffer.from(worker.registration_secret_sealed ?? []).includes(applicant.secret)).toBe(false);
    const lost = await registry.register(registerCall(applicant), shownCertificate);
    const answer = await registry.register(registerCall(applicant), shownCertificate);
    expect(answer.workerId).toBe(worker.id);
    expect(answer.proof).toEqual(approvalProof(applicant.secret, applicant.key.publicKey, answer));
    const certificate = new X509Certificate(answer.certificate);
    expect(certificate.verify(new X509Certificate(answer.caCertificates[0] ?? '').publicKey)).toBe(true);
    // The answer that was lost is worth nothing.
    expect(await registry.lookupByFingerprint(certificateFingerprint(lost.certificate))).toBeUndefined();
    const fingerprint = certificateFingerprint(answer.certificate);
    const linked = await registry.hello({ workerId: worker.id, fingerprint }, statement, 'ctrl_1');
    expect(linked.registration_secret_sealed).toBeNull();
    await expect(registry.register(registerCall(applicant), shownCertificate)).rejects.toEqual(notFound);
    expect(await registry.lookupByFingerprint(fingerprint)).toMatchObject({ id: worker.id });
    await world.close();
  });

  test('nobody registers without the key of the request', async () => {
    const { world } = await newWorld(engineTest);
    const applicant = newApplicant();
    await world.registry.createWorkerLed({}, requireRegistrationRequest(applicant.request));
    await expect(
      world.registry.register(registerCall(applicant, generateEd25519()), shownCertificate),
    ).rejects.toEqual(refused);
    // A signature that another server was given is worth nothing here.
    const other = Buffer.from('another certificate');
    await expect(world.registry.register(registerCall(applicant), other)).rejects.toEqual(refused);
    const publicKey = randomBytes(44);
    await expect(
      world.registry.register({ publicKey, signature: randomBytes(64) }, shownCertificate),
    ).rejects.toEqual(refused);
    await world.close();
  });

  test('an approval lapses after a day, a request is approved once, and a deleted worker gets no certificate', async () => {
    const { world, clock } = await newWorld(engineTest);
    const { registry } = world;
    const [late, deleted] = [newApplicant(), newApplicant()];
    await registry.createWorkerLed({}, requireRegistrationRequest(late.request));
    await expect(registry.createWorkerLed({}, requireRegistrationRequest(late.request))).rejects.toEqual(
      illegal,
    );
    clock.advance(86_400_000);
    await expect(registry.register(registerCall(late), shownCertificate)).rejects.toEqual(notFound);
    const worker = await registry.createWorkerLed({}, requireRegistrationRequest(deleted.request));
    await world.domain.ending.deleteWorker(worker.id, 'u_1');
    await expect(registry.register(registerCall(deleted), shownCertificate)).rejects.toEqual(notFound);
    await world.close();
  });

  test('a request that its key did not sign is refused', () => {
    const [mine, other] = [newApplicant(), newApplicant()];
    const signature = sign(null, requestMessage(mine.key.publicKey, other.secret), mine.key.privateKey);
    const forged = encodeRegistrationRequest({
      publicKey: mine.key.publicKey,
      secret: mine.secret,
      signature,
    });
    expect(() => requireRegistrationRequest(forged)).toThrow(illegal);
    expect(() => requireRegistrationRequest('zzz')).toThrow(illegal);
  });
});

describeBothEngines('a replaced certificate authority', (engineTest) => {
  const open = ({ database, keys }: SessionWorld, clock: ManualClock): Promise<ClusterAuthority> =>
    ClusterAuthority.open({ database, keys, clock });

  test('the new one signs, both are trusted for a week, and the key of the old one is gone then', async () => {
    const { world, clock } = await newWorld(engineTest);
    const { authority } = world.registry;
    const old = new X509Certificate(authority.certificates[0] ?? '');
    const [oldName = ''] = authority.serverNames;
    const other = await open(world, clock);
    await authority.reinitialize();
    const issuer = new X509Certificate(authority.certificates[0] ?? '').subject;
    expect(issuer).not.toBe(old.subject);
    expect([authority.isCurrent(issuer), authority.isCurrent(old.subject)]).toEqual([true, false]);
    expect([authority.isTrusted(issuer), authority.isTrusted(old.subject)]).toEqual([true, true]);
    const shown = (serverName?: string): string =>
      new X509Certificate(authority.issueController(serverName).certificate).issuer;
    expect([shown(oldName), shown(), shown('unknown.controller.stile.internal')]).toEqual([
      old.subject,
      issuer,
      issuer,
    ]);
    // Another controller learns of it.
    expect(other.isCurrent(issuer)).toBe(false);
    expect([await other.refresh(), await other.refresh()]).toEqual([true, false]);
    expect(other.isCurrent(issuer)).toBe(true);
    clock.advance(authorityOverlapUs / 1000);
    expect(authority.isTrusted(old.subject)).toBe(false);
    expect(await authority.refresh()).toBe(true);
    expect(authority.list()).toHaveLength(1);
    const rows = await world.database.reader.selectFrom('cluster_authority').select('id').execute();
    expect(rows).toEqual([{ id: 'ca_2' }]);
    await world.close();
  });

  test('a second call ends the overlap of the first, and of two at once one says conflict', async () => {
    const { world, clock } = await newWorld(engineTest);
    const { authority } = world.registry;
    const first = new X509Certificate(authority.certificates[0] ?? '').subject;
    await authority.reinitialize();
    await authority.reinitialize();
    expect(authority.isTrusted(first)).toBe(false);
    const others = await Promise.all([open(world, clock), open(world, clock)]);
    const outcomes = await Promise.allSettled(others.map((each) => each.reinitialize()));
    const lost = outcomes.filter((each) => each.status === 'rejected');
    for (const each of lost) expect(each.reason).toMatchObject({ code: 'conflict' });
    await Promise.all([...others, authority].map((each) => each.refresh()));
    expect(new Set(others.map((each) => each.fingerprint.toString('hex'))).size).toBe(1);
    const current = await world.database.reader
      .selectFrom('cluster_authority')
      .select('id')
      .where('retired_at', 'is', null)
      .execute();
    expect(current).toHaveLength(1);
    await world.close();
  });
});

describeBothEngines('what administrators change of a worker', (engineTest) => {
  test('name and description change by version; nothing changed leaves the version alone; a wrong one finds nothing', async () => {
    const { world } = await newWorld(engineTest);
    const { registry } = world;
    const { worker } = await registry.createControllerLed({ name: 'one' });
    const changed = await registry.update(worker.id, 1, { name: 'two', description: 'text' });
    expect(changed).toMatchObject({ name: 'two', description: 'text', version: 2 });
    expect((await registry.update(worker.id, 2, { name: 'two' })).version).toBe(2);
    expect(await registry.update(worker.id, 2, { name: null })).toMatchObject({ name: null, version: 3 });
    for (const version of [2, 4_294_967_295]) {
      await expect(registry.update(worker.id, version, { name: 'x' })).rejects.toMatchObject({
        code: 'notFound',
        message: `Worker "${worker.id}" doesn't exist or incorrect version provided.`,
      });
    }
    await registry.createControllerLed({ name: 'taken' });
    await expect(registry.update(worker.id, 3, { name: 'taken' })).rejects.toEqual(illegal);
    await expect(registry.update(worker.id, 3, { name: 'Upper' })).rejects.toEqual(illegal);
    await world.close();
  });

  test('tags are added, set and removed by version, and fifty at once lose nothing', async () => {
    const { world } = await newWorld(engineTest);
    const { registry } = world;
    const { worker } = await registry.createControllerLed({});
    const added = await registry.changeTags(worker.id, 1, {
      action: 'add',
      tags: { b: ['2', '1'], a: ['x'] },
    });
    expect(added).toMatchObject({ version: 2, api_tags: '{"a":["x"],"b":["1","2"]}' });
    const removed = await registry.changeTags(worker.id, 2, {
      action: 'remove',
      tags: { b: ['1'], a: ['x'] },
    });
    expect(removed).toMatchObject({ version: 3, api_tags: '{"b":["2"]}' });
    await expect(registry.changeTags(worker.id, 2, { action: 'set', tags: {} })).rejects.toEqual(notFound);
    expect(await registry.changeTags(worker.id, 3, { action: 'set', tags: {} })).toMatchObject({
      version: 4,
      api_tags: '{}',
    });
    const attempts = Array.from({ length: 50 }, (_, index) =>
      registry.changeTags(worker.id, 4, { action: 'add', tags: { k: [String(index)] } }),
    );
    const won = (await Promise.allSettled(attempts)).filter((each) => each.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect((await registry.lookup(worker.id))?.version).toBe(5);
    await world.close();
  });

  test('a name and tags set over the API decide at once which worker may carry a session', async () => {
    const { world } = await newWorld(engineTest);
    const { registry } = world;
    const one = await addLiveWorker(world, { name: 'one' });
    const two = await addLiveWorker(world, { name: 'two' });
    const eligible = async (filter: string): Promise<string[]> =>
      (await registry.selection.select(filter)).map(({ workerId }) => workerId);
    expect(await eligible('"/name" == "one"')).toEqual([one.id]);
    const inZone = '"a" in "/tags/zone"';
    await expect(eligible(inZone)).rejects.toMatchObject({ code: 'failedPrecondition' });
    await registry.changeTags(two.id, two.version, { action: 'add', tags: { zone: ['a'] } });
    expect(await eligible(inZone)).toEqual([two.id]);
    await registry.update(one.id, one.version, { name: 'three' });
    await expect(eligible('"/name" == "one"')).rejects.toMatchObject({ code: 'failedPrecondition' });
    await world.domain.ending.deleteWorker(two.id, 'u_1');
    await expect(eligible(inZone)).rejects.toMatchObject({ code: 'failedPrecondition' });
    await world.close();
  });

  test('adding what is there and removing what is not names the tag', () => {
    const worker = { id: 'w_1', api_tags: '{"a":["x"]}' };
    const problem = (action: 'add' | 'remove', tags: Record<string, string[]>): string => {
      try {
        changedTags(worker, { action, tags });
        return '';
      } catch (error) {
        return JSON.stringify((error as { details?: unknown }).details);
      }
    };
    expect(problem('add', { a: ['x'] })).toMatch(/api_tags.*already/);
    expect(problem('remove', { a: ['y'] })).toMatch(/api_tags.*has no tag/);
    expect(problem('remove', { ['__proto__']: ['y'] })).toMatch(/has no tag/);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, ['v']]));
    expect(problem('add', many)).toMatch(/at most 256/);
  });

  test.each([
    ['a key without values', { a: [] }],
    ['an empty value', { a: [''] }],
    ['an empty key', { '': ['x'] }],
    ['a value that is too long', { a: ['x'.repeat(513)] }],
    ['a control character', { a: ['x\n'] }],
    ['too many', { a: Array.from({ length: 256 }, String) }],
  ])('%s is refused', (_what, tags) => {
    expect(tagProblem(tags)).toBeDefined();
  });
});
