import {
  actionsOf,
  coversAction,
  coversTarget,
  isAnonymousAction,
  parseGrantForEvaluation,
  resourceTypeOfId,
  resourceTypes,
  type ResourceType,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Acl, type AclGrant, type AclResource, type ListPermission } from './acl.ts';

const parents: Readonly<Record<string, string | null>> = {
  global: null,
  o_1: 'global',
  o_9: 'global',
  o_b: 'global',
  o_d: 'global',
  p_1: 'o_1',
  p_2: 'o_1',
  p_9: 'o_9',
};

/** `[role scope→grant scope] grant …` of grants.md §5. A grant scope that is the role's own is stored as `this`. */
function grants(place: string, ...texts: readonly string[]): readonly AclGrant[] {
  const [roleScopeId = '', grantScope = ''] = place.split('→');
  return texts.map((text) => ({
    grant: parseGrantForEvaluation(text),
    roleId: 'r_1',
    roleScopeId,
    roleParentScopeId: parents[roleScopeId] ?? null,
    grantScope: grantScope === roleScopeId ? 'this' : grantScope,
  }));
}

/** `type id pin=… @scope` to a resource. */
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

const all = 'ids=*;type=*;actions=*';
const loginGrants = grants(
  'global→global',
  'ids=*;type=scope;actions=list,no-op',
  'ids=*;type=auth-method;actions=list,authenticate',
  'ids=*;type=auth-token;actions=read:self,delete:self',
).flatMap((grant) => [grant, { ...grant, grantScope: 'descendants' }]);
const devGrants = [
  ...loginGrants,
  ...grants(
    'global→global',
    'ids=*;type=scope;actions=read',
    'ids=*;type=auth-token;actions=list',
    'ids={{.Account.Id}};actions=read,change-password',
    'ids=*;type=session;actions=list,read:self,cancel:self',
    'ids={{.User.Id}};type=user;actions=list-resolvable-aliases',
    'ids=*;type=target;actions=list,read,authorize-session',
  ).flatMap((grant) => [grant, { ...grant, grantScope: 'descendants' }]),
];
const pinAll = grants('p_1→p_1', 'ids=hcst_1;type=*;actions=*');

/**
 * grants.md §5: number | [role scope→grant scope] grants | user/account (- is none) | resource | results. A = allowed, D = denied,
 * `{…}` = the fields when they are not the caller's default. LOGIN and DEV are the roles of §4.1.
 */
