// The peer of the data path: `ssh -L` through an sshd of its own on loopback, aes128-gcm, no compression.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Child, findProgram, run } from './process.mjs';

/** Which of the programs are not installed. */
export function missingSshPrograms() {
  return ['ssh', 'sshd', 'ssh-keygen'].filter((name) => findProgram(name) === undefined);
}

/** A port that was free a moment ago: neither sshd nor `ssh -L` can report one they chose. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts sshd and a client that forwards a local port to the endpoint. Both end with the scope.
 * @returns {Promise<{ name: string, port: number, clientPid: number, serverPid: number }>}
 */
export async function startSshTunnel(scope, { endpointPort, load }) {
  const folder = scope.temporaryFolder('ssh');
  for (const name of ['host', 'user']) {
    await run(findProgram('ssh-keygen'), [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      'bench',
      '-f',
      join(folder, name),
    ]);
  }
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 });
  // sshd run by root wants its privilege separation folder.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const serverPort = await freePort();
  const config = [
    `Port ${serverPort}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'PidFile none',
    'Ciphers aes128-gcm@openssh.com',
    'Compression no',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${config.join('\n')}\n`);
  const server = new Child(findProgram('sshd'), ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    name: 'sshd',
  });
  scope.defer(() => server.stop());
  await server.match(/Server listening on 127\.0\.0\.1/);

  const port = await freePort();
  const options = {
    Ciphers: 'aes128-gcm@openssh.com',
    Compression: 'no',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    IdentitiesOnly: 'yes',
    IdentityFile: join(folder, 'user'),
    BatchMode: 'yes',
    ExitOnForwardFailure: 'yes',
    ControlPath: 'none',
    LogLevel: 'ERROR',
  };
  const words = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const forward = `127.0.0.1:${port}:127.0.0.1:${endpointPort}`;
  const client = new Child(
    findProgram('ssh'),
    [
      '-F',
      '/dev/null',
      '-N',
      '-p',
      String(serverPort),
      ...words,
      '-L',
      forward,
      `${userInfo().username}@127.0.0.1`,
    ],
    { name: 'ssh -L' },
  );
  scope.defer(() => client.stop());
  await answers(client, () => load.call('setUp', { port, count: 1, width: 1 }));
  return { name: 'ssh -L', port, clientPid: client.pid, serverPid: server.pid };
}

/** Asks until the forwarded port answers: ssh says nothing when it is ready. */
async function answers(client, ask) {
  for (const end = Date.now() + 15_000; ;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (!client.isRunning || Date.now() > end) {
        throw new Error(`ssh -L does not forward:\n${client.output}`, { cause: error });
      }
    }
    await pause(50);
  }
}
