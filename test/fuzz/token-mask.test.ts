// Property tests of what a token takes away: for random grants, token scopes and allow lists the effective rights never exceed those of
// the user, nor those of the token, and a child that passes the subset rule never exceeds its parent (tokens.md §2).
import {
  areScopesWithin,
  everyActionOf,
  isAllowListWithin,
  legalTokenScopes,
  parseGrantForEvaluation,
  readAllowList,
  readTokenScopes,
  resourceTypes,
  TokenMask,
  type ResourceType,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Acl,
  type AclGrant,
  type AclResource,
  type ListPermission,
} from '../../packages/controller/src/iam/acl.ts';

const scopes = [
  { id: 'global', parentId: null },
  { id: 'o_1', parentId: 'global' },
  { id: 'p_1', parentId: 'o_1' },
  { id: 'p_2', parentId: 'o_1' },
] as const;
const idsOfTypes: Readonly<Partial<Record<ResourceType, readonly string[]>>> = {
  target: ['ttcp_1', 'ttcp_2'],
  'host-catalog': ['hcst_1'],
  host: ['hst_1', 'hst_2'],
  session: ['s_1', 's_2'],
  'auth-token': ['at_1', 'at_2'],
  user: ['u_1', 'u_2'],
  scope: ['o_1', 'p_1'],
  role: ['r_1'],
};
const types = Object.keys(idsOfTypes) as ResourceType[];
const pinOf: Readonly<Partial<Record<ResourceType, string>>> = { host: 'hcst_1' };
const actions = [...new Set(types.flatMap((type) => everyActionOf(type)))];

const grantText = fc
  .record({
    id: fc.constantFrom('*', '*', ...Object.values(idsOfTypes).flat(), ''),
    type: fc.constantFrom('*', '', ...types),
    actions: fc.array(fc.constantFrom('*', ...actions), { minLength: 1, maxLength: 3 }),
  })
  .map(({ id, type, actions: names }) =>
    [id === '' ? '' : `ids=${id}`, type === '' ? '' : `type=${type}`, `actions=${names.join(',')}`]
      .filter((part) => part !== '')
      .join(';'),
  );
const aclGrant = fc
  .record({
    text: grantText,
    roleScopeId: fc.constantFrom('global', 'o_1', 'p_1'),
    grantScope: fc.constantFrom('this', 'children', 'descendants'),
  })
  .map(({ text, roleScopeId, grantScope }): AclGrant | undefined => {
    try {
      return {
        grant: parseGrantForEvaluation(text),
        roleId: 'r_1',
        roleScopeId,
        roleParentScopeId: scopes.find((scope) => scope.id === roleScopeId)?.parentId ?? null,
        grantScope,
      };
    } catch {
      // No grant at all: grants.test.ts is about those.
      return undefined;
    }
  });
const grants = fc.array(aclGrant, { maxLength: 5 }).map((all) => all.filter((grant) => grant !== undefined));

const names = legalTokenScopes().map(({ name }) => name);
const ofTypes = names.filter((name) => types.some((type) => name.startsWith(`${type}:`)));
const scopeNames = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...ofTypes) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('*:read', '*:list', '*:cancel', 'stile:connect', 'stile:tokens-self'),
  },
  { weight: 1, arbitrary: fc.constant('*') },
);
const entries = Object.entries(idsOfTypes).flatMap(([type, ids]) => [
  `${type}:*`,
  ...ids.map((id) => `${type}:${id}`),
]);
/** Limits as a request writes them; undefined = without that limit. */
const limits = fc.record({
  tokenScopes: fc.option(fc.array(scopeNames, { minLength: 1, maxLength: 6 }), { nil: undefined, freq: 6 }),
  allowList: fc.option(fc.array(fc.constantFrom(...entries, '*'), { minLength: 1, maxLength: 6 }), {
    nil: undefined,
    freq: 3,
  }),
});
interface Limits {
  readonly tokenScopes: readonly string[] | undefined;
  readonly allowList: readonly string[] | undefined;
}

function stored(read: ReturnType<typeof readTokenScopes>): readonly string[] {
  if ('problem' in read) throw new Error(read.problem);
  return read.value;
}

/** As the database keeps them. */
function kept({ tokenScopes, allowList }: Limits): { scopes: readonly string[]; list: readonly string[] } {
  return {
    scopes: tokenScopes === undefined ? ['*'] : stored(readTokenScopes(tokenScopes)),
    list: allowList === undefined ? ['*'] : stored(readAllowList(allowList)),
  };
}

function maskOf(of: Limits): TokenMask {
  const { scopes: tokenScopes, list } = kept(of);
  return new TokenMask(tokenScopes, list);
}

