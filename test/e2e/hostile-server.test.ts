/**
 * A hostile controller against our command line: control characters, values that would become options of another program, redirects,
 * answers without end (issue 3, §5.7; security-cases.md CVE-2026-55427, CVE-2026-55431).
 */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { encodeAuthorizationToken } from '@stile/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import type { Json } from '../support/dev-server.ts';
import { startDevServer } from '../support/dev-server.ts';
import { cleanEnvironment, runStile, startStile, type Finished } from '../support/process.ts';
import { startScriptedApi, type ScriptedApi } from '../support/scripted-api.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';

const token = 'at_1234567890_s1ThisIsTheSecretOfTheTokenThatMustNotTravel';
const escape = '\u001b';

let folder: TempDir;
let api: ScriptedApi | undefined;

beforeAll(async () => {
  folder = await makeTempDir();
});
afterEach(async () => {
  await api?.close();
  api = undefined;
});
afterAll(() => folder?.remove());

function stile(words: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return runStile(words, {
    env: cleanEnvironment({
      HOME: folder.path,
      STILE_ADDR: api?.address ?? '',
      STILE_TOKEN: token,
      STILE_CLIENT_TIMEOUT: '5s',
      ...more,
    }),
  });
}

/** A target as a server would describe it, with hostile texts. */
function target(change: Json = {}): Json {
  return {
    id: 'ttcp_1234567890',
    scope_id: 'p_1234567890',
    scope: { id: 'p_1234567890', type: 'project', name: 'p', parent_scope_id: 'o_1234567890' },
    name: 'a name',
    type: 'tcp',
    version: 1,
    created_time: '2026-01-01T00:00:00Z',
    updated_time: '2026-01-01T00:00:00Z',
    session_max_seconds: 28800,
    session_connection_limit: -1,
    address: '127.0.0.1',
    attributes: { default_port: 22 },
    authorized_actions: ['read'],
    ...change,
  };
}

