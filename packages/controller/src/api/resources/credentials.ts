/** `/v1/credentials`: what proves a user to an endpoint; secrets go in and never come out but to sessions (http-api.md §2.13). */
import { quoted } from '@stile/protocol';
import type { FieldError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import {
  cannotBeEmpty,
  canonicalJson,
  credentialKinds,
  credentialPrefixes,
  credentialTypeOf,
  isCredentialType,
  type Credential,
  type CredentialType,
  type PlainAttribute,
  type SecretAttribute,
} from '../../credential/credential.ts';
import type { CredentialChanges, NewCredential } from '../../credential/credential-service.ts';
import type { Access } from '../access.ts';
import { childListOperation, listMessage } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeCreate, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Changes, type FieldTable, type Input, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { locateStore, staticStorePrefixes } from './credential-stores.ts';
import {
  bodyText,
  itemActions,
  nameChanges,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const wrongStore = 'This field must be a valid credential store id.';
/** Longest private key, characters: RSA of 16,384 bits has some 13,000. */
const maxKeyLength = 32_768;
/** Largest object of a JSON credential, as UTF-8 text; it is part of every authorization that brokers it. */
const maxObjectBytes = 65_536;

const username = { kind: 'string', access: 'change', summary: 'User name at the endpoint.' } as const;
const secretText = { kind: 'string', access: 'change', isWriteOnly: true } as const;
const shownHmac = { ...shownText, summary: 'Keyed hash of the secret: another one says that it changed.' };

const schema = schemaOf('Credential', {
  id: idField,
  credential_store_id: {
    kind: 'string',
    access: 'create',
    required: wrongStore,
    rule: (value) => (isId(value, staticStorePrefixes) ? undefined : wrongStore),
    summary: 'The static store that the credential lives in.',
  },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: {
    kind: 'string',
    access: 'create',
    required: 'Unsupported credential type ""',
    rule: (value) => (isCredentialType(value) ? undefined : `Unsupported credential type ${quoted(value)}`),
    summary: '`username_password`, `username_password_domain`, `password`, `ssh_private_key` or `json`.',
  },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      username,
      domain: { kind: 'string', access: 'change', summary: 'Domain of the user name.' },
      password: secretText,
      password_hmac: shownHmac,
      private_key: { ...secretText, maxLength: maxKeyLength, summary: 'PEM.' },
      private_key_hmac: shownHmac,
      private_key_passphrase: secretText,
      private_key_passphrase_hmac: shownHmac,
      object: { kind: 'json', access: 'change', isWriteOnly: true },
      object_hmac: shownHmac,
    },
  },
  authorized_actions: actionsField,
});
type CredentialFields = (typeof schema)['fields'];
type Attributes = CredentialFields['attributes']['fields'];

const facts = { resource: 'credentials', type: 'credential', schema } as const;

/** The schema with the attributes that one type has, and its texts for those that are missing. */
function schemaFor(type: CredentialType): typeof schema {
  const kind = credentialKinds[type];
  const all: FieldTable = schema.fields.attributes.fields;
  const demanded = [...kind.plain, kind.secret].map((name) => [
    name,
    { ...all[name], required: kind.required, cannotClear: cannotBeEmpty },
  ]);
  const optional = kind.passphrase === undefined ? [] : [[kind.passphrase, all[kind.passphrase]]];
  // Hashes that clients send back, as they do with a whole resource, are ignored.
  const hmacs = [kind.secret, ...(kind.passphrase === undefined ? [] : [kind.passphrase])].map((name) => [
    `${name}_hmac`,
    shownHmac,
  ]);
  const fields: unknown = Object.fromEntries([...demanded, ...optional, ...hmacs]);
  const attributes = { ...schema.fields.attributes, fields: fields as Attributes };
  return { ...schema, fields: { ...schema.fields, attributes } };
}

const schemas = Object.fromEntries(
  (Object.keys(credentialKinds) as CredentialType[]).map((type) => [type, schemaFor(type)]),
);

function hmac(mac: Uint8Array | null): string | null {
  return mac === null ? null : Buffer.from(mac).toString('base64url');
}

function valuesOf(row: Credential, scope: ScopeNode, access: Access): Output<CredentialFields> {
  const { secret } = credentialKinds[row.type];
  return {
    id: row.id,
    credential_store_id: row.credential_store_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    attributes: {
      username: row.username,
      domain: row.domain,
      [`${secret}_hmac`]: hmac(row.secret_mac),
      private_key_passphrase_hmac: hmac(row.passphrase_mac),
    },
    authorized_actions: itemActions(access, resourceIn(scope, 'credential', row.id, row.credential_store_id)),
  };
}

function show(row: Credential, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

interface LocatedCredential {
  readonly row: Credential;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedCredential> {
  const row = required(await services.credentials.lookup(id));
  const { scope } = await locateStore(services, row.credential_store_id);
  return { row, scope, resource: resourceIn(scope, 'credential', id, row.credential_store_id) };
}

/** Values of attributes by name: secrets out of reach of logs at once. */
interface AttributeValues {
  readonly plain: Partial<Record<PlainAttribute, string>>;
  readonly secret?: Secret;
  /** Null = to be taken away. */
  readonly passphrase?: Secret | null;
}

/** Whether a number was beyond what a number can be: JSON would show it as null. */
function hasInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInfinity);
}

