/** `/v1/workers` and `/v1/billing` over HTTP, where the record says nothing. */
import { randomBytes, sign } from 'node:crypto';
import { encodeRegistrationRequest, registrationFingerprint, requestMessage } from '@stile/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import type { HttpAnswer } from '../../../../../test/support/http-client.ts';
import { generateEd25519 } from '../../pki/ed25519.ts';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

type Json = Readonly<Record<string, unknown>>;
const asAdmin = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  stile.send(method, path, body, stile.admin);
const jsonOf = (answer: HttpAnswer): Json => answer.json as Json;
const faultsOf = (answer: HttpAnswer): unknown =>
  (jsonOf(answer)['details'] as { request_fields?: unknown } | undefined)?.request_fields;

async function newWorker(more: Json = {}): Promise<string> {
  const answer = await asAdmin('POST', '/v1/workers:create:controller-led', { scope_id: 'global', ...more });
  expect(answer.status).toBe(200);
  return String(jsonOf(answer)['id']);
}

function newRequest(): { readonly text: string; readonly fingerprint: string } {
  const { publicKey, privateKey } = generateEd25519();
  const secret = randomBytes(32);
  const signature = sign(null, requestMessage(publicKey, secret), privateKey);
  return {
    text: encodeRegistrationRequest({ publicKey, secret, signature }),
    fingerprint: registrationFingerprint(publicKey),
  };
}

describe('workers', () => {
  test('are changed by PATCH and its mask', async () => {
    const id = await newWorker({ name: 'patched' });
    const changed = await asAdmin('PATCH', `/v1/workers/${id}`, { version: 1, description: 'a note' });
    expect(jsonOf(changed)).toMatchObject({ name: 'patched', description: 'a note', version: 2 });
    const cleared = await asAdmin('PATCH', `/v1/workers/${id}`, { version: 2, description: null });
    expect(jsonOf(cleared)).not.toHaveProperty('description');
    const upper = await asAdmin('PATCH', `/v1/workers/${id}`, { version: 3, name: 'Upper' });
    expect(upper.status).toBe(400);
    expect(faultsOf(upper)).toEqual([{ name: 'name', description: 'Name must be all lowercase.' }]);
    const none = await asAdmin('PATCH', `/v1/workers/${id}`, { version: 3, api_tags: { a: ['b'] } });
    expect(none.status).toBe(400);
    expect(faultsOf(none)).toMatchObject([{ name: 'update_mask' }]);
    const wrong = await asAdmin('PATCH', `/v1/workers/${id}`, { version: 9, name: 'x' });
    expect([wrong.status, jsonOf(wrong)['message']]).toEqual([
      404,
      `Worker "${id}" doesn't exist or incorrect version provided.`,
    ]);
  });

  test('have tags that are added, set and removed; config and API tags together are the canonical ones', async () => {
    const path = '/v1/workers/w_1234567890';
    const added = await asAdmin('POST', `${path}:add-worker-tags`, {
      version: 1,
      api_tags: { type: ['extra', 'dev'], zone: ['a'] },
    });
    expect(jsonOf(added)).toMatchObject({
      version: 2,
      api_tags: { type: ['dev', 'extra'], zone: ['a'] },
      config_tags: { type: ['dev', 'local'] },
      canonical_tags: { type: ['dev', 'extra', 'local'], zone: ['a'] },
    });
    const removed = await asAdmin('POST', `${path}:remove-worker-tags`, {
      version: 2,
      api_tags: { zone: ['a'] },
    });
    expect(jsonOf(removed)['api_tags']).toEqual({ type: ['dev', 'extra'] });
    const filtered = await asAdmin(
      'GET',
      `/v1/workers?scope_id=global&filter=${encodeURIComponent('"extra" in "/item/api_tags/type"')}`,
    );
    expect((jsonOf(filtered)['items'] as Json[]).map((item) => item['id'])).toEqual(['w_1234567890']);
    const cleared = await asAdmin('POST', `${path}:set-worker-tags`, { version: 3 });
    expect(jsonOf(cleared)).toMatchObject({ version: 4 });
    expect(jsonOf(cleared)).not.toHaveProperty('api_tags');
    for (const [api_tags, description] of [
      [undefined, 'Must be non-empty.'],
      [{ a: [] }, 'A tag must have at least one value.'],
      [{ a: 'b' }, 'This field must be an object of lists of texts.'],
      [['a'], 'This field must be an object of lists of texts.'],
      [{ a: [1] }, 'This field must be an object of lists of texts.'],
      [{ type: ['gone'] }, 'Worker w_1234567890 has no tag "type": "gone".'],
    ]) {
      const answer = await asAdmin('POST', `${path}:remove-worker-tags`, { version: 4, api_tags });
      expect([answer.status, faultsOf(answer)]).toEqual([400, [{ name: 'api_tags', description }]]);
    }
    const noVersion = await asAdmin('POST', `${path}:add-worker-tags`, { api_tags: { a: ['b'] } });
    expect(faultsOf(noVersion)).toEqual([{ name: 'version', description: 'Required field.' }]);
  });

  test('made from a registration request show its fingerprint and nothing else of it', async () => {
    const { text, fingerprint } = newRequest();
    const body = { scope_id: 'global', name: 'from a request', worker_generated_auth_token: ` ${text}\n` };
    const made = await asAdmin('POST', '/v1/workers:create:worker-led', body);
    expect(jsonOf(made)).toMatchObject({ name: 'from a request', registration_fingerprint: fingerprint });
    const read = await asAdmin('GET', `/v1/workers/${String(jsonOf(made)['id'])}`);
    expect(jsonOf(read)['registration_fingerprint']).toBe(fingerprint);
    expect(made.text + read.text).not.toContain(text);
    const again = await asAdmin('POST', '/v1/workers:create:worker-led', { ...body, name: 'again' });
    expect(again.status).toBe(400);
    for (const [wrong, status] of [
      ['zzz', 400],
      [text.slice(2), 400],
    ] as const) {
      const answer = await asAdmin('POST', '/v1/workers:create:worker-led', {
        scope_id: 'global',
        worker_generated_auth_token: wrong,
      });
      expect(answer.status).toBe(status);
      expect(faultsOf(answer)).toMatchObject([{ name: 'worker_generated_auth_token' }]);
    }
    const denied = await stile.send(
      'POST',
      '/v1/workers:create:worker-led',
      { scope_id: 'global', worker_generated_auth_token: newRequest().text },
      stile.user,
    );
    expect(denied.status).toBe(403);
  });

  test('that are deleted are gone', async () => {
    const id = await newWorker();
    expect((await stile.send('DELETE', `/v1/workers/${id}`, undefined, stile.user)).status).toBe(403);
    const gone = await asAdmin('DELETE', `/v1/workers/${id}`);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await asAdmin('GET', `/v1/workers/${id}`)).status).toBe(404);
    expect((await asAdmin('DELETE', `/v1/workers/${id}`)).status).toBe(404);
    expect(faultsOf(await asAdmin('DELETE', '/v1/workers/u_1234567890'))).toEqual([
      { name: 'id', description: 'Incorrectly formatted identifier.' },
    ]);
  });

  test('have a certificate authority that administrators read and replace', async () => {
    const path = (verb: string): string => `/v1/workers:${verb}-certificate-authority`;
    const read = jsonOf(await asAdmin('GET', `${path('read')}?scope_id=global`))['certs'] as Json[];
    expect(read).toEqual([
      {
        id: 'ca_1',
        public_key_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        not_before_time: expect.stringMatching(/Z$/),
        not_after_time: expect.stringMatching(/Z$/),
      },
    ]);
    for (const scope of ['', '?scope_id=o_1234567890']) {
      const wrong = await asAdmin('GET', `${path('read')}${scope}`);
      expect(faultsOf(wrong)).toEqual([{ name: 'scope_id', description: "Must be 'global'" }]);
    }
    const denied = await stile.send('POST', `${path('reinitialize')}?scope_id=global`, undefined, stile.user);
    expect(denied.status).toBe(403);
    const fresh = await asAdmin('POST', `${path('reinitialize')}?scope_id=global`);
    const ids = (jsonOf(fresh)['certs'] as Json[]).map((each) => each['id']);
    expect([fresh.status, ids]).toEqual([200, ['ca_2', 'ca_1']]);
  });
});

