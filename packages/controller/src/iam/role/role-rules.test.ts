import { parseGrant } from '@stile/protocol';
import { describe, expect, it } from 'vitest';
import type { ScopeInfo } from '../scope.ts';
import {
  grantChange,
  normalizedGrantScopes,
  requireCompatibleOrgScopes,
  requireCompatibleScopes,
  requireReachableScopes,
} from './role-rules.ts';

const read = 'ids=*;type=target;actions=read';
const listRead = 'ids=*;type=target;actions=list,read';
const readList = 'ids=*;type=target;actions=read,list';
const stored = (...texts: readonly string[]): { raw: string; canonical: string }[] =>
  texts.map((text) => ({ raw: text, canonical: parseGrant(text).canonical }));
const given = (...texts: readonly string[]): ReturnType<typeof parseGrant>[] => texts.map(parseGrant);

describe('grants of a role', () => {
  it('of one canonical form count once, and are added in the order of their texts', () => {
    const change = grantChange('add', [], given(readList, read, listRead));
    expect(change.added.map((grant) => grant.raw)).toEqual([listRead, read]);
  });

  it('are not added twice, however they are spelled', () => {
    expect(() => grantChange('add', stored(listRead), given(readList))).toThrowError(
      expect.objectContaining({
        code: 'invalidArgument',
        details: {
          requestFields: [
            {
              name: 'grant_strings',
              description: 'Grant "ids=*;type=target;actions=read,list" is already granted by this role.',
            },
          ],
        },
      }),
    );
  });

  it('are removed by their canonical form, and one that is not there is no error', () => {
    expect(grantChange('remove', stored(listRead), given(readList, read))).toEqual({
      added: [],
      removed: [listRead],
    });
  });

  it('are replaced with the spelling that was submitted, and stay where nothing differs', () => {
    expect(grantChange('set', stored(listRead, read), given(readList, read))).toEqual({
      added: [{ raw: readList, canonical: listRead }],
      removed: [listRead],
    });
    expect(grantChange('set', stored(listRead), given(listRead))).toEqual({ added: [], removed: [] });
    expect(grantChange('set', stored(listRead), [])).toEqual({ added: [], removed: [listRead] });
  });
});

const scope = (id: string, parentId: string | null): ScopeInfo => ({
  id,
  parentId,
  type: parentId === null ? 'global' : parentId === 'global' ? 'org' : 'project',
  name: null,
  description: null,
});
const known = new Map(
  [
    scope('global', null),
    scope('o_1', 'global'),
    scope('o_2', 'global'),
    scope('p_1', 'o_1'),
    scope('p_2', 'o_2'),
  ].map((each) => [each.id, each]),
);
const may = (roleScope: string, ...grantScopes: readonly string[]): (() => void) => {
  const place = known.get(roleScope) ?? scope(roleScope, 'o_1');
  return () => {
    requireReachableScopes(place, normalizedGrantScopes(roleScope, grantScopes), known);
  };
};

describe('grant scopes', () => {
  it('keep the own scope of the role as `this`, once', () => {
    expect(normalizedGrantScopes('o_1', ['o_1', 'this', 'p_1', 'p_1'])).toEqual(['this', 'p_1']);
    expect(normalizedGrantScopes('global', ['global'])).toEqual(['this']);
  });

  it.each([
    ['global', ['this', 'children', 'descendants', 'global', 'o_1', 'p_2']],
    ['o_1', ['this', 'o_1', 'children', 'p_1']],
    ['p_1', ['this', 'p_1']],
  ] as const)('of a role in %s may be %s', (roleScope, grantScopes) => {
    for (const each of grantScopes) expect(may(roleScope, each)).not.toThrow();
  });

  it.each([
    ['global', 'o_9', 'Grant scope ID "o_9" does not exist.'],
    ['o_1', 'descendants', 'Grant scope ID "descendants" is not valid to set on an organization role.'],
    ['o_1', 'global', 'Grant scope ID "global" is not valid to set on an organization role.'],
    ['o_1', 'o_2', 'Grant scope ID "o_2" is not valid to set on an organization role.'],
    ['o_1', 'p_2', 'Grant scope ID "p_2" is not valid to set on an organization role.'],
    ['o_1', 'p_9', 'Grant scope ID "p_9" is not valid to set on an organization role.'],
    ['p_1', 'children', 'Project scopes can only have their own scope ID or "this" as a grant scope ID.'],
    ['p_1', 'global', 'Project scopes can only have their own scope ID or "this" as a grant scope ID.'],
    ['p_1', 'p_2', 'Project scopes can only have their own scope ID or "this" as a grant scope ID.'],
  ])('of a role in %s may not be %s', (roleScope, grantScope, description) => {
    expect(may(roleScope, 'this', grantScope)).toThrowError(
      expect.objectContaining({
        code: 'invalidArgument',
        message: 'Invalid grant scope.',
        details: { requestFields: [{ name: 'grant_scope_ids', description }] },
      }),
    );
  });

  it.each([
    [['children', 'descendants'], true],
    [['children', 'o_1'], true],
    [['descendants', 'o_1'], true],
    [['descendants', 'p_1'], true],
    [['children', 'p_1'], false],
    [['this', 'o_1', 'p_1'], false],
    [['this', 'descendants'], false],
  ] as const)('%s of a global role exclude each other: %s', (grantScopes, isRefused) => {
    const check = (): void => {
      requireCompatibleScopes(grantScopes);
    };
    if (isRefused) expect(check).toThrowError(expect.objectContaining({ code: 'invalidArgument' }));
    else expect(check).not.toThrow();
  });

  it('of an org role: single projects and `children` exclude each other', () => {
    expect(() => {
      requireCompatibleOrgScopes(['children', 'p_1']);
    }).toThrowError(expect.objectContaining({ code: 'invalidArgument' }));
    expect(() => {
      requireCompatibleOrgScopes(['this', 'p_1']);
    }).not.toThrow();
  });
});
