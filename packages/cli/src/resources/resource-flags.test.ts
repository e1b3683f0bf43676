/** What flags of create, update and actions become on the wire, and what is refused before anything is sent. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { runCli, type CliResult } from '../../../../test/support/cli-run.ts';
import { shellWords } from '../../../../test/support/recorded-cli.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { commandsOf } from './resource-commands.ts';
import { specs } from './specs.ts';

let stub: StubApi;
beforeAll(async () => {
  stub = await StubApi.start(() => ({ status: 500 }));
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.requests.length = 0;
  stub.answerWith(() => ({ status: 200, body: { id: 'x_1', version: 1 } }));
});

const variables = { STILE_TOKEN: 'at_1234567890_s1xxxx', SECRET: 'open sesame', TZ: 'UTC' };

/** What examples read by env://. */
const exampleVariables = {
  ...variables,
  ...Object.fromEntries(
    'PASSWORD NEW_PASSWORD PRIVATE_KEY KEY_ID API_KEY CLIENT_SECRET VAULT_TOKEN WORKER_TOKEN'
      .split(' ')
      .map((name) => [name, 'secret']),
  ),
  API_OBJECT: '{"key":"secret"}',
};

function stile(words: readonly string[]): Promise<CliResult> {
  return runCli(words, { ...variables, STILE_ADDR: stub.address });
}

/** The last body that was sent. */
function sent(): Record<string, unknown> {
  return JSON.parse(stub.requests.at(-1)?.body ?? 'null') as Record<string, unknown>;
}

const catalog = ['host-catalogs', 'create', 'plugin', '-scope-id', 'p_1'];

