/** Where our cookie may go, and how it is taken away (tokens.md §1.9). */
import { describe, expect, test } from 'vitest';
import { requireCookieAllowed, withoutCookie } from './session-cookie.ts';

const request = {
  headers: { host: 'stile.test' },
  peerAddress: '10.0.0.7',
  isTls: false,
  insecureCookies: false,
};
const fresh = { isInsecure: false };

describe('a cookie', () => {
  test('is given over TLS, to a loopback peer, and without Secure where the listener says so', () => {
    expect(requireCookieAllowed({ ...request, isTls: true })).toEqual(fresh);
    for (const peerAddress of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      expect(requireCookieAllowed({ ...request, peerAddress, insecureCookies: true })).toEqual(fresh);
    }
    expect(requireCookieAllowed({ ...request, insecureCookies: true })).toEqual({ isInsecure: true });
  });

  test('case 39: is refused to a peer beyond this machine without TLS, and the answer names TLS', () => {
    expect(() => requireCookieAllowed(request)).toThrow(/over TLS only/);
    expect(() => requireCookieAllowed({ ...request, peerAddress: '::ffff:10.0.0.7' })).toThrow(/TLS/);
  });

  test('is taken away by the name it came under, and only where one came', () => {
    const cleared = (cookie: string, insecureCookies: boolean): readonly string[] =>
      (withoutCookie({ headers: { cookie }, insecureCookies })['Set-Cookie'] ?? []).map(
        (value) => value.split('=', 1)[0] ?? '',
      );
    expect(cleared('__Host-stile-session=x', false)).toEqual(['__Host-stile-session']);
    expect(cleared('__Host-stile-session=x', true)).toEqual(['__Host-stile-session']);
    expect(cleared('stile-session=x', true)).toEqual(['stile-session']);
    expect(cleared('stile-session=x', false)).toEqual([]);
    expect(cleared('other=__Host-stile-session', true)).toEqual([]);
    expect(withoutCookie({ headers: {}, insecureCookies: true })).toEqual({});
    const [value] =
      withoutCookie({ headers: { cookie: 'stile-session=x' }, insecureCookies: true })['Set-Cookie'] ?? [];
    expect(value).toBe('stile-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0');
  });
});
