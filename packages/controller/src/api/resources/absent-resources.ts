/**
 * Resources of which an installation can have none: credential libraries need a Vault, managed groups an OIDC or LDAP auth method
 * (http-api.md §2.13, §2.14). Every call is checked and answered as elsewhere; what it names is never there.
 */
import type { ResourceType } from '@stile/protocol/grant';
import type { Located } from '../access.ts';
import { childListOperation, listMessage } from '../list/list-operation.ts';
import { operation, type Operation, type OperationFacts } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type FieldTable, type Schema } from '../schema/field.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { notFound, requirePathId, type PathVerb } from './item.ts';

interface AbsentResource {
  readonly resource: string;
  readonly type: ResourceType;
  readonly prefixes: readonly string[];
  readonly schema: Schema;
  /** One of them, in a sentence. */
  readonly thing: string;
  /** Field and query parameter that name the parent, and prefixes of ids that may stand there. */
  readonly parent: string;
  readonly parentPrefixes: readonly string[];
  readonly wrongParent?: { readonly message: string; readonly description: string };
}

const shared = {
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
} as const;

function parentField(prefixes: readonly string[], wrong: string): FieldTable[string] {
  return {
    kind: 'string',
    access: 'create',
    required: wrong,
    rule: (value) => (isId(value, prefixes) ? undefined : wrong),
  };
}

const wrongStore = 'This field must be a valid credential store id.';

const absent: readonly AbsentResource[] = [
  {
    resource: 'credential-libraries',
    type: 'credential-library',
    prefixes: ['clvlt', 'clvsclt', 'clvllt'],
    thing: 'a credential library',
    parent: 'credential_store_id',
    parentPrefixes: ['csvlt'],
    wrongParent: { message: listMessage, description: wrongStore },
    schema: schemaOf('CredentialLibrary', {
      id: idField,
      credential_store_id: parentField(['csvlt'], wrongStore),
      ...shared,
      type: { kind: 'string', access: 'create' },
      attributes: { kind: 'json', access: 'change' },
      authorized_actions: actionsField,
      credential_type: { kind: 'string', access: 'create' },
      credential_mapping_overrides: { kind: 'json', access: 'change' },
    }),
  },
  {
    resource: 'managed-groups',
    type: 'managed-group',
    prefixes: ['mgoidc', 'mgldap'],
    thing: 'a managed group',
    parent: 'auth_method_id',
    parentPrefixes: ['amoidc', 'amldap'],
    schema: schemaOf('ManagedGroup', {
      id: idField,
      ...shared,
      type: { kind: 'string', access: 'create' },
      auth_method_id: parentField(['amoidc', 'amldap'], 'Unknown auth method type from ID.'),
      attributes: { kind: 'json', access: 'change' },
      member_ids: { kind: 'strings', access: 'output' },
      authorized_actions: actionsField,
    }),
  },
];

type CallFacts = Omit<OperationFacts, 'resource' | 'summary'>;

function absentOperation(
  { resource, type, thing }: AbsentResource,
  facts: CallFacts,
  parse: Parameters<typeof operation<unknown, Located>>[0]['parse'],
): Operation {
  return operation<unknown, Located>({
    ...facts,
    resource,
    summary: `There is never ${thing} to ${facts.verb}: what it needs is not offered.`,
    permission: { type, action: facts.verb },
    parse,
    locate: () => Promise.reject(notFound()),
    act: () => Promise.reject(notFound()),
  });
}

function operationsOf(each: AbsentResource, services: ApiServices): readonly Operation[] {
  const { resource, type, schema, parent, parentPrefixes, wrongParent, prefixes } = each;
  const pathId = (verb: PathVerb) => (call: { readonly id: string }) =>
    requirePathId(call.id, verb, prefixes);
  const response = { schema };
  return [
    childListOperation<never>(
      {
        resource,
        type,
        schema,
        summary: `Lists nothing: ${each.thing} cannot be made here.`,
        parentParameter: parent,
        parentPrefixes,
        ...(wrongParent === undefined ? {} : { wrongParent }),
        lookupParent: () => Promise.resolve(undefined),
        source: () => ({
          page: () => Promise.resolve([]),
          stamps: (row: never) => row,
          render: () => Promise.resolve([]),
        }),
      },
      services,
    ),
    absentOperation(
      each,
      { verb: 'create', method: 'POST', on: 'collection', request: schema, response },
      ({ body }) => decodeCreate(schema, body),
    ),
    absentOperation(each, { verb: 'read', method: 'GET', on: 'item', response }, pathId('read')),
    absentOperation(
      each,
      { verb: 'update', method: 'PATCH', on: 'item', request: schema, response },
      (call) => {
        requirePathId(call.id, 'update', prefixes);
        return decodeUpdate(schema, call.body, { mask: call.query.list('update_mask') });
      },
    ),
    absentOperation(each, { verb: 'delete', method: 'DELETE', on: 'item', status: 204 }, pathId('delete')),
  ];
}

/** The rows of `/v1/credential-libraries` and `/v1/managed-groups`. */
export function absentResourceOperations(services: ApiServices): readonly Operation[] {
  return absent.flatMap((each) => operationsOf(each, services));
}
