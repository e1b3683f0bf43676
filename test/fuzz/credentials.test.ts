/** What presents a token is written by strangers: cookies, forwarded addresses, URLs and headers, in any combination (tokens.md §1.6, §1.9). */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import {
  canonicalAddress,
  clientOf,
  TrustedProxies,
} from '../../packages/controller/src/api/http/client-address.ts';
import { credentialOf } from '../../packages/controller/src/api/http/credential.ts';
import { exposedToken } from '../../packages/controller/src/api/http/exposed-token.ts';
import { isSameOrigin } from '../../packages/controller/src/api/http/same-origin.ts';
import {
  cookieOf,
  requireCookieAllowed,
  sessionCookie,
} from '../../packages/controller/src/api/http/session-cookie.ts';
import { addressOfOrigin, originText } from '../../packages/controller/src/auth/token/origin.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const base62 = (length: number) =>
  fc
    .array(fc.constantFrom(...alphabet.split('')), { minLength: length, maxLength: length })
    .map((all) => all.join(''));
const token = fc.tuple(base62(10), base62(49)).map(([id, secret]) => `at_${id}_s1${secret}`);

/** The value or the code of the StileError; anything else that is thrown fails the test. */
function outcome<T>(work: () => T): { readonly value?: T; readonly code?: string } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof StileError) return { code: error.code };
    throw error;
  }
}

/** Characters that Node lets through in a header value. */
const headerText = fc
  .array(fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f))
  .map((codes) => String.fromCharCode(...codes));
const cookieName = fc.constantFrom(
  '__Host-stile-session',
  'stile-session',
  '__host-stile-session',
  'session',
  'wt-js-token-cookie',
  'wt-http-token-cookie',
  ' __Host-stile-session',
  '\u00a0__Host-stile-session',
  'Path',
  '',
);
const cookieValue = fc.oneof(fc.constantFrom('', 'a', 'b', '"a"', 'a=b', ' a '), headerText);
const cookiePairs = fc.array(fc.tuple(cookieName, cookieValue), { maxLength: 6 });
const cookieHeader = fc.oneof(
  cookiePairs.map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('; ')),
  headerText,
);