const vectorText = `
1 | [p_1→p_1] ids=*;type=*;actions=* | u_1 | target ttcp_1 | read A, list A, create A, authorize-session A, delete A
2 | [p_1→p_1] ids=*;type=*;actions=* | u_1 | target ttcp_1 @p_2 | read D
3 | [p_1→p_1] ids=*;type=*;actions=* | u_anon | target | list D
4 | [global→global] ids=*;type=*;actions=* | u_anon | scope @global | list D, no-op D
5 | [global→global] ids=*;type=scope;actions=* | u_anon | scope @global | list A, no-op A, read D, create D
6 | [global→global] type=scope;actions=list | u_anon | scope @global | list A, no-op D
7 | [global→global] ids=*;type=auth-method;actions=list,authenticate,read | u_anon | auth-method ampw_1 @global | list A, authenticate A, read D, no-op D
8 | [global→global] ids=ampw_1;actions=authenticate | u_anon | auth-method ampw_1 @global | authenticate D
9 | [global→global] ids=ampw_1;type=auth-method;actions=authenticate | u_anon | auth-method ampw_1 @global | authenticate A
10 | [global→global] ids=ampw_1;type=auth-method;actions=authenticate | u_anon | auth-method ampw_2 @global | authenticate A
11 | [global→global] ids=ampw_1;actions=authenticate | u_1 | auth-method ampw_1 @global | authenticate A
12 | [p_1→p_1] ids=*;type=target;actions=list,read,authorize-session | u_1 | target ttcp_1 | list A, read A, authorize-session A, update D, delete D, create D, no-op D
13 | [p_1→p_1] type=target;actions=list | u_1 | target | list A, create D
14 | [p_1→p_1] type=target;actions=list | u_1 | target ttcp_1 | list D, read D
15 | [p_1→p_1] type=target;actions=create,list | u_1 | target | create A, list A
16 | [p_1→p_1] ids=ttcp_1;actions=authorize-session | u_1 | target ttcp_1 | authorize-session A, read D
17 | [p_1→p_1] ids=ttcp_1;actions=authorize-session | u_1 | target ttcp_2 | authorize-session D
18 | [p_1→p_1] ids=ttcp_1;actions=* | u_1 | target ttcp_1 | authorize-session A, delete A, list D, create D
19 | [p_1→p_1] ids=ttcp_1;actions=* | u_1 | target | list D, create D
20 | [p_1→p_1] ids=ttcp_1;type=target;actions=read | u_1 | target ttcp_1 | read A
21 | [p_1→p_1] ids=ttcp_1;type=host;actions=read | u_1 | target ttcp_1 | read D
22 | [p_1→p_1] ids=hcst_1;type=host;actions=create,list,read | u_1 | host pin=hcst_1 | create A, list A
23 | [p_1→p_1] ids=hcst_1;type=host;actions=create,list,read | u_1 | host hst_9 pin=hcst_1 | read A, update D
24 | [p_1→p_1] ids=hcst_1;type=host;actions=create,list,read | u_1 | host hst_9 pin=hcst_2 | read D
25 | [p_1→p_1] ids=hcst_1;type=host;actions=create,list,read | u_1 | host-set hsst_9 pin=hcst_1 | read D
26 | [p_1→p_1] ids=hcst_1;type=host;actions=create,list,read | u_1 | host-catalog hcst_1 | read D
27 | [p_1→p_1] ids=hcst_1;type=*;actions=* | u_1 | host-set hsst_9 pin=hcst_1 | read A, update A, add-hosts A, create A, list A
28 | [p_1→p_1] ids=hcst_1;type=*;actions=* | u_1 | host-catalog hcst_1 | read D
29 | [p_1→p_1] ids=hcst_1;actions=* | u_1 | host-set hsst_9 pin=hcst_1 | read D
30 | [p_1→p_1] ids=hcst_1;actions=* | u_1 | host-catalog hcst_1 | read A, delete A
31 | [p_1→p_1] type=host-set;actions=create | u_1 | host-set pin=hcst_1 | create D
32 | [p_1→p_1] ids=*;type=host-set;actions=create,list | u_1 | host-set pin=hcst_1 | create A, list A, read D
33 | [p_1→p_1] ids=s_1;actions=read:self | u_1 | session s_1 | read:self A, read D, cancel:self D
34 | [p_1→p_1] ids=*;type=session;actions=list,read:self,cancel:self | u_1 | session s_1 | list A, read:self A, cancel:self A, read D, cancel D, no-op D
35 | [p_1→p_1] ids=*;type=session;actions=read,cancel | u_1 | session s_1 | read A, read:self A, cancel A, cancel:self A, list D
36 | [p_1→p_1] ids=*;type=session;actions=list,no-op | u_1 | session s_1 | list A, no-op A, read:self D
37 | [global→global] type=worker;actions=create | u_1 | worker @global | create A, create:worker-led A, create:controller-led A, list D
38 | [global→global] type=worker;actions=create:worker-led | u_1 | worker @global | create:worker-led A, create:controller-led D, create D
39 | [global→global] ids={{.User.Id}};actions=read,update | u_1 | user u_1 @global | read A, update A, delete D
40 | [global→global] ids={{.User.Id}};actions=read,update | u_1 | user u_2 @global | read D
41 | [global→global] ids={{.User.Id}};type=user;actions=list-resolvable-aliases | u_1 | user u_1 @global | list-resolvable-aliases A
42 | [global→global] ids={{account.id}};actions=change-password | u_1/acctpw_1 | account acctpw_1 pin=ampw_1 @global | change-password A, set-password D, read D
43 | [global→global] ids={{account.id}};actions=change-password | u_1/acctpw_1 | account acctpw_2 pin=ampw_1 @global | change-password D
44 | [global→global] ids={{account.id}};actions=change-password | u_1 | account acctpw_1 pin=ampw_1 @global | change-password D
45 | [global→descendants] ids=*;type=target;actions=read | u_1 | target ttcp_1 | read A
46 | [global→descendants] ids=*;type=role;actions=read | u_1 | role r_1 @o_1 | read A
47 | [global→descendants] ids=*;type=role;actions=read | u_1 | role r_1 @global | read D
48 | [global→children] ids=*;type=role;actions=read | u_1 | role r_1 @o_1 | read A
49 | [global→children] ids=*;type=role;actions=read | u_1 | role r_1 @p_1 | read D
50 | [global→children] ids=*;type=role;actions=read | u_1 | role r_1 @global | read D
51 | [o_1→children] ids=*;type=target;actions=read | u_1 | target ttcp_1 @p_1 | read A
52 | [o_1→children] ids=*;type=target;actions=read | u_1 | target ttcp_1 @p_9 | read D
53 | [o_1→children] ids=*;type=role;actions=read | u_1 | role r_1 @o_1 | read D
54 | [o_1→o_1] ids=*;type=target;actions=read | u_1 | target ttcp_1 @p_1 | read D
55 | [o_1→p_1] ids=*;type=target;actions=read | u_1 | target ttcp_1 @p_1 | read A
56 | [global→global] ids=*;type=*;actions=* | u_1 | target ttcp_1 @p_1 | read D
57 | LOGIN | u_anon | auth-method ampw_1 @o_1 | list A, authenticate A, read D, no-op D
58 | LOGIN | u_anon | auth-token at_1 @global | read:self D, delete:self D
59 | LOGIN | u_1 | auth-token at_1 @global | read:self A, delete:self A, read D, delete D, list D
60 | LOGIN | u_1 | scope p_1 @o_1 | no-op A, list A, read D
61 | DEV | u_1/acctpw_1 | scope p_1 @o_1 | no-op A, read A, list A, create D
62 | DEV | u_1 | target ttcp_1 @p_1 | list A, read A, authorize-session A, update D
63 | DEV | u_1 | session s_1 @p_1 | list A, read:self A, cancel:self A, read D, cancel D
64 | DEV | u_1/acctpw_1 | account acctpw_1 pin=ampw_1 @global | read A, change-password A, set-password D, delete D
65 | DEV | u_1 | auth-token at_1 @global | list A, read:self A, delete:self A, read D, delete D
66 | DEV | u_anon | target ttcp_1 @p_1 | list D, read D, authorize-session D
67 | [p_1→p_1] ids=ttcp_1;output_fields=name + ids=ttcp_1;actions=read;output_fields=id | u_1 | target ttcp_1 | read A{id,name}, update D{name}
68 | [p_1→p_1] ids=ttcp_1;actions=read + ids=*;type=target;output_fields=id | u_1 | target ttcp_1 | read A{id}
69 | [p_1→p_1] ids=ttcp_1;actions=read + ids=*;type=target;actions=read;output_fields=id | u_1 | target ttcp_1 | read A{id}
70 | [p_1→p_1] ids=*;type=target;actions=read;output_fields= | u_1 | target ttcp_1 | read A{}
71 | [p_1→p_1] ids=ttcp_1;actions=create,read | u_1 | target ttcp_1 | read A, create D
72 | [p_1→p_1] ids=ttcp_1;type=target;actions=* | - | target ttcp_1 | read D
73 | [p_1→p_1] ids=ttcp_1;actions=add-host-sets | u_1 | target ttcp_1 | add-host-sets A, add-host-sources D
74a | [o_b→o_b] ids=*;type=host-set;actions=list,create + ids=hcst_mypin;type=host;actions=*;output_fields=name,description + ids=*;type=*;actions=authenticate + ids=*;type=*;output_fields=id | u_1 | host hst_1 pin=hcst_mypin @o_b | read A{description,id,name}, update A{description,id,name}, delete A{description,id,name}
74b | [o_b→o_b] ids=*;type=host-set;actions=list,create + ids=hcst_mypin;type=host;actions=*;output_fields=name,description + ids=*;type=*;actions=authenticate + ids=*;type=*;output_fields=id | u_1 | host hst_1 pin=hcst_other @o_b | read D{id}
74c | [o_b→o_b] ids=*;type=host-set;actions=list,create + ids=hcst_mypin;type=host;actions=*;output_fields=name,description + ids=*;type=*;actions=authenticate + ids=*;type=*;output_fields=id | u_1 | host-set hsst_1 pin=hcst_mypin @o_b | list A{id}, create A{id}, add-hosts D{id}
74d | [o_b→o_b] ids=*;type=host-set;actions=list,create + ids=hcst_mypin;type=host;actions=*;output_fields=name,description + ids=*;type=*;actions=authenticate + ids=*;type=*;output_fields=id | u_1 | auth-method ampw_1 @o_b | authenticate A{id}, list D{id}, delete D{id}
75a | [o_d→o_d] ids=*;type=*;actions=create,update + ids=*;type=session;actions=* + ids=*;type=account;actions=update;output_fields=id,version | u_1 | account acctpw_1 pin=ampw_1 @o_d | create A, update A{id,version}
75b | [o_d→o_d] ids=*;type=*;actions=create,update + ids=*;type=session;actions=* + ids=*;type=account;actions=update;output_fields=id,version | u_1 | session @o_d | list A
76 | [global→global] ids=u_bar;actions=read,update;output_fields=version + ids=u_bar;actions=read:self;output_fields=id | u_1 | user u_bar @global | read:self A{id,version}
77 | [global→global] ids=u_bar;actions=read:self,update;output_fields=version + ids=u_bar;actions=read;output_fields=id | u_1 | user u_bar @global | read A{id}
78 | [global→global] ids=u_bar;output_fields=* + ids=u_bar;actions=delete;output_fields=id | u_1 | user u_bar @global | delete A{*}
79 | [global→global] type=role;output_fields=name | u_1 | role @global | list D{name}
`;

