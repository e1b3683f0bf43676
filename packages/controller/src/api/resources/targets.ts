/** `/v1/targets`: what a user may connect to, and the authorization of sessions (http-api.md §2.10 to §2.12). */
import type { FieldError } from '@stile/protocol/errors';
import { prefixesOf, isId } from '../schema/text-rules.ts';
import type { Target, TargetFields } from '../../target/target.ts';
import { aliasProblem } from '../../alias/alias.ts';
import { targetProblems } from '../../target/target.ts';
import type { TargetDetail } from '../../target/target-service.ts';
import type { Access } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type Changes, type Input, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  scopeField,
  shownList,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { authorizeSessionOperation } from './authorize-session.ts';
import { bodyText, itemActions, readScope, resourceIn, scopeInfo } from './item.ts';
import { detailOf, findTarget, targetPathId } from './target-lookup.ts';
import { targetSourceOperations } from './target-sources.ts';

const schema = schemaOf(
  'Target',
  {
    id: idField,
    scope_id: {
      kind: 'string',
      access: 'create',
      required: 'This field is required to have a properly formatted project scope id.',
      rule: (value) =>
        isScopeId(value, ['project'])
          ? undefined
          : 'This field is required to have a properly formatted project scope id.',
      summary: 'The project that the target lives in.',
    },
    scope: scopeField,
    name: {
      kind: 'string',
      access: 'change',
      trim: 'name',
      required: 'This field is required.',
      cannotClear: 'This field cannot be set to empty.',
      summary: 'A name, unique in the project.',
    },
    description: descriptionField,
    created_time: shownTime,
    updated_time: shownTime,
    version: versionField,
    type: {
      kind: 'string',
      access: 'create',
      required: 'Unknown type provided.',
      rule: (value) => (value === 'tcp' ? undefined : 'Unknown type provided.'),
      summary: '`tcp`.',
    },
    host_source_ids: { kind: 'strings', access: 'output', summary: 'Ids of host sets, on single reads.' },
    host_sources: shownList({ id: shownText, host_catalog_id: shownText }),
    session_max_seconds: {
      kind: 'uint32',
      access: 'change',
      isAlwaysShown: true,
      summary: 'Longest session, seconds. Default 28800.',
    },
    session_connection_limit: {
      kind: 'int32',
      access: 'change',
      isAlwaysShown: true,
      summary: 'Connections of a session; -1 = unlimited, the default.',
    },
    worker_filter: {
      kind: 'string',
      access: 'change',
      refusedOnCreate: 'This field is deprecated. Use egress_worker_filter instead.',
      summary: 'Deprecated: use egress_worker_filter.',
    },
    egress_worker_filter: { kind: 'string', access: 'change', summary: 'Which workers may serve sessions.' },
    ingress_worker_filter: {
      kind: 'string',
      access: 'change',
      refused: 'Ingress Worker Filter field is not supported in OSS',
    },
    brokered_credential_source_ids: {
      kind: 'strings',
      access: 'output',
      summary: 'Ids of credentials that sessions get, on single reads.',
    },
    brokered_credential_sources: shownList({ id: shownText, credential_store_id: shownText }),
    injected_application_credential_source_ids: { kind: 'strings', access: 'output', summary: 'Never any.' },
    injected_application_credential_sources: shownList({ id: shownText, credential_store_id: shownText }),
    attributes: {
      kind: 'object',
      access: 'change',
      strict: true,
      fields: {
        default_client_port: { kind: 'uint32', access: 'change', summary: 'Port that clients listen on.' },
        default_port: {
          kind: 'uint32',
          access: 'change',
          required: 'This field is required.',
          cannotClear: 'This field is required.',
          summary: 'Port of the endpoint.',
        },
      },
    },
    authorized_actions: actionsField,
    address: {
      kind: 'string',
      access: 'change',
      isAlwaysShown: true,
      summary: 'Host name or IP address of the endpoint; excludes host sources.',
    },
    aliases: shownList({ id: shownText, value: shownText }),
    with_aliases: {
      kind: 'list',
      access: 'create',
      isWriteOnly: true,
      summary: 'Aliases to be made with the target.',
      fields: {
        value: { kind: 'string', access: 'create' },
        scope_id: { kind: 'string', access: 'create' },
        attributes: {
          kind: 'object',
          access: 'create',
          fields: {
            authorize_session_arguments: {
              kind: 'object',
              access: 'create',
              fields: { host_id: { kind: 'string', access: 'create' } },
            },
          },
        },
      },
    },
    session_lease: {
      kind: 'string',
      access: 'change',
      summary: '`grace=<duration>` or `strict`; shown when it is not the default `grace=60s`.',
    },
  },
  {
    emptyMask: {
      message: 'No valid fields included in the update mask.',
      description: 'No valid paths provided in the update mask.',
    },
  },
);
type TargetFieldTable = (typeof schema)['fields'];

