/** Names, descriptions and grants of the first resources; facts that scripts look up (http-api.md §3.1, §4.2, grants.md §4). */
import type { RoleText } from '../iam/scope-roles.ts';

/** Held by everybody: enough to log in. */
export const loginGrants: RoleText = {
  name: 'Login Grants',
  description: 'Role created for login capability for unauthenticated users',
  grants: [
    'ids=*;type=scope;actions=list,no-op',
    'ids=*;type=auth-method;actions=list,authenticate',
    'ids=*;type=auth-token;actions=read:self,delete:self',
  ],
};

/** Held by every user that is logged in. In `dev` every user may connect; after `database init` nobody may until a role says so. */
export function authenticatedUserGrants(mayConnect: 'mayConnect' | 'mayNotConnect'): RoleText {
  const targetActions = mayConnect === 'mayConnect' ? 'list,read,authorize-session' : 'list,read';
  return {
    name: 'Authenticated User Grants',
    description: 'Role created for account self-management, and other initial authenticated user grants',
    grants: [
      'ids=*;type=scope;actions=read',
      'ids=*;type=auth-token;actions=list',
      'ids={{.Account.Id}};actions=read,change-password',
      'ids=*;type=session;actions=list,read:self,cancel:self',
      'ids={{.User.Id}};type=user;actions=list-resolvable-aliases',
      `ids=*;type=target;actions=${targetActions}`,
    ],
  };
}

/** Held by the first administrator. */
export const administration: RoleText = {
  name: 'Administration',
  description: 'Provides admin grants within all scopes to the initial admin user',
  grants: ['ids=*;type=*;actions=*'],
};

/** Everything else that is made at the start. */
export const initialTexts = {
  authMethod: {
    name: 'Generated global scope initial password auth method',
    description: 'Provides initial administrative and unprivileged authentication into Boundary',
  },
  admin: { name: 'admin', description: 'Initial admin user within the "global" scope' },
  user: { name: 'user', description: 'Initial unprivileged user' },
  org: { name: 'Generated org scope', description: 'Provides an initial org scope in Boundary' },
  project: { name: 'Generated project scope', description: 'Provides an initial project scope in Boundary' },
  hostCatalog: {
    name: 'Generated host catalog',
    description: 'Provides an initial host catalog in Boundary',
  },
  host: { name: 'Generated host', description: 'Provides an initial host in Boundary' },
  hostSet: { name: 'Generated host set', description: 'Provides an initial host set in Boundary' },
  targetAddress: {
    name: 'Generated target with a direct address',
    description: 'Provides an initial target using an address in Boundary',
  },
  targetHostSource: {
    name: 'Generated target using host sources',
    description: 'Provides a target using host sources in Boundary',
  },
  targetSsh: {
    name: 'Generated localhost ssh target with an alias',
    description: 'Provides an initial localhost target to SSH to using an alias in Boundary',
    alias: 'ssh.boundary.dev',
  },
  targetPostgres: {
    name: 'Generated local postgres target with alias',
    description:
      'Provides a local postgres target using aliasing in Boundary. Connect using the flag `-dbname boundary2`',
    alias: 'postgres.boundary.dev',
  },
  targetWeb: {
    name: 'www.hashicorp.com',
    description:
      'Provides an initial web target using an address in Boundary. Note: Only HTTPS is supported, as this target uses port 443. Alias names for web targets should match the URL for the target.',
    alias: 'www.hashicorp.com',
  },
  worker: { description: 'A default worker created in dev mode' },
} as const;
