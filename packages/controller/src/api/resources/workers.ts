/** `/v1/workers`: processes that carry bytes; made here, enrolled over the cluster link (http-api.md §2.16). */
import { StileError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import { canonicalTags, parseTags, type Worker } from '../../worker-registry/worker.ts';
import { Access, refusal } from '../access.ts';
import { readListParameters } from '../list/list-page.ts';
import { ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeCreate, fieldErrors, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  scopeField,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { itemActions, readScope, required, requirePathId, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('Worker', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: "Must be 'global'",
    rule: (value) => (value === globalScopeId ? undefined : "Must be 'global'"),
    summary: '`global`.',
  },
  scope: scopeField,
  name: {
    kind: 'string',
    access: 'change',
    trim: 'name',
    rule: (value) => (value === value.toLowerCase() ? undefined : 'Name must be all lowercase.'),
    summary: 'A unique name in lower case.',
  },
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  address: { ...shownText, summary: 'host:port that clients dial.' },
  canonical_tags: { kind: 'map', access: 'output', summary: 'All tags.' },
  config_tags: { kind: 'map', access: 'output', summary: 'Tags of the worker’s configuration.' },
  last_status_time: shownTime,
  controller_generated_activation_token: { ...shownText, summary: 'Shown once, by create:controller-led.' },
  active_connection_count: { kind: 'uint32', access: 'output', isAlwaysShown: true },
  type: { ...shownText, summary: '`pki`.' },
  api_tags: { kind: 'map', access: 'output', summary: 'Tags set over the API.' },
  release_version: shownText,
  authorized_actions: actionsField,
  local_storage_state: shownText,
});

const facts = { resource: 'workers', type: 'worker', schema } as const;

function show(
  worker: Worker,
  scope: ScopeNode,
  access: Access,
  more: { readonly visible: VisibleFields; readonly activationToken?: string },
): Record<string, unknown> {
  const values: Output<(typeof schema)['fields']> = {
    id: worker.id,
    scope_id: worker.scope_id,
    scope: scopeInfo(scope),
    name: worker.name,
    description: worker.description,
    created_time: worker.created_at,
    updated_time: worker.updated_at,
    version: worker.version,
    address: worker.address,
    canonical_tags: canonicalTags(worker),
    config_tags: parseTags(worker.config_tags),
    last_status_time: worker.last_seen_at,
    controller_generated_activation_token: more.activationToken ?? null,
    active_connection_count: worker.active_connections,
    type: 'pki',
    api_tags: parseTags(worker.api_tags),
    release_version: worker.release_version,
    local_storage_state: 'unknown',
    authorized_actions: itemActions(access, resourceIn(scope, 'worker', worker.id)),
  };
  return renderItem(schema, values, more.visible);
}

function listScope(call: Call): string {
  const scopeId = call.query.text('scope_id');
  if (scopeId === globalScopeId) return scopeId;
  throw fieldErrors(requestMessage, [{ name: 'scope_id', description: "Must be 'global' when listing." }]);
}

/** A plain list: no pages, no envelope fields (http-api.md §1.10). */
function listOperation(services: ApiServices): Operation {
  return {
    ...facts,
    verb: 'list',
    method: 'GET',
    on: 'collection',
    summary: 'Lists workers.',
    query: [
      { name: 'scope_id', type: 'string', summary: '`global`.' },
      { name: 'filter', type: 'string', summary: 'Filter expression over `/item/…`.' },
    ],
    response: { schema, isList: true },
    permission: { type: 'worker', action: 'list' },
    run: async (call, gate) => {
      const scopeId = listScope(call);
      const { filter } = readListParameters(call.query, services.lists.maxPageSize);
      const [acl, scope] = await Promise.all([gate.aclFor(call.caller), readScope(services.scopes, scopeId)]);
      const access = new Access(acl, call.caller);
      if (!access.may(resourceIn(scope, 'worker'), 'list')) throw refusal(call.caller);
      const items = (await services.workers.list()).flatMap((worker) => {
        const resource = resourceIn(scope, 'worker', worker.id);
        if (itemActions(access, resource).length === 0) return [];
        const item = show(worker, scope, access, { visible: access.listed(resource) });
        return filter === undefined || filter.matches({ item }) ? [item] : [];
      });
      return ok(items.length === 0 ? {} : { items });
    },
  };
}

function createControllerLed(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create:controller-led',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a worker and shows, once, the token with which it enrols.',
    request: schema,
    response: { schema },
    permission: { type: 'worker', action: 'create:controller-led' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async () => {
      const scope = await readScope(services.scopes, globalScopeId);
      return { scope, resource: resourceIn(scope, 'worker') };
    },
    act: async ({ input, found, access, visible }) => {
      const { worker, activationToken } = await services.workers.createControllerLed({
        name: input.name ?? null,
        description: input.description ?? null,
      });
      return ok(show(worker, found.scope, access, { visible, activationToken: activationToken.reveal() }));
    },
  });
}

function createWorkerLed(services: ApiServices): Operation {
  const request = schemaOf('WorkerLedCreate', {
    scope_id: schema.fields.scope_id,
    name: schema.fields.name,
    description: descriptionField,
    worker_generated_auth_token: { kind: 'string', access: 'create', required: 'Cannot be empty.' },
  });
  return operation({
    ...facts,
    verb: 'create:worker-led',
    method: 'POST',
    on: 'collection',
    summary: 'Not offered yet: use create:controller-led.',
    request,
    permission: { type: 'worker', action: 'create:worker-led' },
    parse: ({ body }) => decodeCreate(request, body),
    locate: async () => ({ resource: resourceIn(await readScope(services.scopes, globalScopeId), 'worker') }),
    act: () =>
      Promise.reject(
        new StileError('unsupported', 'worker-led enrolment is not offered; use create:controller-led'),
      ),
  });
}

/** The rows of `/v1/workers`. */
export function workerOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createControllerLed(services),
    createWorkerLed(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a worker.',
      response: { schema },
      permission: { type: 'worker', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', ['w']),
      locate: async (id) => {
        const worker = required(await services.workers.lookup(id));
        const scope = await readScope(services.scopes, worker.scope_id);
        return { worker, scope, resource: resourceIn(scope, 'worker', id) };
      },
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(show(found.worker, found.scope, access, { visible }))),
    }),
  ];
}