interface Vector {
  readonly number: string;
  readonly grants: readonly AclGrant[];
  readonly caller: string;
  readonly resource: string;
  readonly expected: string;
}

const vectors: readonly Vector[] = vectorText
  .trim()
  .split('\n')
  .map((line) => {
    const [number = '', grantText = '', caller = '', target = '', expected = ''] = line.split(' | ');
    const [, place = '', texts = ''] = /^\[(.*?)\] (.*)$/.exec(grantText) ?? [];
    const named = grantText === 'LOGIN' ? loginGrants : grantText === 'DEV' ? devGrants : undefined;
    return {
      number,
      grants: named ?? grants(place, ...texts.split(' + ')),
      caller: caller === '-' ? '' : caller,
      resource: target,
      expected,
    };
  });

function aclOf(list: readonly AclGrant[], caller: string): Acl {
  const [userId = '', accountId] = caller.split('/');
  return new Acl({ grants: list, userId, accountId });
}

/** The results as the vectors write them; `{*}` and a missing `{…}` both mean every field, so only the vector tells which. */
function results(acl: Acl, target: string, expected: string): string {
  return expected
    .split(/, (?=[a-z-]+(?::[a-z-]+)? [AD])/)
    .map((part) => {
      const [, action = '', braces] = /^(\S+) [AD](\{.*\})?$/.exec(part) ?? [];
      const { authorized, outputFields } = acl.decide(resource(target), action);
      const names = outputFields.isAll ? '*' : outputFields.names?.join(',');
      const shown = braces === undefined && outputFields.isAll ? '' : `{${names}}`;
      return `${action} ${authorized ? 'A' : 'D'}${shown}`;
    })
    .join(', ');
}

