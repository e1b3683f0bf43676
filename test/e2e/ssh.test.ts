/** The main job: a real ssh client reaches a real sshd through `stile connect ssh` (issue 3, §5.1). */
import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { run, stileBin, type Finished } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';

const fileBytes = 200 * 1024 * 1024;

describe.skipIf(mustSkipWithout('sshd', 'ssh', 'ssh-keygen'))('ssh through stile', () => {
  let sshd: Sshd;
  let dev: DevServer;

  beforeAll(async () => {
    sshd = await startSshd();
    dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(sshd.port)]);
  });
  afterAll(async () => {
    await dev?.stop();
    await sshd?.stop();
  });

  /** Words of `stile connect ssh` for a target, with ssh's own options behind `--`. */
  function connectWords(remoteCommand: string, knownHosts: string, targetId = 'ttcp_1234567890'): string[] {
    const known = ['-o', `UserKnownHostsFile=${join(sshd.folder, knownHosts)}`, '-o', 'HashKnownHosts=no'];
    const options = [
      ...known,
      '-o',
      'StrictHostKeyChecking=accept-new',
      '-o',
      'BatchMode=yes',
      '-i',
      sshd.keyFile,
    ];
    const words = [
      'connect',
      'ssh',
      '-target-id',
      targetId,
      '-username',
      sshd.user,
      '-remote-command',
      remoteCommand,
    ];
    return [...words, '--', ...options];
  }

  function connectSsh(remoteCommand: string, knownHosts = 'known', targetId?: string): Promise<Finished> {
    return dev.stile(connectWords(remoteCommand, knownHosts, targetId));
  }

  /** The same from a shell, for redirections of large files. */
  function shell(script: string, remoteCommand: string): Promise<Finished> {
    const env = { ...dev.env, STILE_TOKEN: dev.adminToken };
    return run(
      '/bin/sh',
      ['-c', script, 'sh', process.execPath, stileBin, ...connectWords(remoteCommand, 'known')],
      { env },
    );
  }

  test('a remote command runs on the host and its exit status is ours', async () => {
    const done = await connectSsh('echo over the stile; exit 7');
    expect(done.stdout).toBe('over the stile\n');
    expect(done.status).toBe(7);
  });

  test('a file of 200 MB arrives unchanged in both directions', async () => {
    const local = join(sshd.folder, 'up.bin');
    const back = join(sshd.folder, 'down.bin');
    const content = randomFillSync(Buffer.allocUnsafe(fileBytes));
    writeFileSync(local, content);
    const hash = createHash('sha256').update(content).digest('hex');

    const up = await shell(`"$@" < ${local}`, 'sha256sum');
    expect(up.stdout.split(' ')[0]).toBe(hash);
    const down = await shell(`"$@" > ${back}`, `cat ${local}`);
    expect(down.status).toBe(0);
    expect(createHash('sha256').update(readFileSync(back)).digest('hex')).toBe(hash);
  });

  test('the host key is kept per host: by target for an address, by host id for a host source', async () => {
    expect((await connectSsh('true', 'identities')).status).toBe(0);
    expect((await connectSsh('true', 'identities', 'ttcp_0987654321')).status).toBe(0);
    const known = readFileSync(join(sshd.folder, 'identities'), 'utf8');
    expect(known).toContain(`ttcp_1234567890 ${sshd.hostKey}`);
    expect(known).toContain(`hst_1234567890 ${sshd.hostKey}`);
  });

  test('another key under the same host identity is refused by ssh', async () => {
    const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPnZ3v0fM4h0Zb5yqkq4zHqNR5sB4s2cV3f8nq1Zr0x';
    writeFileSync(join(sshd.folder, 'swapped'), `ttcp_1234567890 ${other}\n`);
    const done = await connectSsh('true', 'swapped');
    expect(done.status).toBe(255);
    expect(done.stderr).toMatch(/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  });

  test('the session ends with the command', async () => {
    await connectSsh('true');
    const { body } = await dev.api('GET', '/v1/sessions?scope_id=p_1234567890&include_terminated=true');
    const statuses = new Set((body.items as { status: string }[]).map((item) => item.status));
    expect([...statuses]).toEqual(['terminated']);
  });
});
