/** The commands of README and docs do what they say, as written (issue 3, §5.10). */
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listenerAddress, startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { blockNames, codeBlock, unmarkedShellBlocks } from '../support/documents.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import {
  cleanEnvironment,
  root,
  run,
  start,
  type Finished,
  type RunningProcess,
} from '../support/process.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram, mustSkipWithout } from '../support/required.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';

/** A folder in which `npx stile` finds the build, as in the checkout. */
function makeUserFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stile-readme-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{}');
  mkdirSync(join(folder, 'home'));
  return folder;
}

const folder = makeUserFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function shell(script: string, env: Readonly<Record<string, string>>): Promise<Finished> {
  const all = cleanEnvironment({ HOME: join(folder, 'home'), npm_config_update_notifier: 'false', ...env });
  return run('/bin/bash', ['-e', '-u', '-o', 'pipefail', '-c', script], { cwd: folder, env: all });
}

describe('every command has a test', () => {
  test('README: two commands, and blocks that this file runs', () => {
    expect(blockNames('README.md')).toEqual([
      'five-minutes',
      'any-program',
      'cancel',
      'elsewhere',
      'team',
      'team-member',
      'client-example',
    ]);
    expect(
      unmarkedShellBlocks('README.md').map((text) =>
        text
          .trim()
          .split('\n')
          .map((line) => line.split(/\s{2,}#/)[0]),
      ),
    ).toEqual([['npm start', 'npm test']]);
  });

  test('docs/sdk.md: blocks that this file runs', () => {
    expect(blockNames('docs/sdk.md')).toEqual(['organisation']);
    expect(unmarkedShellBlocks('docs/sdk.md')).toEqual([]);
  });

  test('docs/operations.md: blocks that this file runs', () => {
    expect(blockNames('docs/operations.md')).toEqual(['controller', 'activation', 'worker', 'migrate']);
    expect(unmarkedShellBlocks('docs/operations.md')).toEqual([]);
  });

  test('docs/cluster-api.md: blocks that this file runs', () => {
    expect(blockNames('docs/cluster-api.md')).toEqual(['health', 'login', 'look', 'pages', 'document']);
    expect(unmarkedShellBlocks('docs/cluster-api.md')).toEqual([]);
  });

  test('docs/events.md: blocks that this file runs', () => {
    expect(blockNames('docs/events.md')).toEqual(['stream']);
    expect(unmarkedShellBlocks('docs/events.md')).toEqual([]);
  });
});

describe('npm start', () => {
  test('on a built checkout runs stile dev with its arguments and neither installs nor builds', async () => {
    const ports = ['api', 'cluster', 'proxy', 'ops'].flatMap((name) => [
      `-${name}-listen-address`,
      '127.0.0.1:0',
    ]);
    const child = start('npm', ['start', '--', '-login-name', 'root2', ...ports], {
      env: cleanEnvironment({ HOME: join(folder, 'home') }),
    });
    try {
      await child.match(/server started!/, 60_000);
      expect(child.stdout).toMatch(/Generated Admin Login Name: root2/);
      expect(child.stderr).not.toMatch(/==> (installing|building)/);
      const health = `http://${listenerAddress(child.stdout, 'ops')}/health`;
      expect((await fetch(health)).status).toBe(200);
      // A signal to npm ends the broker too, though npm hands it to a shell only.
      child.child.kill('SIGTERM');
      await eventually(() =>
        fetch(health).then(
          () => undefined,
          () => true,
        ),
      );
    } finally {
      await stopServer(child);
    }
  });
});

describe.skipIf(mustSkipWithout('sshd', 'ssh', 'ssh-keygen', 'curl'))(
  'README against a running stile dev',
  () => {
    let sshd: Sshd;
    let dev: DevServer;
    let env: Record<string, string>;

    beforeAll(async () => {
      sshd = await startSshd();
      dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(sshd.port)]);
      // A user has a key and known hosts in ~/.ssh; ssh takes that folder from the password file, so it is given by a wrapper.
      mkdirSync(join(folder, 'bin'));
      const options = `-i ${sshd.keyFile} -o UserKnownHostsFile=${join(folder, 'known')} -o StrictHostKeyChecking=accept-new`;
      writeFileSync(
        join(folder, 'bin/ssh'),
        `#!/bin/sh\nexec ${String(findProgram('ssh'))} ${options} "$@"\n`,
      );
      chmodSync(join(folder, 'bin/ssh'), 0o755);
      env = { STILE_ADDR: dev.address, PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}` };
    });
    afterAll(async () => {
      await dev?.stop();
      await sshd?.stop();
    });

    test('five minutes: log in, list, a real ssh session, list again', async () => {
      const done = await shell(codeBlock('README.md', 'run', 'five-minutes'), env);
      expect(done.stderr).not.toMatch(/error/i);
      expect(done.status).toBe(0);
      expect(done.stdout).toMatch(/Authentication information:[\s\S]*ttcp_1234567890/);
      expect(done.stdout).toContain((await run('uname', ['-n'])).stdout);
    });

    test('authorize here, connect elsewhere', async () => {
      const done = await shell(codeBlock('README.md', 'run', 'elsewhere'), env);
      expect(done.status).toBe(0);
    });

    test('read and cancel a session', async () => {
      const { body } = await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {});
      const done = await shell(codeBlock('README.md', 'run', 'cancel'), {
        ...env,
        SESSION_ID: body.session_id,
      });
      expect(done.status).toBe(0);
      expect(done.stdout).toMatch(/Status: +canceling/);
    });

    test('any TCP program through -exec', async () => {
      const hello = createServer((socket) => socket.end('hello from the other side\n'));
      hello.listen(0, '127.0.0.1');
      await once(hello, 'listening');
      const { port } = hello.address() as { port: number };
      const { body: target } = await dev.api('GET', '/v1/targets/ttcp_1234567890');
      await dev.api('PATCH', '/v1/targets/ttcp_1234567890', {
        version: target.version,
        attributes: { default_port: port },
      });
      const done = await shell(codeBlock('README.md', 'run', 'any-program'), env);
      hello.close();
      expect(done.stdout).toContain('hello from the other side');
    });
  },
);

describe('the administrator guide', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer();
  });
  afterAll(() => dev?.stop());

  test('ten commands make a team with two projects, and its member connects', async () => {
    const guide = codeBlock('README.md', 'run', 'team');
    expect(guide.match(/npx stile/g)).toHaveLength(10);
    const done = await shell(guide, { STILE_ADDR: dev.address });
    expect({ status: done.status, stderr: done.stderr }).toMatchObject({ status: 0 });
    expect(done.stdout).toMatch(/Yes: u_\w{10} is allowed authorize-session on ttcp_\w{10}\./);
    expect(done.stdout).toMatch(/Role "engineers" \(r_\w{10}\)/);

    const member = await shell(codeBlock('README.md', 'run', 'team-member'), { STILE_ADDR: dev.address });
    expect({ status: member.status, stderr: member.stderr }).toMatchObject({ status: 0 });
    expect(member.stdout).toMatch(/Name: +ssh\n[\s\S]*Name: +db\n|Name: +db\n[\s\S]*Name: +ssh\n/);
  });

  test('the example of docs/sdk.md sets up an organisation from nothing', async () => {
    writeFileSync(join(folder, 'organisation.mjs'), codeBlock('docs/sdk.md', 'run', 'organisation'));
    const done = await run(process.execPath, [join(folder, 'organisation.mjs')], {
      cwd: folder,
      env: cleanEnvironment({ STILE_ADDR: dev.address, STILE_PASSWORD: 'password' }),
    });
    expect(done.stderr).toBe('');
    expect(done.stdout).toBe('allowed: true\ntcp://127.0.0.1:5432 as shop\n');
  });
});

describe('the client library', () => {
  let echo: TestServer;
  let dev: DevServer;
  beforeAll(async () => {
    echo = await startEchoServer();
    dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
  });
  afterAll(async () => {
    await dev?.stop();
    await echo?.close();
  });

  test('the example of the README sends bytes to a target and gets them back', async () => {
    writeFileSync(join(folder, 'example.mjs'), codeBlock('README.md', 'run', 'client-example'));
    const done = await run(process.execPath, [join(folder, 'example.mjs')], {
      cwd: folder,
      env: cleanEnvironment({ STILE_ADDR: dev.address, STILE_PASSWORD: 'password' }),
    });
    expect(done.stderr).toBe('');
    expect(done.stdout).toContain('hello over the stile');
  });
});

/** Ends a server that runs below npx and a shell, by the process id in its log. */
async function stopServer(child: RunningProcess): Promise<void> {
  const [, pid = ''] = await child.match(/"pid":(\d+)/);
  try {
    process.kill(Number(pid), 'SIGTERM');
  } catch (error) {
    // It has ended already.
    expect(error).toMatchObject({ code: 'ESRCH' });
  }
  await child.finished();
}

/** Ports of the documents replaced by free ones: tests share the machine. */
async function withFreePorts(texts: readonly string[]): Promise<string[]> {
  const ports = new Map<string, number>();
  for (const port of new Set(texts.join('\n').match(/\b920\d\b/g))) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.set(port, (server.address() as { port: number }).port);
    server.close();
    await once(server, 'close');
  }
  return texts.map((text) => text.replace(/\b920\d\b/g, (port) => String(ports.get(port))));
}

describe('docs/operations.md', () => {
  const running: RunningProcess[] = [];
  afterAll(async () => {
    for (const child of running.reverse()) await stopServer(child);
  });

  test('a controller, a worker that enrols with its activation token, and a migration that has nothing to do', async () => {
    const block = (kind: 'run' | 'file', name: string): string => codeBlock('docs/operations.md', kind, name);
    const [controllerFile = '', workerFile = ''] = await withFreePorts([
      block('file', 'controller.yaml'),
      block('file', 'worker.yaml'),
    ]);
    writeFileSync(join(folder, 'controller.yaml'), controllerFile);
    writeFileSync(join(folder, 'worker.yaml'), workerFile);
    const api = /purpose: api\s+address: (\S+)/.exec(controllerFile)?.[1] ?? '';
    const shared = {
      STILE_DATABASE_URL: `sqlite://${join(folder, 'stile.db')}`,
      STILE_ADDR: `http://${api}`,
    };

    // The block ends in a server that runs until it is stopped; the key it made is printed for the next steps.
    const script = `${block('run', 'controller')}`.replace(
      /^npx stile server/m,
      'echo "root key $STILE_ROOT_KEY"\nexec npx stile server',
    );
    const controller = start('/bin/bash', ['-e', '-c', script], {
      cwd: folder,
      env: cleanEnvironment({ HOME: join(folder, 'home'), ...shared }),
    });
    running.push(controller);
    await controller.match(/server started!/);
    const password = /Password: +(\S+)/.exec(controller.stdout)?.[1] ?? '';
    const rootKey = /root key (\S+)/.exec(controller.stdout)?.[1] ?? '';
    expect(password).toMatch(/^[0-9A-Za-z]{20}$/);

    const login = await shell('npx stile authenticate password -login-name admin -password env://PW', {
      ...shared,
      PW: password,
    });
    expect(login.status).toBe(0);
    const created = await shell(block('run', 'activation'), shared);
    const token = /Controller-Generated Activation Token:\s+(\S+)/.exec(created.stdout)?.[1] ?? '';
    expect(token).not.toBe('');

    const worker = start('/bin/bash', ['-e', '-c', `exec ${block('run', 'worker')}`], {
      cwd: folder,
      env: cleanEnvironment({ HOME: join(folder, 'home'), STILE_ACTIVATION_TOKEN: token }),
    });
    running.push(worker);
    await worker.match(/server started!/);
    const listed = await shell('npx stile workers list -format json', shared);
    expect((JSON.parse(listed.stdout) as Json).items).toMatchObject([{ name: 'worker-1' }]);

    await stopServer(controller);
    const migrated = await shell(block('run', 'migrate'), { ...shared, STILE_ROOT_KEY: rootKey });
    expect(migrated.status).toBe(0);
  });
});