const anonymousFields =
  '{authorized_actions,authorized_collection_actions,description,id,is_primary,name,plugin,plugin_id,primary_auth_method_id,scope,scope_id,type}';

/** Callers who are nobody have other defaults; the vectors leave them out. */
function withDefaults(caller: string, expected: string): string {
  if (caller === 'u_anon') return expected.replaceAll(/ ([AD])/g, ` $1${anonymousFields}`);
  return caller === '' ? expected.replaceAll(/ ([AD])/g, ' $1{}') : expected;
}

describe('access decision', () => {
  it('is asked every vector of the table (80 is below)', () => {
    const numbers = new Set(vectors.map(({ number }) => Number.parseInt(number, 10)));
    expect(numbers.size).toBe(79);
  });

  it.each(vectors)('agrees with vector $number', ({ grants: list, caller, resource: target, expected }) => {
    expect(results(aclOf(list, caller), target, expected)).toBe(withDefaults(caller, expected));
  });

  it('lets an anonymous caller do five things at most, only by grants naming the type (vector 80)', () => {
    const wildcard = aclOf(grants('global→global', all), 'u_anon');
    const named = aclOf(
      grants('global→global', ...resourceTypes.map((type) => `ids=*;type=${type};actions=*`)),
      'u_anon',
    );
    const allowed: string[] = [];
    for (const type of resourceTypes) {
      for (const action of [...actionsOf(type).id, ...actionsOf(type).collection]) {
        for (const id of [' x_1', '']) {
          const target = resource(`${type}${id} @global`);
          expect(wildcard.decide(target, action).authorized).toBe(false);
          if (named.decide(target, action).authorized) allowed.push(`${type} ${action}`);
        }
      }
    }
    expect([...new Set(allowed)].toSorted()).toEqual([
      'auth-method authenticate',
      'auth-method list',
      'auth-method no-op',
      'scope list',
      'scope no-op',
    ]);
  });

  it('lets the recovery user do everything without a grant', () => {
    const decision = aclOf([], 'u_recovery').decide(resource('target ttcp_1'), 'delete');
    expect([decision.authorized, decision.outputFields.isAll]).toEqual([true, true]);
  });

  it('denies everything without a grant', () => {
    for (const type of resourceTypes) {
      for (const action of [...actionsOf(type).id, ...actionsOf(type).collection, '*', '']) {
        expect(aclOf([], 'u_1').decide(resource(`${type} x_1`), action).authorized).toBe(false);
      }
    }
  });

  it('gives nothing below an org to a role that only claims descendants', () => {
    const acl = aclOf(grants('o_1→descendants', all), 'u_1');
    expect(acl.decide(resource('target ttcp_1 @p_1'), 'read').authorized).toBe(false);
  });

  it('does not read a grant whose template stands for nothing as one without ids', () => {
    const acl = aclOf(grants('p_1→p_1', 'ids={{account.id}};type=account;actions=*'), 'u_1');
    expect(acl.decide(resource('account'), 'list').authorized).toBe(false);
    expect(acl.decide(resource('account x_1'), 'read').authorized).toBe(false);
  });

  it('lists authorized actions sorted, each once', () => {
    const acl = aclOf(grants('p_1→p_1', 'ids=*;type=session;actions=read,no-op'), 'u_1');
    expect(acl.authorizedActions(resource('session s_1'), [...actionsOf('session').id, 'read'])).toEqual([
      'no-op',
      'read',
      'read:self',
    ]);
  });
});

