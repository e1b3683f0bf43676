/** Names, descriptions and grants of the roles that a new scope begins with; facts that scripts look up (grants.md §4.2). */

/** A role to make: everything of it. */
export interface RoleText {
  readonly name: string;
  readonly description: string;
  readonly grants: readonly string[];
}

/** The two roles of every new org or project (grants.md §4.2): its administration, held by who created it, and the default grants. */
export function scopeRoles(
  type: 'org' | 'project',
  scopeId: string,
  userId: string,
): { administration: RoleText; defaults: RoleText } {
  return {
    administration: {
      name: 'Administration',
      description: `Role created for administration of scope ${scopeId} by user ${userId} at its creation time`,
      grants: ['ids=*;type=*;actions=*'],
    },
    defaults: type === 'org' ? orgDefaults(scopeId) : projectDefaults(scopeId),
  };
}

function orgDefaults(scopeId: string): RoleText {
  return {
    name: 'Login and Default Grants',
    description: `Role created for login capability, account self-management, and other default grants for users of scope ${scopeId} at its creation time`,
    grants: [
      'ids=*;type=scope;actions=list,no-op',
      'ids=*;type=auth-method;actions=authenticate,list',
      'ids={{.Account.Id}};actions=read,change-password',
      'ids=*;type=auth-token;actions=list,read:self,delete:self',
    ],
  };
}

function projectDefaults(scopeId: string): RoleText {
  return {
    name: 'Default Grants',
    description: `Role created to provide default grants to users of scope ${scopeId} at its creation time`,
    grants: ['ids=*;type=session;actions=list,read:self,cancel:self', 'type=target;actions=list'],
  };
}
