/** The certificate authority of the cluster, under `/v1/workers` (http-api.md §2.16). */
import { invalidField } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import { ok, operation, type Operation } from '../operation.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { shownList, shownText, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices } from '../services.ts';
import { readScope, resourceIn } from './item.ts';

const certificateFields = {
  id: shownText,
  public_key_sha256: { ...shownText, summary: 'Hexadecimal SHA-256 of the SubjectPublicKeyInfo.' },
  not_before_time: shownTime,
  not_after_time: { ...shownTime, summary: 'Until when it is trusted.' },
} as const;

const authoritySchema = schemaOf('CertificateAuthority', {
  certs: {
    ...shownList(certificateFields),
    summary: 'The current one first; then the one it took the place of.',
  },
});

function authorityOperation(
  services: ApiServices,
  row: {
    readonly verb: 'read-certificate-authority' | 'reinitialize-certificate-authority';
    readonly method: 'GET' | 'POST';
    readonly summary: string;
    readonly act: () => Promise<void>;
  },
): Operation {
  return operation({
    resource: 'workers',
    verb: row.verb,
    method: row.method,
    on: 'collection',
    summary: row.summary,
    query: [{ name: 'scope_id', type: 'string', summary: '`global`.' }],
    response: { schema: authoritySchema },
    permission: { type: 'worker', action: row.verb },
    parse: ({ query }) => requireGlobal(query.text('scope_id')),
    locate: async (scopeId) => ({
      resource: resourceIn(await readScope(services.scopes, scopeId), 'worker'),
    }),
    act: async ({ visible }) => {
      await row.act();
      await services.workers.authority.refresh();
      const certs = services.workers.authority.list().map((each) => ({
        id: each.id,
        public_key_sha256: each.publicKeySha256,
        not_before_time: each.notBefore,
        not_after_time: each.notAfter,
      }));
      return ok(renderItem(authoritySchema, { certs }, visible));
    },
  });
}

/** The scope of the query. @throws {StileError} invalidArgument */
function requireGlobal(scopeId: string): string {
  if (scopeId === globalScopeId) return scopeId;
  throw invalidField('scope_id', "Must be 'global'");
}

/** The rows about the authority. */
export function workerAuthorityOperations(services: ApiServices): readonly Operation[] {
  return [
    authorityOperation(services, {
      verb: 'read-certificate-authority',
      method: 'GET',
      summary: 'Shows the certificate authorities of the cluster.',
      act: () => Promise.resolve(),
    }),
    authorityOperation(services, {
      verb: 'reinitialize-certificate-authority',
      method: 'POST',
      summary:
        'Makes a new certificate authority. Linked workers move over within seconds, others when they link within a week; after a second call at once only those that have moved over.',
      act: () => services.workers.authority.reinitialize(),
    }),
  ];
}
