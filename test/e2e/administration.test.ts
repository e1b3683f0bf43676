/**
 * The life of every kind of resource through the command line against a running `stile dev`: made, read, changed, listed, deleted,
 * and its further verbs; so that flags, wire and controller agree.
 */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';

let dev: DevServer;
const ids: Record<string, string> = { org: '', project: '' };

const { privateKey } = generateKeyPairSync('ed25519');
const secrets = {
  SECRET: 'open sesame 1',
  NEW_SECRET: 'open barley 2',
  PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

/** Runs a command that must succeed; its item. `<name>` in a word stands for an id. */
async function stile(line: string): Promise<Json> {
  const words = line
    .split(' ')
    .map((word) => word.replace(/<(\w+)>/g, (_all, name: string) => ids[name] ?? name));
  const done = await dev.stile([...words, '-format', 'json'], secrets);
  expect({ line, status: done.status, stderr: done.stderr }).toEqual({ line, status: 0, stderr: '' });
  const envelope = JSON.parse(done.stdout) as Json;
  return envelope.item ?? envelope.items ?? envelope;
}

beforeAll(async () => {
  dev = await startDevServer();
  ids['org'] = (
    await stile('scopes create -name org -skip-admin-role-creation -skip-default-role-creation')
  ).id;
  ids['project'] = (await stile('scopes create -scope-id <org> -name project')).id;
  ids['catalog'] = (await stile('host-catalogs create static -scope-id <project> -name catalog')).id;
  ids['store'] = (await stile('credential-stores create static -scope-id <project> -name store')).id;
  ids['target'] = (
    await stile('targets create tcp -scope-id <project> -name target -address 127.0.0.1 -default-port 22')
  ).id;
  ids['host'] = (
    await stile('hosts create static -host-catalog-id <catalog> -name host -address 127.0.0.1')
  ).id;
  ids['user'] = (await stile('users create -name somebody')).id;
  ids['account'] = (
    await stile(
      'accounts create password -auth-method-id ampw_1234567890 -login-name one -password env://SECRET',
    )
  ).id;
});
afterAll(() => dev?.stop());

/** One kind: words of create and update with their type, a flag of update, the flag of its parent in a list. */
const lives: readonly (readonly [group: string, create: string, update: string, list: string])[] = [
  [
    'scopes',
    'create -scope-id <org> -name p2',
    'update -sessions-on-role-revocation cancel',
    '-scope-id <org>',
  ],
  ['users', 'create -scope-id <org> -name u2', 'update -description d', '-scope-id <org>'],
  [
    'groups',
    'create -scope-id <project> -name g -member <user>',
    'update -description d',
    '-scope-id <project>',
  ],
  [
    'roles',
    'create -scope-id <org> -name r -principal <user> -grant ids=*;type=target;actions=read -grant-scope-id children',
    'update -description d',
    '-scope-id <org>',
  ],
  [
    'auth-methods',
    'create password -scope-id <org> -name am -min-password-length 12',
    'update password -min-password-length 14',
    '-scope-id <org>',
  ],
  [
    'accounts',
    'create password -auth-method-id ampw_1234567890 -login-name two -password env://SECRET',
    'update password -login-name three',
    '-auth-method-id ampw_1234567890',
  ],
  ['aliases', 'create target -value a.example', 'update target -destination-id <target>', '-scope-id global'],
  [
    'host-catalogs',
    'create static -scope-id <project> -name c2',
    'update static -description d',
    '-scope-id <project>',
  ],
  [
    'host-sets',
    'create static -host-catalog-id <catalog> -name s2 -host <host>',
    'update static -description d',
    '-host-catalog-id <catalog>',
  ],
  [
    'hosts',
    'create static -host-catalog-id <catalog> -name h2 -address 10.0.0.5',
    'update static -address 10.0.0.6',
    '-host-catalog-id <catalog>',
  ],
  [
    'credential-stores',
    'create static -scope-id <project> -name cs2',
    'update static -description d',
    '-scope-id <project>',
  ],
  [
    'credentials',
    'create username-password -credential-store-id <store> -name up -username u -password env://SECRET',
    'update username-password -password env://NEW_SECRET',
    '-credential-store-id <store>',
  ],
  [
    'credentials',
    'create username-password-domain -credential-store-id <store> -name upd -username u -domain d -password env://SECRET',
    'update username-password-domain -domain e',
    '-credential-store-id <store>',
  ],
  [
    'credentials',
    'create password -credential-store-id <store> -name pw -password env://SECRET',
    'update password -password env://NEW_SECRET',
    '-credential-store-id <store>',
  ],
  [
    'credentials',
    'create ssh-private-key -credential-store-id <store> -name spk -username u -private-key env://PRIVATE_KEY',
    'update ssh-private-key -username v',
    '-credential-store-id <store>',
  ],
  [
    'credentials',
    'create json -credential-store-id <store> -name js -string-kv user=u -kv key=env://SECRET -num-kv a.b=1',
    'update json -object {"user":"v"}',
    '-credential-store-id <store>',
  ],
  [
    'targets',
    'create tcp -scope-id <project> -name t2 -default-port 80 -with-alias-value t2.example -session-max-seconds 1h',
    'update tcp -default-client-port 8080 -session-connection-limit 5',
    '-scope-id <project>',
  ],
  ['workers', 'create controller-led -name w-two', 'update -description d', '-scope-id global'],
];

describe('the life of', () => {
  test.each(lives)('%s: %s', async (group, create, update, list) => {
    const made = await stile(`${group} ${create}`);
    const read = await stile(`${group} read -id ${made.id}`);
    expect(read).toMatchObject({ id: made.id, version: made.version });
    const [verb = '', ...rest] = update.split(' ');
    const type = rest[0]?.startsWith('-') === false ? ` ${rest.shift() ?? ''}` : '';
    const changed = await stile(`${group} ${verb}${type} -id ${made.id} ${rest.join(' ')}`);
    expect(changed.version).toBe(made.version + 1);
    const listed: Json[] = await stile(`${group} list ${list}`);
    expect(listed.map((item) => item.id)).toContain(made.id);
    const gone = await stile(`${group} delete -id ${made.id}`);
    expect(gone.status_code).toBe(group === 'auth-methods' ? 200 : 204);
    const after = await dev.stile([group, 'read', '-id', made.id]);
    expect(after.status).toBe(1);
    expect(JSON.stringify([made, read, changed, listed])).not.toMatch(/open (sesame|barley)|PRIVATE KEY/);
  });
});

/** Verbs that change a list, with two values each. */
const lists: readonly (readonly [line: string, flag: string, value: string, field: string])[] = [
  ['users', '-account', '<account>', 'account_ids'],
  ['groups', '-member', '<user>', 'member_ids'],
  ['roles', '-principal', '<user>', 'principal_ids'],
  ['roles', '-grant', 'ids=*;type=target;actions=list,read', 'grant_strings'],
  ['roles', '-grant-scope-id', 'descendants', 'grant_scope_ids'],
  ['host-sets', '-host', '<host>', 'host_ids'],
  ['targets', '-host-source', '<set>', 'host_source_ids'],
  ['targets', '-brokered-credential-source', '<credential>', 'brokered_credential_source_ids'],
];
const verbs: Readonly<Record<string, string>> = {
  '-account': 'accounts',
  '-member': 'members',
  '-principal': 'principals',
  '-grant': 'grants',
  '-grant-scope-id': 'grant-scopes',
  '-host': 'hosts',
  '-host-source': 'host-sources',
  '-brokered-credential-source': 'credential-sources',
};

describe('lists of', () => {
  beforeAll(async () => {
    ids['group'] = (await stile('groups create -name lists')).id;
    ids['role'] = (await stile('roles create -name lists')).id;
    ids['set'] = (await stile('host-sets create static -host-catalog-id <catalog> -name lists')).id;
    ids['credential'] = (
      await stile(
        'credentials create password -credential-store-id <store> -name lists -password env://SECRET',
      )
    ).id;
    ids['bare'] = (await stile('targets create tcp -scope-id <project> -name lists -default-port 22')).id;
  });
  const owner: Readonly<Record<string, string>> = {
    users: '<user>',
    groups: '<group>',
    roles: '<role>',
    'host-sets': '<set>',
    targets: '<bare>',
  };

  test.each(lists)('%s %s are added, removed, set and emptied', async (group, flag, value, field) => {
    const run = (verb: string, given: string): Promise<Json> =>
      stile(`${group} ${verb}-${verbs[flag] ?? ''} -id ${owner[group] ?? ''} ${flag} ${given}`);
    const wanted = value.replace(/<(\w+)>/, (_all, name: string) => ids[name] ?? '');
    expect((await run('add', value))[field]).toContain(wanted);
    expect((await run('remove', value))[field] ?? []).not.toContain(wanted);
    expect((await run('set', value))[field]).toEqual([wanted]);
    expect((await run('set', 'null'))[field] ?? []).toEqual([]);
  });

  test('tags of a worker are added, set and removed', async () => {
    const { id } = await stile('workers create controller-led -name tagged');
    expect((await stile(`workers add-worker-tags -id ${id} -tag region=east,west`)).api_tags).toEqual({
      region: ['east', 'west'],
    });
    expect((await stile(`workers set-worker-tags -id ${id} -tag zone=a`)).api_tags).toEqual({ zone: ['a'] });
    expect((await stile(`workers remove-worker-tags -id ${id} -tag zone=a`)).api_tags ?? {}).toEqual({});
  });
});

describe('further verbs', () => {
  test('passwords are set by an administrator and changed by who knows them', async () => {
    await stile('accounts set-password -id <account> -password env://NEW_SECRET');
    await expect(dev.login('one', secrets.NEW_SECRET)).resolves.toMatch(/^at_/);
    await stile(
      'accounts change-password -id <account> -current-password env://NEW_SECRET -new-password env://SECRET',
    );
    await expect(dev.login('one', secrets.SECRET)).resolves.toMatch(/^at_/);
  });

  test('a user is disabled and enabled again', async () => {
    const minted = await dev.api('POST', '/v1/auth-tokens', { type: 'api', user_id: ids['user'] });
    expect(minted.status).toBe(200);
    const disabled = await stile('users disable -id <user>');
    expect(disabled.disabled_time).toMatch(/^\d{4}-/);
    expect(disabled.revocation).toEqual({ auth_tokens: 1, sessions: 0, sessions_confirmed: 0, streams: 0 });
    expect((await stile('users enable -id <user>')).disabled_time).toBeUndefined();
  });

  test('keys of a scope are listed and rotated', async () => {
    const before: Json[] = await stile('scopes list-keys -scope-id global');
    expect(before.length).toBeGreaterThan(0);
    expect(await stile('scopes rotate-keys -scope-id global')).toEqual({ status_code: 204 });
    const after: Json[] = await stile('scopes list-keys -scope-id global');
    const versions = (keys: readonly Json[]): number => keys.flatMap((key) => key.versions).length;
    expect(versions(after)).toBeGreaterThan(versions(before));
  });

  test('the certificate authority of workers can be read', async () => {
    expect((await stile('workers certificate-authority read')).certs.length).toBeGreaterThan(0);
  });

  test('active users are counted by month', async () => {
    const months: Json[] = await stile('billing monthly-active-users');
    expect(months[0]).toMatchObject({ start_time: expect.stringMatching(/^\d{4}-\d\d-01T/) });
  });

  test('roles explain says yes for the admin and no for a user without roles', async () => {
    const question = '-id <target> -action delete';
    expect(await stile(`roles explain -user-id u_1234567890 ${question}`)).toMatchObject({ allowed: true });
    expect(await stile(`roles explain -user-id <user> ${question}`)).toMatchObject({ allowed: false });
  });

  test('connect takes the alias of a target', async () => {
    await stile('aliases create target -value dial.example -destination-id <target>');
    const done = await dev.stile(['connect', 'dial.example', '-exec', 'true']);
    expect({ status: done.status, stderr: done.stderr }).toEqual({ status: 0, stderr: '' });
    expect((await stile('targets read dial.example')).id).toBe(ids['target']);
    const usable: Json[] = await stile('users list-resolvable-aliases -id u_1234567890');
    expect(usable.map((alias) => alias.value)).toContain('dial.example');
  });
});
