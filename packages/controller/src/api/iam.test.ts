/** Scopes, users, groups and roles over HTTP: what the recorded answers do not show. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';

type Json = Readonly<Record<string, unknown>>;

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
});
afterAll(() => stile.stop());

async function send(method: string, path: string, body?: unknown, token = stile.admin): Promise<Json> {
  const answer = await stile.send(method, path, body, token);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return (answer.json ?? {}) as Json;
}

async function refusal(
  method: string,
  path: string,
  body?: unknown,
  token = stile.admin,
): Promise<readonly [number, ...string[]]> {
  const { status, json } = await stile.send(method, path, body, token);
  const error = json as {
    readonly details?: { readonly request_fields?: readonly { readonly name: string }[] };
  };
  return [status, ...(error?.details?.request_fields ?? []).map((field) => field.name)];
}

const idOf = (made: Json): string => String(made['id']);

/** A role in a scope that holds one grant for one principal. */
async function makeRole(scopeId: string, principalId: string, grant: string, name?: string): Promise<string> {
  const made = await send('POST', '/v1/roles', {
    scope_id: scopeId,
    ...(name === undefined ? {} : { name }),
  });
  const path = `/v1/roles/${idOf(made)}`;
  await send('POST', `${path}:add-principals`, { version: 1, principal_ids: [principalId] });
  await send('POST', `${path}:add-grants`, { version: 2, grant_strings: [grant] });
  return idOf(made);
}

const plainUser = 'u_0987654321';
const projectId = 'p_1234567890';
const targetId = 'ttcp_1234567890';

/** Longest wait of the event loop while something is done, milliseconds. */
async function longestWait(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6;
}

describe('thousands of grants hold nobody else up', () => {
  const roleIds: string[] = [];
  beforeAll(async () => {
    for (let role = 0; role < 4; role += 1) {
      const made = await send('POST', '/v1/roles', { scope_id: projectId });
      roleIds.push(idOf(made));
      for (let part = 0; part < 4; part += 1) {
        const grants = Array.from(
          { length: 2000 },
          (_each, at) => `ids=ttcp_${role}x${part}x${at};actions=update,delete,read,authorize-session`,
        );
        await send('POST', `/v1/roles/${idOf(made)}:add-grants`, {
          version: part + 1,
          grant_strings: grants,
        });
      }
    }
  }, 60_000);
  afterAll(async () => {
    for (const id of roleIds) await send('DELETE', `/v1/roles/${id}`);
  });

  test('when a role is read', async () => {
    expect(await longestWait(() => send('GET', `/v1/roles/${roleIds[0]}`))).toBeLessThan(250);
  });

  test('when a right is explained', async () => {
    const question = `user_id=${plainUser}&id=${targetId}&action=delete`;
    expect(await longestWait(() => send('GET', `/v1/roles:explain?${question}`))).toBeLessThan(250);
  });

  test('when their holder asks for anything', async () => {
    for (const id of roleIds) {
      await send('POST', `/v1/roles/${id}:add-principals`, { version: 5, principal_ids: [plainUser] });
    }
    const ask = (): Promise<unknown> => send('GET', `/v1/targets/${targetId}`, undefined, stile.user);
    expect(await longestWait(ask)).toBeLessThan(250);
  });
});