/** Whether a grant's scope is one that the resource is in (grants.md §2.5). */
function reaches({ roleScopeId, grantScope }: AclGrant, target: AclResource): boolean {
  if (grantScope === 'children') return roleScopeId === target.parentScopeId;
  if (grantScope === 'descendants') return roleScopeId === 'global' && target.scopeId !== 'global';
  return (grantScope === 'this' ? roleScopeId : grantScope) === target.scopeId;
}

/** Cases 1 to 5 of grants.md §2.5 for one grant. */
function speaksOf({ grant }: AclGrant, caller: string, target: AclResource, action: string): boolean {
  const [userId = '', accountId] = caller.split('/');
  if (userId === 'u_anon') return grant.type === target.type && isAnonymousAction(target.type, action);
  const resolve = (id: string): string | undefined =>
    id === '{{user.id}}' ? userId : id === '{{account.id}}' ? accountId : id;
  const { id, pin, type } = target;
  const plain = { type, ...(id === undefined ? {} : { id }), ...(pin === undefined ? {} : { pin }) };
  if (grant.ids.length === 0) return coversTarget({ id: undefined, type: grant.type }, plain, action);
  return grant.ids
    .map(resolve)
    .some((one) => one !== undefined && coversTarget({ id: one, type: grant.type }, plain, action));
}

