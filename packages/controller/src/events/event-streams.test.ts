/** The event stream of a controller, over real sockets: what a viewer is told, and when its stream ends. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { EventViewer, type ViewerOptions } from '../../../../test/support/event-viewer.ts';

const project = 'p_1234567890';
const all = 'topic=sessions&scope_id=global&recursive=true';

let world: TestController;
const viewers: EventViewer[] = [];

beforeAll(async () => {
  world = await startTestController({ apiRateLimitDisable: true });
  await world.addLiveWorker();
});
afterAll(() => world.stop());
afterEach(async () => {
  for (const viewer of viewers.splice(0)) {
    viewer.close();
    await viewer.ended();
  }
  await expect.poll(() => world.controller.parts.eventStreams.size).toBe(0);
});

async function watch(query = all, options: ViewerOptions = {}): Promise<EventViewer> {
  const viewer = await EventViewer.open(world.api, query, { token: world.admin, ...options });
  viewers.push(viewer);
  return viewer;
}

async function authorize(token = world.admin): Promise<string> {
  const answer = await world.send('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
  expect(answer.status).toBe(200);
  return (answer.json as { session_id: string }).session_id;
}

async function cancel(id: string): Promise<void> {
  const read = await world.send('GET', `/v1/sessions/${id}`, undefined, world.admin);
  const { version } = read.json as { version: number };
  const answer = await world.send('POST', `/v1/sessions/${id}:cancel`, { version }, world.admin);
  expect(answer.status).toBe(200);
}

/** A user with an account of its own, and a token. */
async function makeUser(name: string): Promise<{ userId: string; token: string }> {
  const account = await world.send(
    'POST',
    '/v1/accounts',
    {
      auth_method_id: 'ampw_1234567890',
      type: 'password',
      attributes: { login_name: name, password: 'password' },
    },
    world.admin,
  );
  const user = await world.send('POST', '/v1/users', { scope_id: 'global', name }, world.admin);
  const { id, version } = user.json as { id: string; version: number };
  const accountIds = [(account.json as { id: string }).id];
  const path = `/v1/users/${id}:set-accounts`;
  const bound = await world.send('POST', path, { version, account_ids: accountIds }, world.admin);
  expect(bound.status).toBe(200);
  return { userId: id, token: await world.login(name, 'password') };
}

