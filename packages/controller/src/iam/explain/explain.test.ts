import {
  actionsOf,
  parseGrantForEvaluation,
  resourceTypeOfId,
  StileError,
  type ParsedGrant,
  type ResourceType,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Acl, type AclGrant, type AclResource } from '../acl.ts';
import { explain, type ExplainedCaller, type ExplainedRole, type Explanation } from './explain.ts';

const parents: Readonly<Record<string, string | null>> = {
  global: null,
  o_1: 'global',
  o_2: 'global',
  p_1: 'o_1',
  p_2: 'o_1',
  p_3: 'o_2',
};

function parsed(text: string): ParsedGrant | undefined {
  try {
    return parseGrantForEvaluation(text);
  } catch (error) {
    if (error instanceof StileError) return undefined;
    throw error;
  }
}

/** `[scope→grant scopes] principal: grant` of one role with one grant. */
function role(id: string, place: string, principal: string, ...grants: readonly string[]): ExplainedRole {
  const [scopeId = '', grantScopes = ''] = place.split('→');
  return {
    id,
    scopeId,
    parentScopeId: parents[scopeId] ?? null,
    grants: grants.map((raw) => ({ raw, parsed: parsed(raw) })),
    grantScopes: grantScopes.split(',').filter((each) => each !== ''),
    principalIds: principal === '' ? [] : [principal],
  };
}

function callerOf(userId: string, accountId?: string, groups: readonly string[] = []): ExplainedCaller {
  const isNobody = userId === 'u_anon';
  return {
    userId,
    accountId,
    isNobody,
    principalIds: new Set([userId, 'u_anon', ...(isNobody ? [] : ['u_auth']), ...groups]),
  };
}

function resource(text: string): AclResource {
  const [type = '', ...rest] = text.split(' ');
  const at = rest.find((part) => part.startsWith('@'))?.slice(1) ?? 'p_1';
  return {
    type: type as ResourceType,
    id: rest.find((part) => !part.startsWith('@') && !part.startsWith('pin=')),
    pin: rest.find((part) => part.startsWith('pin='))?.slice(4),
    scopeId: at,
    parentScopeId: parents[at] ?? null,
  };
}

const obstaclesOf = (explanation: Explanation): readonly string[] =>
  (explanation.others[0]?.mismatches ?? []).map((each) => each.obstacle);

