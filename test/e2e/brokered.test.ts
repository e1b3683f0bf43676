/**
 * Credentials from the store to the endpoint, and live connections that end along with accounts and auth methods, through a real
 * broker (http-api.md §2.4, §2.13; session-protocol.md §5.7).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { createTarget, terminated } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { mustSkipWithout } from '../support/required.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { whenClosed } from '../support/when-closed.ts';

let dev: DevServer;
let echo: TestServer;
beforeAll(async () => {
  echo = await startEchoServer();
  dev = await startDevServer(['-host-address', '127.0.0.1']);
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
});

async function made(path: string, body: object): Promise<string> {
  const answer = await dev.api('POST', path, body);
  expect({ path, status: answer.status, body: answer.body }).toMatchObject({ path, status: 200 });
  return String(answer.body.id);
}

describe.skipIf(mustSkipWithout('sshd', 'ssh', 'ssh-keygen'))('a brokered SSH key', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd?.stop());

  test('opens the endpoint by an alias, and is on no line of what anybody else may see', async () => {
    const privateKey = readFileSync(sshd.keyFile, 'utf8');
    const storeId = await made('/v1/credential-stores', { scope_id: 'p_1234567890', type: 'static' });
    const credentialId = await made('/v1/credentials', {
      credential_store_id: storeId,
      type: 'ssh_private_key',
      attributes: { username: sshd.user, private_key: privateKey },
    });
    const targetId = await createTarget(dev.api, { port: sshd.port });
    await made('/v1/aliases', {
      scope_id: 'global',
      type: 'target',
      value: 'Build.Example',
      destination_id: targetId,
    });
    await made('/v1/targets/build.example:add-credential-sources', {
      version: 1,
      brokered_credential_source_ids: [credentialId],
    });
    const finished = await dev.stile([
      'connect',
      'ssh',
      '-target-id',
      'BUILD.example',
      '-remote-command',
      'echo reached',
      '--',
      `-oUserKnownHostsFile=${join(sshd.folder, 'known')}`,
      '-oStrictHostKeyChecking=accept-new',
      '-oBatchMode=yes',
    ]);
    expect({ status: finished.status, stderr: finished.stderr }).toEqual({
      status: 0,
      stderr: expect.anything(),
    });
    expect(finished.stdout).toContain('reached');
    const line = privateKey.split('\n')[2] ?? '';
    expect(line.length).toBeGreaterThan(40);
    for (const shown of [finished.stdout, finished.stderr, dev.process.stdout, dev.process.stderr]) {
      expect(shown).not.toContain(line);
    }
  });
});

describe('a live connection', () => {
  /** A new login at the method with an open connection; gives what deletes it. */
  async function connected(
    authMethodId: string,
    loginName: string,
  ): Promise<{
    readonly accountId: string;
    readonly sessionId: string;
    readonly connection: ForeignConnection;
  }> {
    const attributes = { login_name: loginName, password: 'a good password' };
    const accountId = await made('/v1/accounts', { auth_method_id: authMethodId, attributes });
    const login = await dev.api('POST', `/v1/auth-methods/${authMethodId}:authenticate`, { attributes }, '');
    expect(login.status).toBe(200);
    const token = String(login.body.attributes.token);
    const targetId = await createTarget(dev.api, { port: echo.port });
    const { body } = await dev.api('POST', `/v1/targets/${targetId}:authorize-session`, {}, token);
    const connection = await ForeignConnection.open(readAuthorization(String(body.authorization_token)));
    expect(isResult(await connection.handshake())).toBe(true);
    await connection.roundTrip('first');
    return { accountId, sessionId: String(body.session_id), connection };
  }

  test('ends at once when the account of its login is deleted, and no other does', async () => {
    const leaving = await connected('ampw_1234567890', 'leaving');
    const staying = await connected('ampw_1234567890', 'staying');
    const closed = whenClosed(leaving.connection.socket);
    const answer = await dev.api('DELETE', `/v1/accounts/${leaving.accountId}`);
    expect(answer.status).toBe(204);
    await closed;
    expect(await terminated(dev.api, leaving.sessionId)).toMatchObject({
      end_reason: 'account deleted',
      termination_reason: 'canceled',
    });
    await staying.connection.roundTrip('untouched');
    staying.connection.destroy();
  });

  test('ends at once when the auth method of its login is deleted, and so does every login by it', async () => {
    const { connection } = await connected('ampw_1234567890', 'everybody');
    const closed = whenClosed(connection.socket);
    const deleted = await dev.api('DELETE', '/v1/auth-methods/ampw_1234567890');
    expect({ status: deleted.status, body: deleted.body }).toEqual({ status: 200, body: {} });
    await closed;
    // The administrator has logged in by it too: that token counts for nothing now.
    const after = await dev.api('GET', '/v1/accounts?auth_method_id=ampw_1234567890');
    expect(after.status).toBe(404);
    expect((await dev.api('GET', '/v1/targets/ttcp_1234567890')).status).toBe(401);
  });
});