describe('the stream of sessions', () => {
  test('says hello, shows what is there, and then each change as it happens', async () => {
    const before = await authorize();
    const viewer = await watch();
    expect(viewer.status).toBe(200);
    expect(viewer.headers['content-type']).toBe('text/event-stream');
    expect(viewer.headers['cache-control']).toBe('no-store');
    expect(viewer.headers['x-accel-buffering']).toBe('no');
    expect(viewer.headers['content-encoding']).toBeUndefined();
    await viewer.event('snapshot-end');
    expect(viewer.events[0]?.event).toBe('hello');
    expect(viewer.rows.get(before)).toMatchObject({ id: before, status: 'pending', version: 1 });
    expect(viewer.rows.get(before)).not.toHaveProperty('certificate');
    expect(viewer.rows.get(before)).not.toHaveProperty('states');
    const after = await authorize();
    await viewer.until('the new session', () => viewer.rows.has(after));
    await cancel(before);
    await viewer.until('its end', () => viewer.rows.get(before)?.status === 'terminated');
    expect(viewer.rows.get(before)).toMatchObject({ end_reason: 'canceled', version: 3 });
    expect(viewer.lastEventId).not.toBe('');
  });

  test('is compressed for who takes gzip, and no event waits for the next one', async () => {
    const viewer = await watch(all, { headers: { 'accept-encoding': 'gzip, deflate, br' } });
    expect(viewer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    await viewer.event('snapshot-end');
    const id = await authorize();
    await viewer.until('the new session', () => viewer.rows.has(id));
    await cancel(id);
    await viewer.until('its end', () => viewer.rows.get(id)?.status === 'terminated');
    for (const accepted of ['gzip;q=0', 'br', 'identity, gzip;q=0.5']) {
      const other = await watch(all, { headers: { 'accept-encoding': accepted } });
      expect(other.headers['content-encoding']).toBeUndefined();
      await other.event('snapshot-end');
      other.close();
      await other.ended();
    }
  });

  test('shows a row as the list does, without certificate and states', async () => {
    const id = await authorize();
    const viewer = await watch(`topic=sessions&scope_id=${project}`);
    await viewer.event('snapshot-end');
    const listed = await world.send('GET', `/v1/sessions?scope_id=${project}`, undefined, world.admin);
    const item = (listed.json as { items: Record<string, unknown>[] }).items.find(
      (each) => each['id'] === id,
    );
    const { certificate: _certificate, states: _states, ...compact } = item ?? {};
    expect(viewer.rows.get(id)).toEqual(compact);
  });

  test('goes on from Last-Event-ID without a snapshot, and tells what was missed', async () => {
    const first = await watch();
    await first.event('snapshot-end');
    const position = first.lastEventId;
    first.close();
    await first.ended();
    const id = await authorize();
    const second = await watch(all, { lastEventId: position });
    await second.until('the missed session', () => second.rows.has(id));
    expect(second.dataOf('snapshot')).toEqual([]);
    expect(second.dataOf('reset')).toEqual([]);
  });

  test.each([
    ['nonsense', 'position unknown'],
    ['1.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAA', 'filter changed'],
  ])('resets from the position %s: %s', async (lastEventId, reason) => {
    const viewer = await watch(all, { lastEventId });
    expect(await viewer.event('reset')).toEqual({ reason });
    await viewer.event('snapshot-end');
  });

  test('a filter cuts what is shown, and a session that leaves it is removed', async () => {
    const id = await authorize();
    const filter = encodeURIComponent('"/item/status" == "pending"');
    const viewer = await watch(`${all}&filter=${filter}`);
    await viewer.event('snapshot-end');
    expect(viewer.rows.has(id)).toBe(true);
    await cancel(id);
    await viewer.until('it is removed', () => !viewer.rows.has(id));
    expect([...viewer.rows.values()].every((row) => row.status === 'pending')).toBe(true);
  });

  test('include_terminated shows ended sessions from the beginning', async () => {
    const id = await authorize();
    await cancel(id);
    const viewer = await watch(`${all}&include_terminated=true`);
    await viewer.event('snapshot-end');
    expect(viewer.rows.get(id)?.status).toBe('terminated');
    const without = await watch(all);
    await without.event('snapshot-end');
    expect(without.rows.has(id)).toBe(false);
  });
});

describe('rights', () => {
  test('without a token 401, with a wrong one too', async () => {
    const viewer = await EventViewer.open(world.api, all);
    await viewer.ended();
    expect(viewer.status).toBe(401);
    const wrong = await watch(all, { token: 'at_1234567890_s1nonsense' });
    await wrong.ended();
    expect(wrong.status).toBe(401);
  });

  test('a user hears of the own sessions only, and of nobody else’s not even the id', async () => {
    const viewer = await watch(all, { token: world.user });
    await viewer.event('snapshot-end');
    const foreign = await authorize();
    await cancel(foreign);
    const own = await authorize(world.user);
    await viewer.until('the own session', () => viewer.rows.has(own));
    expect(viewer.text).not.toContain(foreign);
    expect(viewer.rows.get(own)?.['authorized_actions']).toEqual(['cancel:self', 'read:self']);
  });

  test('a topic without a right is left out; none left is 403', async () => {
    const some = await watch('topic=sessions,workers,overview&scope_id=global&recursive=true', {
      token: world.user,
    });
    expect(await some.event('hello')).toMatchObject({ topics: ['sessions'] });
    const none = await watch('topic=workers', { token: world.user });
    await none.ended();
    expect(none.status).toBe(403);
  });

  test('a grant that is taken away resets the stream, or ends it when nothing is left', async () => {
    const role = await world.send('POST', '/v1/roles', { scope_id: 'global', name: 'watchers' }, world.admin);
    const { id } = role.json as { id: string };
    const change = async (action: string, body: object): Promise<void> => {
      const read = await world.send('GET', `/v1/roles/${id}`, undefined, world.admin);
      const { version } = read.json as { version: number };
      const answer = await world.send('POST', `/v1/roles/${id}:${action}`, { version, ...body }, world.admin);
      expect(answer.status).toBe(200);
    };
    await change('set-grant-scopes', { grant_scope_ids: ['this', 'descendants'] });
    await change('set-principals', { principal_ids: ['u_0987654321'] });
    await change('set-grants', {
      grant_strings: ['ids=*;type=session;actions=list,read', 'ids=*;type=worker;actions=list,read'],
    });
    const foreign = await authorize();
    const viewer = await watch('topic=sessions,workers&scope_id=global&recursive=true', {
      token: world.user,
    });
    await viewer.event('snapshot-end');
    expect(viewer.rows.has(foreign)).toBe(true);
    await change('set-grants', { grant_strings: ['ids=*;type=worker;actions=list,read'] });
    expect(await viewer.event('reset')).toEqual({ reason: 'grants changed' });
    await viewer.until('the foreign session is gone', () => !viewer.rows.has(foreign));
    const workersOnly = await watch('topic=workers', { token: world.user });
    await workersOnly.event('snapshot-end');
    await world.send('DELETE', `/v1/roles/${id}`, undefined, world.admin);
    expect(await workersOnly.event('bye')).toEqual({ reason: 'grants changed' });
    await workersOnly.ended();
  });
});

describe('the end of a stream', () => {
  test('comes with the connection also where it waits behind another answer', async () => {
    const { eventStreams } = world.controller.parts;
    const request = `GET /v1/events?${all} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.user}\r\n\r\n`;
    const socket = connect(world.api.port, world.api.host);
    await once(socket, 'connect');
    socket.write(request.repeat(4));
    await expect.poll(() => eventStreams.size).toBe(4);
    socket.resetAndDestroy();
    await expect.poll(() => eventStreams.size).toBe(0);
  });

  test.each(['identity', 'gzip'])(
    'a deleted token takes its stream along within a second: bye, token revoked (%s)',
    async (encoding) => {
      const token = await world.login('user', 'password');
      const viewer = await watch(all, { token, headers: { 'accept-encoding': encoding } });
      await viewer.event('snapshot-end');
      const atMs = performance.now();
      const id = token.split('_').slice(0, 2).join('_');
      const answer = await world.send('DELETE', `/v1/auth-tokens/${id}`, undefined, token);
      expect(answer.status).toBe(204);
      expect(await viewer.event('bye')).toEqual({ reason: 'token revoked' });
      await viewer.ended();
      expect(performance.now() - atMs).toBeLessThan(1_000);
    },
  );

  test('case 11: of a user who is disabled', async () => {
    const made = await makeUser('disabled');
    const viewer = await watch(all, { token: made.token });
    await viewer.event('snapshot-end');
    const read = await world.send('GET', `/v1/users/${made.userId}`, undefined, world.admin);
    const { version } = read.json as { version: number };
    const answer = await world.send('POST', `/v1/users/${made.userId}:disable`, { version }, world.admin);
    expect(answer.status).toBe(200);
    expect(await viewer.event('bye')).toEqual({ reason: 'token revoked' });
    await viewer.ended();
  });

  test('case 14: is counted in the answer that revokes its token', async () => {
    const token = await world.login('user', 'password');
    const viewer = await watch(all, { token });
    await viewer.event('snapshot-end');
    const id = token.split('_').slice(0, 2).join('_');
    const answer = await world.send('POST', `/v1/auth-tokens/${id}:revoke`, {}, token);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ revocation: { auth_tokens: 1, streams: 1 } });
    await viewer.ended();
    expect(viewer.dataOf('bye')).toEqual([{ reason: 'token revoked' }]);
  });

  test('comes with the rotation of its token: who held the old secret hears nothing more', async () => {
    const made = await world.send('POST', '/v1/auth-tokens', { type: 'api', name: 'turned' }, world.admin);
    const { id, token } = made.json as { id: string; token: string };
    const viewer = await watch(all, { token });
    await viewer.event('snapshot-end');
    const renamed = { version: 1, name: 'renamed' };
    expect((await world.send('PATCH', `/v1/auth-tokens/${id}`, renamed, world.admin)).status).toBe(200);
    const answer = await world.send('POST', `/v1/auth-tokens/${id}:rotate`, { version: 2 }, world.admin);
    expect(answer.status).toBe(200);
    expect(await viewer.event('bye')).toEqual({ reason: 'token revoked' });
    await viewer.ended();
    const again = await watch(all, { token: (answer.json as { token: string }).token });
    await again.event('snapshot-end');
  });

  test('case 22: comes when its idle login ends, though the stream was open all the while', async () => {
    const { authTokens, database, clock } = world.controller.parts;
    const token = await world.login('user', 'password');
    const viewer = await watch(all, { token });
    await viewer.event('snapshot-end');
    const id = token.split('_').slice(0, 2).join('_');
    const before = await authTokens.read(id);
    // An idle limit of a second, and the row is looked at again.
    await database.write(async (tx) => {
      await tx.updateTable('auth_token').set({ time_to_stale_seconds: 1 }).where('id', '=', id).execute();
      await database.events.publish(tx, { type: 'auth-tokens-changed', subjectId: id });
    });
    const endsAtUs = Math.max(before.last_used_at + 1_000_000, clock.nowUs());
    expect(await viewer.event('bye')).toEqual({ reason: 'signed out' });
    const lateMs = (clock.nowUs() - endsAtUs) / 1000;
    expect(lateMs).toBeGreaterThanOrEqual(-50);
    expect(lateMs).toBeLessThan(1_000);
    await viewer.ended();
    expect((await authTokens.read(id)).last_used_at).toBe(before.last_used_at);
  });

  test('a fifth stream of a user is refused with 429 and Retry-After; a closed one makes room', async () => {
    for (let at = 0; at < 4; at += 1) await (await watch()).event('hello');
    const fifth = await watch();
    await fifth.ended();
    expect(fifth.status).toBe(429);
    expect(fifth.headers['retry-after']).toBe('10');
    expect(fifth.text).toContain('event streams');
    const other = await watch(all, { token: world.user });
    expect(other.status).toBe(200);
    const [first] = viewers;
    first?.close();
    await first?.ended();
    await expect.poll(() => world.controller.parts.eventStreams.size).toBe(4);
    expect((await watch()).status).toBe(200);
  });
});