describe('an explanation', () => {
  it('names the grant, its role and by what the user holds it', () => {
    const held = role('r_1', 'p_1→this', 'g_1', 'ids=*;type=target;actions=read', 'type=role;actions=list');
    const { allowed, matches } = explain(
      callerOf('u_1', undefined, ['g_1']),
      resource('target ttcp_1'),
      'read',
      [role('r_0', 'p_1→this', 'u_2', 'ids=*;type=*;actions=*'), held],
    );
    expect(allowed).toBe(true);
    expect(matches).toEqual([
      {
        roleId: 'r_1',
        roleScopeId: 'p_1',
        grant: 'ids=*;type=target;actions=read',
        grantScope: 'this',
        principalId: 'g_1',
        mismatches: [],
      },
    ]);
  });

  /** place | principal | grant | resource | action | what is in the way */
  const vectors = `
p_1→this | u_2 | ids=*;type=target;actions=read | target ttcp_1 | read | principal
p_2→this | u_1 | ids=*;type=target;actions=read | target ttcp_1 | read | scope
o_1→this | u_1 | ids=*;type=target;actions=read | target ttcp_1 | read | scope
global→children | u_1 | ids=*;type=target;actions=read | target ttcp_1 | read | scope
global→descendants | u_1 | ids=*;type=role;actions=read | role r_9 @global | read | scope
p_1→ | u_1 | ids=*;type=target;actions=read | target ttcp_1 | read | scope
p_1→this | u_1 | ids=*;type=session;actions=read | target ttcp_1 | read | type
p_1→this | u_1 | ids=ttcp_2;actions=read | target ttcp_1 | read | id
p_1→this | u_1 | type=target;actions=list | target ttcp_1 | list | id
p_1→this | u_1 | ids=hcst_1;type=*;actions=* | host-catalog hcst_1 | read | id
p_1→this | u_1 | ids=hcst_1;type=host;actions=* | host hst_1 pin=hcst_2 | read | id
p_1→this | u_1 | ids=hcst_1;type=host;actions=* | host-set hsst_1 pin=hcst_1 | read | type
p_1→this | u_1 | ids=ttcp_1;actions=* | target ttcp_1 | create | action
p_1→this | u_1 | ids=*;type=target;actions=list | target ttcp_1 | read | action
p_1→this | u_1 | ids=*;type=target;output_fields=id | target ttcp_1 | read | action
p_1→this | u_1 | ids=*;type=session;actions=read:self | session s_1 | read | action
global→this | u_1 | ids={{account.id}};actions=read | account acctpw_1 pin=ampw_1 @global | read | id
p_2→this | u_2 | ids=ttcp_2;actions=list | target ttcp_1 | read | action id principal scope
p_1→this | u_1 | rubbish | target ttcp_1 | read | unreadable
`
    .trim()
    .split('\n')
    .map((line) => [line] as const);

  it.each(vectors)('says what is in the way: %s', (line) => {
    const [place = '', principal = '', grant = '', what = '', action = '', expected = ''] = line.split(' | ');
    const answer = explain(callerOf('u_1'), resource(what), action, [role('r_1', place, principal, grant)]);
    expect(answer.allowed).toBe(false);
    expect(answer.matches).toEqual([]);
    expect([...obstaclesOf(answer)].sort().join(' ')).toBe(expected);
    for (const { text } of answer.others[0]?.mismatches ?? []) expect(text).not.toBe('');
  });

  it.each([
    ['ids=*;type=*;actions=*', 'scope @global', 'list', ['type']],
    ['ids=*;type=scope;actions=*', 'scope o_1 @global', 'read', ['action']],
    ['ids=*;type=target;actions=*', 'target ttcp_1', 'read', ['action']],
  ] as const)(
    'for the anonymous of %s on %s, %s says what nobody can be granted',
    (grant, what, action, expected) => {
      const roles = [role('r_1', 'global→this,descendants', 'u_anon', grant)];
      const answer = explain(callerOf('u_anon'), resource(what), action, roles);
      expect([answer.allowed, obstaclesOf(answer)]).toEqual([false, expected]);
    },
  );

  it('puts the grant with the least in its way first', () => {
    const roles = [
      role('r_far', 'p_2→this', 'u_2', 'ids=*;type=user;actions=list'),
      role('r_near', 'p_1→this', 'u_1', 'ids=*;type=target;actions=list'),
      role('r_second', 'p_1→this', 'u_2', 'ids=*;type=target;actions=list'),
    ];
    const { others } = explain(callerOf('u_1'), resource('target ttcp_1'), 'read', roles);
    expect(others.map((each) => each.roleId)).toEqual(['r_near', 'r_second', 'r_far']);
  });

  it('allows nothing to whoever holds a grant that cannot be read, and says so', () => {
    const roles = [
      role('r_1', 'p_1→this', 'u_1', 'ids=*;type=*;actions=*'),
      role('r_2', 'p_2→this', 'u_1', 'rubbish'),
    ];
    const answer = explain(callerOf('u_1'), resource('target ttcp_1'), 'read', roles);
    expect([answer.allowed, answer.isRightless, answer.others[0]?.roleId]).toEqual([false, true, 'r_2']);
    const other = explain(callerOf('u_2'), resource('target ttcp_1'), 'read', roles);
    expect(other.isRightless).toBe(false);
  });
});

const scopes = Object.keys(parents);
const types = [
  'target',
  'session',
  'host',
  'host-set',
  'host-catalog',
  'role',
  'scope',
  'auth-method',
  'account',
] as const;
const ids = [
  'ttcp_1',
  'ttcp_2',
  's_1',
  'hst_1',
  'hsst_1',
  'hcst_1',
  'r_1',
  'o_1',
  'p_1',
  'ampw_1',
  'acctpw_1',
];

