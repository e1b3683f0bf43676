/** The command line as a whole: flags, help, leftover words, shortcuts, requests that are made, and hostile answers. */
import { afterEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../test/support/cli-run.ts';
import { StubApi, type SeenRequest, type StubAnswer } from '../../../test/support/stub-api.ts';
import { commandTable } from './command-table.ts';

let stub: StubApi | undefined;

afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

async function against(
  answer: (request: SeenRequest) => StubAnswer,
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
) {
  stub = await StubApi.start(answer);
  const result = await runCli(words, { STILE_ADDR: stub.address, STILE_TOKEN: 'at_1_s1x', ...variables });
  return { ...result, requests: stub.requests };
}

const ok = (): StubAnswer => ({ status: 200, body: { id: 'x', version: 3 } });

describe('requests', () => {
  test.each([
    ['targets list -scope-id p_1', 'GET /v1/targets?scope_id=p_1', ''],
    ['targets list -recursive', 'GET /v1/targets?scope_id=global&recursive=true', ''],
    [
      'sessions list -scope-id p_1 -include-terminated',
      'GET /v1/sessions?scope_id=p_1&include_terminated=true',
      '',
    ],
    ['hosts list -host-catalog-id hcst_1', 'GET /v1/hosts?host_catalog_id=hcst_1', ''],
    ['accounts list -auth-method-id ampw_1', 'GET /v1/accounts?auth_method_id=ampw_1', ''],
    ['workers list', 'GET /v1/workers?scope_id=global', ''],
    [
      'host-catalogs create static -scope-id p_1 -name x',
      'POST /v1/host-catalogs',
      '{"scope_id":"p_1","type":"static","name":"x"}',
    ],
    [
      'hosts create static -host-catalog-id hcst_1 -address 10.0.0.1',
      'POST /v1/hosts',
      '{"host_catalog_id":"hcst_1","type":"static","attributes":{"address":"10.0.0.1"}}',
    ],
    [
      'hosts update static -id hst_1 -address 10.0.0.2 -version 4',
      'PATCH /v1/hosts/hst_1',
      '{"attributes":{"address":"10.0.0.2"},"version":4}',
    ],
    [
      'targets update tcp -id ttcp_1 -description null -version 2',
      'PATCH /v1/targets/ttcp_1',
      '{"description":null,"version":2}',
    ],
    [
      'targets update tcp ssh.example -session-max-seconds 2h -version 2',
      'PATCH /v1/targets/ssh.example',
      '{"session_max_seconds":7200,"version":2}',
    ],
    [
      'targets create tcp -scope-id p_1 -name x -default-port 0x16 -session-connection-limit -1',
      'POST /v1/targets',
      '{"scope_id":"p_1","type":"tcp","name":"x","session_connection_limit":-1,"attributes":{"default_port":22}}',
    ],
    [
      'targets add-host-sources -id ttcp_1 -host-source hsst_1 -host-source hsst_2 -version 1',
      'POST /v1/targets/ttcp_1:add-host-sources',
      '{"host_source_ids":["hsst_1","hsst_2"],"version":1}',
    ],
    [
      'targets set-host-sources -id ttcp_1 -host-source null -version 1',
      'POST /v1/targets/ttcp_1:set-host-sources',
      '{"host_source_ids":[],"version":1}',
    ],
    [
      'host-sets remove-hosts -id hsst_1 -host hst_1 -version 1',
      'POST /v1/host-sets/hsst_1:remove-hosts',
      '{"host_ids":["hst_1"],"version":1}',
    ],
    [
      'targets authorize-session -name web -scope-name prod -host-id hst_1',
      'POST /v1/targets/web:authorize-session',
      '{"name":"web","scope_name":"prod","host_id":"hst_1"}',
    ],
    [
      'workers create controller-led -name w1',
      'POST /v1/workers:create:controller-led',
      '{"scope_id":"global","name":"w1"}',
    ],
    ['auth-tokens read -id self', 'GET /v1/auth-tokens/at_1', ''],
    ['auth-tokens delete -id self', 'DELETE /v1/auth-tokens/at_1', ''],
    ['read hst_1', 'GET /v1/hosts/hst_1', ''],
    ['update ttcp_1 -name x -version 1', 'PATCH /v1/targets/ttcp_1', '{"name":"x","version":1}'],
    ['delete s_1', '', ''],
    ['delete o_1', 'DELETE /v1/scopes/o_1', ''],
    [
      'update credspk_1 -username x -version 1',
      'PATCH /v1/credentials/credspk_1',
      '{"attributes":{"username":"x"},"version":1}',
    ],
    ['delete sb_1', 'DELETE /v1/storage-buckets/sb_1', ''],
    ['delete ttcp_1', 'DELETE /v1/targets/ttcp_1', ''],
    ['scopes read -id global', 'GET /v1/scopes/global', ''],
  ])('%s', async (line, request, body) => {
    const { requests } = await against(ok, line.split(' '));
    const [first] = requests;
    expect(first === undefined ? '' : `${first.method} ${first.url}`).toBe(request);
    expect(first?.body ?? '').toBe(body);
  });

  test('an update without a version takes the present one', async () => {
    const { requests } = await against(ok, ['targets', 'update', 'tcp', '-id', 'ttcp_1', '-name', 'x']);
    expect(requests.map((request) => `${request.method} ${request.body}`)).toEqual([
      'GET ',
      'PATCH {"name":"x","version":3}',
    ]);
  });

  test('a filter reaches the server as it was typed', async () => {
    const filter = '"/item/name" == "x"';
    const { requests } = await against(ok, ['targets', 'list', '-filter', filter]);
    expect(new URL(requests[0]?.url ?? '', 'http://x').searchParams.get('filter')).toBe(filter);
  });

  test('an exported scope yields to an id on the command line', async () => {
    const { exitCode, requests } = await against(ok, ['targets', 'authorize-session', '-id', 'ttcp_1'], {
      BOUNDARY_SCOPE_ID: 'p_1',
    });
    expect(exitCode).toBe(0);
    expect(requests[0]?.body).toBe('{}');
  });

  test('STILE_ variables come before BOUNDARY_ ones', async () => {
    const { requests } = await against(ok, ['targets', 'list'], {
      BOUNDARY_SCOPE_ID: 'p_b',
      STILE_SCOPE_ID: 'p_s',
    });
    expect(requests[0]?.url).toBe('/v1/targets?scope_id=p_s');
  });
});

describe('too many requests', () => {
  const limited = (): StubAnswer => ({
    status: 429,
    body: { kind: 'ResourceExhausted', message: 'too many wrong codes; wait and try again' },
    headers: { 'retry-after': '264' },
  });

  test('say when to try again', async () => {
    const { stderr, exitCode } = await against(limited, ['targets', 'list', '-scope-id', 'p_1']);
    expect(stderr).toMatch(/too many wrong codes.*\n\nTry again in 264 s\.\n$/s);
    expect(exitCode).toBe(1);
  });

  test('are in JSON the answer and nothing else', async () => {
    const { stderr } = await against(limited, ['targets', 'list', '-scope-id', 'p_1', '-format', 'json']);
    expect(JSON.parse(stderr)).toMatchObject({ status_code: 429 });
  });
});

describe('wrong command lines', () => {
  test.each([
    ['targets read -id', 'flag needs an argument: -id'],
    [
      'targets list -recursive=maybe',
      'invalid boolean value "maybe" for -recursive: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['auth generate-token match_origin=yes', 'match_origin is true or false, not "yes"'],
    [
      'targets update tcp -id x -version abc',
      'invalid value "abc" for flag -version: strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      'connect ttcp_1 -inactive-timeout abc',
      'invalid value "abc" for flag -inactive-timeout: time: invalid duration "abcs"',
    ],
    ['targets list ---recursive', 'bad flag syntax: ---recursive'],
    ['targets list -zebra', 'flag provided but not defined: -zebra'],
    ['targets list -recursive false', 'unexpected argument "false"'],
    ['targets create tcp -scope-id p_1 -default-port abc', 'invalid value "abc" for flag -default-port'],
    ['targets add-host-sources -id ttcp_1', 'No host sources supplied via -host-source'],
    ['hosts list', 'HostCatalog ID must be passed in via -host-catalog-id or STILE_HOST_CATALOG_ID'],
    ['config get-token -user-id -account-id', 'Only one of'],
    ['connect ssh ttcp_1 -style telnet', 'Unknown style "telnet"'],
    ['connect -target-id ttcp_1 -authz-token abc', '-target-id and -authz-token cannot both be specified'],
    [
      'connect -target-id ttcp_1 -target-name x',
      'Cannot specify a target ID and also other lookup parameters',
    ],
    ['dev -log-level loud', '-log-level (or STILE_LOG_LEVEL) must be one of trace, debug, info, warn, error'],
    ['server -config x.yaml -log-level loud', '-log-level (or STILE_LOG_LEVEL) must be one of'],
    ['dev -login-name Admin', '-login-name: login names are lower case letters, digits, "." and "-"'],
    ['dev -unprivileged-password=', '-unprivileged-password must not be empty'],
    ['dev -api-listen-address 9200', '-api-listen-address: no port in address "9200"'],
    ['dev -proxy-listen-address nowhere', '-proxy-listen-address: no port in address "nowhere"'],
  ])('%s: exit 3 and the reason', async (line, reason) => {
    const result = await runCli(line.split(' '), {
      STILE_TOKEN: 'at_1_s1x',
      STILE_ADDR: 'http://127.0.0.1:1',
    });
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain(reason);
    expect(result.stdout).toBe('');
  });

  test.each([
    ['session list', 127, 'There is no command "session"; did you mean "sessions"?'],
    ['zebra', 127, 'There is no command "zebra"'],
    ['workers read-everything -id w_1', 1, 'There is no command "workers read-everything"'],
    ['targets create sctp', 1, 'There is no command "targets create sctp"'],
  ])('%s: exit %i, and behind the help what was no command', async (line, exitCode, reason) => {
    const result = await runCli(line.split(' '));
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr.trimEnd().split('\n').at(-1)).toBe(reason);
  });

  test('a group alone is no mistake', async () => {
    expect((await runCli(['targets', 'create'])).stderr).not.toContain('There is no command');
  });

  test('flags before the command: exit 1', async () => {
    expect((await runCli(['-addr', 'x', 'targets', 'list'])).exitCode).toBe(1);
  });

  test('certificate files that are not there: exit 2', async () => {
    const result = await runCli(['targets', 'list', '-ca-cert', '/nonexistent.pem'], {
      STILE_TOKEN: 'at_1_s1x',
    });
    expect(result).toMatchObject({ exitCode: 2 });
    expect(result.stderr).toContain('/nonexistent.pem');
  });

  test('an address that is no URL: exit 2', async () => {
    expect(
      (await runCli(['targets', 'list', '-addr', 'localhost:9200'], { STILE_TOKEN: 'at_1_s1x' })).exitCode,
    ).toBe(2);
  });

  test('-output-curl-string without a request: exit 1', async () => {
    expect((await runCli(['config', 'get-token', '-output-curl-string'])).exitCode).toBe(1);
  });
});

describe('help', () => {
  test.each(commandTable.map((row) => row.name))(
    'every command of %s has a summary, a description, examples that are its own, and help',
    async (name) => {
      const row = commandTable.find((each) => each.name === name);
      const { commands } = (await row?.load()) ?? { commands: [] };
      expect(commands.length).toBeGreaterThan(0);
      for (const command of commands) {
        expect(command.summary).not.toBe('');
        expect(command.description).toMatch(/\.$|…$/);
        for (const example of command.examples)
          expect(example).toContain(`stile ${command.path.split(' ')[0] ?? ''}`);
        const help = await runCli([...command.path.split(' '), '-h']);
        expect(help).toMatchObject({ exitCode: 0, stdout: '' });
        expect(help.stderr).toMatch(new RegExp(`^Usage: stile ${command.path} .*\\[options\\]`));
        expect(help.stderr).toContain(command.examples[0]);
        for (const line of help.stderr.split('\n')) {
          if (!line.includes('$ stile')) expect(line.length).toBeLessThanOrEqual(100);
        }
      }
    },
  );

  test('a group of verbs says what is in it', async () => {
    const { stderr } = await runCli(['workers', '-h']);
    expect(stderr).toMatch(/create +Create workers, by type/);
    expect(stderr).toMatch(/certificate-authority +Read the certificate authority of workers; Replace /);
  });

  test('hidden flags are left out, secrets have no default', async () => {
    const { stderr } = await runCli(['targets', 'list', '-h']);
    expect(stderr).not.toContain('skip-cache-daemon');
    expect(stderr).toContain('STILE_SCOPE_ID or BOUNDARY_SCOPE_ID');
  });
});

describe('a hostile server', () => {
  const escape = '\u001b]0;owned\u0007\u001b[2J';

  test('cannot steer the terminal through a table', async () => {
    const body = {
      id: `ttcp_1${escape}`,
      name: `a\nID: fake`,
      description: '\u202Egnp.exe',
      type: `tcp\r`,
      attributes: { [`k${escape}`]: escape },
      authorized_actions: [escape],
    };
    const { stdout } = await against(() => ({ status: 200, body }), ['targets', 'read', '-id', 'x']);
    expect(stdout).not.toMatch(/[^\n\P{Cc}]|\p{Bidi_Control}/u);
    expect(stdout).not.toMatch(/^ID: fake/m);
    expect(stdout).toContain('\\u001b]0;owned');
  });

  test('cannot steer it through a list, JSON or an error', async () => {
    const list = await against(
      () => ({ status: 200, body: { items: [{ id: escape, name: escape }] } }),
      ['targets', 'list'],
    );
    expect(list.stdout).not.toContain('\u001b');
    await stub?.close();
    const json = await against(
      () => ({ status: 200, body: { id: `\u009b${escape}` } }),
      ['targets', 'read', '-id', 'x', '-format', 'json'],
    );
    expect(json.stdout).not.toMatch(/[^\n\P{Cc}]/u);
    await stub?.close();
    const error = await against(
      () => ({
        status: 400,
        body: {
          kind: escape,
          message: escape,
          details: { request_fields: [{ name: escape, description: escape }] },
        },
      }),
      ['targets', 'read', '-id', 'x'],
    );
    expect(error.stderr).not.toContain('\u001b');
    expect(error.exitCode).toBe(1);
  });

  test.each([
    ['a number', 5],
    ['a list', []],
    [
      'nested nonsense',
      { scope: 5, states: 'x', connections: [null], authorized_actions: {}, attributes: [1] },
    ],
    [
      'null fields',
      { id: null, scope: null, states: [null], authorized_collection_actions: 5, host_sources: {} },
    ],
  ])('with %s as an item gives a table, not an exception', async (_name, body) => {
    for (const words of [
      ['sessions', 'read'],
      ['targets', 'read'],
      ['workers', 'read'],
      ['users', 'read'],
    ]) {
      const result = await against(() => ({ status: 200, body }), [...words, '-id', 'x']);
      expect(result.exitCode).toBe(0);
      expect(result.stderr).toBe('');
      await stub?.close();
    }
  });

  test('that redirects does not get the token to another host', async () => {
    const other = await StubApi.start(ok);
    const { exitCode, stderr } = await against(
      () => ({ status: 302, headers: { location: other.address } }),
      ['targets', 'read', '-id', 'x'],
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('redirect');
    expect(other.requests).toEqual([]);
    await other.close();
  });
});
