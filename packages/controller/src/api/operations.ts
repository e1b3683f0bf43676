/** The one table: every operation that the API serves. A new resource is one file in resources/ and one line here. */
import { ok, publicOperation, type Operation } from './operation.ts';
import { openApiDocument } from './openapi.ts';
import { absentResourceOperations } from './resources/absent-resources.ts';
import { accountOperations } from './resources/accounts.ts';
import { aliasOperations } from './resources/aliases.ts';
import { authMethodOperations } from './resources/auth-methods.ts';
import { authTokenOperations } from './resources/auth-tokens.ts';
import { credentialStoreOperations } from './resources/credential-stores.ts';
import { credentialOperations } from './resources/credentials.ts';
import { billingOperations } from './resources/billing.ts';
import { eventOperations } from './resources/events.ts';
import { enterpriseOperations } from './resources/enterprise.ts';
import { groupOperations } from './resources/groups.ts';
import { hostCatalogOperations } from './resources/host-catalogs.ts';
import { hostSetOperations } from './resources/host-sets.ts';
import { hostOperations } from './resources/hosts.ts';
import { roleExplainOperation } from './resources/role-explain.ts';
import { roleOperations } from './resources/roles.ts';
import { scopeKeyOperations } from './resources/scope-keys.ts';
import { scopeOperations } from './resources/scopes.ts';
import { sessionOperations } from './resources/sessions.ts';
import { targetOperations } from './resources/targets.ts';
import { twoFactorOperations } from './resources/two-factor.ts';
import { userIdentityOperations } from './resources/user-identity.ts';
import { userOperations } from './resources/users.ts';
import { workerOperations } from './resources/workers.ts';
import type { ApiServices } from './services.ts';

/** Version of the API that the OpenAPI document tells. */
const apiVersion = '1.0.0';

/** `GET /v1/openapi.json`; made once. */
function documentOperation(operations: readonly Operation[]): Operation {
  const document = openApiDocument(operations, apiVersion);
  return publicOperation(
    {
      resource: 'openapi.json',
      verb: 'list',
      method: 'GET',
      on: 'collection',
      summary: 'This document.',
    },
    'the document says what the API is, nothing of what it holds',
    () => Promise.resolve(ok(document)),
  );
}

/** Every operation, over the given use cases. */
export function apiOperations(services: ApiServices): readonly Operation[] {
  const operations = [
    ...scopeOperations(services),
    ...scopeKeyOperations(services),
    ...authMethodOperations(services),
    ...accountOperations(services),
    ...authTokenOperations(services),
    ...userOperations(services),
    ...twoFactorOperations(services),
    ...userIdentityOperations(services),
    ...groupOperations(services),
    ...roleOperations(services),
    roleExplainOperation(services),
    ...hostCatalogOperations(services),
    ...hostSetOperations(services),
    ...hostOperations(services),
    ...targetOperations(services),
    ...aliasOperations(services),
    ...credentialStoreOperations(services),
    ...credentialOperations(services),
    ...absentResourceOperations(services),
    ...sessionOperations(services),
    ...workerOperations(services),
    ...billingOperations(services),
    ...eventOperations(services),
    ...enterpriseOperations(),
  ];
  return [...operations, documentOperation(operations)];
}