const facts = { resource: 'targets', type: 'target', schema } as const;

/** The columns that a checked body sets. */
function fieldsOf(values: Changes<TargetFieldTable>): TargetFields {
  const { attributes } = values;
  return {
    ...(typeof values.name === 'string' ? { name: values.name } : {}),
    ...(values.description === undefined ? {} : { description: values.description }),
    ...(values.address === undefined ? {} : { address: values.address?.trim() ?? null }),
    ...(values.session_max_seconds === undefined ? {} : { sessionMaxSeconds: values.session_max_seconds }),
    ...(values.session_connection_limit === undefined
      ? {}
      : { sessionConnectionLimit: values.session_connection_limit }),
    ...(values.egress_worker_filter === undefined
      ? {}
      : { egressWorkerFilter: values.egress_worker_filter || null }),
    ...(values.worker_filter === undefined ? {} : { workerFilter: values.worker_filter || null }),
    ...(values.session_lease === undefined ? {} : { sessionLease: values.session_lease || null }),
    ...(typeof attributes?.default_port === 'number' ? { defaultPort: attributes.default_port } : {}),
    ...(attributes?.default_client_port === undefined
      ? {}
      : { defaultClientPort: attributes.default_client_port }),
  };
}

/** A target as this caller sees it. */
function showTarget(
  detail: TargetDetail,
  scope: ScopeNode,
  access: Access,
  visible: VisibleFields,
): Record<string, unknown> {
  const { target } = detail;
  const values: Output<TargetFieldTable> = {
    ...rowValues(target, scope, access),
    host_source_ids: detail.hostSources.map((source) => source.id),
    host_sources: detail.hostSources.map((source) => ({
      id: source.id,
      host_catalog_id: source.hostCatalogId,
    })),
    brokered_credential_source_ids: detail.credentialSources.map((source) => source.id),
    brokered_credential_sources: detail.credentialSources.map((source) => ({
      id: source.id,
      credential_store_id: source.credentialStoreId,
    })),
    aliases: detail.aliases,
  };
  return renderItem(schema, values, visible);
}

function rowValues(target: Target, scope: ScopeNode, access: Access): Output<TargetFieldTable> {
  return {
    id: target.id,
    scope_id: target.scope_id,
    scope: scopeInfo(scope),
    name: target.name,
    description: target.description,
    created_time: target.created_at,
    updated_time: target.updated_at,
    version: target.version,
    type: target.type,
    session_max_seconds: target.session_max_seconds,
    session_connection_limit: target.session_connection_limit,
    worker_filter: target.worker_filter,
    egress_worker_filter: target.egress_worker_filter,
    attributes: { default_client_port: target.default_client_port, default_port: target.default_port },
    authorized_actions: itemActions(access, resourceIn(scope, 'target', target.id)),
    address: target.address ?? '',
    session_lease: target.session_lease,
  };
}

function withAliases(input: Input<TargetFieldTable>, errors: FieldError[]): void {
  for (const alias of input.with_aliases ?? []) {
    const problem = aliasProblem(alias.value ?? '');
    if (problem !== undefined) errors.push({ name: 'with_aliases.value', description: problem });
    if (alias.scope_id !== undefined && alias.scope_id !== 'global') {
      errors.push({ name: 'with_aliases.scope_id', description: 'Aliases live in the global scope.' });
    }
    const hostId = alias.attributes?.authorize_session_arguments?.host_id;
    if (hostId !== undefined && hostId !== '' && !isId(hostId, prefixesOf('hostStatic'))) {
      errors.push({
        name: 'with_aliases.attributes.authorize_session_arguments.host_id',
        description: 'Incorrectly formatted identifier.',
      });
    }
  }
}