describe('families of attribute flags', () => {
  test.each([
    [['-attr', 'a=1', '-attr', 'b=true', '-attr', 'c=x'], { a: 1, b: true, c: 'x' }],
    [['-attr', 'a.b.c=1', '-attr', 'a.b.d=2'], { a: { b: { c: 1, d: 2 } } }],
    [['-attr', 'a=1', '-attr', 'a=2', '-attr', 'a=x'], { a: [1, 2, 'x'] }],
    [['-attr', 'gone'], { gone: null }],
    [['-attr', 'a=10.0.0.1', '-attr', 'b='], { a: '10.0.0.1', b: '' }],
    [['-attr', 'a={"x":[1]}', '-attr', 'b=[1,2]'], { a: { x: [1] }, b: [1, 2] }],
    [['-string-attr', 'a=1', '-num-attr', 'b=1.5', '-bool-attr', 'c=F'], { a: '1', b: 1.5, c: false }],
    [['-num-attr', 'a=3', '-string-attr', 'a=2', '-attr', 'a=1', '-attr', 'a=x'], { a: [3, '2', 1, 'x'] }],
    [['-attr', 'a=env://SECRET', '-string-attr', 'b=env://SECRET'], { a: 'open sesame', b: 'open sesame' }],
    [
      ['-attr', '__proto__.x=1', '-attr', 'constructor=2'],
      JSON.parse('{"__proto__":{"x":1},"constructor":2}'),
    ],
    [['-attributes', '{"a":{"b":1}}'], { a: { b: 1 } }],
  ])('%j', async (flags, attributes) => {
    expect((await stile([...catalog, ...flags])).exitCode).toBe(0);
    expect(JSON.stringify(sent()['attributes'])).toBe(JSON.stringify(attributes));
  });

  test.each([
    [['-num-attr', 'a=x'], 'key "a": it is no number'],
    [['-num-attr', 'a=0x10'], 'key "a": it is no number'],
    [['-bool-attr', 'a=maybe'], 'key "a": it is neither true nor false'],
    [['-string-attr', 'a'], 'it must be key=value'],
    [['-attr', '=1'], 'a key of letters must stand before'],
    [['-attr', 'a..b=1'], 'between dots'],
    [['-attr', 'a=1', '-attr', 'a.b=2'], '"a" is a value already'],
    [['-attr', 'a.b=2', '-attr', 'a=1'], '"a" holds keys already'],
    [['-attributes', '[1]'], 'must be a JSON object'],
    [['-attributes', 'hidden{'], 'must be a JSON object'],
    [['-attributes', '{}', '-attr', 'a=1'], '-attributes and -attr exclude each other'],
    [['-attr', 'a=env://NOT_SET'], 'NOT_SET is not set'],
    [['-secrets', 'file:///nonexistent/x'], 'cannot read the file'],
  ])('%j is refused before anything is sent, without its value', async (flags, why) => {
    const done = await stile([...catalog, ...flags]);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain(why);
    expect(done.stderr).not.toContain('hidden');
    expect(stub.requests).toEqual([]);
  });

  test('any text of any key is one value of that key, whatever it holds', async () => {
    const key = fc.stringMatching(/^[a-zA-Z_$][\w$-]{0,10}$/);
    await fc.assert(
      fc.asyncProperty(key, fc.string(), async (name, value) => {
        fc.pre(!/^(env|file):\/\//.test(value));
        await stile([...catalog, '-string-attr', `${name}=${value}`]);
        expect(Object.entries(sent()['attributes'] as object)).toEqual([[name, value]]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('null, lists, tags and numbers', () => {
  test.each([
    [
      ['aliases', 'update', 'target', '-id', 'alt_1', '-destination-id', 'null'],
      { destination_id: null, version: 1 },
    ],
    [
      ['aliases', 'update', 'target', '-id', 'alt_1', '-authorize-session-host-id', 'hst_1', '-version', '4'],
      { attributes: { authorize_session_arguments: { host_id: 'hst_1' } }, version: 4 },
    ],
    [
      ['host-sets', 'update', 'plugin', '-id', 'x', '-preferred-endpoint', 'null', '-sync-interval', '1h'],
      { preferred_endpoints: null, sync_interval_seconds: 3600, version: 1 },
    ],
    [
      ['workers', 'set-worker-tags', '-id', 'w_1', '-tag', 'a=x,y', '-tag', 'a=z', '-tag', 'b=q'],
      { api_tags: { a: ['x', 'y', 'z'], b: ['q'] }, version: 1 },
    ],
    [['workers', 'set-worker-tags', '-id', 'w_1', '-tag', 'null'], { api_tags: {}, version: 1 }],
    [['roles', 'set-grants', '-id', 'r_1', '-grant', 'null'], { grant_strings: [], version: 1 }],
    [
      ['targets', 'set-credential-sources', 'web.example', '-brokered-credential-source', 'null'],
      { brokered_credential_source_ids: [], version: 1 },
    ],
    [
      ['auth-methods', 'update', 'ldap', '-id', 'amldap_1', '-enable-groups=false', '-max-page-size', '0x10'],
      { attributes: { enable_groups: false, maximum_page_size: 16 }, version: 1 },
    ],
    [['users', 'disable', '-id', 'u_1'], { version: 1 }],
  ])('%j', async (words, body) => {
    expect(await stile(words)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(sent()).toEqual(body);
  });

  test('the alias that a target is made with', async () => {
    const words = [
      'targets',
      'create',
      'tcp',
      '-scope-id',
      'p_1',
      '-name',
      'web',
      '-with-alias-value',
      'web.example',
    ];
    await stile(words);
    expect(sent()).toMatchObject({ with_aliases: [{ value: 'web.example', scope_id: 'global' }] });
    await stile([...words, '-with-alias-authorize-session-host-id', 'hst_1', '-with-alias-scope-id', 'o_1']);
    expect(sent()['with_aliases']).toEqual([
      {
        value: 'web.example',
        scope_id: 'o_1',
        attributes: { authorize_session_arguments: { host_id: 'hst_1' } },
      },
    ]);
  });

  test('flags of a scope that is made go into the query', async () => {
    await stile(['scopes', 'create', '-name', 'prod', '-skip-admin-role-creation']);
    expect(stub.requests[0]?.url).toBe('/v1/scopes?skip_admin_role_creation=true');
    expect(sent()).toEqual({ scope_id: 'global', name: 'prod' });
  });
});

describe('what is refused before anything is sent', () => {
  const password = ['accounts', 'set-password', '-id', 'acctpw_1', '-password', 'open sesame'];
  const json = ['-format', 'json'];
  test.each([
    [password, '-password must be env://NAME or file://PATH'],
    [[...password, ...json], '-password must be env://NAME or file://PATH'],
    [['hosts', 'create', 'static', '-host-catalog-id', 'hcst_1', ...json], '-address is required'],
    [['groups', 'add-members', '-id', 'g_1', ...json], 'No members supplied via -member'],
    [['roles', 'add-grant-scopes', '-id', 'r_1'], 'No grant scope IDs supplied via -grant-scope-id'],
    [['workers', 'add-worker-tags', '-id', 'w_1'], 'No tags supplied via -tag'],
    [['users', 'set-accounts', '-id', 'u_1'], 'No accounts supplied via -account'],
    [
      ['roles', 'create', '-name', 'x', '-grant', 'ids=*;actions=fly'],
      'Grant "ids=*;actions=fly" could not be parsed',
    ],
    [
      ['roles', 'remove-grants', '-id', 'r_1', '-grant', 'id=*;type=*;actions=*'],
      'Please use "ids" instead.',
    ],
  ])('%j, as plain text in both layouts', async (words, why) => {
    const done = await stile(words);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain(why);
    expect(done.stderr.startsWith('{')).toBe(false);
    expect(done.stderr).not.toContain('open sesame');
    expect(stub.requests).toEqual([]);
  });

  test.each([
    [['workers', 'add-worker-tags', '-id', 'w_1', '-tag', 'region'], 'must be key=value'],
    [['workers', 'add-worker-tags', '-id', 'w_1', '-tag', '1a=x'], 'must begin with a letter'],
    [['workers', 'add-worker-tags', '-id', 'w_1', '-tag', 'a=x,'], 'must begin with a letter'],
    [
      ['targets', 'update', 'tcp', '-id', 'x', '-egress-worker-filter', '"/name" =='],
      'for flag -egress-worker-filter',
    ],
    [
      ['targets', 'create', 'tcp', '-scope-id', 'p_1', '-default-port', 'x'],
      'invalid value "x" for flag -default-port',
    ],
    [
      ['accounts', 'create', 'password', '-auth-method-id', 'a', '-login-name', 'x'],
      'standard input is no terminal',
    ],
    [['scopes', 'list-keys'], 'Scope ID must be passed in via -scope-id or STILE_SCOPE_ID'],
    [['credentials', 'list'], 'CredentialStore ID must be passed in via -credential-store-id'],
  ])('%j', async (words, why) => {
    const done = await stile(words);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain(why);
    expect(stub.requests).toEqual([]);
  });
});

describe('errors of fields', () => {
  test.each([
    [['credential-stores', 'create', 'vault', '-scope-id', 'p_1'], '-vault-address'],
    [['hosts', 'create', 'static', '-host-catalog-id', 'hcst_1', '-address', 'x'], '-address'],
  ])('%j names the flag', async (words, flag) => {
    const requestFields = [{ name: 'attributes.address', description: 'This field is required.' }];
    stub.answerWith(() => ({
      status: 400,
      body: {
        kind: 'InvalidArgument',
        message: 'Error in provided request.',
        details: { request_fields: requestFields },
      },
    }));
    expect((await stile(words)).stderr).toMatch(
      new RegExp(`Name: +${flag}\n +Error: +This field is required`),
    );
  });
});

describe('create with its lists', () => {
  const words = ['roles', 'create', '-name', 'ops', '-principal', 'u_1', '-grant', 'ids=*;type=*;actions=*'];

  test('sets them one after the other with the versions that the answers name', async () => {
    let version = 0;
    stub.answerWith((): StubAnswer => {
      version += 1;
      return { status: 200, body: { id: 'r_1', version } };
    });
    expect((await stile(words)).stdout).toMatch(/Version: +3/);
    expect(stub.requests.map(({ method, url, body }) => [method, url, JSON.parse(body) as unknown])).toEqual([
      ['POST', '/v1/roles', { scope_id: 'global', name: 'ops' }],
      ['POST', '/v1/roles/r_1:set-principals', { principal_ids: ['u_1'], version: 1 }],
      ['POST', '/v1/roles/r_1:set-grants', { grant_strings: ['ids=*;type=*;actions=*'], version: 2 }],
    ]);
  });

  test('a refusal on the way says what is there already', async () => {
    stub.answerWith(({ url }) =>
      url.endsWith(':set-grants')
        ? { status: 403, body: { kind: 'PermissionDenied', message: 'Forbidden.' } }
        : { status: 200, body: { id: 'r_1', version: 1 } },
    );
    const done = await stile(words);
    expect(done).toMatchObject({ exitCode: 1, stdout: '' });
    expect(done.stderr).toContain('The role r_1 was created, but not all of it could be set.');
    expect(done.stderr).toContain('Error from controller when performing set-grants on role');
  });
});

describe('roles explain', () => {
  const words = ['roles', 'explain', '-user-id', 'u_1', '-id', 'ttcp_1', '-action', 'read'];
  test('says which grant of which role allows it', async () => {
    stub.answerWith(() => ({
      status: 200,
      body: {
        allowed: true,
        reason: 'A grant of a role of the user allows it.',
        matches: [
          {
            role_id: 'r_1',
            role_name: 'ops',
            grant_string: 'ids=*;type=*;actions=*',
            grant_scope_id: 'this',
          },
        ],
      },
    }));
    expect((await stile(words)).stdout).toBe(
      [
        '',
        'Yes: u_1 is allowed read on ttcp_1.',
        'A grant of a role of the user allows it.',
        '',
        '  Role "ops" (r_1)',
        '    Grant:          ids=*;type=*;actions=*',
        '    Grant Scope ID: this',
        '',
      ].join('\n'),
    );
    expect(stub.requests[0]?.url).toBe('/v1/roles:explain?user_id=u_1&id=ttcp_1&action=read');
  });

  test('says so when nothing comes close', async () => {
    stub.answerWith(() => ({ status: 200, body: { allowed: false, closest: [] } }));
    expect((await stile(words)).stdout).toBe('\nNo: u_1 is not allowed read on ttcp_1.\n');
  });
});

describe('targets by alias', () => {
  const commands = commandsOf('targets').filter((command) => command.positional !== undefined);

  test('every command on a target takes its alias as the first word', async () => {
    expect(commands.map((command) => command.path)).toEqual(
      commandsOf('targets')
        .map((command) => command.path)
        .filter((path) => !/^targets (list|create)/.test(path)),
    );
    for (const command of commands) {
      stub.requests.length = 0;
      const words = shellWords(command.examples[0])
        .slice(1)
        .join('\n')
        .replace(/-id\n\w+/, 'web.example')
        .split('\n');
      await stile(words);
      const urls = stub.requests.map(({ url }) => url);
      expect(urls.length).toBeGreaterThan(0);
      expect(urls.filter((url) => !url.startsWith('/v1/targets/web.example'))).toEqual([]);
    }
  });

  test('an id and an alias together are refused', async () => {
    const done = await stile(['targets', 'read', 'web.example', '-id', 'ttcp_1']);
    expect(done).toMatchObject({ exitCode: 3, stderr: 'ID was given both as the first word and via -id\n' });
  });
});

describe('a server that answers nonsense', () => {
  const evil = '\u001b[2J\u202eevil\nx';
  /** Every field that a view reads, with values of every other type. */
  const fields = [
    'id scope name description version type created_time attributes members accounts principals grants grant_scope_ids',
    'authorized_actions authorized_collection_actions host_ids hosts plugin connections states config_tags api_tags certs',
    'directly_connected_downstream_workers aliases host_sources closest matches items versions hidden_role_count',
  ]
    .join(' ')
    .split(' ');
  const filled = (value: unknown): Record<string, unknown> =>
    Object.fromEntries(fields.map((field) => [field, value]));
  const nonsense: readonly (readonly [name: string, body: unknown])[] = [
    ['a number', 5],
    ['a list', [null]],
    ['null', filled(null)],
    ['numbers', filled(-1)],
    ['texts that steer a terminal', filled(evil)],
    ['lists of anything', filled([null, 5, evil, [evil], { id: evil, [evil]: evil }])],
    ['objects', filled({ id: evil, [evil]: [evil], versions: 5 })],
  ];

  test.each(nonsense)('%s: every command prints something harmless and ends', async (_name, body) => {
    stub.answerWith(() => ({ status: 200, body }));
    const wrong: string[] = [];
    for (const command of specs.flatMap((spec) => commandsOf(spec.name))) {
      const words = shellWords(command.examples[0]).slice(1);
      const done = await runCli(words, { ...exampleVariables, STILE_ADDR: stub.address });
      const isHarmless = !/[^\P{Cc}\n]|\u202e/u.test(done.stdout + done.stderr);
      if (done.exitCode !== 0 || !isHarmless)
        wrong.push(`${command.path}: ${done.exitCode} ${JSON.stringify(done.stderr.slice(0, 200))}`);
    }
    expect(wrong).toEqual([]);
  });
});