/** The rules asked of grant after grant: what the index must agree with. */
function naive(
  list: readonly AclGrant[],
  caller: string,
  target: AclResource,
  action: string,
): readonly [authorized: boolean, fields: string] {
  const matching = list
    .filter((grant) => reaches(grant, target) && speaksOf(grant, caller, target, action))
    .map(({ grant }) => grant)
    .filter(({ actions }) => actions.length === 0 || coversAction(new Set(actions), action));
  const authorized = matching.some(({ actions }) => actions.length > 0);
  const restricting = matching.filter(({ outputFields }) => outputFields !== undefined);
  if (restricting.length === 0) return [authorized, caller === 'u_anon' ? 'default' : '*'];
  const fields = new Set(restricting.flatMap(({ outputFields }) => outputFields ?? []));
  return [authorized, fields.has('*') ? '*' : [...fields].toSorted().join(',')];
}

describe('the index of grants', () => {
  const scopes = Object.keys(parents);
  const types = [
    'target',
    'host',
    'host-set',
    'host-catalog',
    'user',
    'account',
    'scope',
    'auth-method',
  ] as const;
  const ids = ['ttcp_1', 'ttcp_2', 'hcst_1', 'hst_1', 'u_1', 'acctpw_1', 'ampw_1', 'o_1'];
  const action = fc.constantFrom(
    'read',
    'read:self',
    'list',
    'create',
    'create:x',
    'update',
    'no-op',
    'authenticate',
  );
  const grant = fc
    .record({
      ids: fc.oneof(
        fc.constantFrom('', 'ids=*', 'ids={{user.id}}', 'ids={{account.id}}'),
        fc.constantFrom(...ids).map((id) => `ids=${id}`),
      ),
      type: fc.constantFrom('', '*', ...types),
      actions: fc.oneof(
        fc.constant(['*']),
        fc.subarray(['read', 'read:self', 'list', 'create', 'no-op', 'update']),
      ),
      fields: fc.option(fc.subarray(['id', 'name', '*'])),
      roleScopeId: fc.constantFrom(...scopes),
      grantScope: fc.constantFrom('this', 'children', 'descendants', ...scopes),
    })
    .filter(({ actions, fields }) => actions.length > 0 || fields !== null)
    .map((parts): AclGrant => {
      const text = [
        parts.ids,
        parts.type && `type=${parts.type}`,
        parts.actions.length > 0 ? `actions=${parts.actions.join(',')}` : '',
        parts.fields && `output_fields=${parts.fields.join(',')}`,
      ];
      return {
        grant: parseGrantForEvaluation(text.filter(Boolean).join(';')),
        roleId: 'r_1',
        roleScopeId: parts.roleScopeId,
        roleParentScopeId: parents[parts.roleScopeId] ?? null,
        grantScope: parts.grantScope,
      };
    });
  // Ids of the target's own type, as every real resource has.
  const target = fc
    .tuple(fc.constantFrom(...types), fc.constantFrom(...ids), fc.constantFrom('hcst_1', 'ampw_1', undefined))
    .chain(([type, id, pin]) =>
      fc.constantFrom(...scopes).map((scopeId): AclResource => {
        const own = resourceTypeOfId(id) === type ? id : undefined;
        return { type, id: own, pin, scopeId, parentScopeId: parents[scopeId] ?? null };
      }),
    );
  const caller = fc.constantFrom('u_1', 'u_1/acctpw_1', 'u_2', 'u_anon');

  it('decides as the rules do when they are asked of every grant', () => {
    let allowed = 0;
    fc.assert(
      fc.property(
        fc.array(grant, { maxLength: 8 }),
        fc.tuple(caller, target, action),
        (list, [who, what, how]) => {
          const { authorized, outputFields } = aclOf(list, who).decide(what, how);
          const shown = outputFields.isAll ? '*' : (outputFields.names ?? []).join(',');
          const expected = naive(list, who, what, how);
          if (expected[0]) allowed += 1;
          expect([authorized, expected[1] === 'default' ? 'default' : shown]).toEqual(expected);
        },
      ),
      { numRuns: 5000 },
    );
    expect(allowed).toBeGreaterThan(20);
  });

  it('lists what the rules allow item by item', () => {
    const items = ['ttcp_1', 'ttcp_2'];
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 8 }), caller, (list, who) => {
        const permissions = aclOf(list, who).listPermissions('target', tree);
        for (const { id: scopeId, parentId } of tree) {
          const found = permissions.get(scopeId);
          for (const id of items) {
            const what: AclResource = { type: 'target', id, scopeId, parentScopeId: parentId };
            const any = actionsOf('target').id.some((each) => naive(list, who, what, each)[0]);
            expect(found?.all === true || found?.ids.includes(id) === true).toBe(any);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('output fields', () => {
  const item = { id: 'ttcp_1', name: 'x', address: '10.0.0.1' };

  it('cut an item down to what may be seen', () => {
    const acl = aclOf(grants('p_1→p_1', 'ids=*;type=target;actions=read;output_fields=id,name'), 'u_1');
    const { outputFields } = acl.decide(resource('target ttcp_1'), 'read');
    expect(outputFields.apply(item)).toEqual({ id: 'ttcp_1', name: 'x' });
    expect([outputFields.includes('name'), outputFields.includes('address')]).toEqual([true, false]);
  });

  it('leave an item whole when all may be seen', () => {
    const { outputFields } = aclOf(grants('p_1→p_1', all), 'u_1').decide(resource('target ttcp_1'), 'read');
    expect(outputFields.apply(item)).toBe(item);
  });
});

const tree = ['global', 'o_1', 'p_1', 'p_2'].map((id) => ({ id, parentId: parents[id] ?? null }));
const everything: ListPermission = { all: true, own: false, ids: [], ownIds: [] };
const selfOnly = 'ids=*;type=session;actions=list,read:self,cancel:self';
const listRead = 'ids=*;type=target;actions=list,read';
const few = (...ids: readonly string[]): ListPermission => ({ all: false, own: false, ids, ownIds: [] });

/** grants.md §6. L2 by the rule under the table: each grant counts for itself. */
const lists: readonly (readonly [string, readonly AclGrant[], string, Record<string, ListPermission>])[] = [
  ['L1', grants('p_1→p_1', selfOnly), 'session/u_1', { p_1: { ...few(), own: true } }],
  [
    'L2',
    grants('p_1→p_1', selfOnly, 'ids=s_1;actions=read'),
    'session/u_1',
    { p_1: { ...few('s_1'), own: true } },
  ],
  ['L3', grants('p_1→p_1', 'ids=*;type=session;actions=list,no-op'), 'session/u_1', { p_1: everything }],
  ['L4', grants('p_1→p_1', 'type=session;actions=list'), 'session/u_1', {}],
  ['L5', grants('p_1→p_1', 'ids=*;type=session;actions=list'), 'session/u_1', {}],
  [
    'L6',
    grants('p_1→p_1', 'type=target;actions=list', 'ids=ttcp_1,ttcp_2;actions=authorize-session'),
    'target/u_1',
    { p_1: few('ttcp_1', 'ttcp_2') },
  ],
  ['L7', grants('p_1→p_1', 'type=target;actions=list'), 'target/u_1', {}],
  ['L8', grants('p_1→p_1', all), 'target/u_1', { p_1: everything }],
  [
    'L9',
    grants('global→descendants', listRead),
    'target/u_1',
    { o_1: everything, p_1: everything, p_2: everything },
  ],
  ['L10', grants('o_1→children', listRead), 'target/u_1', { p_1: everything, p_2: everything }],
  ['L11', grants('global→children', listRead), 'target/u_1', { o_1: everything }],
  ['L12', [], 'target/u_recovery', { global: everything, o_1: everything, p_1: everything, p_2: everything }],
  ['L13', pinAll, 'target/u_1', { p_1: few('hcst_1') }],
  [
    'L14',
    grants('p_1→p_1', 'ids=*;type=target;output_fields=id', 'type=target;actions=list'),
    'target/u_1',
    {},
  ],
];

describe('list permissions', () => {
  it.each(lists)('agree with vector %s', (_, list, asked, expected) => {
    const [type = '', userId = ''] = asked.split('/');
    const found = aclOf(list, userId).listPermissions(type as ResourceType, tree);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('show a single session to its owner only when the grant says :self', () => {
    const acl = aclOf(grants('p_1→p_1', 'ids=s_1,s_2;actions=read:self', 'ids=s_2;actions=no-op'), 'u_1');
    expect(acl.listPermissions('session', tree).get('p_1')).toEqual({ ...few('s_2'), ownIds: ['s_1'] });
  });

  it('show auth methods to an anonymous caller who may authenticate', () => {
    const found = aclOf(loginGrants, 'u_anon').listPermissions('auth-method', tree);
    expect([...found.keys()]).toEqual(['global', 'o_1', 'p_1', 'p_2']);
    expect(aclOf(devGrants, 'u_anon').listPermissions('target', tree).size).toBe(0);
  });

  it('ignore actions that the type does not have', () => {
    const acl = aclOf(grants('p_1→p_1', 'ids=*;type=session;actions=list,authorize-session'), 'u_1');
    expect(acl.listPermissions('session', tree).size).toBe(0);
  });
});

describe('the key of the grants that bear on a type', () => {
  const key = (...texts: readonly string[]): string =>
    aclOf(grants('p_1→p_1', ...texts), 'u_1').grantsKey('target');
  const target = 'ids=*;type=target;actions=read,list';

  it('stays when grants of another type change, or come in another order or spelling', () => {
    expect(key(target, 'ids=*;type=role;actions=read')).toBe(key(target));
    expect(key(target, 'ids=ttcp_1;actions=read')).toBe(
      key('ids=ttcp_1;actions=read', 'ids=*;type=target;actions=list,read', target),
    );
  });

  it('of one scope changes only with grants that reach it', () => {
    const inProject = { id: 'p_1', parentId: 'o_1' };
    const keyOf = (...more: readonly AclGrant[]): string =>
      aclOf([...grants('p_1→p_1', target), ...more], 'u_1').grantsKey('target', inProject);
    for (const place of ['p_2→p_2', 'o_1→o_1', 'global→global', 'global→children', 'o_9→children']) {
      expect(keyOf(...grants(place, all))).toBe(keyOf());
    }
    const reaching = ['p_1→p_1', 'o_1→children', 'global→descendants', 'global→p_1'];
    expect(new Set(reaching.map((place) => keyOf(...grants(place, all)))).size).toBe(4);
    for (const place of reaching) expect(keyOf(...grants(place, all))).not.toBe(keyOf());
  });

  it('changes with a grant of the type, of all types, or of an id', () => {
    const keys = [key(), key(target), key(target, all), key(target, 'ids=ttcp_1;actions=read')];
    expect(new Set(keys).size).toBe(4);
  });
});

describe('a caller with very many grants', () => {
  it('is answered by looking at a few tables, not at every grant', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `ids=ttcp_${i},ttcp_x${i};actions=read,update`);
    const wide = Array.from({ length: 1000 }, () => 'ids=*;type=target;actions=list,authorize-session');
    const acl = aclOf(grants('p_1→p_1', ...many, ...wide), 'u_1');
    const few = aclOf(grants('p_1→p_1', 'ids=ttcp_1;actions=read', 'ids=*;type=target;actions=list'), 'u_1');
    const cost = (of: Acl): number => {
      const start = performance.now();
      for (let i = 0; i < 1000; i += 1) {
        of.authorizedActions(resource(`target ttcp_${i}`), actionsOf('target').id);
      }
      return performance.now() - start;
    };
    cost(few);
    // 2,000 grants looked at one by one would cost some 500 times as much as two.
    expect(cost(acl)).toBeLessThan(20 * cost(few) + 50);
  });
});
