/** What arrives over HTTP is hostile: bodies, credentials and queries end in a value or a StileError, whatever they are. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { parseBody } from '../../packages/controller/src/api/http/body.ts';
import { credentialOf, refuseRepeatedHeaders } from '../../packages/controller/src/api/http/credential.ts';
import { isSameOrigin } from '../../packages/controller/src/api/http/same-origin.ts';
import { Query } from '../../packages/controller/src/api/http/query.ts';
import { judgeUnknown } from '../../packages/controller/src/api/router.ts';

const rules = { surface: 'v1', insecureCookies: false } as const;

/** The value, or undefined when a StileError was thrown; anything else fails the test. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StileError) return undefined;
    throw error;
  }
}

describe('a body', () => {
  test('that is a JSON object is read as JSON.parse reads it, whatever follows it', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 8 }));
    const spaces = fc.constantFrom('', ' ', '\n', '\t\r\n ');
    fc.assert(
      fc.property(objects, spaces, fc.string(), (value, space, rest) => {
        const text = JSON.stringify(value);
        expect(parseBody(Buffer.from(`${space}${text}${rest}`))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('of any bytes is an object or a StileError', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'null', '1', 'a', ' ', '\u00e4'),
    );
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      pieces.map((parts) => Buffer.from(parts.join(''))),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        const value = attempt(() => parseBody(body));
        expect(value === undefined || (typeof value === 'object' && !Array.isArray(value))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('of four million brackets is refused at once', () => {
    const start = performance.now();
    expect(attempt(() => parseBody(Buffer.from(`{"a":${'['.repeat(4_000_000)}`)))).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('credentials', () => {
  test('of any header text are a text or none', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (authorization, cookie) => {
        const found = attempt(() =>
          credentialOf({ authorization, cookie: `wt-js-token-cookie=${cookie}` }, rules),
        );
        if (found?.text !== undefined) expect(found.text.trim()).toBe(found.text);
      }),
    );
  });

  test('a repeated header is found in any place and case', () => {
    const others = fc.array(fc.tuple(fc.constantFrom('Host', 'Accept', 'X-A'), fc.string()));
    fc.assert(
      fc.property(
        others,
        fc.constantFrom('authorization', 'AUTHORIZATION', 'Authorization'),
        (pairs, name) => {
          const one = [...pairs.flat(), 'Authorization', 'Bearer a'];
          expect(() => refuseRepeatedHeaders(one)).not.toThrow();
          expect(() => refuseRepeatedHeaders([...one, name, 'Bearer b'])).toThrow(StileError);
        },
      ),
    );
  });

  test('a foreign origin is never our own', () => {
    fc.assert(
      fc.property(fc.webAuthority(), fc.webAuthority(), (host, other) => {
        fc.pre(host !== other);
        expect(isSameOrigin({ host, origin: `https://${other}` })).toBe(false);
        expect(isSameOrigin({ host, origin: `https://${host}`, 'sec-fetch-site': 'cross-site' })).toBe(false);
      }),
    );
  });
});

describe('queries and paths', () => {
  test('any text is a number, a flag or a StileError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(fc.string())), (value) => {
        const query = new Query({ a: value });
        const count = attempt(() => query.count('a'));
        if (count !== undefined) expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
        attempt(() => query.flag('a'));
        attempt(() => query.text('a'));
        query.list('a');
      }),
    );
  });

  test('any path and method that no operation has is 400, 404 or 405', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.constantFrom('GET', 'HEAD', 'PUT', 'OPTIONS', 'TRACE'), (path, method) => {
        expect([400, 404, 405]).toContain(judgeUnknown(method, `/v1${path}`, []).status);
      }),
    );
  });
});