/** A user who may do everything, and a token that may read one target: something is left, and something taken, whatever else is drawn. */
const everything: AclGrant = {
  grant: parseGrantForEvaluation('ids=*;type=*;actions=*'),
  roleId: 'r_1',
  roleScopeId: 'global',
  roleParentScopeId: null,
  grantScope: 'descendants',
};
const oneTarget: Limits = { tokenScopes: ['target:read'], allowList: ['target:ttcp_1'] };

/** The words of tokens.md §2.1 and §2.2, entry by entry, without any of the code's tables. */
function tokenAllows(of: Limits, { type, id }: AclResource, action: string): boolean {
  const { scopes: tokenScopes, list } = kept(of);
  const [parent = ''] = action.split(':');
  const hasScope = tokenScopes.some((scope) => {
    if (scope === '*') return true;
    const [scopeType = '', ...rest] = scope.split(':');
    const named = rest.join(':');
    if (scopeType !== '*' && scopeType !== type) return false;
    if (named === '*' || named === action || named === parent) return true;
    return named === 'read' && ['list', 'no-op', 'read:self'].includes(action);
  });
  const hasEntry = list.some((entry) => {
    if (entry === '*' || entry === `${type}:*`) return true;
    if (id === undefined) return action === 'list' && entry.startsWith(`${type}:`);
    return entry === `${type}:${id}`;
  });
  return hasScope && hasEntry;
}

/** Everything that can be asked. */
const resources: readonly AclResource[] = scopes.flatMap(({ id: scopeId, parentId }) =>
  types.flatMap((type) =>
    [undefined, ...(idsOfTypes[type] ?? [])].map((id) => ({
      scopeId,
      parentScopeId: parentId,
      type,
      ...(id === undefined ? {} : { id }),
      ...(pinOf[type] === undefined ? {} : { pin: pinOf[type] }),
    })),
  ),
);

function shows(permission: ListPermission | undefined, id: string, isOwn: boolean): boolean {
  if (permission === undefined) return false;
  const { all, own, ids, ownIds } = permission;
  return all || ids.includes(id) || (isOwn && (own || ownIds.includes(id)));
}

/** What of one list can be seen: scope, id, and whether as the owner alone. */
function seenIn(acl: Acl, type: ResourceType): Set<string> {
  const permissions = acl.listPermissions(type, scopes);
  const seen = new Set<string>();
  for (const { id: scopeId } of scopes) {
    for (const id of [...(idsOfTypes[type] ?? []), `${type}_other`]) {
      for (const isOwn of [true, false]) {
        if (shows(permissions.get(scopeId), id, isOwn)) seen.add(`${scopeId} ${id} ${isOwn}`);
      }
    }
  }
  return seen;
}

function beyond(narrow: ReadonlySet<string>, wide: ReadonlySet<string>): string[] {
  return [...narrow].filter((each) => !wide.has(each));
}

const userId = fc.constantFrom('u_1', 'u_anon');