function decodeTarget(call: Call): Input<TargetFieldTable> {
  const hasKnownType = bodyText(call.body, 'type') === 'tcp';
  return decodeCreate(schema, call.body, {
    hasAttributes: () => hasKnownType,
    also: (decoded, errors) => {
      // The values have the kinds of the table by now; what is faulty already is not judged again.
      const input = decoded as Input<TargetFieldTable>;
      const known = new Set(errors.map((error) => error.name));
      errors.push(...targetProblems(fieldsOf(input)).filter((problem) => !known.has(problem.name)));
      withAliases(input, errors);
    },
  });
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a target.',
    request: schema,
    response: { schema },
    permission: { type: 'target', action: 'create' },
    parse: decodeTarget,
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'target') };
    },
    act: async ({ input, found, access, visible }) => {
      const aliases = input.with_aliases ?? [];
      if (aliases.length > 0) await requireAliasCreate(services, access);
      const detail = await services.targets.create({
        ...fieldsOf(input),
        scopeId: input.scope_id,
        name: input.name,
        defaultPort: input.attributes?.default_port ?? 0,
        aliases: aliases.map((alias) => {
          const hostId = alias.attributes?.authorize_session_arguments?.host_id ?? '';
          return { value: alias.value ?? '', ...(hostId === '' ? {} : { hostId }) };
        }),
      });
      return ok(showTarget(detail, found.scope, access, visible));
    },
  });
}

async function requireAliasCreate(services: ApiServices, access: Access): Promise<void> {
  const scope = await readScope(services.scopes, 'global');
  access.require({ type: 'alias', action: 'create' }, { resource: resourceIn(scope, 'alias') });
}

function readOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads a target, by its id or an alias.',
    response: { schema },
    permission: { type: 'target', action: 'read' },
    parse: ({ id }) => targetPathId(id, 'read'),
    locate: (id) => findTarget(services, id),
    act: async ({ found, access, visible }) =>
      ok(showTarget(await detailOf(services, found), found.scope, access, visible)),
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes a target.',
    request: schema,
    response: { schema },
    permission: { type: 'target', action: 'update' },
    parse: (call) => {
      const id = targetPathId(call.id, 'update');
      const update = decodeUpdate(schema, call.body, { mask: call.query.list('update_mask'), type: 'tcp' });
      return { id, ...update, fields: fieldsOf(update.changes) };
    },
    locate: ({ id }) => findTarget(services, id),
    act: async ({ call, input, found, access, visible }) => {
      input.refuseEmpty();
      const by = call.caller.userId;
      const detail = await services.endings.updateTarget(found.target.id, input.version, input.fields, by);
      return ok(showTarget(detail, found.scope, access, visible));
    },
  });
}

function deleteOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'delete',
    method: 'DELETE',
    on: 'item',
    summary: 'Deletes a target and ends its sessions.',
    status: 204,
    permission: { type: 'target', action: 'delete' },
    parse: ({ id }) => targetPathId(id, 'delete'),
    locate: (id) => findTarget(services, id),
    act: async ({ found, call }) => {
      await services.endings.deleteTarget(found.target.id, call.caller.userId);
      return noContent;
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<Target>(
    {
      ...facts,
      summary: 'Lists targets.',
      levels: ['project'],
      wrongScope: 'This field must be a valid project scope ID or the list operation must be recursive.',
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) => services.targets.list(permissions, page),
        counted: { table: 'target', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (target) => {
          const scope = scopeOf(target.scope_id);
          return {
            values: rowValues(target, scope, access),
            resource: resourceIn(scope, 'target', target.id),
          };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/targets`. */
export function targetOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    readOperation(services),
    updateOperation(services),
    deleteOperation(services),
    ...targetSourceOperations(services, { schema, show: showTarget }),
    authorizeSessionOperation(services),
  ];
}