/** Everything that could move the cursor, set a title or hide text. */
const poison = `good${escape}]0;title\u0007${escape}[2J\r\nbad\u0008\u009b31m\u202etxt\u0000`;
const dangerous = /(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

describe('text for the terminal', () => {
  test.each<[string, readonly string[], (request: { path: string }) => { status: number; body: unknown }]>([
    [
      'a name in a list',
      ['targets', 'list', '-scope-id', 'p_1234567890'],
      () => ({ status: 200, body: { items: [target({ name: poison })], response_type: 'complete' } }),
    ],
    [
      'a name and a description in a read',
      ['targets', 'read', '-id', 'ttcp_1234567890'],
      () => ({ status: 200, body: target({ name: poison, description: poison }) }),
    ],
    [
      'keys',
      ['targets', 'read', '-id', 'ttcp_1234567890'],
      () => ({ status: 200, body: target({ attributes: { [poison]: poison } }) }),
    ],
    [
      'an error',
      ['targets', 'read', '-id', 'ttcp_1234567890'],
      () => ({
        status: 403,
        body: {
          kind: poison,
          message: poison,
          details: { request_fields: [{ name: poison, description: poison }] },
        },
      }),
    ],
    [
      'a session',
      ['sessions', 'read', '-id', 's_1234567890'],
      () => ({
        status: 200,
        body: {
          id: 's_1234567890',
          status: poison,
          endpoint: poison,
          termination_reason: poison,
          scope: { id: 'p_1', type: 'project', name: poison },
          states: [{ status: poison, start_time: poison }],
        },
      }),
    ],
  ])('%s with control characters reaches it harmless', async (_name, words, answer) => {
    api = await startScriptedApi(answer);
    const done = await stile(words);
    expect(done.stdout + done.stderr).toContain('good');
    expect(done.stdout + done.stderr).not.toMatch(dangerous);
  });

  test('JSON output keeps the values, escaped', async () => {
    api = await startScriptedApi(() => ({ status: 200, body: target({ name: poison }) }));
    const done = await stile(['targets', 'read', '-id', 'ttcp_1234567890', '-format', 'json']);
    expect(Array.from(done.stdout).filter((letter) => letter < ' ' && letter !== '\n')).toEqual([]);
    expect((JSON.parse(done.stdout) as Json).item.name).toBe(poison);
  });
});

describe('values for another program', () => {
  const marker = (): string => join(folder.path, 'was-here');

  /** A program that writes its arguments, one a line, and its environment. */
  function fakeProgram(): string {
    const path = join(folder.path, 'fake-program');
    const script = `#!/bin/sh\nfor word in "$@"; do printf '%s\\0' "$word"; done > ${join(folder.path, 'argv')}\nenv > ${join(folder.path, 'environment')}\n`;
    writeFileSync(path, script);
    chmodSync(path, 0o755);
    return path;
  }

  const argv = (): string[] => readFileSync(join(folder.path, 'argv'), 'utf8').split('\0').slice(0, -1);

  /** An authorize answer whose token and fields carry the hostile values. */
  function authorization(change: {
    hostId?: string;
    targetId?: string;
    endpoint?: string;
    user?: string;
  }): Json {
    const sessionId = 's_1234567890';
    const certificate = makeCertificate({ dnsNames: [sessionId] });
    const nowUs = Date.now() * 1000;
    const text = encodeAuthorizationToken({
      sessionId,
      targetId: change.targetId ?? 'ttcp_1234567890',
      scope: {
        id: 'p_1234567890',
        type: 'project',
        name: 'p',
        description: '',
        parentScopeId: 'o_1234567890',
      },
      createdAt: nowUs,
      type: 'tcp',
      connectionLimit: -1,
      endpointPort: 22,
      expiresAt: nowUs + 3_600_000_000,
      certificate: certificate.der,
      privateKey: certificate.rawKey,
      hostId: change.hostId ?? '',
      endpoint: change.endpoint ?? 'tcp://127.0.0.1:22',
      workerAddresses: ['127.0.0.1:1'],
      defaultClientPort: 0,
    });
    const credential = {
      credential_source: {
        id: 'clvlt_1234567890',
        credential_store_id: 'cs',
        type: 'static',
        credential_type: 'username_password',
      },
      credential: { username: change.user, password: 'secret-password' },
      secret: { decoded: { username: change.user, password: 'secret-password' }, raw: '' },
    };
    return {
      session_id: sessionId,
      target_id: change.targetId ?? 'ttcp_1234567890',
      host_id: change.hostId,
      scope: { id: 'p_1234567890', type: 'project' },
      created_time: new Date().toISOString(),
      type: 'tcp',
      authorization_token: text,
      connection_limit: -1,
      endpoint: change.endpoint ?? 'tcp://127.0.0.1:22',
      endpoint_port: 22,
      expiration: new Date(Date.now() + 3_600_000).toISOString(),
      user_id: 'u_1234567890',
      ...(change.user === undefined ? {} : { credentials: [credential] }),
    };
  }

  const hostile: readonly [string, string, Parameters<typeof authorization>[0]][] = [
    ['a host id that is an option', 'ssh', { hostId: '-oProxyCommand=touch was-here' }],
    ['a host id with a second option in it', 'ssh', { hostId: 'hst_1 -oProxyCommand=touch was-here' }],
    ['a host id with a line break', 'ssh', { hostId: 'hst_1\nProxyCommand touch was-here' }],
    ['a target id that is an option', 'ssh', { targetId: '-oProxyCommand=touch was-here' }],
    ['a user name that is an option', 'ssh', { user: '-oProxyCommand=touch was-here' }],
    ['a user name for psql', 'postgres', { user: '--command=\\! touch was-here' }],
    ['an endpoint host that is an option', 'http', { endpoint: 'tcp://--output=was-here:22' }],
  ];

  test.each(hostile)('%s is refused before the program starts', async (_name, helper, change) => {
    rmSync(join(folder.path, 'argv'), { force: true });
    api = await startScriptedApi(() => ({ status: 200, body: authorization(change) }));
    const done = await stile(['connect', helper, '-target-id', 'ttcp_1234567890', '-exec', fakeProgram()]);
    expect(done).toEqual({ status: 3, stdout: '', stderr: expect.stringMatching(/ is not used.*\n$/) });
    expect(existsSync(join(folder.path, 'argv'))).toBe(false);
    expect(existsSync(marker())).toBe(false);
  });

  test('an endpoint host with a header in it is not passed on', async () => {
    api = await startScriptedApi(() => ({
      status: 200,
      body: authorization({ endpoint: 'tcp://x\r\nX-Evil: 1:22' }),
    }));
    const done = await stile(['connect', 'http', '-target-id', 'ttcp_1234567890', '-exec', fakeProgram()]);
    expect(done.status).toBe(0);
    expect(argv().join(' ')).not.toContain('X-Evil');
  });

  test('the program gets neither the auth token nor a password in its arguments', async () => {
    api = await startScriptedApi(() => ({ status: 200, body: authorization({ user: 'someone' }) }));
    await stile(['connect', 'ssh', '-target-id', 'ttcp_1234567890', '-exec', fakeProgram()]);
    expect(argv().join(' ')).not.toContain(token);
    expect(argv().join(' ')).not.toContain('secret-password');
  });

  test('a worker address that is none is an error, not a crash', async () => {
    const answer = authorization({});
    api = await startScriptedApi(() => ({ status: 200, body: { ...answer, authorization_token: 'zzz' } }));
    const done = await stile(['connect', '-target-id', 'ttcp_1234567890', '-exec', fakeProgram()]);
    expect(done.status).toBeGreaterThan(0);
    expect(done.stderr).not.toMatch(/\n\s+at |undefined/);
  });
});

describe('the token goes to its server only', () => {
  test.each([301, 302, 303, 307, 308])(
    'a redirect with %i to another host does not carry it',
    async (status) => {
      const other = await startScriptedApi(() => ({ status: 200, body: target() }));
      api = await startScriptedApi((_request, response) => {
        response.writeHead(status, { location: `${other.address}/v1/targets/ttcp_1234567890` });
        response.end();
        return undefined;
      });
      try {
        const done = await stile(['targets', 'read', '-id', 'ttcp_1234567890']);
        expect(api.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
        for (const request of other.requests)
          expect(JSON.stringify(request)).not.toContain('SecretOfTheToken');
        expect(done.status).toBeGreaterThan(0);
        expect(done.stderr.trim()).not.toBe('');
        expect(done.stdout + done.stderr).not.toContain('SecretOfTheToken');
      } finally {
        await other.close();
      }
    },
  );

  test('it is not shown in an error, whatever the server says', async () => {
    api = await startScriptedApi((request) => ({
      status: 400,
      body: { kind: 'InvalidArgument', message: `you sent ${String(request.headers.authorization)}` },
    }));
    const done = await stile(['targets', 'read', '-id', 'ttcp_1234567890']);
    expect(done.status).toBe(1);
    expect(done.stdout + done.stderr).not.toContain('SecretOfTheToken');
  });

  test('a proxy in the environment does not see what goes to a worker or the API on this machine', async () => {
    const proxy = await startScriptedApi(() => ({ status: 502, body: {} }));
    const dev = await startDevServer(['-host-address', '127.0.0.1']);
    try {
      const done = await dev.stile(['targets', 'read', '-id', 'ttcp_1234567890'], {
        HTTP_PROXY: proxy.address,
        http_proxy: proxy.address,
        ALL_PROXY: proxy.address,
      });
      expect(done.status).toBe(0);
      expect(proxy.requests).toEqual([]);
    } finally {
      await dev.stop();
      await proxy.close();
    }
  });
});

describe('answers that do not end', () => {
  test.each<[string, (response: ServerResponse) => void]>([
    [
      'a body without end',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const block = Buffer.alloc(1024 * 1024, 32);
        const push = (): void => {
          while (!response.destroyed && response.write(block));
        };
        response.on('drain', push);
        push();
      },
    ],
    ['silence', () => undefined],
    [
      'a header that never ends',
      (response) => {
        response.socket?.write('HTTP/1.1 200 OK\r\nX: ');
        const timer = setInterval(() => response.socket?.write('a'), 100);
        response.socket?.once('close', () => clearInterval(timer));
      },
    ],
  ])('%s: exit 2 within the time limit and with bounded memory', async (_name, answer) => {
    api = await startScriptedApi((_request, response) => {
      answer(response);
      return undefined;
    });
    const child = startStile(['targets', 'read', '-id', 'ttcp_1234567890'], {
      env: cleanEnvironment({
        HOME: folder.path,
        STILE_ADDR: api.address,
        STILE_TOKEN: token,
        STILE_CLIENT_TIMEOUT: '5s',
      }),
    });
    const done = await child.finished(20_000);
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(/Error trying to read target/);
  });

  test.each<[string, unknown]>([
    ['no JSON', 'plain'],
    ['null', null],
    ['a list', []],
    ['wrong types', { id: 5, name: { a: 1 }, scope: 'x', attributes: 'y', authorized_actions: 7 }],
    ['nesting a thousand deep', JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`)],
  ])('%s instead of a target is no crash', async (_name, body) => {
    api = await startScriptedApi(() => ({ status: 200, body }));
    const done = await stile(['targets', 'read', '-id', 'ttcp_1234567890']);
    expect(done.stderr).not.toMatch(/\n\s+at |TypeError|Maximum call stack/);
    expect([0, 1, 2]).toContain(done.status);
  });

  test('a list that never completes is given up', async () => {
    let page = 0;
    api = await startScriptedApi(() => {
      page += 1;
      return {
        status: 200,
        body: {
          items: [target({ id: `ttcp_${String(page).padStart(10, '0')}` })],
          response_type: 'delta',
          list_token: 'same',
        },
      };
    });
    const child = startStile(['targets', 'list', '-scope-id', 'p_1234567890'], {
      env: cleanEnvironment({ HOME: folder.path, STILE_ADDR: api.address, STILE_TOKEN: token }),
    });
    const done = await child.finished(60_000);
    expect(done.status).toBe(2);
    expect(done.stderr.trim()).not.toBe('');
  });
});