describe('explaining a right', () => {
  const ask = (query: string, token?: string): Promise<Json> =>
    send('GET', `/v1/roles:explain?${query}`, undefined, token);

  test('names the grant and the role that allow it', async () => {
    const answer = await ask(`user_id=${plainUser}&id=${targetId}&action=authorize-session`);
    expect(answer).toMatchObject({
      user_id: plainUser,
      id: targetId,
      type: 'target',
      scope_id: projectId,
      action: 'authorize-session',
      allowed: true,
      reason: 'A grant of a role of the user allows it.',
      matches: [
        {
          role_name: 'Authenticated User Grants',
          role_scope_id: 'global',
          principal_id: 'u_auth',
          grant_scope_id: 'descendants',
          grant_string: 'ids=*;type=target;actions=list,read,authorize-session',
        },
      ],
    });
    expect(answer).not.toHaveProperty('closest');
  });

  test('says what came closest, and what is in the way', async () => {
    const answer = await ask(`user_id=${plainUser}&id=${targetId}&action=update`);
    expect(answer['allowed']).toBe(false);
    const [nearest] = answer['closest'] as readonly Json[];
    expect(nearest).toMatchObject({
      role_name: 'Authenticated User Grants',
      grant_string: 'ids=*;type=target;actions=list,read,authorize-session',
      mismatches: [{ field: 'action', description: expect.stringContaining('asked is update on target') }],
    });
  });

  test('asks for the `:self` variant on what is the user’s own', async () => {
    await stile.addLiveWorker('w_0000000001');
    const path = `/v1/targets/${targetId}:authorize-session`;
    const made = await send('POST', path, {}, stile.user);
    const sessionId = String(made['session_id']);
    const own = await ask(`user_id=${plainUser}&id=${sessionId}&action=cancel`);
    expect(own).toMatchObject({ allowed: true, action: 'cancel:self' });
    const foreign = await ask(`user_id=u_auth&id=${sessionId}&action=cancel`);
    expect(foreign).toMatchObject({ allowed: false, action: 'cancel' });
  });

  test('answers for collections, in a scope or in a parent', async () => {
    const inScope = await ask(`user_id=u_1234567890&id=${projectId}&type=target&action=create`);
    expect(inScope).toMatchObject({ allowed: true, type: 'target', scope_id: projectId });
    const inParent = await ask(`user_id=${plainUser}&id=hcst_1234567890&type=host&action=list`);
    expect(inParent).toMatchObject({ allowed: false, type: 'host', scope_id: projectId });
    const projects = await ask('user_id=u_anon&id=o_1234567890&action=list');
    expect(projects).toMatchObject({ allowed: true, type: 'scope', scope_id: 'o_1234567890' });
  });

  test('uses the account of the user for the templates of grants', async () => {
    const own = await ask(`user_id=${plainUser}&id=acctpw_0987654321&action=change-password`);
    expect(own).toMatchObject({ allowed: true, account_id: 'acctpw_0987654321' });
    const other = await ask(`user_id=${plainUser}&id=acctpw_1234567890&action=change-password`);
    expect(other['allowed']).toBe(false);
  });

  test('needs list on the roles of the scope, and names only roles that the caller may read', async () => {
    const question = `user_id=${plainUser}&id=${targetId}&action=authorize-session`;
    expect(await refusal('GET', `/v1/roles:explain?${question}`, undefined, stile.user)).toEqual([403]);
    expect(await refusal('GET', `/v1/roles:explain?${question}`, undefined, '')).toEqual([401]);
    const listing = await makeRole(projectId, plainUser, 'type=role;actions=list');
    const answer = await ask(question, stile.user);
    expect(answer).toMatchObject({ allowed: true, hidden_role_count: 1 });
    expect(answer).not.toHaveProperty('matches');
    const denied = await ask(`user_id=${plainUser}&id=${targetId}&action=delete`, stile.user);
    expect(JSON.stringify(denied)).not.toMatch(/"role_id"|Authenticated/);
    await send('DELETE', `/v1/roles/${listing}`);
  });

  test('tells nothing that reading the role or the user would hide', async () => {
    const own = `user_id=u_1234567890&id=acctpw_0987654321&type=account&action=change-password`;
    const made = await makeRole('global', plainUser, 'type=role;actions=list');
    const path = `/v1/roles/${made}`;
    await send('POST', `${path}:add-grants`, {
      version: 3,
      grant_strings: ['ids=*;type=role;actions=read;output_fields=id,name'],
    });
    const hidden = await ask(own, stile.user);
    expect(hidden).toMatchObject({ allowed: true, hidden_role_count: 1 });
    expect(JSON.stringify(hidden)).not.toMatch(/ids=|acctpw_1234567890/);
    const denied = await ask(own.replace('u_1234567890', plainUser), stile.user);
    expect(JSON.stringify(denied)).not.toMatch(/ids=\*/);

    await send('POST', `${path}:set-grants`, {
      version: 4,
      grant_strings: ['type=role;actions=list', 'ids=*;type=role;actions=read'],
    });
    const question = `user_id=u_1234567890&id=acctpw_0987654321&action=no-op`;
    const shown = JSON.stringify(await ask(question, stile.user));
    expect(shown).toContain('ids=*;type=*;actions=*');
    expect(shown).not.toContain('acctpw_1234567890');
    const near = JSON.stringify(
      await ask(`user_id=${plainUser}&id=acctpw_1234567890&action=read`, stile.user),
    );
    expect(near).toContain('{{.Account.Id}}, which is an account of the user');
    expect(JSON.stringify(await ask(question))).toContain('"account_id":"acctpw_1234567890"');
    await send('DELETE', path);
  });

  test('refuses what is no question, and what does not exist', async () => {
    const path = (query: string): string => `/v1/roles:explain?${query}`;
    expect(await refusal('GET', path(''))).toEqual([400, 'action', 'id', 'user_id']);
    expect(await refusal('GET', path(`user_id=g_1&id=zzz_1&action=dance&type=zebra`))).toEqual([
      400,
      'action',
      'id',
      'type',
      'user_id',
    ]);
    expect(await refusal('GET', path(`user_id=u_recovery&id=${targetId}&action=read`))).toEqual([
      400,
      'user_id',
    ]);
    expect(await refusal('GET', path(`user_id=${plainUser}&id=${targetId}&action=set-password`))).toEqual([
      400,
      'action',
    ]);
    expect(await refusal('GET', path(`user_id=${plainUser}&id=${targetId}&action=create`))).toEqual([
      400,
      'id',
    ]);
    expect(await refusal('GET', path(`user_id=${plainUser}&id=ttcp_0000000000&action=read`))).toEqual([404]);
    expect(await refusal('GET', path(`user_id=u_0000000000&id=${targetId}&action=read`))).toEqual([404]);
  });

  test('says of a disabled user that it may do nothing', async () => {
    const user = await send('POST', '/v1/users', { scope_id: 'global' });
    await send('POST', `/v1/users/${idOf(user)}:disable`, { version: 1 });
    const answer = await ask(`user_id=${idOf(user)}&id=${targetId}&action=read`);
    expect(answer).toMatchObject({ allowed: false, reason: 'The user is disabled, and may do nothing.' });
  });
});

