/** Property tests of what the commands about sign-ins read: allowlists of API keys, cookies for cookie files, arguments that name tokens. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { resourceTypes } from '@stile/protocol/grant';
import { legalTokenScopes } from '@stile/protocol/token-scope';
import { cookieJarText } from '../../packages/cli/src/sign-ins/cookie-jar.ts';
import { allowlistOfScopes, scopesOfAllowlist } from '../../packages/cli/src/sign-ins/key-allowlist.ts';
import { propertiesOf } from '../../packages/cli/src/sign-ins/property-words.ts';

/** The value, or the error that it must be. */
function outcome<T>(read: () => T, code: string): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(StileError);
    expect(error).toMatchObject({ code });
    return undefined;
  }
}

const legal = new Set(legalTokenScopes().map(({ name }) => name));

const method = fc.oneof(
  fc.constantFrom('GET', 'SUBSCRIBE', 'POST', 'PUT', 'PATCH', 'DELETE', 'CALL', '*'),
  fc.string(),
);
const resource = fc.oneof(
  fc.constantFrom(...resourceTypes, '*'),
  fc
    .tuple(fc.constantFrom(...resourceTypes), fc.constantFrom('read', 'cancel', 'authorize-session', '*', ''))
    .map((parts) => parts.join('.')),
  fc.string(),
);

describe('an allowlist', () => {
  test('of any entries is legal scopes, one for each, or an error that names the entry', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ method, resource }), { minLength: 1, maxLength: 5 }), (entries) => {
        const scopes = outcome(() => scopesOfAllowlist(JSON.stringify(entries)), 'invalidFlag');
        if (scopes === undefined) return;
        expect(scopes).toHaveLength(entries.length);
        for (const scope of scopes)
          expect(scope === '*' || scope.startsWith('*:') || legal.has(scope)).toBe(true);
        expect(scopesOfAllowlist(JSON.stringify(allowlistOfScopes(scopes)))).toEqual(scopes);
      }),
    );
  });

  test('is never wider than its entry: only "*" of a type is all of it, only "*" of "*" is everything', () => {
    fc.assert(
      fc.property(fc.record({ method, resource }), (entry) => {
        const [scope] = outcome(() => scopesOfAllowlist(JSON.stringify([entry])), 'invalidFlag') ?? [];
        if (scope === '*') expect(entry).toEqual({ method: '*', resource: '*' });
        else if (scope?.endsWith(':*') === true) expect(entry.method).toBe('*');
      }),
    );
  });

  test('of any JSON, or any text, ends in scopes or an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        outcome(() => scopesOfAllowlist(text), 'invalidFlag');
      }),
    );
  });
});

test('a cookie file of any cookie has one line of seven fields, or there is none', () => {
  const attribute = fc.constantFrom('Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict', '\t', '\n', 'x\r\ny');
  const cookie = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .tuple(fc.string(), fc.string(), fc.array(attribute))
      .map(([name, value, more]) => [`${name}=${value}`, ...more].join('; ')),
  );
  fc.assert(
    fc.property(cookie, fc.string(), (text, expirationTime) => {
      const address = 'https://[::1]:9200';
      const jar = outcome(() => cookieJarText({ cookie: text, address, expirationTime }), 'internal');
      if (jar === undefined) return;
      const lines = jar.split(/[\r\n\u2028\u2029]/);
      expect(lines).toHaveLength(4);
      const fields = lines[2]?.split('\t') ?? [];
      expect(fields).toHaveLength(7);
      expect(fields[0]).toMatch(/^(?:#HttpOnly_)?::1$/);
      expect(fields[4]).toMatch(/^-?\d+$/);
    }),
  );
});

test('words that name properties give those in that order, each once, or an error', () => {
  const known = ['id', 'created_at', 'origin'];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...known, 'created-at'), fc.string())), (words) => {
      const names = outcome(() => propertiesOf(words, known, 'things'), 'invalidFlag');
      if (names === undefined) return;
      expect(new Set(names).size).toBe(names.length);
      if (words.length === 0) expect(names).toEqual(known);
      else expect(names).toEqual([...new Set(words.map((word) => word.replaceAll('-', '_')))]);
    }),
  );
});
