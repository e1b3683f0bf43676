/** Host sources and credential sources of targets: add, set, remove (http-api.md §2.10). */
import { quoted } from '@stile/protocol';
import type { FieldError } from '@stile/protocol/errors';
import { credentialPrefixes } from '../../credential/credential.ts';
import type { TargetDetail } from '../../target/target-service.ts';
import type { Access } from '../access.ts';
import type { JsonObject } from '../http/body.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { decodeKinds, fieldsMessage, refuseFaults } from '../schema/decode.ts';
import { schemaOf, type Schema } from '../schema/field.ts';
import type { VisibleFields } from '../schema/render.ts';
import { versionField } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeMemberChange } from './item.ts';
import { findTarget, targetPathId } from './target-lookup.ts';

type Action = 'add' | 'set' | 'remove';

/** How a target is shown, which is the business of targets.ts. */
interface ShownTarget {
  readonly schema: Schema;
  readonly show: (detail: TargetDetail, scope: ScopeNode, access: Access, visible: VisibleFields) => object;
}

const facts = { resource: 'targets', type: 'target' } as const;

const memberSchema = schemaOf('TargetHostSources', {
  version: versionField,
  host_source_ids: { kind: 'strings', access: 'change', summary: 'Ids of host sets.' },
});

const sourceRule = {
  field: 'host_source_ids',
  isLegalId: (id: string) => isId(id, ['hsst', 'hsplg', 'hs']),
  illegal: (id: string) => `Incorrectly formatted host source identifier ${quoted(id)}.`,
};

function hostSourcesOperation(services: ApiServices, target: ShownTarget, action: Action): Operation {
  const verb = `${action}-host-sources`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the host sources of a target: ${action}.`,
    request: memberSchema,
    response: { schema: target.schema },
    permission: { type: 'target', action: verb },
    parse: ({ id, body }) => ({
      id: targetPathId(id, 'action'),
      change: decodeMemberChange(action, body, sourceRule),
    }),
    locate: ({ id }) => findTarget(services, id),
    act: async ({ input, found, access, visible }) => {
      const { version, ids } = input.change;
      const detail = await services.targets.changeHostSources(action, found.target.id, version, ids);
      return ok(target.show(detail, found.scope, access, visible));
    },
  });
}

const brokeredField = 'brokered_credential_source_ids';
const injectedField = 'injected_application_credential_source_ids';

const credentialSourceSchema = schemaOf('TargetCredentialSources', {
  version: versionField,
  [brokeredField]: { kind: 'strings', access: 'change', summary: 'Ids of credentials.' },
  [injectedField]: { kind: 'strings', access: 'change', summary: 'tcp targets take none.' },
});

const sourcePrefixes = [...credentialPrefixes, 'clvlt', 'clvsclt', 'clvllt'];

interface CredentialSourceChange {
  readonly version: number;
  readonly brokered: readonly string[];
  readonly injected: readonly string[];
}

/** Both lists of the body; an absent one counts as empty. @throws {StileError} invalidArgument */
function decodeCredentialSources(action: Action, body: JsonObject): CredentialSourceChange {
  const errors: FieldError[] = [];
  const decoded = decodeKinds(credentialSourceSchema.fields, body, errors);
  const isFaulty = (name: string): boolean => errors.some((error) => error.name === name);
  const version = typeof decoded['version'] === 'number' ? decoded['version'] : 0;
  if (version === 0 && !isFaulty('version')) errors.push({ name: 'version', description: 'Required field.' });
  const brokered = (decoded[brokeredField] ?? []) as readonly string[];
  const injected = (decoded[injectedField] ?? []) as readonly string[];
  if (action !== 'set' && brokered.length + injected.length === 0) {
    const description = 'Brokered or Injected Application Credential Source IDs must be provided.';
    for (const name of [brokeredField, injectedField]) {
      if (!isFaulty(name)) errors.push({ name, description });
    }
  }
  for (const [name, ids] of [[brokeredField, brokered] as const, [injectedField, injected] as const]) {
    const wrong = ids.find((id) => !isId(id, sourcePrefixes));
    if (wrong === undefined) continue;
    const description = `Incorrectly formatted credential source identifier ${quoted(wrong)}.`;
    errors.push({ name, description });
  }
  refuseFaults(fieldsMessage, errors);
  return { version, brokered, injected };
}

function credentialSourcesOperation(services: ApiServices, target: ShownTarget, action: Action): Operation {
  const verb = `${action}-credential-sources`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the credentials that sessions of a target get: ${action}.`,
    request: credentialSourceSchema,
    response: { schema: target.schema },
    permission: { type: 'target', action: verb },
    parse: ({ id, body }) => ({
      id: targetPathId(id, 'action'),
      change: decodeCredentialSources(action, body),
    }),
    locate: ({ id }) => findTarget(services, id),
    act: async ({ input, found, access, visible }) => {
      const { version, ...sources } = input.change;
      const { id } = found.target;
      const detail = await services.targets.changeCredentialSources(action, id, version, sources);
      return ok(target.show(detail, found.scope, access, visible));
    },
  });
}

/** The rows of both kinds of sources. */
export function targetSourceOperations(services: ApiServices, target: ShownTarget): readonly Operation[] {
  const actions = ['add', 'set', 'remove'] as const;
  return [
    ...actions.map((action) => hostSourcesOperation(services, target, action)),
    ...actions.map((action) => credentialSourcesOperation(services, target, action)),
  ];
}
