/** The end of an auth token across a cluster on PostgreSQL: revoked on one controller, its stream on the other, its session on a worker of the other. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { parseHostPort } from '@stile/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../support/cluster.ts';
import { callApi } from '../support/dev-server.ts';
import { createTarget } from '../support/dev-target.ts';
import { EventViewer } from '../support/event-viewer.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';
import { TwoControllers } from '../support/two-controllers.ts';

/** An end reaches everything within this time, milliseconds; generous for a busy machine. */
const cutMs = 5_000;

describe('with two controllers', () => {
  let both: TwoControllers;
  let cluster: Cluster;
  let proxy: RunningProcess | undefined;
  let socket: Socket | undefined;

  beforeAll(async () => {
    both = await TwoControllers.start('c2');
    cluster = both.cluster;
  });
  afterAll(async () => {
    socket?.destroy();
    await proxy?.stop();
    await both?.stop();
  });

  test('case 14: revoked on one, its stream on the other and its session on the other’s worker are closed and counted', async () => {
    const token = await cluster.login('c1');
    const id = token.split('_').slice(0, 2).join('_');
    const scopeId = String(cluster.initial.project_scope.scope_id);
    const target = await createTarget((method, path, body) => cluster.api('c1', method, path, body), {
      port: both.echo.port,
      scopeId,
    });
    proxy = startStile(['connect', '-target-id', target, '-format', 'json'], {
      env: cleanEnvironment({ STILE_ADDR: `http://${cluster.address('c1', 'api')}`, STILE_TOKEN: token }),
    });
    const [line] = await proxy.match(/^\{"address".*\}$/m);
    const { port, session_id: sessionId } = JSON.parse(line) as { port: number; session_id: string };
    const client = createConnection(port, '127.0.0.1');
    socket = client;
    client.on('error', () => undefined);
    await once(client, 'connect');
    client.write('ping');
    await once(client, 'data');
    const closed = once(client, 'close', { signal: AbortSignal.timeout(cutMs) });
    const address = parseHostPort(cluster.address('c2', 'api'));
    const viewer = await EventViewer.open(address, 'topic=sessions&scope_id=global&recursive=true', {
      token,
    });
    await viewer.event('snapshot-end');

    const answer = await callApi(`http://${cluster.address('c1', 'api')}`, {
      method: 'POST',
      path: `/v1/auth-tokens/${id}:revoke`,
      body: {},
      token: await cluster.adminToken('c1'),
    });
    expect(answer.body.revocation).toEqual({
      auth_tokens: 1,
      sessions: 1,
      sessions_confirmed: 1,
      streams: 1,
    });
    await closed;
    expect(await viewer.event('bye')).toEqual({ reason: 'token revoked' });
    await viewer.ended();
    const session = (await cluster.api('c2', 'GET', `/v1/sessions/${sessionId}`)).body;
    expect(session).toMatchObject({ status: 'terminated', end_reason: 'token revoked' });
  });
});
