/** `/api/v2/nodes/` and what a node carries: controllers and workers, and the proxied connections of a worker. */
import { invalidField } from '@stile/protocol/errors';
import type { NamedConnection } from '../../../session/view/session-views.ts';
import type { ClusterNode } from '../../../worker-registry/node.ts';
import { refusal, type Access } from '../../access.ts';
import { ok, type Call } from '../../operation.ts';
import { required } from '../../resources/item.ts';
import { isId } from '../../schema/text-rules.ts';
import type { ApiServices } from '../../services.ts';
import {
  clusterOperation,
  globalResource,
  guardedFailures,
  type ClusterOperation,
} from '../cluster-operation.ts';
import {
  offsetParameter,
  pageOfRows,
  pageParameters,
  readPage,
  rowPosition,
  type PageInput,
  type RowPosition,
} from '../paging.ts';
import { renderConnection, renderNode } from '../rendering.ts';
import { connectionExample, listSchema, nextSchema, objectSchema, ref } from '../schemas.ts';

/** Most connections that one request may name. */
const mostNamed = 200;

interface NodePosition {
  readonly id: string;
}

/** Nodes the caller may read; a caller who may read none may not list them either. */
async function readableNodes(services: ApiServices, access: Access): Promise<ClusterNode[]> {
  access.require({ type: 'worker', action: 'list' }, { resource: globalResource('worker') });
  const nodes = await services.nodes.list();
  const readable = nodes.filter(({ id }) => {
    const resource = globalResource('worker', id);
    return access.may(resource, 'read') && access.listsWhole(resource);
  });
  if (readable.length === 0) throw refusal(access.caller);
  return readable;
}

function listNodes(services: ApiServices): ClusterOperation {
  const path = 'nodes/';
  const { keys } = services.lists;
  return clusterOperation({
    path,
    method: 'GET',
    operationId: 'listNodes',
    summary: 'Lists the controllers and workers of the installation.',
    stability: 'stable',
    resource: 'nodes',
    verb: 'list',
    needs: { type: 'worker', action: 'list', words: 'worker:list and worker:read in global' },
    parameters: [...pageParameters, offsetParameter],
    answer: {
      description: 'The nodes that the caller may read, in order of id.',
      schema: objectSchema(
        { nodes: listSchema(ref('Node'), 'Controllers, then workers.'), next: nextSchema },
        ['nodes'],
      ),
      example: {
        nodes: [
          {
            node_id: 'w_1234567890',
            kind: 'worker',
            name: 'w_1234567890',
            address: { network: 'tcp', address: '127.0.0.1:9202' },
            build_tag: 'v0.1.0',
            started_at: '2026-11-21T16:47:35.901Z',
            updated_at: '2026-11-21T18:24:30.120Z',
            liveness_status: 'live',
            num_cpus: 2,
            total_system_memory: 8_270_381_056,
            tags: { type: ['dev', 'local'] },
            metrics: {
              sessions: 1,
              connections: 1,
              bytes_up_per_second: 531,
              bytes_down_per_second: 10_486_190,
            },
          },
        ],
      },
    },
    failures: guardedFailures,
    parse: (call) => readPage<NodePosition>(path, call, keys),
    locate: () => Promise.resolve(),
    authorize: (access) => readableNodes(services, access),
    act: async ({ input, granted }) => {
      const { after, offset = 0, limit } = input;
      const behind = after === undefined ? granted : granted.filter((node) => node.id > after.id);
      const page = pageOfRows(behind.slice(offset, offset + limit + 1), input, {
        position: ({ id }: ClusterNode): NodePosition => ({ id }),
        keys,
      });
      const loads = await services.sessionViews.workerLoads();
      return ok({ nodes: page.rows.map((node) => renderNode(node, loads.get(node.id))), ...page.next });
    },
  });
}

interface ConnectionsInput extends PageInput<RowPosition> {
  readonly nodeId: string;
  readonly ids: readonly string[] | undefined;
}

function readConnectionsInput(path: string, call: Call, services: ApiServices): ConnectionsInput {
  const ids = call.query.list('connections');
  if (ids !== undefined && (ids.length > mostNamed || !ids.every((id) => isId(id, ['sc'])))) {
    throw invalidField('connections', `At most ${mostNamed} ids \`sc_…\`, separated by commas.`);
  }
  // Only one list, so that the page token has one text to be tied to.
  call.query.text('connections');
  return {
    ...readPage<RowPosition>(path, call, services.lists.keys),
    nodeId: call.params['node_id'] ?? '',
    ids,
  };
}

function listNodeConnections(services: ApiServices): ClusterOperation {
  const path = 'nodes/{node_id}/connections/';
  const { keys } = services.lists;
  return clusterOperation({
    path,
    method: 'GET',
    operationId: 'listNodeConnections',
    summary: 'Lists the open connections that a worker carries, newest first.',
    description:
      'A controller carries none. Counters are as fresh as the last report of the worker, some seconds.',
    stability: 'unstable',
    resource: 'nodes',
    verb: 'connections',
    needs: { type: 'session', action: 'read', words: 'session:read in global' },
    parameters: [
      {
        name: 'node_id',
        in: 'path',
        description: '`w_…`, `ctrl_…`, or `local`: the controller that answers.',
        schema: { type: 'string' },
      },
      {
        name: 'connections',
        in: 'query',
        description: 'Ids `sc_…`, separated by commas: only these.',
        schema: { type: 'string' },
      },
      ...pageParameters,
      offsetParameter,
    ],
    answer: {
      description: 'Open connections.',
      schema: objectSchema(
        { connections: listSchema(ref('Connection'), 'Newest first.'), next: nextSchema },
        ['connections'],
      ),
      example: { connections: [connectionExample] },
    },
    failures: { ...guardedFailures, 404: 'There is no such node.' },
    parse: (call) => readConnectionsInput(path, call, services),
    locate: async ({ nodeId }) => required(await services.nodes.lookup(nodeId)),
    authorize: (access) => {
      access.requireWhole({ type: 'session', action: 'read' }, { resource: globalResource('session') });
    },
    act: async ({ input, found }) => {
      const { ids, limit, after, offset } = input;
      const isNone = found.kind === 'controller' || ids?.length === 0;
      const rows = isNone
        ? []
        : await services.sessionViews.connectionsOf({
            workerId: found.id,
            ids,
            limit: limit + 1,
            after,
            offset,
          });
      const page = pageOfRows<NamedConnection, RowPosition>(rows, input, { position: rowPosition, keys });
      return ok({ connections: page.rows.map(renderConnection), ...page.next });
    },
  });
}

/** The rows about nodes. */
export function nodeOperations(services: ApiServices): readonly ClusterOperation[] {
  return [listNodes(services), listNodeConnections(services)];
}