describe('docs/configuration.md', () => {
  test('the combined example starts a controller and a worker in one process', async () => {
    const [text = ''] = await withFreePorts([codeBlock('docs/configuration.md', 'file', 'combined.yaml')]);
    const local = text
      .replaceAll('/var/lib/stile', join(folder, 'combined'))
      .replaceAll('0.0.0.0', '127.0.0.1');
    mkdirSync(join(folder, 'combined'));
    writeFileSync(join(folder, 'combined.yaml'), local);
    const env = { STILE_ROOT_KEY: Buffer.alloc(32, 1).toString('base64') };
    expect((await shell('npx stile database init -config combined.yaml', env)).status).toBe(0);
    const child = start('/bin/bash', ['-c', 'exec npx stile server -config combined.yaml'], {
      cwd: folder,
      env: cleanEnvironment({ HOME: join(folder, 'home'), ...env }),
    });
    try {
      await child.match(/server started!/);
      const proxy = createConnection(
        Number(listenerAddress(child.stdout, 'proxy').split(':')[1]),
        '127.0.0.1',
      );
      await once(proxy, 'connect');
      proxy.destroy();
    } finally {
      await stopServer(child);
    }
  });
});

describe.skipIf(mustSkipWithout('curl'))('docs/events.md', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer();
  });
  afterAll(() => dev?.stop());

  test('its command shows what there is, compressed on the way', async () => {
    const session = await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {});
    const env = { STILE_ADDR: dev.address, STILE_TOKEN: dev.adminToken };
    const done = await shell(codeBlock('docs/events.md', 'run', 'stream'), env);
    expect(done.status).toBe(0);
    const names = [...done.stdout.matchAll(/^event: (.*)$/gm)].map(([, event]) => event);
    expect(names.slice(0, 4)).toEqual(['hello', 'snapshot', 'snapshot', 'snapshot-end']);
    expect(done.stdout).toContain(String(session.body.session_id));
  });
});

