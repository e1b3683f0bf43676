import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { everyActionOf, resourceTypes } from '../grant/table.ts';
import {
  areScopesWithin,
  compositeScopes,
  isAllowListWithin,
  isPowerfulScope,
  legalTokenScopes,
  mostAllowListEntries,
  mostTokenScopes,
  readAllowList,
  readTokenScopes,
  scopeCovers,
} from './token-scope.ts';
import { TokenMask } from './token-mask.ts';

type Read = ReturnType<typeof readTokenScopes>;

function value(read: Read): readonly string[] {
  if ('problem' in read) throw new Error(read.problem);
  return read.value;
}

function problem(read: Read): string {
  if ('problem' in read) return read.problem;
  throw new Error(`read as ${JSON.stringify(read.value)}`);
}

const legalScopes = legalTokenScopes().map((scope) => scope.name);
const anyScope = fc.constantFrom(...legalScopes);
const someScopes = fc.array(anyScope, { minLength: 1, maxLength: 6 });
const ids = ['ttcp_1', 'ttcp_2', 'hst_1', 's_1', 'global', 'o_1', 'at_1'];
const anyEntry = fc.constantFrom(
  '*',
  'target:*',
  'target:ttcp_1',
  'target:ttcp_2',
  'host:hst_1',
  'session:*',
  'session:s_1',
  'scope:global',
  'scope:o_1',
  'auth-token:*',
);
const someEntries = fc.array(anyEntry, { minLength: 1, maxLength: 5 });
/** Every action that can be asked about, of every type. */
const questions = resourceTypes.flatMap((type) => everyActionOf(type).map((action) => ({ type, action })));