/** What is wrong with the object of a JSON credential, if anything. */
function objectProblems(object: unknown): readonly FieldError[] {
  if (object === undefined || object === null) return [];
  const name = 'attributes.object';
  if (hasInfinity(object)) return [{ name, description: 'This field holds a number that is too large.' }];
  const text = canonicalJson(object);
  if (text === '{}') return [{ name, description: cannotBeEmpty }];
  return Buffer.byteLength(text) <= maxObjectBytes
    ? []
    : [{ name, description: `This field may have at most ${maxObjectBytes} bytes.` }];
}

function secretOf(value: unknown): Secret | undefined {
  if (typeof value === 'string') return new Secret(value);
  return value === undefined || value === null ? undefined : new Secret(canonicalJson(value));
}

function valuesFrom(
  type: CredentialType,
  attributes: Partial<Record<PlainAttribute | SecretAttribute, unknown>>,
): AttributeValues {
  const kind = credentialKinds[type];
  const plain: Partial<Record<PlainAttribute, string>> = {};
  for (const name of kind.plain) {
    const value = attributes[name];
    if (typeof value === 'string') plain[name] = value;
  }
  const secret = secretOf(attributes[kind.secret]);
  const given = kind.passphrase === undefined ? undefined : attributes[kind.passphrase];
  return {
    plain,
    ...(secret === undefined ? {} : { secret }),
    ...(given === undefined
      ? {}
      : { passphrase: given === null || given === '' ? null : (secretOf(given) ?? null) }),
  };
}

function decodeNew(call: Call): {
  readonly input: Input<CredentialFields>;
  readonly values: AttributeValues;
} {
  const given = bodyText(call.body, 'type');
  const type = isCredentialType(given) ? given : undefined;
  const input = decodeCreate(type === undefined ? schema : (schemas[type] ?? schema), call.body, {
    hasAttributes: () => type !== undefined,
    also: (decoded, errors) => {
      // The values have the kinds of the table by now.
      errors.push(...objectProblems((decoded as Input<CredentialFields>).attributes?.object));
    },
  });
  return { input, values: valuesFrom(type ?? 'password', input.attributes ?? {}) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Adds a credential to a static store.',
    request: schema,
    response: { schema },
    permission: { type: 'credential', action: 'create' },
    parse: decodeNew,
    locate: async ({ input }) => {
      const storeId = input.credential_store_id;
      const { scope } = await locateStore(services, storeId);
      return { scope, resource: resourceIn(scope, 'credential', undefined, storeId) };
    },
    act: async ({ input: { input, values }, found, access, visible }) => {
      const { secret = new Secret(''), passphrase } = values;
      const fields: NewCredential = {
        credentialStoreId: input.credential_store_id,
        type: isCredentialType(input.type) ? input.type : 'password',
        name: input.name ?? null,
        description: input.description ?? null,
        ...values.plain,
        secret,
        ...(passphrase === undefined || passphrase === null ? {} : { passphrase }),
      };
      return ok(show(await services.credentials.create(fields), found.scope, access, visible));
    },
  });
}

function changesOf(type: CredentialType, changes: Changes<CredentialFields>): CredentialChanges {
  const { attributes } = changes;
  const { plain, secret, passphrase } = valuesFrom(type, attributes ?? {});
  return {
    ...nameChanges(changes),
    ...plain,
    ...(secret === undefined ? {} : { secret }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes a credential.',
    request: schema,
    response: { schema },
    permission: { type: 'credential', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', credentialPrefixes);
      const type = credentialTypeOf(id) ?? 'password';
      const mask = call.query.list('update_mask');
      const update = decodeUpdate(schemas[type] ?? schema, call.body, { mask, type });
      refuseFaults(requestMessage, objectProblems(update.changes.attributes?.object));
      return { id, update, changes: changesOf(type, update.changes) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      const { id, update, changes } = input;
      update.refuseEmpty();
      const row = await services.credentials.update(id, update.version, changes);
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return childListOperation<Credential>(
    {
      ...facts,
      summary: 'Lists the credentials of a store.',
      parentParameter: 'credential_store_id',
      parentPrefixes: staticStorePrefixes,
      wrongParent: { message: listMessage, description: wrongStore },
      lookupParent: async (id) => ({ id, scope: (await locateStore(services, id)).scope }),
      source: ({ access, parent }) => ({
        page: (page) => services.credentials.list(parent.id, page),
        counted: { table: 'credential', column: 'credential_store_id', values: [parent.id] },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => ({
          values: valuesOf(row, parent.scope, access),
          resource: resourceIn(parent.scope, 'credential', row.id, parent.id),
        })),
      }),
    },
    services,
  );
}

/** The rows of `/v1/credentials`. */
export function credentialOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a credential, without its secrets.',
      response: { schema },
      permission: { type: 'credential', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', credentialPrefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) => Promise.resolve(ok(show(found.row, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a credential; it leaves its targets.',
      status: 204,
      permission: { type: 'credential', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', credentialPrefixes),
      locate: (id) => locate(services, id),
      act: async ({ input }) => {
        await services.credentials.delete(input);
        return noContent;
      },
    }),
  ];
}