describe.skipIf(mustSkipWithout('curl'))('docs/cluster-api.md', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer();
  });
  afterAll(() => dev?.stop());

  test('its commands say how the installation is, sign in and out, and walk through pages', async () => {
    for (let count = 0; count < 5; count += 1) {
      await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {});
    }
    const runBlock = async (name: string): Promise<string> => {
      const env = { STILE_ADDR: dev.address, STILE_TOKEN: dev.adminToken };
      const done = await shell(codeBlock('docs/cluster-api.md', 'run', name), env);
      expect({ name, status: done.status }).toEqual({ name, status: 0 });
      return done.stdout;
    };
    expect(await runBlock('health')).toBe('{}{}');
    expect(await runBlock('login')).toMatch(/^\{"nodes":\[.*"kind":"worker".*\{"logged_out":true\}$/);
    const lines = (await runBlock('look')).trim().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line) as Json)[0])).toEqual([
      'nodes',
      'connections',
      'sessions',
      'sessions',
      'sessions',
      'users',
    ]);
    const pages = (await runBlock('pages')).trim().split('\n');
    const ids = pages.flatMap((line) =>
      ((JSON.parse(line) as Json).sessions as Json[]).map((each) => each.id),
    );
    expect({ pages: pages.length, sessions: new Set(ids).size }).toEqual({ pages: 3, sessions: 5 });
    expect(JSON.parse(await runBlock('document'))).toMatchObject({ info: { version: '2.0' } });
  });
});