describe('token scopes', () => {
  test('are kept once, sorted, whatever their order', () => {
    expect(value(readTokenScopes(['target:read', 'session:*', 'target:read']))).toEqual([
      'session:*',
      'target:read',
    ]);
  });

  test.each([['*'], ['all'], ['*:*']])('%s is everything, and swallows the others', (all) => {
    expect(value(readTokenScopes(['target:read', all]))).toEqual(['*']);
  });

  test.each(Object.entries(compositeScopes))('%s is kept as what it stands for', (name, parts) => {
    expect(value(readTokenScopes([name]))).toEqual([...parts].toSorted());
    expect(value(readTokenScopes([...parts]))).toEqual([...parts].toSorted());
  });

  test('are cut at the first colon, so that an action may have one', () => {
    expect(value(readTokenScopes(['session:cancel:self']))).toEqual(['session:cancel:self']);
  });

  test.each([
    ['target:fly', '"target:fly" names an action that the type target does not have.'],
    ['nope:read', '"nope:read" names no resource type.'],
    ['*:fly', '"*:fly" names an action that no type has.'],
    [':', '":" is no token scope'],
    ['', '"" is no token scope'],
    ['target', '"target" is no token scope'],
    ['target:', '"target:" is no token scope'],
    [':read', '":read" is no token scope'],
    [' target:read', '" target:read" names no resource type.'],
    ['target:read ', '"target:read " names an action that the type target does not have.'],
    ['TARGET:READ', '"TARGET:READ" names no resource type.'],
    ['target:READ', '"target:READ" names an action'],
    ['ALL', '"ALL" is no token scope'],
    ['toString:read', '"toString:read" names no resource type.'],
    ['__proto__', '"__proto__" is no token scope'],
    ['target:constructor', '"target:constructor" names an action'],
    ['stile:nothing', '"stile:nothing" names no resource type.'],
    ['target:read:self', '"target:read:self" names an action'],
  ])('case 50: the scope %j is refused, and named', (scope, text) => {
    expect(problem(readTokenScopes(['session:read', scope]))).toContain(text);
  });

  test('case 50: one more than the most is refused, and so is none', () => {
    const many = (count: number): string[] => Array.from({ length: count }, () => 'target:read');
    expect(value(readTokenScopes(many(mostTokenScopes)))).toEqual(['target:read']);
    expect(problem(readTokenScopes(many(mostTokenScopes + 1)))).toContain(String(mostTokenScopes));
    expect(problem(readTokenScopes([]))).toContain('at least one');
  });

  test('a long entry is not repeated whole', () => {
    expect(problem(readTokenScopes(['x'.repeat(5000)])).length).toBeLessThan(400);
  });

  test('every one that is told to be legal can be written, and is what it says', () => {
    for (const scope of legalScopes) {
      const stored = value(readTokenScopes([scope]));
      expect(stored).toEqual(scope in compositeScopes ? compositeScopes[scope]?.toSorted() : [scope]);
    }
    expect(new Set(legalScopes).size).toBe(legalScopes.length);
  });

  it('have one stored form, which reads as itself', () => {
    fc.assert(
      fc.property(someScopes, (scopes) => {
        const stored = value(readTokenScopes(scopes));
        expect(value(readTokenScopes(stored))).toEqual(stored);
        expect(value(readTokenScopes([...scopes, ...scopes].toReversed()))).toEqual(stored);
      }),
    );
  });

  it('are read or refused with a sentence, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom(...'*:alt_1 é\u0000\uD800'.split('')), maxLength: 12 })),
        (entries) => {
          for (const read of [readTokenScopes(entries), readAllowList(entries)]) {
            if ('problem' in read) expect(read.problem).toMatch(/\.$/);
            else expect(read.value.length).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});

describe('what a scope covers', () => {
  test.each([
    ['create', 'create:worker-led', true],
    ['create:worker-led', 'create', false],
    ['create:worker-led', 'create:controller-led', false],
    ['cancel', 'cancel:self', true],
    ['cancel:self', 'cancel', false],
    ['read', 'read:self', true],
    ['read:self', 'read', false],
    ['read', 'list', true],
    ['read', 'no-op', true],
    ['read:self', 'list', false],
    ['list', 'read', false],
    ['no-op', 'read', false],
    ['read', 'list-keys', false],
    ['read', 'list-resolvable-aliases', false],
    ['read', 'download', false],
    ['read', 'read-certificate-authority', false],
    ['read', 'monthly-active-users', false],
    ['*', 'authorize-session', true],
    ['authorize-session', 'read', false],
  ])('%s covers %s: %s', (granted, action, isCovered) => {
    expect(scopeCovers(new Set([granted]), action)).toBe(isCovered);
  });

  test('*:read looks at everything and touches nothing', () => {
    const mask = new TokenMask(['*:read'], undefined);
    const covered = questions.filter(({ type, action }) => mask.coversAction(type, action));
    expect(new Set(covered.map(({ action }) => action))).toEqual(
      new Set(['read', 'read:self', 'list', 'no-op']),
    );
  });
});

describe('allow lists', () => {
  test('are kept once, sorted; * swallows the others', () => {
    expect(value(readAllowList(['target:ttcp_2', 'host:*', 'target:ttcp_1', 'host:*']))).toEqual([
      'host:*',
      'target:ttcp_1',
      'target:ttcp_2',
    ]);
    expect(value(readAllowList(['target:ttcp_1', '*']))).toEqual(['*']);
    expect(value(readAllowList(['scope:global', 'scope:p_1234567890']))).toEqual([
      'scope:global',
      'scope:p_1234567890',
    ]);
  });

  test.each([
    ['target:hst_1', '"target:hst_1" names an id that is none of the type target.'],
    ['host:ttcp_1', 'none of the type host'],
    ['user:global', 'none of the type user'],
    ['target:ttcp_', 'none of the type target'],
    ['target:ttcp_1*', 'none of the type target'],
    ['target:ttcp_1;', 'none of the type target'],
    ['target:TTCP_1', 'none of the type target'],
    ['target:', '"target:" is no entry'],
    ['target', '"target" is no entry'],
    ['*:ttcp_1', '"*:ttcp_1" names no resource type.'],
    ['*:*', '"*:*" names no resource type.'],
    [':*', '":*" is no entry'],
    ['', '"" is no entry'],
    ['billing:*x', 'none of the type billing'],
    [' target:ttcp_1', 'names no resource type'],
  ])('case 50: the entry %j is refused, and named', (entry, text) => {
    expect(problem(readAllowList(['session:*', entry]))).toContain(text);
  });

  test('case 50: an empty one is refused, and one longer than the most', () => {
    expect(problem(readAllowList([]))).toContain('at least one');
    const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `target:ttcp_${at}`);
    expect(value(readAllowList(many(mostAllowListEntries)))).toHaveLength(mostAllowListEntries);
    expect(problem(readAllowList(many(mostAllowListEntries + 1)))).toContain(String(mostAllowListEntries));
  });
});

describe('a child within its parent', () => {
  test.each([
    [['target:read'], ['target:read'], true],
    [['target:list'], ['target:read'], true],
    [['target:read'], ['target:list', 'target:no-op'], false],
    [['target:*'], ['target:read'], false],
    [['target:read'], ['*:read'], true],
    [['*:read'], ['target:read'], false],
    [['*:read'], ['target:*'], false],
    [['target:read'], ['target:*'], true],
    [['target:*'], ['*'], true],
    [['*'], ['target:*'], false],
    [['auth-token:create'], ['auth-token:create:self'], false],
    [['auth-token:create:self'], ['auth-token:create'], true],
    [['target:read', 'role:read'], ['target:read'], false],
  ])('%j of %j: %s', (scopes, parents, isWithin) => {
    expect(areScopesWithin(scopes, parents)).toBe(isWithin);
  });

  test.each([
    [['target:ttcp_1'], ['target:ttcp_1', 'target:ttcp_2'], true],
    [['target:ttcp_3'], ['target:ttcp_1', 'target:ttcp_2'], false],
    [['target:ttcp_1'], ['target:*'], true],
    [['target:*'], ['target:ttcp_1'], false],
    [['target:*'], ['target:*'], true],
    [['host:hst_1'], ['target:*'], false],
    [['*'], ['target:*'], false],
    [['*'], ['*'], true],
    [['target:*'], ['*'], true],
  ])('the allow list %j of %j: %s', (entries, parents, isWithin) => {
    expect(isAllowListWithin(entries, parents)).toBe(isWithin);
  });

  it('can do nothing that its parent cannot, and everything is within itself', () => {
    let within = 0;
    fc.assert(
      fc.property(someScopes, someScopes, (some, others) => {
        const child = value(readTokenScopes(some));
        const parent = value(readTokenScopes(others));
        expect(areScopesWithin(child, child)).toBe(true);
        expect(areScopesWithin(child, ['*'])).toBe(true);
        if (!areScopesWithin(child, parent)) return;
        within += 1;
        const [mask, above] = [new TokenMask(child, undefined), new TokenMask(parent, undefined)];
        const beyond = questions.filter(
          ({ type, action }) => mask.coversAction(type, action) && !above.coversAction(type, action),
        );
        expect(beyond).toEqual([]);
      }),
      { numRuns: 300, examples: [[['target:read'], ['target:*']]] },
    );
    expect(within).toBeGreaterThan(0);
  });

  it('is refused only when it names something that its parent lacks', () => {
    fc.assert(
      fc.property(someScopes, anyScope, (others, one) => {
        const parent = value(readTokenScopes(others));
        const child = value(readTokenScopes([one]));
        if (areScopesWithin(child, parent)) return;
        const [mask, above] = [new TokenMask(child, undefined), new TokenMask(parent, undefined)];
        const beyond = questions.some(
          ({ type, action }) => mask.coversAction(type, action) && !above.coversAction(type, action),
        );
        // A wildcard also stands for what is added one day: it needs a wildcard above it.
        expect(beyond || child.some((scope) => scope.includes('*') || isUnaskable(scope))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('touches no resource that its parent does not', () => {
    fc.assert(
      fc.property(someEntries, someEntries, (some, others) => {
        const child = value(readAllowList(some));
        const parent = value(readAllowList(others));
        expect(isAllowListWithin(child, child)).toBe(true);
        if (!isAllowListWithin(child, parent)) return;
        const [mask, above] = [new TokenMask(undefined, child), new TokenMask(undefined, parent)];
        for (const type of resourceTypes) {
          for (const id of [undefined, ...ids]) {
            for (const action of ['list', 'create', 'read']) {
              if (mask.allows({ type, id }, action)) expect(above.allows({ type, id }, action)).toBe(true);
            }
          }
        }
      }),
    );
  });
});

/** A scope of a parent action that no operation asks about by itself, such as `worker:create`. */
function isUnaskable(scope: string): boolean {
  const cut = scope.indexOf(':');
  const [type, action] = [scope.slice(0, cut), scope.slice(cut + 1)];
  return !questions.some((each) => each.type === type && each.action === action);
}

describe('scopes that can end in more power than they show', () => {
  test.each([
    'role:add-grants',
    'role:set-principals',
    'group:add-members',
    'account:create',
    'account:set-password',
    'user:add-accounts',
    'user:set-accounts',
    'auth-method:update',
    'auth-method:*',
    'auth-token:create',
    'worker:create',
    'worker:create:worker-led',
    'credential:update',
    'credential-store:create',
    'credential-library:*',
    'role:*',
    '*:create',
  ])('%s is one', (scope) => {
    expect(isPowerfulScope(scope)).toBe(true);
  });

  test.each([
    '*',
    'target:*',
    'target:read',
    'session:cancel',
    '*:read',
    'auth-method:read',
    'credential:list',
    'role:read',
  ])('%s is none', (scope) => {
    expect(isPowerfulScope(scope)).toBe(false);
  });
});
