/** Recorded runs replayed: a stub serves the answer that the JSON run shows, and both layouts must come out as recorded. */
import { afterEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../test/support/cli-run.ts';
import { readRecordedRun, withSortedActions } from '../../../test/support/recorded-cli.ts';
import { StubApi, type StubAnswer } from '../../../test/support/stub-api.ts';

let stub: StubApi | undefined;

afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

/** As long as a real one: the table breaks the line before it. */
const authorizationToken = 'A'.repeat(850);

interface Envelope {
  readonly status_code: number;
  readonly item?: unknown;
  readonly items?: unknown[] | null;
  readonly api_error?: unknown;
}

function answerOf(envelope: Envelope): StubAnswer {
  const status = envelope.status_code;
  if (envelope.api_error !== undefined) return { status, body: envelope.api_error };
  if (envelope.items !== undefined) {
    return {
      status,
      body: { response_type: 'complete', ...(envelope.items === null ? {} : { items: envelope.items }) },
    };
  }
  return envelope.item === undefined ? { status } : { status, body: envelope.item };
}

/** The item that a recorded run shows. */
function itemOf(name: string): Readonly<Record<string, unknown>> {
  const { item } = JSON.parse(readRecordedRun(name).stdout) as Envelope;
  return item as Readonly<Record<string, unknown>>;
}

async function startStub(
  name: string,
): Promise<{ json: ReturnType<typeof readRecordedRun>; address: string }> {
  const json = readRecordedRun(`${name}-json`);
  const text = (json.stdout || json.stderr).replace('<authorization_token>', authorizationToken);
  const envelope = JSON.parse(text) as Envelope;
  stub = await StubApi.start(() => answerOf(envelope));
  return { json, address: stub.address };
}

/** The placeholders of the recordings hold angle brackets, which a JSON envelope writes as escapes. */
function withPlaceholders(json: string): string {
  return json
    .replaceAll('\\u003c', '<')
    .replaceAll('\\u003e', '>')
    .replace(authorizationToken, '<authorization_token>');
}

const pairs = [
  'accounts-read',
  'aliases-list',
  'auth-methods-list',
  'auth-methods-read',
  'auth-tokens-read-self',
  'authenticate-password-unknown-auth-method',
  'credential-stores-list',
  'groups-list-empty',
  'host-catalogs-list',
  'host-sets-read',
  'hosts-read',
  'roles-list',
  'roles-read',
  'scopes-create-duplicate',
  'scopes-list',
  'scopes-list-anonymous',
  'scopes-list-project-empty',
  'scopes-read-global',
  'sessions-cancel',
  'sessions-cancel-not-found',
  'sessions-list',
  'sessions-list-empty',
  'sessions-list-recursive',
  'sessions-read',
  'sessions-read-not-found',
  'sessions-read-other-user',
  'targets-authorize-session',
  'targets-authorize-session-alias',
  'targets-authorize-session-anonymous',
  'targets-authorize-session-bad-host-id',
  'targets-create-tcp-missing-name',
  'targets-create-tcp-missing-port',
  'targets-delete',
  'targets-delete-not-found',
  'targets-list',
  'targets-list-bad-filter',
  'targets-list-empty',
  'targets-list-recursive',
  'targets-read',
  'targets-read-alias-positional',
  'targets-read-anonymous',
  'targets-read-bad-id',
  'targets-read-host-source',
  'targets-update-tcp-wrong-version',
  'users-create-duplicate',
  'users-create-unprivileged',
  'users-list',
  'users-read',
  'workers-read',
];

const variables = { TOK: 'at_1234567890_s1xxxx', TZ: 'UTC' };

describe('recorded runs', () => {
  test.each(pairs)('%s prints the recorded table', async (name) => {
    const { address } = await startStub(name);
    const recorded = readRecordedRun(name);
    const result = await runCli(recorded.words, {
      ...variables,
      ...recorded.environment,
      BOUNDARY_ADDR: address,
    });
    const expected = recorded.stdout.replace(/<time like [^>]*>/, '<time>');
    const stdout = result.stdout.replace(authorizationToken, '<authorization_token>');
    expect(withSortedActions(stdout)).toBe(withSortedActions(expected));
    expect(withSortedActions(result.stderr)).toBe(withSortedActions(recorded.stderr));
    expect(result.exitCode).toBe(recorded.status);
  });

  test.each(pairs)('%s prints the recorded JSON', async (name) => {
    const { json, address } = await startStub(name);
    const result = await runCli(json.words, { ...variables, ...json.environment, BOUNDARY_ADDR: address });
    expect(withPlaceholders(result.stdout)).toBe(json.stdout);
    expect(withPlaceholders(result.stderr)).toBe(json.stderr);
    expect(result.exitCode).toBe(json.status);
  });

  test('targets-create-tcp prints what the answer holds', async () => {
    const { address } = await startStub('targets-create-tcp');
    const recorded = readRecordedRun('targets-create-tcp');
    const result = await runCli(recorded.words, { ...variables, BOUNDARY_ADDR: address });
    const expected = recorded.stdout.replace('cli one', 'cli two');
    expect(withSortedActions(result.stdout)).toBe(withSortedActions(expected));
    expect(JSON.parse(stub?.requests[0]?.body ?? '')).toEqual({
      scope_id: 'p_1234567890',
      type: 'tcp',
      name: 'cli one',
      address: '127.0.0.1',
      attributes: { default_port: 22 },
    });
  });
});

/** Recorded in one layout only, with the item that another run shows, changed. */
const singles: readonly (readonly [name: string, item: Envelope['item']])[] = [
  [
    'accounts-create',
    { ...itemOf('accounts-read-json'), id: '<acctpw_id>', attributes: { login_name: 'cliacct' } },
  ],
  ['roles-add-principals', itemOf('roles-read-json')],
  ['roles-add-grants', { ...itemOf('roles-read-json'), version: 2, principal_ids: [], principals: [] }],
];

describe('recorded runs of one layout', () => {
  test.each(singles)('%s prints the recorded table', async (name, item) => {
    const recorded = readRecordedRun(name);
    stub = await StubApi.start(() => ({ status: 200, body: item }));
    const environment = {
      ...variables,
      ...recorded.environment,
      P: 'password1',
      BOUNDARY_ADDR: stub.address,
    };
    const result = await runCli(recorded.words, environment);
    expect(withSortedActions(result.stdout)).toBe(withSortedActions(recorded.stdout));
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('roles-create-json prints what the controller answers', async () => {
    const recorded = readRecordedRun('roles-create-json');
    stub = await StubApi.start(() => ({ status: 200, body: itemOf('roles-create-json') }));
    const result = await runCli(recorded.words, { ...variables, BOUNDARY_ADDR: stub.address });
    expect(withPlaceholders(result.stdout)).toBe(recorded.stdout);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({ scope_id: 'global', name: 'cli role' });
  });

  test('users-delete', async () => {
    const recorded = readRecordedRun('users-delete');
    stub = await StubApi.start(() => ({ status: 204 }));
    const result = await runCli(recorded.words, { ...variables, BOUNDARY_ADDR: stub.address });
    expect(result).toEqual({ exitCode: 0, stdout: recorded.stdout, stderr: '' });
  });

  test.each(['roles-add-grants-malformed', 'roles-add-grants-malformed-json'])(
    '%s: the same refusal without a call, up to the names of another program’s functions',
    async (name) => {
      const recorded = readRecordedRun(name);
      const result = await runCli(recorded.words, variables);
      const ours = recorded.stderr
        .replace('perms.Parse: unable to parse grant string: perms.(Grant).unmarshalText: ', '')
        .replace(': parameter violation: error #100', '');
      expect(result).toEqual({ exitCode: recorded.status, stdout: '', stderr: ours });
    },
  );
});

const withoutServer = [
  'connect-no-target',
  'connect-target-name-no-scope',
  'invalid-format',
  'sessions-cancel-wrong-version',
  'sessions-read-positional',
  'targets-read-missing-id',
  'targets-read-missing-id-json',
];

describe('recorded runs that call nobody', () => {
  test.each(withoutServer)('%s', async (name) => {
    const recorded = readRecordedRun(name);
    const result = await runCli(recorded.words, { ...variables, ...recorded.environment });
    expect(result).toEqual({ exitCode: recorded.status, stdout: recorded.stdout, stderr: recorded.stderr });
  });

  test.each(['targets-read-server-unreachable', 'targets-read-server-unreachable-json'])(
    '%s',
    async (name) => {
      const recorded = readRecordedRun(name);
      stub = await StubApi.start(() => ({ status: 200 }));
      const address = stub.address;
      await stub.close();
      stub = undefined;
      const result = await runCli(recorded.words, { ...variables, BOUNDARY_ADDR: address });
      const port = new URL(address).port;
      expect(result.stderr).toBe(recorded.stderr.replaceAll('9999', port));
      expect(result.exitCode).toBe(recorded.status);
    },
  );

  test.each([
    ['no-arguments', 127],
    ['unknown-command', 127],
    ['unknown-subcommand', 1],
    ['targets-group-help', 1],
    ['targets-create-group', 1],
    ['targets-read-help', 0],
  ] as const)('%s shows help on stderr', async (name, exitCode) => {
    const recorded = readRecordedRun(name);
    const result = await runCli(recorded.words);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stdout).toBe('');
    expect(result.stderr.split('\n')[0]).toBe(recorded.stderr.split('\n')[0]);
  });
});

const curls = [
  ['output-curl-string-boundary-token-env', ''],
  ['output-curl-string-keyring-auto', ''],
  ['output-curl-string-keyring-none-env', ''],
  ['output-curl-string-keyring-none-no-token', ''],
] as const;

describe('recorded curl commands', () => {
  test.each(curls)('%s', async (name) => {
    const recorded = readRecordedRun(name);
    const result = await runCli(recorded.words, recorded.environment);
    const expected = recorded.stdout.replace('-keyring-type pass', '-keyring-type file');
    // The recorded header order is random.
    const parts = (text: string): string[] => (text.match(/-H "[^"]*"|\S+/g) ?? []).toSorted();
    expect(parts(result.stdout)).toEqual(parts(expected));
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('recorded token warnings', () => {
  test('BOUNDARY_TOKEN works with the recorded warning', async () => {
    const recorded = readRecordedRun('deprecated-token-env');
    stub = await StubApi.start(() => ({
      status: 404,
      body: { kind: 'NotFound', message: 'Resource not found.' },
    }));
    const result = await runCli(recorded.words, {
      ...recorded.environment,
      BOUNDARY_TOKEN: 'at_1_s1x',
      BOUNDARY_ADDR: stub.address,
    });
    expect(result.stderr).toBe(recorded.stderr);
    expect(stub.requests[0]?.headers.authorization).toBe('Bearer at_1_s1x');
  });

  test('without a stored token the call is anonymous, with the recorded warning', async () => {
    const recorded = readRecordedRun('keyring-auto-without-keyring');
    stub = await StubApi.start(() => ({
      status: 401,
      body: { kind: 'Unauthenticated', message: 'Unauthenticated, or invalid token.' },
    }));
    const result = await runCli(recorded.words, { BOUNDARY_ADDR: stub.address });
    const [first, , ...rest] = recorded.stderr.split('\n');
    const lines = result.stderr.split('\n');
    expect(lines[0]).toBe(first);
    // The recorded second line names the keyring's own error; ours says what to do.
    expect(lines[1]).toContain('run "stile authenticate"');
    expect(lines.slice(2)).toEqual(rest);
    expect(result.exitCode).toBe(recorded.status);
    expect(stub.requests[0]?.headers.authorization?.trim()).toBe('Bearer');
  });

  test('STILE_TOKEN comes before a stored token, and says so when the command line names one', async () => {
    const run = await runCli(['config', 'get-token', '-token-name', 'jeff'], { STILE_TOKEN: 'at_2_s1y' });
    expect(run.stdout).toBe('at_2_s1y\n');
    expect(run.stderr).toBe(
      'STILE_TOKEN is set and comes first: the stored token "jeff" is not used. Unset the variable to use it.\n',
    );
  });

  test('STILE_TOKEN gives no warning and comes before BOUNDARY_TOKEN', async () => {
    stub = await StubApi.start(() => ({ status: 200, body: { id: 'ttcp_1' } }));
    const tokens = { STILE_TOKEN: 'at_2_s1y', BOUNDARY_TOKEN: 'at_1_s1x' };
    const result = await runCli(['targets', 'read', '-id', 'ttcp_1'], {
      ...tokens,
      STILE_ADDR: stub.address,
    });
    expect(result.stderr).toBe('');
    expect(stub.requests[0]?.headers.authorization).toBe('Bearer at_2_s1y');
  });
});

describe('recorded logins', () => {
  const token = {
    id: 'at_1234567890',
    token: 'at_1234567890_s1abc',
    user_id: 'u_1234567890',
    auth_method_id: 'ampw_1234567890',
    account_id: 'acctpw_1234567890',
    created_time: '<time>',
    updated_time: '<time>',
    approximate_last_used_time: '<time>',
    expiration_time: '<time>',
    scope: { id: 'global', type: 'global' },
  };
  const controller = async (): Promise<string> => {
    stub = await StubApi.start((request) =>
      request.method === 'GET'
        ? {
            status: 200,
            body: request.url.includes('scope_id=global')
              ? { items: [{ id: 'ampw_1234567890', is_primary: true }] }
              : {},
          }
        : { status: 200, body: { command: 'login', attributes: token } },
    );
    return stub.address;
  };
  const placed = (text: string): string =>
    text.replaceAll(token.token, '<token>').replaceAll(token.id, '<at_id>');

  test.each([
    'authenticate-password',
    'authenticate-password-json',
    'authenticate-password-no-primary-in-scope',
    'authenticate-password-no-primary-in-scope-json',
  ])('%s', async (name) => {
    const recorded = readRecordedRun(name);
    const address = await controller();
    const result = await runCli(recorded.words, { ...recorded.environment, BOUNDARY_ADDR: address });
    expect(withPlaceholders(placed(result.stdout))).toBe(recorded.stdout);
    expect(placed(result.stderr)).toBe(recorded.stderr);
    expect(result.exitCode).toBe(recorded.status);
  });
});
