/** Part of the composition root: the use cases as the API calls them. Reads go straight to the repositories. */
import type { ApiServices } from './api/services.ts';
import { listResolvableAliases } from './alias/alias-repository.ts';
import { listAccounts, lookupAccount } from './auth/account-repository.ts';
import { listAuthMethods, lookupAuthMethod } from './auth/auth-method-repository.ts';
import type { IamService } from './iam/iam-service.ts';
import { listScopes, lookupScope } from './iam/scope-repository.ts';
import { listPeople, listUsers, lookupUser } from './iam/user-repository.ts';
import type { KeyService } from './keys/key-service.ts';
import { SessionViews } from './session/view/session-views.ts';
import type { Database } from './store/database.ts';
import { listSince } from './store/deleted-resource-repository.ts';
import { estimateRows } from './store/list/row-estimate.ts';
import { lookupTargetView } from './target/target-view-repository.ts';

/** What is made here of the rest. */
type MadeServices =
  'lookupTarget' | 'scopes' | 'users' | 'authMethods' | 'accounts' | 'sessionViews' | 'lists';

/** What the API stands on, and what its reads need. */
export type ApiParts = Omit<ApiServices, MadeServices> & {
  readonly database: Database;
  readonly iam: IamService;
  readonly keys: KeyService;
};

/** The use cases behind the API. `maxPageSize` is that of `/v1`. */
export function apiServices(parts: ApiParts, maxPageSize: number): ApiServices {
  const { database, iam, clock, nodes } = parts;
  const { reader } = database;
  return {
    ...parts,
    lookupTarget: (id) => lookupTargetView(reader, id),
    scopes: {
      lookup: (id) => iam.lookup(id),
      tree: () => iam.tree(),
      lookupRow: (id) => lookupScope(reader, id),
      listRows: (parentIds, page) => listScopes(reader, parentIds, page),
    },
    users: {
      lookup: (id) => lookupUser(reader, id),
      list: (scopeIds, page) => listUsers(reader, scopeIds, page),
      people: (request) => listPeople(reader, request),
      resolvableAliases: (permissions, page) => listResolvableAliases(reader, permissions, page),
    },
    authMethods: {
      lookup: (id) => lookupAuthMethod(reader, id),
      list: (scopeIds, page) => listAuthMethods(reader, scopeIds, page),
    },
    accounts: {
      lookup: (id) => lookupAccount(reader, id),
      list: (authMethodId, page) => listAccounts(reader, authMethodId, page),
    },
    sessionViews: new SessionViews({ database, clock, nodes }),
    lists: {
      keys: parts.keys,
      clock,
      maxPageSize,
      estimate: (rows, limit) => estimateRows(reader, rows, limit),
      deletedSince: async (type, sinceUs) => (await listSince(reader, type, sinceUs)).ids,
    },
  };
}