const grantText = fc
  .record({
    ids: fc.oneof(
      fc.constantFrom('', 'ids=*', 'ids=*', 'ids={{user.id}}', 'ids={{account.id}}'),
      fc.constantFrom(...ids).map((id) => `ids=${id}`),
    ),
    type: fc.constantFrom('', '*', '*', ...types),
    actions: fc.oneof(
      fc.constant(['*']),
      fc.subarray(['read', 'read:self', 'list', 'create', 'no-op', 'authenticate', 'authorize-session']),
    ),
    fields: fc.constantFrom('', '', 'output_fields=id'),
  })
  .map(({ ids: idPart, type, actions, fields }) =>
    [
      idPart,
      type === '' ? '' : `type=${type}`,
      actions.length === 0 ? 'output_fields=name' : `actions=${actions.join(',')}`,
      fields,
    ]
      .filter((part) => part !== '')
      .join(';'),
  );

const anyRole = fc
  .record({
    scopeId: fc.constantFrom('global', 'o_1', 'p_1', ...scopes),
    grantScopes: fc.uniqueArray(fc.constantFrom('this', 'children', 'descendants', ...scopes), {
      maxLength: 3,
    }),
    principalIds: fc.uniqueArray(fc.constantFrom('u_1', 'u_2', 'u_anon', 'u_auth', 'g_1', 'g_2'), {
      maxLength: 3,
    }),
    grants: fc.array(grantText, { minLength: 1, maxLength: 5 }),
  })
  .map(({ scopeId, grants, ...rest }): ExplainedRole => ({
    id: 'r_1',
    scopeId,
    parentScopeId: parents[scopeId] ?? null,
    grants: grants.map((raw) => ({ raw, parsed: parsed(raw) })),
    ...rest,
  }));

const anyResource = fc
  .record({
    type: fc.constantFrom(...types),
    id: fc.constantFrom(undefined, ...ids),
    pin: fc.constantFrom(undefined, 'hcst_1', 'ampw_1', 'hcst_2'),
    scopeId: fc.constantFrom('global', 'o_1', 'p_1'),
  })
  .filter(({ type, id }) => id === undefined || resourceTypeOfId(id) === type)
  .map(({ scopeId, ...rest }): AclResource => ({
    ...rest,
    scopeId,
    parentScopeId: parents[scopeId] ?? null,
  }));

/** The grants that the caller holds, as the ACL takes them. */
function heldGrants(roles: readonly ExplainedRole[], caller: ExplainedCaller): readonly AclGrant[] {
  return roles
    .filter((each) => each.principalIds.some((id) => caller.principalIds.has(id)))
    .flatMap((each) =>
      each.grants.flatMap(({ parsed: grant }) =>
        each.grantScopes.map((grantScope) => {
          if (grant === undefined) throw new Error('every generated grant can be read');
          return {
            grant,
            roleId: each.id,
            roleScopeId: each.scopeId,
            roleParentScopeId: each.parentScopeId,
            // A role's own scope is stored as `this`.
            grantScope: grantScope === each.scopeId ? 'this' : grantScope,
          };
        }),
      ),
    );
}

describe('an explanation and the access control list', () => {
  it('agree on every question: allowed if and only if authorized', () => {
    let allowed = 0;
    const anyCaller = fc.constantFrom(
      callerOf('u_1'),
      callerOf('u_1', 'acctpw_1'),
      callerOf('u_2', undefined, ['g_1']),
      callerOf('u_anon'),
    );
    const everyAction = types.flatMap((type) => [...actionsOf(type).id, ...actionsOf(type).collection]);
    const anyAction = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('read', 'read:self', 'list', 'create', 'no-op', 'authenticate'),
      },
      { weight: 1, arbitrary: fc.constantFrom(...new Set(everyAction)) },
    );
    fc.assert(
      fc.property(
        fc.array(anyRole, { maxLength: 8 }),
        anyCaller,
        anyResource,
        anyAction,
        (roles, caller, what, action) => {
          const { userId, accountId } = caller;
          const acl = new Acl({ grants: heldGrants(roles, caller), userId, accountId });
          const explanation = explain(caller, what, action, roles);
          const { authorized } = acl.decide(what, action);
          if (authorized) allowed += 1;
          expect(explanation.allowed).toBe(authorized);
          expect(explanation.matches.length > 0).toBe(authorized);
          expect(explanation.matches.length + explanation.others.length).toBe(
            roles.reduce((sum, each) => sum + each.grants.length, 0),
          );
          for (const other of explanation.others) expect(other.mismatches.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 5000 },
    );
    // One in ten, so that the other side of the equality is tried as well.
    expect(allowed).toBeGreaterThan(100);
  });
});