describe('monthly active users', () => {
  const path = '/v1/billing:monthly-active-users';
  const thisMonth = new Date().toISOString().slice(0, 7);

  test('are the users who were given a session, each once a month', async () => {
    const before = jsonOf(await asAdmin('GET', path))['items'] as Json[];
    expect(before).toHaveLength(2);
    expect(before[0]).toMatchObject({ count: 0, start_time: `${thisMonth}-01T00:00:00Z` });
    for (const token of [stile.admin, stile.user, stile.admin]) {
      const made = await stile.send('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
      expect(made.status).toBe(200);
    }
    const after = jsonOf(await asAdmin('GET', `${path}?start_time=${thisMonth}`))['items'] as Json[];
    expect(after).toMatchObject([{ count: 2 }]);
  });

  test('of a span of months come one by one, the latest first', async () => {
    const answer = await asAdmin('GET', `${path}?start_time=2020-11&end_time=2021-02`);
    expect((jsonOf(answer)['items'] as Json[]).map((item) => [item['start_time'], item['end_time']])).toEqual(
      [
        ['2021-01-01T00:00:00Z', '2021-02-01T00:00:00Z'],
        ['2020-12-01T00:00:00Z', '2021-01-01T00:00:00Z'],
        ['2020-11-01T00:00:00Z', '2020-12-01T00:00:00Z'],
      ],
    );
  });

  test.each([
    ['start_time=2020-13', 'start_time'],
    ['start_time=x', 'start_time'],
    ['end_time=2020-01', 'start_time'],
    ['start_time=2020-02&end_time=2020-02', 'start_time'],
    ['start_time=2999-01', 'start_time'],
    ['start_time=1990-01&end_time=2020-01', 'start_time'],
    ['start_time=2020-01&end_time=2020-1', 'end_time'],
  ])('with %s are refused, naming the field', async (query, field) => {
    const answer = await asAdmin('GET', `${path}?${query}`);
    expect(answer.status).toBe(400);
    expect(faultsOf(answer)).toMatchObject([{ name: field }]);
  });

  test('are not shown to everybody', async () => {
    expect((await stile.send('GET', path, undefined, stile.user)).status).toBe(403);
    expect((await stile.send('GET', path)).status).toBe(401);
  });
});
