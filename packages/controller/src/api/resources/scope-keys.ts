/**
 * Keys over `/v1/scopes` (http-api.md §2.1). Stile keeps one ring of data keys for the whole installation: it is shown in every scope, and
 * rotated and destroyed in global alone.
 */
import { invalidField, StileError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { KeyRingView } from '../../session/ending/key-ring.ts';
import { isScopeId } from '../list/list-operation.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { decodeAction, requestMessage } from '../schema/decode.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { scopeField, shownList, shownText, shownTime } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { readScope, resourceIn, scopeInfo } from './item.ts';

const keySchema = schemaOf('Key', {
  id: shownText,
  scope: scopeField,
  purpose: {
    ...shownText,
    summary: '`database` for what is sealed and proven, `rootKey` for what wraps it.',
  },
  created_time: shownTime,
  type: { ...shownText, summary: '`dek` or `kek`.' },
  versions: shownList({
    id: shownText,
    version: { kind: 'uint32', access: 'output' },
    created_time: shownTime,
  }),
});

const jobSchema = schemaOf('KeyVersionDestructionJob', {
  key_version_id: shownText,
  scope: scopeField,
  status: shownText,
  created_time: shownTime,
  completed_count: { kind: 'int64', access: 'output' },
  total_count: { kind: 'int64', access: 'output' },
});

const rotateSchema = schemaOf('RotateKeys', {
  scope_id: { kind: 'string', access: 'change', summary: '`global`.' },
  rewrap: { kind: 'bool', access: 'change', summary: 'Wrap every version anew by the root key.' },
});

const destroySchema = schemaOf('DestroyKeyVersion', {
  scope_id: { kind: 'string', access: 'change', summary: '`global`.' },
  key_version_id: { kind: 'string', access: 'change', summary: 'A version of a key, `kdkv_…`.' },
});

const destroyedSchema = schemaOf('DestroyedKeyVersion', { state: { ...shownText, summary: '`completed`.' } });

function keysOf({ rootKeyId, versions }: KeyRingView, scope: ScopeNode): object[] {
  const [first] = versions;
  const suffix = rootKeyId.slice('krk_'.length);
  const shown = { scope: scopeInfo(scope), created_time: first?.createdAtUs };
  return [
    renderItem(keySchema, {
      ...shown,
      id: `kdk_${suffix}`,
      purpose: 'database',
      type: 'dek',
      versions: versions.map((version) => ({
        id: `kdkv_${version.id.slice('kdk_'.length)}`,
        version: version.version,
        created_time: version.createdAtUs,
      })),
    }),
    renderItem(keySchema, {
      ...shown,
      id: rootKeyId,
      purpose: 'rootKey',
      type: 'kek',
      versions: [{ id: `krkv_${suffix}`, version: 1, created_time: first?.createdAtUs }],
    }),
  ];
}

function requireScopeId(id: string, name: 'id' | 'scope_id'): string {
  const scopeId = id === '' ? globalScopeId : id;
  if (isScopeId(scopeId, ['global', 'org', 'project'])) return scopeId;
  throw invalidField(name, 'Improperly formatted identifier.');
}

/** @throws {StileError} failedPrecondition */
function requireGlobal(scopeId: string): void {
  if (scopeId === globalScopeId) return;
  throw new StileError(
    'failedPrecondition',
    'The keys are those of the whole installation: they are changed in the global scope.',
  );
}

async function locate(
  services: ApiServices,
  scopeId: string,
): Promise<{ readonly resource: ReturnType<typeof resourceIn> }> {
  return { resource: resourceIn(await readScope(services.scopes, scopeId), 'scope') };
}

const itemFacts = { resource: 'scopes', method: 'GET', on: 'item' } as const;
const collectionFacts = { resource: 'scopes', method: 'POST', on: 'collection' } as const;

/** The rows about keys. */
export function scopeKeyOperations(services: ApiServices): readonly Operation[] {
  return [
    operation({
      ...itemFacts,
      verb: 'list-keys',
      summary: 'Lists the keys that protect what is stored.',
      response: { schema: keySchema, isList: true },
      permission: { type: 'scope', action: 'list-keys' },
      parse: ({ id }) => requireScopeId(id, 'id'),
      locate: (scopeId) => locate(services, scopeId),
      act: async () => {
        const scope = await readScope(services.scopes, globalScopeId);
        return ok({ items: keysOf(await services.keyRing.view(), scope) });
      },
    }),
    operation({
      ...itemFacts,
      verb: 'list-key-version-destruction-jobs',
      summary: 'Lists destructions under way; ours are complete when they are answered, so there are none.',
      response: { schema: jobSchema, isList: true },
      permission: { type: 'scope', action: 'list-key-version-destruction-jobs' },
      parse: ({ id }) => requireScopeId(id, 'id'),
      locate: (scopeId) => locate(services, scopeId),
      act: () => Promise.resolve(ok({})),
    }),
    operation({
      ...collectionFacts,
      verb: 'rotate-keys',
      summary: 'Makes a new version of the data key, with which everything is sealed from then on.',
      request: rotateSchema,
      status: 204,
      permission: { type: 'scope', action: 'rotate-keys' },
      parse: ({ body }) => {
        const { scope_id: scopeId, rewrap } = decodeAction(rotateSchema.fields, body, requestMessage);
        return { scopeId: requireScopeId(scopeId ?? '', 'scope_id'), rewrap: rewrap === true };
      },
      locate: ({ scopeId }) => locate(services, scopeId),
      act: async ({ input }) => {
        requireGlobal(input.scopeId);
        await services.keyRing.rotate(input);
        return noContent;
      },
    }),
    operation({
      ...collectionFacts,
      verb: 'destroy-key-version',
      summary:
        'Seals anew what a version has sealed and destroys it; auth tokens that only it can prove end with their sessions.',
      request: destroySchema,
      response: { schema: destroyedSchema },
      permission: { type: 'scope', action: 'destroy-key-version' },
      parse: ({ body }) => {
        const { scope_id: scopeId, key_version_id: keyVersionId } = decodeAction(
          destroySchema.fields,
          body,
          requestMessage,
        );
        if (keyVersionId === undefined || !isId(keyVersionId, ['kdkv', 'krkv'])) {
          const description = 'Improperly formatted identifier.';
          throw invalidField('key_version_id', description);
        }
        return { scopeId: requireScopeId(scopeId ?? '', 'scope_id'), keyVersionId };
      },
      locate: ({ scopeId }) => locate(services, scopeId),
      act: async ({ input, call }) => {
        requireGlobal(input.scopeId);
        if (input.keyVersionId.startsWith('krkv_')) {
          throw new StileError(
            'failedPrecondition',
            'The root key comes from the configuration and is replaced there.',
          );
        }
        await destroy(services, input.keyVersionId, call.caller.userId);
        return ok(renderItem(destroyedSchema, { state: 'completed' }));
      },
    }),
  ];
}

/** @throws {StileError} invalidArgument for an unknown version: it is named in the body */
async function destroy(services: ApiServices, keyVersionId: string, by: string): Promise<void> {
  try {
    await services.keyRing.destroy(`kdk_${keyVersionId.slice('kdkv_'.length)}`, by);
  } catch (error) {
    if (!(error instanceof StileError) || error.code !== 'notFound') throw error;
    const description = `Key version "${keyVersionId}" does not exist.`;
    throw invalidField('key_version_id', description);
  }
}