describe('a token that may do less', () => {
  test('sees what its allow list names, and nothing any more when it is narrowed further', async () => {
    const [one, two] = [await authorize(), await authorize()];
    const made = await world.send(
      'POST',
      '/v1/auth-tokens',
      { type: 'api', name: 'watcher', token_scopes: ['session:read'], allow_list: [`session:${one}`] },
      world.admin,
    );
    expect(made.status).toBe(200);
    const { token, id, version } = made.json as { token: string; id: string; version: number };
    const viewer = await watch(all, { token });
    await viewer.event('snapshot-end');
    expect([...viewer.rows.keys()]).toEqual([one]);
    expect(viewer.text).not.toContain(two);
    await cancel(two);
    await cancel(one);
    await viewer.until('the end', () => viewer.rows.get(one)?.status === 'terminated');
    expect(viewer.text).not.toContain(two);
    const body = { version, token_scopes: ['session:read:self'] };
    const narrowed = await world.send('PATCH', `/v1/auth-tokens/${id}`, body, world.admin);
    expect(narrowed.status).toBe(200);
    expect(await viewer.event('bye')).toEqual({ reason: 'grants changed' });
    await viewer.ended();
  });

  test('case 37: a cookie opens a stream for pages of the same origin only', async () => {
    const cookie = `__Host-stile-session=${world.admin}`;
    const host = `${world.api.host}:${world.api.port}`;
    const open = (headers: Record<string, string>): Promise<EventViewer> =>
      EventViewer.open(world.api, all, { headers: { cookie, ...headers } });
    const refused = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ];
    for (const headers of refused) {
      const viewer = await open(headers);
      await viewer.ended();
      expect(viewer.status).toBe(403);
      expect(viewer.headers['access-control-allow-credentials']).toBeUndefined();
    }
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: `http://${host}` }, {}]) {
      const viewer = await open(headers);
      viewers.push(viewer);
      expect(viewer.status).toBe(200);
    }
  });
});

