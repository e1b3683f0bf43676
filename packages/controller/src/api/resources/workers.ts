/** `/v1/workers`: processes that carry bytes; made here, enrolled over the cluster link (http-api.md §2.16). */
import { registrationFingerprint, type RegistrationRequest } from '@stile/protocol';
import { type FieldError, invalidField, StileError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { AclResource } from '../../iam/acl.ts';
import {
  canonicalTags,
  parseTags,
  tagProblem,
  type TagChange,
  type Tags,
  type Worker,
} from '../../worker-registry/worker.ts';
import { requireRegistrationRequest } from '../../worker-registry/worker-registry.ts';
import { Access } from '../access.ts';
import { readListParameters } from '../list/list-page.ts';
import { WorkTime } from '../list/work-time.ts';
import { noContent, ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeCreate, decodeKinds, fieldsMessage, refuseFaults } from '../schema/decode.ts';
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
import { decodeUpdate } from '../update-mask.ts';
import {
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';
import { workerAuthorityOperations } from './worker-authority.ts';

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
  registration_fingerprint: {
    ...shownText,
    summary: 'Of the registration request that admitted the worker: the same as the worker printed.',
  },
  controller_generated_activation_token: { ...shownText, summary: 'Shown once, by create:controller-led.' },
  active_connection_count: { kind: 'uint32', access: 'output', isAlwaysShown: true },
  type: { ...shownText, summary: '`pki`.' },
  api_tags: { kind: 'map', access: 'output', summary: 'Tags set over the API.' },
  release_version: shownText,
  authorized_actions: actionsField,
  local_storage_state: shownText,
});

const facts = { resource: 'workers', type: 'worker', schema } as const;

/** A worker as this caller sees it. */
export function showWorker(
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
    registration_fingerprint:
      worker.registration_key === null ? null : registrationFingerprint(worker.registration_key),
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

/** The scope of the query. @throws {StileError} invalidArgument */
function listScope(call: Call): string {
  const scopeId = call.query.text('scope_id');
  if (scopeId === globalScopeId) return scopeId;
  throw invalidField('scope_id', "Must be 'global' when listing.");
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
    response: { schema, isList: true, isPlain: true },
    permission: { type: 'worker', action: 'list' },
    run: async (call, gate) => {
      const scopeId = listScope(call);
      const { filter } = readListParameters(call.query, services.lists.maxPageSize);
      const [acl, scope] = await Promise.all([gate.aclFor(call.caller), readScope(services.scopes, scopeId)]);
      const access = new Access(acl, call.caller);
      const collection = resourceIn(scope, 'worker');
      if (!access.may(collection, 'list')) throw access.refusalOf(collection, 'list');
      const items: object[] = [];
      const rows = await services.workers.list();
      const time = new WorkTime(services.clock);
      for (const worker of rows) {
        // The list is whole, however long a filter takes; others have their turn meanwhile.
        if (time.isTurnOver) await time.goesOn();
        const resource = resourceIn(scope, 'worker', worker.id);
        if (itemActions(access, resource).length === 0) continue;
        const item = showWorker(worker, scope, access, { visible: access.listed(resource) });
        if (filter === undefined || filter.matches({ item })) items.push(item);
      }
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
      return ok(
        showWorker(worker, found.scope, access, { visible, activationToken: activationToken.reveal() }),
      );
    },
  });
}

const workerLedSchema = schemaOf('WorkerLedCreate', {
  scope_id: schema.fields.scope_id,
  name: schema.fields.name,
  description: descriptionField,
  worker_generated_auth_token: {
    kind: 'string',
    access: 'create',
    required: 'Cannot be empty.',
    isWriteOnly: true,
    summary: 'The registration request that the worker printed.',
  },
});

/** @throws {StileError} invalidArgument naming the field */
function registrationOf(text: string): RegistrationRequest {
  try {
    return requireRegistrationRequest(text);
  } catch (cause) {
    if (!(cause instanceof StileError)) throw cause;
    throw invalidField('worker_generated_auth_token', `This field could not be read: ${cause.message}.`);
  }
}

function createWorkerLed(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create:worker-led',
    method: 'POST',
    on: 'collection',
    summary:
      'Approves the registration request of a worker: compare `registration_fingerprint` with what the worker printed.',
    request: workerLedSchema,
    response: { schema },
    permission: { type: 'worker', action: 'create:worker-led' },
    parse: ({ body }) => {
      const input = decodeCreate(workerLedSchema, body);
      return { ...input, registration: registrationOf(input.worker_generated_auth_token) };
    },
    locate: async () => {
      const scope = await readScope(services.scopes, globalScopeId);
      return { scope, resource: resourceIn(scope, 'worker') };
    },
    act: async ({ input, found, access, visible }) => {
      const worker = await services.workers.createWorkerLed(
        { name: input.name ?? null, description: input.description ?? null },
        input.registration,
      );
      return ok(showWorker(worker, found.scope, access, { visible }));
    },
  });
}