describe('a role', () => {
  test('takes so many grants at once that nobody waits for them', async () => {
    const role = await send('POST', '/v1/roles', { scope_id: projectId });
    const path = `/v1/roles/${idOf(role)}:set-grants`;
    const grants = (count: number): string[] =>
      Array.from({ length: count }, (_, at) => `ids=ttcp_${at};actions=read`);
    expect(await refusal('POST', path, { version: 1, grant_strings: grants(2001) })).toEqual([
      400,
      'grant_strings',
    ]);
    const long = [
      `ids=${grants(20_000)
        .join('')
        .replaceAll(/[^0-9]+/g, ',ttcp_')
        .slice(1)};actions=read`,
    ];
    expect(await refusal('POST', path, { version: 1, grant_strings: long })).toEqual([400, 'grant_strings']);
    const most = await send('POST', path, { version: 1, grant_strings: grants(2000) });
    expect(most['grant_strings']).toHaveLength(2000);
    await send('DELETE', `/v1/roles/${idOf(role)}`);
  });
});

describe('a scope', () => {
  test('shows what becomes of sessions without their role only when it says so itself', async () => {
    const org = await send('POST', '/v1/scopes', {
      scope_id: 'global',
      name: 'careful',
      sessions_on_role_revocation: 'cancel',
    });
    expect(org).toMatchObject({ sessions_on_role_revocation: 'cancel', type: 'org' });
    const project = await send('POST', '/v1/scopes', { scope_id: idOf(org), type: 'project' });
    expect(project).not.toHaveProperty('sessions_on_role_revocation');
    const path = `/v1/scopes/${idOf(org)}`;
    const cleared = await send('PATCH', path, { version: 1, sessions_on_role_revocation: null });
    expect(cleared).not.toHaveProperty('sessions_on_role_revocation');
    expect(await refusal('PATCH', path, { version: 2, sessions_on_role_revocation: 'zzz' })).toEqual([
      400,
      'sessions_on_role_revocation',
    ]);
  });

  test('has a type that fits its parent', async () => {
    for (const [body, ...expected] of [
      [{ scope_id: 'global', type: 'global' }, 400, 'type'],
      [{ scope_id: 'o_1234567890', type: 'org' }, 400, 'type'],
      [{ scope_id: 'global', type: 'zebra' }, 400, 'type'],
      [{ scope_id: 'zzz' }, 400, 'scope_id'],
      [{ scope_id: projectId }, 400, 'scope_id'],
      [{ scope_id: 'o_0000000000' }, 404],
      [{ scope_id: 'global', name: 'Generated org scope' }, 400],
    ] as const) {
      expect(await refusal('POST', '/v1/scopes', body)).toEqual(expected);
    }
    expect(await refusal('PATCH', `/v1/scopes/${projectId}`, { version: 1, type: 'org' })).toEqual([
      400,
      'type',
    ]);
  });

  test('has no storage policy and no alias suffix', async () => {
    for (const verb of ['attach-storage-policy', 'set-alias-suffix', 'remove-alias-suffix']) {
      expect(await refusal('POST', `/v1/scopes/global:${verb}`, { version: 1 })).toEqual([405]);
    }
  });

  test('that is deleted is reported, with all that was in it, to whoever refreshes a list', async () => {
    const skips = 'skip_admin_role_creation=true&skip_default_role_creation=true';
    const org = await send('POST', `/v1/scopes?${skips}`, { scope_id: 'global' });
    const role = await send('POST', '/v1/roles', { scope_id: idOf(org) });
    const paths = ['/v1/scopes?scope_id=global', '/v1/roles?scope_id=global&recursive=true'];
    const tokens: string[] = [];
    for (const path of paths) tokens.push(String((await send('GET', path))['list_token']));
    await send('DELETE', `/v1/scopes/${idOf(org)}`);
    const removed: unknown[] = [];
    for (const [at, path] of paths.entries()) {
      removed.push((await send('GET', `${path}&list_token=${tokens[at] ?? ''}`))['removed_ids']);
    }
    expect(removed).toEqual([expect.arrayContaining([idOf(org)]), expect.arrayContaining([idOf(role)])]);
    expect(await refusal('GET', `/v1/roles/${idOf(role)}`)).toEqual([404]);
  });
});