describe('a token over the grants of its user', () => {
  it('leaves exactly what user and token both allow', () => {
    let left = 0;
    let taken = 0;
    fc.assert(
      fc.property(grants, limits, userId, (some, of, user) => {
        const plain = new Acl({ grants: some, userId: user });
        const masked = new Acl({ grants: some, userId: user, mask: maskOf(of) });
        const wrong: unknown[] = [];
        for (const resource of resources) {
          for (const action of everyActionOf(resource.type)) {
            const byUser = plain.decide(resource, action).authorized;
            const byToken = tokenAllows(of, resource, action);
            const { authorized, lacks } = masked.decide(resource, action);
            // A refusal is the token's only where the user had the right.
            const isTold = (lacks !== undefined) === (byUser && !byToken);
            if (authorized !== (byUser && byToken) || !isTold)
              wrong.push([resource, action, authorized, lacks]);
            if (authorized) left += 1;
            else if (byUser) taken += 1;
          }
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 150, examples: [[[everything], oneTarget, 'u_1']] },
    );
    expect(left).toBeGreaterThan(0);
    expect(taken).toBeGreaterThan(0);
  });

  it('shows among authorized actions only what it decides, none of it beyond user or token', () => {
    fc.assert(
      fc.property(grants, limits, (some, of) => {
        const plain = new Acl({ grants: some, userId: 'u_1' });
        const masked = new Acl({ grants: some, userId: 'u_1', mask: maskOf(of) });
        for (const resource of resources) {
          const candidates = everyActionOf(resource.type);
          const shown = masked.authorizedActions(resource, candidates);
          expect(beyond(new Set(shown), new Set(plain.authorizedActions(resource, candidates)))).toEqual([]);
          expect(shown.filter((action) => !tokenAllows(of, resource, action))).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('lists nothing that the user could not list, and nothing that the allow list does not name', () => {
    let seenItems = 0;
    fc.assert(
      fc.property(grants, limits, userId, (some, of, user) => {
        const plain = new Acl({ grants: some, userId: user });
        const masked = new Acl({ grants: some, userId: user, mask: maskOf(of) });
        const { list } = kept(of);
        for (const type of types) {
          const seen = seenIn(masked, type);
          seenItems += seen.size;
          expect(beyond(seen, seenIn(plain, type))).toEqual([]);
          const isNamed = (id: string): boolean =>
            list.some((entry) => entry === '*' || entry === `${type}:*` || entry === `${type}:${id}`);
          expect([...seen].filter((each) => !isNamed(each.split(' ')[1] ?? ''))).toEqual([]);
          const covers = everyActionOf(type).some((action) => maskOf(of).coversAction(type, action));
          if (!covers) expect([...seen]).toEqual([]);
        }
      }),
      { numRuns: 300, examples: [[[everything], oneTarget, 'u_1']] },
    );
    expect(seenItems).toBeGreaterThan(0);
  });

  it('lists every item on which it lets the user do something', () => {
    fc.assert(
      fc.property(grants, limits, (some, of) => {
        const masked = new Acl({ grants: some, userId: 'u_1', mask: maskOf(of) });
        for (const resource of resources) {
          const { type, id, scopeId } = resource;
          // What a pin grants is seen in the list of the parent's children; that is not cut by scope.
          if (id === undefined || pinOf[type] !== undefined || type === 'scope') continue;
          const candidates = everyActionOf(type).filter((action) => !/^(?:list|create)(?::|$)/.test(action));
          const mayPlain = masked
            .authorizedActions(resource, candidates)
            .some((action) => !action.endsWith(':self') && !['update'].includes(action));
          const isShown = shows(masked.listPermissions(type, scopes).get(scopeId), id, true);
          if (mayPlain) expect([resource, isShown]).toEqual([resource, true]);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('a token minted by a token', () => {
  /** A child that is mostly the parent's limits, cut, and sometimes anything. */
  const family = limits.chain((parent: Limits) =>
    fc.record({
      parent: fc.constant(parent),
      child: fc.oneof<fc.Arbitrary<Limits>[]>(
        limits,
        fc.record({
          tokenScopes:
            parent.tokenScopes === undefined
              ? fc.constant(undefined)
              : fc.subarray([...parent.tokenScopes], { minLength: 1 }),
          allowList:
            parent.allowList === undefined
              ? fc.option(fc.constant(['target:ttcp_1']), { nil: undefined })
              : fc.subarray([...parent.allowList], { minLength: 1 }),
        }),
      ),
    }),
  );

  it('never exceeds it, if it passes the rule', () => {
    let passed = 0;
    let refused = 0;
    fc.assert(
      fc.property(grants, family, (some, { parent, child }) => {
        const [above, below] = [kept(parent), kept(child)];
        if (!areScopesWithin(below.scopes, above.scopes) || !isAllowListWithin(below.list, above.list)) {
          refused += 1;
          return;
        }
        passed += 1;
        const parentAcl = new Acl({ grants: some, userId: 'u_1', mask: maskOf(parent) });
        const childAcl = new Acl({ grants: some, userId: 'u_1', mask: maskOf(child) });
        for (const resource of resources) {
          const candidates = everyActionOf(resource.type);
          const mayChild = new Set(childAcl.authorizedActions(resource, candidates));
          expect(beyond(mayChild, new Set(parentAcl.authorizedActions(resource, candidates)))).toEqual([]);
          // Also what needs no grant, such as minting for oneself.
          for (const action of candidates) {
            if (childAcl.decideAsGranted(resource, action).authorized) {
              expect(parentAcl.decideAsGranted(resource, action).authorized).toBe(true);
            }
          }
        }
        for (const type of types) {
          expect(beyond(seenIn(childAcl, type), seenIn(parentAcl, type))).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
    expect(passed).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
  });

  it('is refused when it could do anything that its parent cannot', () => {
    fc.assert(
      fc.property(family, ({ parent, child }) => {
        const [above, below] = [kept(parent), kept(child)];
        const isWithin =
          areScopesWithin(below.scopes, above.scopes) && isAllowListWithin(below.list, above.list);
        const exceeds = resources.some((resource) =>
          everyActionOf(resource.type).some(
            (action) => tokenAllows(child, resource, action) && !tokenAllows(parent, resource, action),
          ),
        );
        if (exceeds) expect(isWithin).toBe(false);
      }),
      { numRuns: 400 },
    );
  });
});

describe('every type', () => {
  it('has actions that scopes can name', () => {
    for (const type of resourceTypes) expect(names).toContain(`${type}:*`);
  });
});
