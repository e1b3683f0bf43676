/** The table of resources: every kind that the command line knows is one row (cli.md §2.2). */
import type { ResourceSpec } from './resource-spec.ts';
import { groups, scopes, users } from './rows/access-rows.ts';
import { credentialLibraries, credentials, credentialStores } from './rows/credential-rows.ts';
import { billing, policies, sessionRecordings, storageBuckets } from './rows/enterprise-rows.ts';
import { hostCatalogs, hosts, hostSets } from './rows/host-rows.ts';
import { accounts, authMethods, authTokens, managedGroups } from './rows/login-rows.ts';
import { roles } from './rows/role-row.ts';
import { sessions } from './rows/session-rows.ts';
import { aliases, targets } from './rows/target-rows.ts';
import { workers } from './rows/worker-rows.ts';

/** Every row. */
export const specs: readonly ResourceSpec[] = [
  accounts,
  aliases,
  authMethods,
  authTokens,
  billing,
  credentialLibraries,
  credentialStores,
  credentials,
  groups,
  hostCatalogs,
  hostSets,
  hosts,
  managedGroups,
  policies,
  roles,
  scopes,
  sessionRecordings,
  sessions,
  storageBuckets,
  targets,
  users,
  workers,
];