describe('a user', () => {
  test('that is disabled is nobody from the next call on, and must log in anew after', async () => {
    const path = `/v1/users/${plainUser}`;
    const token = await stile.login('user', 'password');
    expect((await stile.send('GET', '/v1/sessions?scope_id=p_1234567890', undefined, token)).status).toBe(
      200,
    );
    const { version } = await send('GET', path);
    const disabled = await send('POST', `${path}:disable`, { version });
    expect(disabled['disabled_time']).toMatch(/^\d{4}-/);
    expect((await stile.send('GET', '/v1/sessions?scope_id=p_1234567890', undefined, token)).status).toBe(
      401,
    );
    await expect(stile.login('user', 'password')).rejects.toThrow('401');
    const enabled = await send('POST', `${path}:enable`, { version: disabled['version'] });
    expect(enabled).not.toHaveProperty('disabled_time');
    expect((await stile.send('GET', '/v1/sessions?scope_id=p_1234567890', undefined, token)).status).toBe(
      401,
    );
    stile = { ...stile, user: await stile.login('user', 'password') };
    expect(enabled['authorized_actions']).not.toContain('disable');
  });

  test('is disabled by who may update it, with a version, and never by itself', async () => {
    expect(await refusal('POST', `/v1/users/u_1234567890:disable`, { version: 1 })).toEqual([400]);
    expect(await refusal('POST', `/v1/users/${plainUser}:disable`, {})).toEqual([400, 'version']);
    const token = await stile.login('user', 'password');
    expect(await refusal('POST', '/v1/users/u_1234567890:disable', { version: 1 }, token)).toEqual([403]);
    expect(await refusal('POST', '/v1/users/u_1234567890:enable', { version: 1 }, '')).toEqual([401]);
    for (const id of ['u_anon', 'u_auth', 'u_recovery']) {
      expect(await refusal('DELETE', `/v1/users/${id}`)).toEqual([400]);
      expect(await refusal('PATCH', `/v1/users/${id}`, { version: 1, name: 'x' })).toEqual([400]);
    }
  });
});

