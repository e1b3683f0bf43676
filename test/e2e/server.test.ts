/**
 * `stile server` and `stile database` as an administrator meets them: start-up refusals, what `init` prints, a clean and quick end,
 * enrolment of a worker (issue 3, §3; http-api.md §4).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import type { Json } from '../support/dev-server.ts';
import { authorizeSession, createTarget, terminated, type ApiCall } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { runStile, startStile, type Finished, type RunningProcess } from '../support/process.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';

const started = /server started! Log data will stream in below:/;

let folder: TempDir;
const children: RunningProcess[] = [];

beforeEach(async () => {
  folder = await makeTempDir();
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.stop('SIGKILL');
  await folder.remove();
});

interface ConfigWish {
  readonly rootKey?: string;
  readonly databaseUrl?: string;
  readonly api?: string;
  readonly extra?: readonly string[];
}

const rootKey = randomBytes(32).toString('base64');

/** Writes a controller's configuration and gives its path. */
function config(wish: ConfigWish = {}, name = 'controller.yaml'): string {
  const path = join(folder.path, name);
  const lines = [
    'controller:',
    '  name: c1',
    `  database: { url: "${wish.databaseUrl ?? `sqlite://${join(folder.path, 'stile.db')}`}" }`,
    'kms:',
    `  - { purpose: root, key: "${wish.rootKey ?? rootKey}" }`,
    'listener:',
    `  - { purpose: api, address: "${wish.api ?? '127.0.0.1:0'}", tls_disable: true }`,
    '  - { purpose: cluster, address: "127.0.0.1:0" }',
    ...(wish.extra ?? []),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return path;
}

function init(path: string, ...more: readonly string[]): Promise<Finished> {
  return runStile(['database', 'init', '-config', path, ...more]);
}

/** Runs a server that must not start. */
async function refused(path: string): Promise<Finished> {
  const child = startStile(['server', '-config', path]);
  children.push(child);
  const done = await child.finished(20_000);
  expect(done.stdout).not.toMatch(started);
  // A sentence, not a stack trace; lines of the log may come before it.
  const said = done.stderr.split('\n').filter((line) => !line.startsWith('{"level"'));
  expect(said.join('\n').trim()).not.toBe('');
  expect(said.join('\n')).not.toMatch(/\n\s+at |node:internal/);
  return done;
}

describe('stile server refuses to start', () => {
  test.each<[string, (good: string) => string, RegExp]>([
    [
      'an unknown key',
      (text) => `${text}  - { purpose: ops, adress: "127.0.0.1:0" }\n`,
      /:9: .*adress.*address/,
    ],
    ['a wrong value', (text) => text.replace('purpose: cluster', 'purpose: clutter'), /:8: .*purpose/],
    ['broken YAML', (text) => text.replace('kms:', 'kms: ['), /:\d+: not legal YAML/],
    ['no root key', (text) => text.replace(/kms:\n.*\n/, ''), /root/],
    ['a short root key', (text) => text.replace(rootKey, 'AAAA'), /32 bytes in base64/],
    [
      'no api listener',
      (text) => text.replace(/.*purpose: api.*\n/, ''),
      /no listener with "api" purpose found/,
    ],
    [
      'no cluster listener',
      (text) => text.replace(/.*purpose: cluster.*\n/, ''),
      /no listener with "cluster" purpose/,
    ],
    [
      'a plain api listener that nobody asked for',
      (text) => text.replace(', tls_disable: true', ''),
      /tls_cert_file/,
    ],
    [
      'a secret in an environment variable that is not set',
      (text) => text.replace(rootKey, 'env://STILE_NO_SUCH'),
      /STILE_NO_SUCH/,
    ],
    [
      'a database of no known kind',
      (text) => text.replace('sqlite://', 'mysql://'),
      /sqlite:\/\/|postgresql:\/\//,
    ],
    ['no database url', (text) => text.replace(/ {2}database:.*\n/, ''), /database/],
  ])('on %s, with exit 3 and the place', async (_name, spoil, message) => {
    const path = config();
    writeFileSync(path, spoil(readFileSync(path, 'utf8')));
    const done = await refused(path);
    expect({ status: done.status, stderr: done.stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(message),
    });
    expect(done.stderr).not.toContain(rootKey);
  });

  test('without a configuration file', async () => {
    expect((await refused(join(folder.path, 'none.yaml'))).status).toBe(3);
  });

  test('on a database that was never initialized, and says what to run', async () => {
    const done = await refused(config());
    expect(done.status).toBe(3);
    expect(done.stderr).toMatch(/database init/);
  });

  test('with another root key than that which sealed the database', async () => {
    expect((await init(config())).status).toBe(0);
    const done = await refused(config({ rootKey: randomBytes(32).toString('base64') }));
    expect(done.status).toBeGreaterThan(0);
    expect(done.stderr).toMatch(/root key/);
  });

  test('a second time on one SQLite file, while the first goes on', async () => {
    const path = config();
    expect((await init(path)).status).toBe(0);
    const first = startStile(['server', '-config', path]);
    children.push(first);
    await first.match(started);
    const done = await refused(path);
    expect(done.status).toBe(3);
    expect(done.stderr).toMatch(/in use by another Stile process/);
    expect(first.child.exitCode).toBeNull();
  });

  test('on a port that is taken, and names it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const path = config({ api: `127.0.0.1:${port}` });
      expect((await init(path)).status).toBe(0);
      const done = await refused(path);
      expect(done.status).toBe(2);
      expect(done.stderr).toContain(`127.0.0.1:${port}`);
      expect(done.stderr).toMatch(/in use/);
    } finally {
      server.close();
    }
  });

  test('on a database in a folder that does not exist', async () => {
    const done = await refused(config({ databaseUrl: 'sqlite:///no/such/folder/stile.db' }));
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(/\/no\/such\/folder\/stile\.db/);
  });

  test('on a PostgreSQL that is not there', async () => {
    const done = await refused(config({ databaseUrl: 'postgresql://stile:verysecret@127.0.0.1:1/stile' }));
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(/database/);
    expect(done.stderr).not.toContain('verysecret');
  });
});

