/** The Cluster API on two controllers and a worker over PostgreSQL: each answers about the whole installation (tokens.md §4.2). */
import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../support/cluster.ts';
import { callApi, type ApiAnswer, type Json } from '../support/dev-server.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';
import { TwoControllers } from '../support/two-controllers.ts';

describe('row D3: two controllers on PostgreSQL', () => {
  let both: TwoControllers;
  let cluster: Cluster;
  let proxy: RunningProcess | undefined;
  let client: Socket | undefined;

  beforeAll(async () => {
    both = await TwoControllers.start('c1');
    cluster = both.cluster;
  });
  afterAll(async () => {
    client?.destroy();
    await proxy?.stop();
    await both?.stop();
  });

  const nodesOf = async (controller: string, query = ''): Promise<Json> =>
    (await cluster.api(controller, 'GET', `/api/v2/nodes/${query}`)).body as Json;
  const livenessIn = async (controller: string, kind: string): Promise<Record<string, string>> => {
    const nodes = (await nodesOf(controller)).nodes as Json[];
    return Object.fromEntries(
      nodes
        .filter((node) => node.kind === kind)
        .map((node) => [String(node.name ?? kind), String(node.liveness_status)]),
    );
  };

  test('both name both, and the worker that is linked to one of them; pages and offsets cover all once', async () => {
    const names = async (controller: string): Promise<string[]> =>
      ((await nodesOf(controller)).nodes as Json[]).map((node) => String(node.name ?? node.kind));
    expect((await names('c1')).sort()).toEqual(['c1', 'c2', 'worker']);
    expect(await names('c2')).toEqual(await names('c1'));
    const [first, second] = [await nodesOf('c1', '?limit=2'), await nodesOf('c1', '?limit=1&offset=2')];
    // The next of one controller is good on the other.
    const rest = await nodesOf('c2', `?start=${String(first.next)}`);
    expect(rest).toEqual({ nodes: expect.any(Array) });
    expect((rest.nodes as Json[]).map((node) => node.node_id)).toEqual([second.nodes[0].node_id]);
    expect(
      (await cluster.api('c1', 'GET', `/api/v2/nodes/?offset=1&start=${String(first.next)}`)).status,
    ).toBe(400);
    const local = await cluster.api('c2', 'GET', '/api/v2/nodes/local/connections/');
    expect(local.body).toEqual({ connections: [] });
  });

  test('the controller that does not hold the link shows the bytes and the traffic all the same', async () => {
    const { org, project } = await makeProject();
    expect(org).not.toBe('');
    const target = await cluster.api('c1', 'POST', '/v1/targets', {
      type: 'tcp',
      scope_id: project,
      name: 'echo',
      address: '127.0.0.1',
      attributes: { default_port: both.echo.port },
    });
    const child = startStile(['connect', '-target-id', String(target.body.id), '-format', 'json'], {
      env: cleanEnvironment({
        STILE_ADDR: `http://${cluster.address('c1', 'api')}`,
        STILE_TOKEN: await cluster.adminToken('c1'),
      }),
      keepInputOpen: true,
    });
    proxy = child;
    const [, text = ''] = await child.match(/^(\{.*"port".*\})$/m);
    const { port, session_id: sessionId } = JSON.parse(text) as { port: number; session_id: string };
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.resume();
    socket.on('error', () => undefined);
    socket.write(Buffer.alloc(500_000, 1));
    const worker = ((await nodesOf('c2')).nodes as Json[]).find((node) => node.kind === 'worker') as Json;
    const seen = await eventually(async () => {
      const { body } = await cluster.api('c2', 'GET', `/api/v2/nodes/${String(worker.node_id)}/connections/`);
      const [connection] = body.connections as Json[];
      return connection?.bytes_up >= 500_000 ? (connection as Json) : undefined;
    });
    expect(seen).toMatchObject({ session_id: sessionId, status: 'connected' });
    const hot = await eventually(async () => {
      const { body } = await cluster.api('c2', 'GET', '/api/v2/sessions/hot/');
      return (body.sessions as Json[])[0] as Json;
    });
    expect(hot).toMatchObject({ id: sessionId, node_ids: [worker.node_id] });
    // Held open: the next test ends the worker that carries it.
    client = socket;
  });

  test('a worker that was killed is unavailable, and the sessions it carried say that their counters are old', async () => {
    await cluster.kill('w1');
    // Its link is gone at once; nobody waits for its silence.
    await eventually(async () =>
      (await livenessIn('c2', 'worker'))['worker'] === 'unavailable' ? true : undefined,
    );
    const worker = ((await nodesOf('c2')).nodes as Json[]).find((node) => node.kind === 'worker') as Json;
    const { body } = await cluster.api('c2', 'GET', '/api/v2/sessions/');
    expect(body.errors).toEqual([
      { node_id: worker.node_id, message: expect.stringMatching(/was last heard of \d+ s ago/) },
    ]);
    expect(body.sessions).toMatchObject([{ node_ids: [worker.node_id] }]);
  });

  test('a controller that was killed is unavailable after 15 seconds, one that stops is gone at once', async () => {
    await cluster.kill('c1');
    await eventually(async () => {
      const states = await livenessOn('c2');
      return states['c1'] === 'unavailable' ? true : undefined;
    }, 30_000);
    await cluster.startController('c1');
    await eventually(async () => ((await livenessOn('c2'))['c1'] === 'live' ? true : undefined));
    // Its earlier process left no second row.
    const nodes = (await nodesOf('c2')).nodes as Json[];
    expect(nodes.filter((node) => node.name === 'c1')).toHaveLength(1);
    await cluster.servers.get('c1')?.process.stop();
    expect(Object.keys(await livenessOn('c2'))).toEqual(['c2']);
  });

  test('one that is ready says so without a worker of its own', async () => {
    const answer: ApiAnswer = await callApi(`http://${cluster.address('c2', 'api')}`, {
      method: 'GET',
      path: '/api/v2/health/?ready=true',
    });
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: {} });
  });

  const livenessOn = (controller: string): Promise<Record<string, string>> =>
    livenessIn(controller, 'controller');

  async function makeProject(): Promise<{ org: string; project: string }> {
    const org = String(
      (await cluster.api('c1', 'POST', '/v1/scopes', { scope_id: 'global', name: 'o' })).body.id,
    );
    const made = await cluster.api('c1', 'POST', '/v1/scopes', { scope_id: org, name: 'p' });
    return { org, project: String(made.body.id) };
  }
});
