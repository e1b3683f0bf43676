/** A real sshd on a free port with keys of its own, for end-to-end tests. Needs openssh-server and openssh-client. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { run, start } from './process.ts';
import { findProgram } from './required.ts';

/** A running sshd. */
export interface Sshd {
  readonly port: number;
  /** The login that the key opens: the user who runs the test. */
  readonly user: string;
  /** Private key file that the server accepts. */
  readonly keyFile: string;
  /** Public host key, as `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** A folder that is removed with the server. */
  readonly folder: string;
  readonly stop: () => Promise<void>;
}

/** A port that was free a moment ago; sshd cannot report one it chose itself. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Starts sshd and waits until it listens. */
export async function startSshd(): Promise<Sshd> {
  const sshd = findProgram('sshd');
  const keygen = findProgram('ssh-keygen');
  if (sshd === undefined || keygen === undefined)
    throw new Error('sshd and ssh-keygen are needed (openssh-server)');
  const folder = mkdtempSync(join(tmpdir(), 'stile-sshd-'));
  const key = async (name: string): Promise<string> => {
    const file = join(folder, name);
    const made = await run(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
    if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
    return file;
  };
  const hostKeyFile = await key('host');
  const keyFile = await key('user');
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${keyFile}.pub`), { mode: 0o600 });
  // sshd run by root wants its privilege separation folder.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKeyFile}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'PidFile none',
    'MaxStartups 500',
    'LogLevel ERROR',
    'Subsystem sftp internal-sftp',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${config.join('\n')}\n`);
  const child = start(sshd, ['-D', '-e', '-o', 'LogLevel=INFO', '-f', join(folder, 'sshd_config')]);
  await child.match(/Server listening on 127\.0\.0\.1/);
  return {
    port,
    user: userInfo().username,
    keyFile,
    hostKey: readFileSync(`${hostKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' '),
    folder,
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