describe('stile database', () => {
  const id = (prefix: string): unknown => expect.stringMatching(new RegExp(`^${prefix}_[A-Za-z0-9]{10}$`));

  test('init prints the recorded object as JSON', async () => {
    const done = await init(config(), '-format', 'json');
    expect(done.status).toBe(0);
    const initial = JSON.parse(done.stdout) as Json;
    expect(initial).toMatchObject({
      login_role: { scope_id: id('r'), name: 'Login Grants' },
      authenticated_user_role: { scope_id: id('r'), name: 'Authenticated User Grants' },
      auth_method: {
        auth_method_id: id('ampw'),
        auth_method_name: 'Generated global scope initial password auth method',
        login_name: 'admin',
        password: expect.stringMatching(/^[A-Za-z0-9]{20}$/),
        scope_id: 'global',
        user_id: id('u'),
        user_name: 'admin',
      },
      org_scope: { scope_id: id('o'), type: 'org', name: 'Generated org scope' },
      project_scope: { scope_id: id('p'), type: 'project', name: 'Generated project scope' },
      host_resources: {
        host_catalog_id: id('hcst'),
        host_set_id: id('hsst'),
        host_id: id('hst'),
        type: 'static',
        scope_id: initial.project_scope.scope_id,
        host_catalog_name: 'Generated host catalog',
        host_set_name: 'Generated host set',
        host_name: 'Generated host',
      },
      target: {
        target_id: id('ttcp'),
        default_port: 22,
        session_max_seconds: 28800,
        session_connection_limit: -1,
        type: 'tcp',
        scope_id: initial.project_scope.scope_id,
      },
      target_secondary: { target_id: id('ttcp'), default_port: 22 },
    });
    expect(statSync(join(folder.path, 'stile.db')).mode & 0o077).toBe(0);
  });

  test('init prints the recorded blocks as tables', async () => {
    const { status, stdout } = await init(config());
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Migrations successfully run\.$/m);
    expect(stdout).toMatch(/^Global-scope KMS keys successfully created\.$/m);
    const blocks = stdout.split(/\n\n(?=Initial )/).slice(1);
    const shape = blocks.map((block) => {
      const [heading = '', ...lines] = block.trimEnd().split('\n');
      const keys = lines.map((line) => /^ {2}([A-Za-z ]+): +\S/.exec(line)?.[1] ?? line);
      const columns = new Set(lines.map((line) => /^ {2}[A-Za-z ]+: +/.exec(line)?.[0].length));
      expect(columns.size).toBe(1);
      return [heading, keys];
    });
    const target = [
      'Default Port',
      'Name',
      'Scope ID',
      'Session Connection Limit',
      'Session Max Seconds',
      'Target ID',
      'Type',
    ];
    const host = [
      'Host Catalog ID',
      'Host Catalog Name',
      'Host ID',
      'Host Name',
      'Host Set ID',
      'Host Set Name',
      'Scope ID',
      'Type',
    ];
    expect(shape).toEqual([
      ['Initial login role information:', ['Name', 'Role ID']],
      ['Initial authenticated user role information:', ['Name', 'Role ID']],
      [
        'Initial auth information:',
        ['Auth Method ID', 'Auth Method Name', 'Login Name', 'Password', 'Scope ID', 'User ID', 'User Name'],
      ],
      ['Initial org scope information:', ['Name', 'Scope ID', 'Type']],
      ['Initial project scope information:', ['Name', 'Scope ID', 'Type']],
      ['Initial host resources information:', host],
      ['Initial target information:', target],
      ['Initial target information:', target],
    ]);
  });

  test('init a second time says so and leaves everything as it is', async () => {
    const path = config();
    const first = JSON.parse((await init(path, '-format', 'json')).stdout) as Json;
    const again = await init(path);
    expect(again.status).toBe(0);
    expect(again.stdout + again.stderr).toMatch(/Database has already been initialized\./);
    const child = startStile(['server', '-config', path]);
    children.push(child);
    await child.match(started);
    const address = /addr: "([^"]+)".*purpose: "api"/.exec(child.stdout)?.[1] ?? '';
    const login = await runStile(
      [
        'authenticate',
        'password',
        '-addr',
        `http://${address}`,
        '-auth-method-id',
        first.auth_method.auth_method_id,
        '-login-name',
        'admin',
        '-password',
        'env://PW',
        '-keyring-type',
        'none',
      ],
      { env: { ...process.env, PW: first.auth_method.password } as Record<string, string> },
    );
    expect(login.status).toBe(0);
  });

  test('migrate runs on an initialized database, and refuses one that is not', async () => {
    const path = config();
    const early = await runStile(['database', 'migrate', '-config', path]);
    expect(early.status).not.toBe(0);
    expect(early.stderr + early.stdout).toMatch(/init/);
    expect((await init(path)).status).toBe(0);
    const done = await runStile(['database', 'migrate', '-config', path]);
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/igrat/);
  });
});