describe('a Cookie header', () => {
  test('case 40: of any text gives the one value of a name, none, or a refusal', () => {
    fc.assert(
      fc.property(cookieHeader, (header) => {
        const name = '__Host-stile-session';
        // A plain reading of RFC 6265 §5.4: pairs at ';', spaces and tabs around, the name up to the first '='.
        const values = header
          .split(';')
          .filter((pair) => pair.includes('='))
          .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
          .filter(([given]) => given.replace(/^[ \t]*/, '').replace(/[ \t]*$/, '') === name)
          .map(([, value]) => value.replace(/^[ \t]*/, '').replace(/[ \t]*$/, ''));
        const expected = new Set(values).size > 1 ? { code: 'invalidArgument' } : { value: values[0] };
        expect(outcome(() => cookieOf(header, name))).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('case 40: holds what was set, among any cookies of other names', () => {
    const others = fc
      .array(fc.tuple(cookieName, cookieValue))
      .map((pairs) =>
        pairs
          .filter(([name]) => name.trim() !== '__Host-stile-session')
          .map(([name, value]) => `${name}=${value.replaceAll(';', '')}`),
      );
    fc.assert(
      fc.property(token, others, others, (text, before, after) => {
        const own = sessionCookie(text).split(';', 1)[0] ?? '';
        const header = [...before, own, ...after].join('; ');
        expect(cookieOf(header, '__Host-stile-session')).toBe(text);
      }),
    );
  });

  test('is set in one line without anything that ends it, for every token', () => {
    fc.assert(
      fc.property(token, fc.boolean(), (text, isInsecure) => {
        expect(sessionCookie(text, isInsecure)).toMatch(
          isInsecure
            ? /^stile-session=[\w]+; Path=\/; HttpOnly; SameSite=Strict$/
            : /^__Host-stile-session=[\w]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
        );
      }),
    );
  });
});

describe('the choice of a credential', () => {
  const bearer = fc.constantFrom(undefined, '', 'Bearer', 'Bearer ', 'Bearer a', 'bEaReR  b', 'Basic x', 'a');
  const header = fc.constantFrom(undefined, '', ' ', 'a', 'b', 'cookie', 'COOKIE');
  const cookie = fc.option(
    cookiePairs.map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('; ')),
    { nil: undefined },
  );
  const rules = fc.record({
    surface: fc.constantFrom('v1' as const, 'v2' as const),
    insecureCookies: fc.boolean(),
  });

  /** The table of tokens.md §1.9 as it stands there. */
  function expected(
    given: { bearer?: string | undefined; first?: string | undefined; second?: string | undefined },
    surface: 'v1' | 'v2',
  ): 'refused' | 'cookie' | { readonly text: string; readonly source: string } {
    const text = /^bearer +(.+)$/i.exec(given.bearer ?? '')?.[1];
    const headers = [given.first, given.second]
      .map((each) => each?.trim())
      .filter((each) => each !== undefined && each !== '');
    if (surface === 'v2' && new Set(headers).size > 1) return 'refused';
    const session = surface === 'v2' && headers[0]?.toLowerCase() !== 'cookie' ? headers[0] : undefined;
    if (text !== undefined && session !== undefined && text !== session) return 'refused';
    if (text !== undefined) return { text, source: 'bearer' };
    return session === undefined ? 'cookie' : { text: session, source: 'header' };
  }

  test('case 35: follows the order, and never falls through from a source that is not empty', () => {
    fc.assert(
      fc.property(
        bearer,
        fc.tuple(header, header),
        cookie,
        rules,
        (authorization, [first, second], cookies, rule) => {
          const headers = {
            ...(authorization === undefined ? {} : { authorization }),
            ...(first === undefined ? {} : { 'x-stile-api-session': first }),
            ...(second === undefined ? {} : { 'x-cockroach-api-session': second }),
            ...(cookies === undefined ? {} : { cookie: cookies }),
          };
          const want = expected({ bearer: authorization, first, second }, rule.surface);
          const got = outcome(() => credentialOf(headers, rule));
          if (want === 'refused') expect(got.code).toBe('invalidArgument');
          else if (want !== 'cookie') expect(got.value).toEqual(want);
          else if (got.code === undefined) {
            expect(['none', 'cookie']).toContain(got.value?.source);
            expect(got.value?.source === 'none').toBe(got.value?.text === undefined);
            expect(got.value?.text).not.toBe('');
          } else expect(got.code).toBe('invalidArgument');
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('case 40: takes nothing from cookies of other names', () => {
    const other = fc.constantFrom(
      'session',
      '__host-stile-session',
      '\u00a0__Host-stile-session',
      'stile-session',
      'Path',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(other, fc.constantFrom('a', 'b'))), (pairs) => {
        const cookies = pairs.map(([name, value]) => `${name}=${value}`).join('; ');
        const got = credentialOf({ cookie: cookies }, { surface: 'v1', insecureCookies: false });
        expect(got).toEqual({ text: undefined, source: 'none' });
      }),
    );
  });
});

describe('a forwarded chain', () => {
  const trusted = fc.oneof(
    fc.constantFrom('127.0.0.1', '10.0.0.7', '10.255.255.255', '2001:db8:1::7'),
    fc.ipV4().map((text) => `10.${text.split('.').slice(1).join('.')}`),
  );
  const proxies = new TrustedProxies(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48']);
  const stranger = fc.oneof(fc.ipV4(), fc.ipV6()).filter((text) => !proxies.has(canonicalAddress(text)));
  const junk = fc.oneof(
    headerText,
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('', 'unknown', '_x', '::ffff:10.0.0.7'),
  );
  const spelled = (address: string) =>
    isIP(address) === 6
      ? fc.constantFrom(address, `[${address}]`, `[${address}]:65535`, ` ${address.toUpperCase()} `)
      : fc.constantFrom(address, `${address}:80`, `::ffff:${address}`, ` ${address}\t`);
  const port = 4711;

  test('case 28: names the rightmost that is no trusted proxy, whatever stands left of it', () => {
    const chain = fc.tuple(
      fc.array(junk),
      stranger.chain((address) => fc.tuple(fc.constant(address), spelled(address))),
      fc.array(trusted),
    );
    fc.assert(
      fc.property(trusted, chain, (peer, [left, [client, written], right]) => {
        const header = [...left, written, ...right].join(',');
        const got = clientOf(
          { remoteAddress: peer, remotePort: port },
          { 'x-forwarded-for': header },
          proxies,
        );
        expect(got).toEqual({ address: canonicalAddress(client) });
      }),
      { numRuns: 2000 },
    );
  });

  test('case 28: of a peer that is no trusted proxy says nothing', () => {
    fc.assert(
      fc.property(stranger, headerText, (peer, header) => {
        const got = clientOf(
          { remoteAddress: peer, remotePort: port },
          { 'x-forwarded-for': header },
          proxies,
        );
        expect(got).toEqual({ address: canonicalAddress(peer), port });
      }),
    );
  });

  test('case 28: of any text is an address that is no trusted proxy, or the peer', () => {
    fc.assert(
      fc.property(
        trusted,
        fc.array(junk).map((all) => all.join(',')),
        (peer, header) => {
          const { address } = clientOf({ remoteAddress: peer }, { 'x-forwarded-for': header }, proxies);
          expect(address === canonicalAddress(peer) || (isIP(address) !== 0 && !proxies.has(address))).toBe(
            true,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('case 27: every spelling of an IPv6 address is one address, and two addresses are two', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
    const spelling = (words: readonly number[], isLong: boolean): string =>
      words
        .map((word) => (isLong ? word.toString(16).padStart(4, '0').toUpperCase() : word.toString(16)))
        .join(':');
    fc.assert(
      fc.property(groups, groups, (one, other) => {
        const address = canonicalAddress(spelling(one, false));
        expect(canonicalAddress(spelling(one, true))).toBe(address);
        expect(canonicalAddress(address)).toBe(address);
        const isEqual = one.every((word, at) => word === other[at]);
        expect(canonicalAddress(spelling(other, true)) === address).toBe(isEqual);
      }),
    );
  });

  test('case 27: the origin that is kept gives back the address, with and without a port', () => {
    const ports = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()).map(canonicalAddress), ports, (address, portGiven) => {
        expect(addressOfOrigin(originText({ address, port: portGiven }))).toBe(address);
      }),
    );
  });

  test('a list of any texts is a list or a refusal by name', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.ipV4(),
          fc.ipV6(),
          fc.ipV4().map((text) => `${text}/99`),
        ),
        (text) => {
          const got = outcome(() => new TrustedProxies([text]));
          expect(got.code ?? 'invalidConfig').toBe('invalidConfig');
        },
      ),
    );
  });
});

describe('an address with a token', () => {
  /** Percent-encodes the characters that the flags name. */
  const encodedBy = (text: string, flags: readonly boolean[]): string =>
    text
      .split('')
      .map((letter, at) => (flags[at] === true ? `%${letter.charCodeAt(0).toString(16)}` : letter))
      .join('');
  const around = fc.oneof(fc.webPath(), fc.constantFrom('/v1/x?a=', '/%zz?', '/%?x=%&y=', '/%E4%A4?x='));

  test('case 34: is found wherever it stands and whichever characters are encoded', () => {
    const flags = fc.array(fc.boolean(), { minLength: 65, maxLength: 65 });
    fc.assert(
      fc.property(around, token, flags, fc.webQueryParameters(), (before, text, encoded, after) => {
        const found = exposedToken(`${before}${encodedBy(text, encoded)}${after === '' ? '' : `&${after}`}`);
        expect(found?.authTokenId).toBe(text.slice(0, 13));
        expect(found?.error.message).not.toContain(text);
        expect(JSON.stringify(found?.error.details)).not.toContain(text.slice(16));
      }),
      { numRuns: 1000 },
    );
  });

  test('case 34: of any text is told or not, without a fault', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), headerText, fc.webPath()), headerText, (url, referrer) => {
        const found = exposedToken(url, referrer);
        if (found !== undefined) expect(found.error.code).toBe('invalidArgument');
      }),
    );
  });
});

describe('where a cookie may go', () => {
  test('case 36: never to a page that a browser calls foreign', () => {
    const site = fc.oneof(fc.constantFrom('cross-site', 'same-site', '', 'SAME-ORIGIN'), headerText);
    fc.assert(
      fc.property(site, fc.webAuthority(), headerText, (name, host, contentType) => {
        fc.pre(name !== 'same-origin' && name !== 'none');
        const headers = { 'sec-fetch-site': name, host, origin: `https://${host}` };
        expect(isSameOrigin(headers, contentType)).toBe(false);
      }),
    );
  });

  test('case 39: never in the clear across a network, but where the operator allows it', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6()).map(canonicalAddress),
        fc.boolean(),
        fc.boolean(),
        (peerAddress, isTls, insecureCookies) => {
          const isNear = peerAddress.startsWith('127.') || peerAddress === '::1';
          const got = outcome(() =>
            requireCookieAllowed({ isSameOrigin: true, peerAddress, isTls, insecureCookies }),
          );
          if (isTls || isNear) expect(got.value).toEqual({ isInsecure: false });
          else if (insecureCookies) expect(got.value).toEqual({ isInsecure: true });
          else expect(got.code).toBe('failedPrecondition');
        },
      ),
    );
  });
});