describe('the overview', () => {
  test('has the points of the last day at start and each new one, for those who may see whole scopes', async () => {
    const { series } = world.controller.parts.eventStreams;
    await authorize();
    series.addSetUp(project, 12);
    await series.addPoint();
    const viewer = await watch('topic=overview&scope_id=global&recursive=true');
    const { points } = (await viewer.event('series')) as { points: Record<string, unknown>[] };
    expect(points.at(-1)).toMatchObject({
      sessions: { pending: expect.any(Number), active: 0, canceling: 0 },
      bytes_up_per_second: 0,
      set_up_p50_ms: expect.any(Number),
      set_up_p99_ms: expect.any(Number),
    });
    const before = viewer.dataOf('series').length;
    await series.addPoint();
    await viewer.until('the next point', () => viewer.dataOf('series').length > before);
    const next = viewer.dataOf('series').at(-1) as { points: unknown[] };
    expect(next.points).toHaveLength(1);
    const other = await watch('topic=overview&scope_id=global&recursive=true', { token: world.user });
    await other.ended();
    expect(other.status).toBe(403);
  });
});

describe('what is asked for', () => {
  test.each([
    ['', 'topic'],
    ['topic=', 'topic'],
    ['topic=secrets', 'topic'],
    ['topic=sessions&scope_id=global', 'scope_id'],
    ['topic=sessions&scope_id=../../etc', 'scope_id'],
    [`topic=sessions&scope_id=p_1234567890&ids=ttcp_1234567890`, 'ids'],
    [`topic=sessions&scope_id=p_1234567890&ids=${'s_1234567890,'.repeat(3)}s_%00`, 'ids'],
    [
      `topic=sessions&scope_id=p_1234567890&ids=${Array.from({ length: 101 }, (_, at) => `s_${String(at).padStart(10, '0')}`).join(',')}`,
      'ids',
    ],
    ['topic=sessions&scope_id=p_1234567890&filter=%22', 'filter'],
    ['topic=sessions&scope_id=p_1234567890&recursive=maybe', ''],
    ['topic=sessions&scope_id=p_1234567890&scope_id=p_1234567890', ''],
  ])('%j is refused, naming %j, or taken', async (query, field) => {
    const viewer = await watch(query);
    if (viewer.status === 200) {
      expect(query).toBe('topic=sessions,');
      return;
    }
    await viewer.ended();
    expect(viewer.status).toBe(400);
    const body = JSON.parse(viewer.text) as { details: { request_fields: { name: string }[] } };
    if (field !== '') expect(body.details.request_fields.map((each) => each.name)).toContain(field);
  });

  test('a scope that is not there is 404', async () => {
    const viewer = await watch('topic=sessions&scope_id=p_0000000000');
    await viewer.ended();
    expect(viewer.status).toBe(404);
  });
});