describe('a running server', () => {
  test('ends on SIGTERM cleanly, quickly, and leaves a database that opens', async () => {
    const path = config();
    expect((await init(path)).status).toBe(0);
    const child = startStile(['server', '-config', path]);
    children.push(child);
    await child.match(started);
    const asked = Date.now();
    const done = await child.stop('SIGTERM', 10_000);
    expect(done.status).toBe(0);
    expect(Date.now() - asked).toBeLessThan(5000);
    // Nothing of the log left to fold in: the last connection closed in order.
    expect(existsSync(join(folder.path, 'stile.db-wal'))).toBe(false);
    const again = startStile(['server', '-config', path]);
    children.push(again);
    await again.match(started);
  });

  test('prints no secret in its banner or log', async () => {
    const path = config();
    const initial = JSON.parse((await init(path, '-format', 'json')).stdout) as Json;
    const child = startStile(['server', '-config', path]);
    children.push(child);
    await child.match(started);
    const done = await child.stop();
    expect(done.stdout + done.stderr).not.toContain(rootKey);
    expect(done.stdout + done.stderr).not.toContain(initial.auth_method.password);
  });
});

describe('a worker', () => {
  let cluster: Cluster;
  let echo: TestServer;
  let api: ApiCall;

  beforeAll(async () => {
    echo = await startEchoServer();
    cluster = new Cluster();
    await cluster.initialize();
    await cluster.startController('c1');
    api = (method, path, body) => cluster.api('c1', method, path, body);
  });
  afterAll(async () => {
    await cluster?.stop();
    await echo?.close();
  });

  /** One byte stream through the deployment. */
  async function works(): Promise<string> {
    const scopeId = String(cluster.initial.project_scope.scope_id);
    const target = await createTarget(api, { port: echo.port, scopeId });
    const item = await authorizeSession(api, target);
    const connection = await ForeignConnection.open(readAuthorization(String(item.authorization_token)));
    try {
      expect(isResult(await connection.handshake())).toBe(true);
      await connection.roundTrip('works');
      return String(item.session_id);
    } finally {
      connection.destroy();
    }
  }

  function workerConfig(name: string, activation: string): string {
    const path = join(folder.path, `${name}.yaml`);
    writeFileSync(
      path,
      [
        'worker:',
        `  name: ${name}`,
        `  auth_storage_path: ${join(folder.path, `${name}-keys`)}`,
        `  initial_upstreams: ["${cluster.address('c1', 'cluster')}"]`,
        `  controller_generated_activation_token: ${activation}`,
        'listener:',
        '  - { purpose: proxy, address: "127.0.0.1:0" }',
        '',
      ].join('\n'),
    );
    return path;
  }

  async function activationToken(): Promise<string> {
    const made = await cluster.stile('c1', ['workers', 'create', 'controller-led', '-format', 'json']);
    expect(made.status).toBe(0);
    return String((JSON.parse(made.stdout) as Json).item.controller_generated_activation_token);
  }

  test('enrols with its token, keeps its key for itself, and comes back without the token', async () => {
    await cluster.startWorker('w1', ['c1']);
    await cluster.liveWorkers('c1', 1);
    await works();
    const keys = join(cluster.folder, 'w1-keys');
    expect(statSync(keys).mode & 0o077).toBe(0);
    for (const file of readdirSync(keys)) expect(statSync(join(keys, file)).mode & 0o077).toBe(0);
    // The second start writes a configuration without the token.
    await cluster.servers.get('w1')?.process.stop();
    const again = await cluster.startWorker('w1', ['c1']);
    expect(readFileSync(again.configFile, 'utf8')).not.toContain('activation_token');
    await eventually(async () => {
      try {
        return await works();
      } catch {
        // The link is not up yet.
        return undefined;
      }
    });
  });

  test('an activation token is good once: a second worker with it is refused and says why', async () => {
    const token = await activationToken();
    const first = startStile(['server', '-config', workerConfig('first', token)]);
    children.push(first);
    await first.match(started);
    await eventually(async () => {
      const { body } = await api('GET', '/v1/workers?scope_id=global');
      const live = ((body.items ?? []) as Json[]).filter((item) => item.last_status_time !== undefined);
      return live.length >= 2 ? true : undefined;
    });
    const second = startStile(['server', '-config', workerConfig('second', token)]);
    children.push(second);
    await second.match(/activation token/i, 20_000);
    expect(second.stdout + second.stderr).not.toContain(token);
  });

  test('a made-up activation token is refused and says why', async () => {
    const real = await activationToken();
    const forged = `${real.slice(0, -6)}${real.endsWith('1') ? '222222' : '111111'}`;
    const child = startStile(['server', '-config', workerConfig('forged', forged)]);
    children.push(child);
    await child.match(/activation token/i, 20_000);
  });

  test('a damaged key file is refused by name and left for the operator', async () => {
    const token = await activationToken();
    const path = workerConfig('damaged', token);
    const keys = join(folder.path, 'damaged-keys');
    const first = startStile(['server', '-config', path]);
    children.push(first);
    await first.match(started);
    const file = await eventually(() => {
      const [name] = existsSync(keys) ? readdirSync(keys).filter((each) => !each.endsWith('.new')) : [];
      return name === undefined ? undefined : join(keys, name);
    });
    await first.stop();
    const half = readFileSync(file, 'utf8').slice(0, 200);
    writeFileSync(file, half);
    const done = await refused(path);
    expect(done.status).toBe(3);
    expect(done.stderr).toContain(file);
    expect(done.stderr).not.toContain(half.slice(40, 80));
    expect(readFileSync(file, 'utf8')).toBe(half);
  });

  test('SIGTERM of a worker ends its connections with a record, and the session stays usable elsewhere', async () => {
    const scopeId = String(cluster.initial.project_scope.scope_id);
    const target = await createTarget(api, { port: echo.port, scopeId });
    const item = await authorizeSession(api, target);
    const auth = readAuthorization(String(item.authorization_token));
    const connection = await ForeignConnection.open(auth, { worker: cluster.address('w1', 'proxy') });
    try {
      expect(isResult(await connection.handshake())).toBe(true);
      await connection.roundTrip('until the worker stops');
      const asked = Date.now();
      const done = await cluster.servers.get('w1')?.process.stop('SIGTERM', 20_000);
      expect(done?.status).toBe(0);
      expect(Date.now() - asked).toBeLessThan(10_000);
      const { body } = await api('GET', `/v1/sessions/${auth.sessionId}`);
      expect(body.connections).toMatchObject([
        { bytes_up: '22', bytes_down: '22', closed_reason: 'system error' },
      ]);
      await api('POST', `/v1/sessions/${auth.sessionId}:cancel`, { version: body.version });
      await terminated(api, auth.sessionId);
    } finally {
      connection.destroy();
    }
  });
});