describe('the keys', () => {
  const versionsOf = async (scopeId: string): Promise<readonly Json[]> => {
    const { items } = await send('GET', `/v1/scopes/${scopeId}:list-keys`);
    const ring = (items as readonly Json[]).find((key) => key['type'] === 'dek');
    return ring?.['versions'] as readonly Json[];
  };

  test('are rotated and destroyed; what the old one had sealed is still read, and its tokens end', async () => {
    const [first] = await versionsOf('global');
    const made = await send('POST', `/v1/targets/${targetId}:authorize-session`, {}, stile.user);
    const destroy = { scope_id: 'global', key_version_id: first?.['id'] };
    expect(await refusal('POST', '/v1/scopes:destroy-key-version', destroy)).toEqual([400]);
    expect((await stile.send('POST', '/v1/scopes:rotate-keys', { rewrap: true }, stile.admin)).status).toBe(
      204,
    );
    expect(await versionsOf(projectId)).toHaveLength(2);
    const admin = await stile.login('admin', 'password');
    const fresh = await stile.login('user', 'password');
    const later = await send('POST', `/v1/targets/${targetId}:authorize-session`, {}, fresh);
    expect(await send('POST', '/v1/scopes:destroy-key-version', destroy, admin)).toEqual({
      state: 'completed',
    });
    expect((await stile.send('GET', '/v1/scopes/global', undefined, stile.admin)).status).toBe(401);
    const session = async (id: unknown): Promise<Json> =>
      send('GET', `/v1/sessions/${String(id)}`, undefined, admin);
    expect(await session(made['session_id'])).toMatchObject({ end_reason: 'token revoked' });
    expect(await session(later['session_id'])).toMatchObject({ status: 'pending' });
    const { parts } = stile.controller;
    const sealed = await parts.database.reader
      .selectFrom('session')
      .select(['id', 'private_key_sealed'])
      .execute();
    for (const row of sealed) {
      expect(parts.keys.open(row.private_key_sealed, `session/private_key/${row.id}`)).toHaveLength(64);
    }
    stile = { ...stile, admin, user: fresh };
    expect(await versionsOf('global')).toHaveLength(1);
    expect(await refusal('POST', '/v1/scopes:destroy-key-version', destroy)).toEqual([400, 'key_version_id']);
    expect(await send('GET', '/v1/scopes/global:list-key-version-destruction-jobs')).toEqual({});
  });

  test('are changed in global alone, by who may there, and the root key not at all', async () => {
    const { items } = await send('GET', '/v1/scopes/global:list-keys');
    const root = (items as readonly { versions: readonly Json[]; type: string }[]).find(
      (key) => key.type === 'kek',
    );
    for (const [body, token, ...expected] of [
      [{ scope_id: projectId, key_version_id: 'kdkv_1' }, stile.admin, 400],
      [{ key_version_id: root?.versions[0]?.['id'] }, stile.admin, 400],
      [{ key_version_id: 'kdkv_0000000000' }, stile.admin, 400, 'key_version_id'],
      [{ key_version_id: 'zzz' }, stile.admin, 400, 'key_version_id'],
      [{ key_version_id: 'kdkv_0000000000' }, stile.user, 403],
      [{ key_version_id: 'kdkv_0000000000' }, '', 401],
    ] as const) {
      expect(await refusal('POST', '/v1/scopes:destroy-key-version', body, token)).toEqual(expected);
    }
    expect(await refusal('POST', '/v1/scopes:rotate-keys', { scope_id: projectId })).toEqual([400]);
    expect(await refusal('POST', '/v1/scopes:rotate-keys', {}, stile.user)).toEqual([403]);
    expect(await refusal('GET', '/v1/scopes/global:list-keys', undefined, stile.user)).toEqual([403]);
  });
});

describe('what an infrastructure tool does', () => {
  test('a role is made and set in the calls of the provider, and a second apply finds nothing to change', async () => {
    const made = await send('POST', '/v1/roles', { scope_id: 'o_1234567890', name: 'provider' });
    const path = `/v1/roles/${idOf(made)}`;
    const wanted = {
      principal_ids: [plainUser],
      grant_strings: [
        'ids=*;type=target;actions=read,list',
        '{"ids":["*"],"type":"group","actions":["list"]}',
      ],
      grant_scope_ids: ['o_1234567890', projectId],
    };
    const apply = async (): Promise<Json> => {
      for (const [verb, field] of [
        ['set-principals', 'principal_ids'],
        ['set-grants', 'grant_strings'],
        ['set-grant-scopes', 'grant_scope_ids'],
      ] as const) {
        const { version } = await send('GET', path);
        await send('POST', `${path}:${verb}`, { version, [field]: wanted[field] });
      }
      return send('GET', path);
    };
    const first = await apply();
    expect(first).toMatchObject({
      principal_ids: [plainUser],
      grant_strings: wanted.grant_strings,
      grant_scope_ids: [projectId, 'this'],
    });
    const second = await apply();
    expect(second).toEqual(first);
    for (const verb of ['set-principals', 'set-grants', 'set-grant-scopes']) {
      const { version } = await send('GET', path);
      await send('POST', `${path}:${verb}`, { version });
    }
    const cleared = await send('GET', path);
    for (const field of ['principal_ids', 'grant_strings', 'grants', 'grant_scope_ids']) {
      expect(cleared).not.toHaveProperty(field);
    }
  });
});
