/** Allowlists of API keys to token scopes: every entry exactly or not at all, and back (tokens.md §5.2). */
import { describe, expect, test } from 'vitest';
import { everyActionOf, resourceTypes } from '@stile/protocol/grant';
import { allowlistOfScopes, scopesOfAllowlist } from './key-allowlist.ts';

function entry(method: unknown, resource: unknown): string {
  return JSON.stringify([{ method, resource }]);
}

describe('an entry', () => {
  test.each([
    ['GET', 'target', 'target:read'],
    ['SUBSCRIBE', 'session', 'session:read'],
    ['POST', 'target', 'target:create'],
    ['PUT', 'target', 'target:update'],
    ['PATCH', 'target', 'target:update'],
    ['DELETE', 'auth-token', 'auth-token:delete'],
    ['CALL', 'target.authorize-session', 'target:authorize-session'],
    ['CALL', 'session.cancel:self', 'session:cancel:self'],
    ['POST', 'worker', 'worker:create'],
    ['POST', 'auth-token', 'auth-token:create'],
    ['GET', '*', '*:read'],
    ['*', 'target', 'target:*'],
    ['*', '*', '*'],
  ])('%s of %s is %s', (method, resource, scope) => {
    expect(scopesOfAllowlist(entry(method, resource))).toEqual([scope]);
  });

  test.each([
    ['CALL', 'target'],
    ['CALL', '*'],
    ['CALL', '*.read'],
    ['CALL', 'target.*'],
    ['CALL', 'target.fly'],
    ['GET', 'target.authorize-session'],
    ['*', 'target.read'],
    ['get', 'target'],
    ['HEAD', 'target'],
    ['__proto__', 'target'],
    ['GET', 'Target'],
    ['GET', 'nope'],
    ['GET', ''],
    ['POST', 'auth-token.'],
    ['DELETE', 'session'],
    ['PUT', 'session'],
    [7, 'target'],
    ['GET', null],
  ])('%j of %j is refused by name', (method, resource) => {
    expect(() => scopesOfAllowlist(entry(method, resource))).toThrowError(
      expect.objectContaining({
        code: 'invalidFlag',
        message: expect.stringContaining('allowlist') as string,
      }),
    );
  });

  test.each([
    '',
    '{}',
    '[',
    '[]',
    'null',
    '[7]',
    '[null]',
    '[{}]',
    '[{"method":"GET","resource":"target","more":1}]',
  ])('the list %s is refused', (text) => {
    expect(() => scopesOfAllowlist(text)).toThrowError(expect.objectContaining({ code: 'invalidFlag' }));
  });
});

test('every scope of every type comes back as it was', () => {
  for (const type of resourceTypes) {
    for (const action of [...everyActionOf(type), '*']) {
      const scopes = [`${type}:${action}`];
      expect(scopesOfAllowlist(JSON.stringify(allowlistOfScopes(scopes)))).toEqual(scopes);
    }
  }
  expect(allowlistOfScopes([])).toEqual([{ method: '*', resource: '*' }]);
});