/** A worker that must be there, as the ACL sees it. @throws {StileError} notFound */
async function findWorker(
  services: ApiServices,
  id: string,
): Promise<{ readonly worker: Worker; readonly scope: ScopeNode; readonly resource: AclResource }> {
  const worker = required(await services.workers.lookup(id));
  const scope = await readScope(services.scopes, worker.scope_id);
  return { worker, scope, resource: resourceIn(scope, 'worker', id) };
}

function readOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads a worker.',
    response: { schema },
    permission: { type: 'worker', action: 'read' },
    parse: ({ id }) => requirePathId(id, 'read', ['w']),
    locate: (id) => findWorker(services, id),
    act: ({ found, access, visible }) =>
      Promise.resolve(ok(showWorker(found.worker, found.scope, access, { visible }))),
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary:
      'Changes name and description of a worker. A description in the configuration of the worker comes back when it links again.',
    request: schema,
    response: { schema },
    permission: { type: 'worker', action: 'update' },
    parse: ({ id, body, query }) => ({
      id: requirePathId(id, 'update', ['w']),
      ...decodeUpdate(schema, body, { mask: query.list('update_mask') }),
    }),
    locate: ({ id }) => findWorker(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const changes = nameChanges(input.changes);
      const worker = await services.workers.update(found.worker.id, input.version, changes);
      return ok(showWorker(worker, found.scope, access, { visible }));
    },
  });
}

function deleteOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'delete',
    method: 'DELETE',
    on: 'item',
    summary:
      'Deletes a worker: ends the sessions that it carries, and its certificate is worth nothing from now on.',
    status: 204,
    permission: { type: 'worker', action: 'delete' },
    parse: ({ id }) => requirePathId(id, 'delete', ['w']),
    locate: (id) => findWorker(services, id),
    act: async ({ found, call }) => {
      await services.endings.deleteWorker(found.worker.id, call.caller.userId);
      return noContent;
    },
  });
}

const tagsSchema = schemaOf('WorkerTags', {
  version: versionField,
  api_tags: { kind: 'map', access: 'change', summary: 'Tag keys and their values.' },
});

/** The version that a tag action names, and its tags. @throws {StileError} invalidArgument */
function decodeTags(
  action: TagChange['action'],
  body: Call['body'],
): { readonly version: number; readonly change: TagChange } {
  const errors: FieldError[] = [];
  const decoded = decodeKinds(tagsSchema.fields, body, errors);
  const version = typeof decoded['version'] === 'number' ? decoded['version'] : 0;
  // The value has the kind of the table.
  const tags = (decoded['api_tags'] ?? {}) as Tags;
  const has = (name: string): boolean => errors.some((error) => error.name === name);
  if (version === 0 && !has('version')) errors.push({ name: 'version', description: 'Required field.' });
  if (!has('api_tags')) {
    const isMissing = action !== 'set' && Object.keys(tags).length === 0;
    const problem = isMissing ? 'Must be non-empty.' : tagProblem(tags);
    if (problem !== undefined) errors.push({ name: 'api_tags', description: problem });
  }
  refuseFaults(fieldsMessage, errors);
  return { version, change: { action, tags } };
}

function tagsOperation(services: ApiServices, action: TagChange['action']): Operation {
  const verb = `${action}-worker-tags`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the tags of a worker that were set over the API: ${action}.`,
    request: tagsSchema,
    response: { schema },
    permission: { type: 'worker', action: verb },
    parse: ({ id, body }) => ({ id: requirePathId(id, 'action', ['w']), ...decodeTags(action, body) }),
    locate: ({ id }) => findWorker(services, id),
    act: async ({ input, found, access, visible }) => {
      const worker = await services.workers.changeTags(found.worker.id, input.version, input.change);
      return ok(showWorker(worker, found.scope, access, { visible }));
    },
  });
}

/** The rows of `/v1/workers`. */
export function workerOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createControllerLed(services),
    createWorkerLed(services),
    readOperation(services),
    updateOperation(services),
    deleteOperation(services),
    tagsOperation(services, 'add'),
    tagsOperation(services, 'set'),
    tagsOperation(services, 'remove'),
    ...workerAuthorityOperations(services),
  ];
}
