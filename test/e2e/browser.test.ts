/**
 * Sign-in by cookie in a real browser: Debian's Chromium against a real controller over plain http on loopback and over TLS, and pages of
 * other origins that try to ride on the cookie (tokens.md §1.9; cases 36, 37, 38, 40).
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { BrowserContext, Cookie, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { Cluster } from '../support/cluster.ts';
import { callApi, type ApiAnswer, type Json } from '../support/dev-server.ts';
import { mustSkipWithout } from '../support/required.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { makeWebCertificate } from '../support/web-certificate.ts';

/** What a call from a page gave: the browser shows an answer, or only that there was none to see. */
interface PageAnswer {
  /** 0 = the browser keeps the answer from the page. */
  readonly status: number;
  readonly text: string;
  /** `basic`, `cors`, `opaque`, or `error` when the call was rejected. */
  readonly type: string;
  readonly headerNames: readonly string[];
}

interface PageCall {
  readonly url: string;
  readonly method?: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly mode?: 'cors' | 'no-cors';
  readonly credentials?: 'include' | 'omit' | 'same-origin';
}

/** `fetch` by the script of a page, with the browser's own rules. */
function fetchIn(page: Page, call: PageCall): Promise<PageAnswer> {
  return page.evaluate(async ({ url, method, body, contentType, mode, credentials }) => {
    try {
      const answer = await fetch(url, {
        method: method ?? 'GET',
        ...(body === undefined ? {} : { body }),
        ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
        ...(mode === undefined ? {} : { mode }),
        credentials: credentials ?? 'same-origin',
      });
      const headerNames = [...answer.headers.keys()];
      return { status: answer.status, text: await answer.text(), type: answer.type, headerNames };
    } catch {
      return { status: 0, text: '', type: 'error', headerNames: [] };
    }
  }, call);
}

const json = 'application/json';
const cookieName = '__Host-stile-session';

describe.skipIf(mustSkipWithout('chromium'))('in a browser', () => {
  let cluster: Cluster;
  let folder: TempDir;
  let browser: TestBrowser;
  let hostile: Server;
  let plain: string;
  let tls: string;
  let loginPath: string;
  let admin: { readonly login_name: string; readonly password: string };
  let profile: BrowserContext;

  beforeAll(async () => {
    folder = await makeTempDir();
    const files = { certificate: join(folder.path, 'web.crt'), privateKey: join(folder.path, 'web.key') };
    const made = makeWebCertificate();
    writeFileSync(files.certificate, made.certificate);
    writeFileSync(files.privateKey, made.privateKey, { mode: 0o600 });
    cluster = new Cluster({
      moreListeners: [
        `{ purpose: api, address: "127.0.0.1:0", tls_cert_file: "${files.certificate}", tls_key_file: "${files.privateKey}" }`,
      ],
    });
    await cluster.initialize();
    const { process } = await cluster.startController('c1');
    const addresses = process.stdout.split('\n').filter((line) => line.includes('purpose: "api"'));
    const [first = '', second = ''] = addresses.map((line) => /addr: "([^"]+)"/.exec(line)?.[1] ?? '');
    plain = `http://${first}`;
    tls = `https://${second}`;
    const { auth_method_id: method, login_name, password } = cluster.initial.auth_method as Json;
    admin = { login_name: String(login_name), password: String(password) };
    loginPath = `/v1/auth-methods/${String(method)}:authenticate`;
    // Whatever a page of somebody else may be: it says nothing, and its scripts are the test's.
    hostile = createServer((_request, response) => {
      response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><title>hostile</title><body></body>');
    });
    hostile.listen(0, '127.0.0.1');
    await once(hostile, 'listening');
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.stop();
    hostile?.closeAllConnections();
    hostile?.close();
    await cluster?.stop();
    await folder?.remove();
  });
  beforeEach(async () => {
    profile = await browser.newProfile();
  });
  afterEach(() => profile?.close());

  const api = (method: string, path: string, body?: unknown): Promise<ApiAnswer> =>
    cluster.api('c1', method, path, body);

  /** A page of the controller's own origin. There is no console yet: any document of it will do. */
  async function ownPage(base: string): Promise<Page> {
    const page = await profile.newPage();
    await page.goto(`${base}/v1/openapi.json`);
    return page;
  }

  /** A page of the foreign server. Its host decides how foreign it is; the port is another one anyway. */
  async function foreignPage(host: '127.0.0.1' | 'localhost'): Promise<Page> {
    const page = await profile.newPage();
    await page.goto(`http://${host}:${(hostile.address() as AddressInfo).port}/`);
    return page;
  }

  const loginBody = (type: string): string => JSON.stringify({ type, attributes: admin });

  /** Signs in by the script of our own page; the id of the new token. */
  async function signIn(page: Page, base: string): Promise<string> {
    const body = loginBody('session-cookie');
    const answer = await fetchIn(page, { url: base + loginPath, method: 'POST', body, contentType: json });
    expect(answer.status).toBe(200);
    return String((JSON.parse(answer.text) as Json).attributes.id);
  }

  async function sessionCookie(): Promise<Cookie | undefined> {
    const all = await profile.cookies([plain, tls]);
    expect(all.length).toBeLessThanOrEqual(1);
    return all[0];
  }

  async function oneTimeToken(): Promise<string> {
    const made = await api('POST', '/v1/auth-tokens', { type: 'one-time' });
    return String(made.body.token);
  }

  async function groupNames(): Promise<readonly unknown[]> {
    const listed = await api('GET', '/v1/groups?scope_id=global');
    return ((listed.body.items ?? []) as Json[]).map((group) => group.name as unknown);
  }

  /** Whether our own page still acts for the admin: only with rights are roles shown. */
  async function statusOfRoles(page: Page, base: string): Promise<number> {
    return (await fetchIn(page, { url: `${base}/v1/roles?scope_id=global` })).status;
  }

  const bases: readonly [string, () => string, () => string][] = [
    ['plain http on 127.0.0.1', () => plain, () => plain],
    ['plain http on localhost', () => plain.replace('127.0.0.1', 'localhost'), () => plain],
    ['TLS', () => tls, () => tls],
  ];

  describe.each(bases)('over %s', (_title, baseOf) => {
    test('case 38: the cookie is stored and sent, and no script of the page can read it', async () => {
      const base = baseOf();
      const page = await ownPage(base);
      expect(await statusOfRoles(page, base)).toBe(401);
      const body = loginBody('session-cookie');
      const answer = await fetchIn(page, { url: base + loginPath, method: 'POST', body, contentType: json });
      expect({ status: answer.status, type: answer.type }).toEqual({ status: 200, type: 'basic' });
      expect(answer.headerNames).not.toContain('set-cookie');
      expect(answer.text).not.toMatch(/_s1/);

      const [cookie, ...more] = await profile.cookies(base);
      expect(more).toEqual([]);
      expect(cookie).toMatchObject({
        name: cookieName,
        value: expect.stringMatching(/^at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}$/),
        domain: new URL(base).hostname,
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
        expires: -1,
      });
      expect(await page.evaluate('document.cookie')).toBe('');
      expect(await page.evaluate('cookieStore.getAll().then((all) => all.length)')).toBe(0);

      expect(await statusOfRoles(page, base)).toBe(200);
      const change = JSON.stringify({ scope_id: 'global', name: `own page over ${base}` });
      const made = await fetchIn(page, { url: `${base}/v1/groups`, method: 'POST', body: change });
      expect(made.status).toBe(200);
      expect(await groupNames()).toContain(`own page over ${base}`);
      await page.reload();
      expect(await statusOfRoles(page, base)).toBe(200);
      const second = await ownPage(base);
      expect(await statusOfRoles(second, base)).toBe(200);
    });

    test('case 38: a script of the page can neither overwrite nor remove it', async () => {
      const base = baseOf();
      const page = await ownPage(base);
      await signIn(page, base);
      await page.evaluate(`document.cookie = '${cookieName}=x; Path=/; Secure'`);
      await page.evaluate(`document.cookie = '${cookieName}=; Path=/; Secure; Max-Age=0'`);
      expect(await statusOfRoles(page, base)).toBe(200);
    });

    test('case 38: the event stream opens by it, and ends when it is logged out', async () => {
      const base = baseOf();
      const page = await ownPage(base);
      const id = await signIn(page, base);
      await page.evaluate(
        `new Promise((resolve, reject) => {
          const events = new EventSource('/v1/events?topic=workers&scope_id=global');
          globalThis.ended = new Promise((end) => { events.addEventListener('bye', (event) => { events.close(); end(event.data); }); });
          events.onopen = () => resolve('open'); events.onerror = () => reject(new Error('no stream')); })`,
      );
      const revoke = { url: `${base}/v1/auth-tokens/${id}:revoke`, method: 'POST' };
      expect((await fetchIn(page, revoke)).status).toBe(200);
      expect(await page.evaluate('globalThis.ended')).toMatch(/token revoked/);
    });

    test('case 38: a one-time token is exchanged for the cookie, once', async () => {
      const base = baseOf();
      const page = await ownPage(base);
      const body = JSON.stringify({ token: await oneTimeToken(), type: 'session-cookie' });
      const swap = { url: `${base}/v1/auth-tokens:exchange`, method: 'POST', body, contentType: json };
      const first = await fetchIn(page, swap);
      expect(first.status).toBe(200);
      expect(first.text).not.toMatch(/_s1/);
      const [cookie] = await profile.cookies(base);
      expect(cookie).toMatchObject({ name: cookieName, httpOnly: true, secure: true, sameSite: 'Strict' });
      expect(await statusOfRoles(page, base)).toBe(200);
      expect((await fetchIn(page, swap)).status).toBe(401);
      expect(await profile.cookies(base)).toEqual([cookie]);
    });

    test.each([
      ['revoke', 'POST', ':revoke'],
      ['delete', 'DELETE', ''],
    ])('case 38: logging out by %s takes the cookie away', async (_how, method, suffix) => {
      const base = baseOf();
      const page = await ownPage(base);
      const id = await signIn(page, base);
      expect(await profile.cookies(base)).toHaveLength(1);
      const answer = await fetchIn(page, { url: `${base}/v1/auth-tokens/${id}${suffix}`, method });
      expect(answer.status).toBe(method === 'DELETE' ? 204 : 200);
      expect(await profile.cookies(base)).toEqual([]);
      expect(await statusOfRoles(page, base)).toBe(401);
    });
  });

  test("Boundary's pair of cookies is given and taken too, over TLS", async () => {
    const page = await ownPage(tls);
    const body = loginBody('cookie');
    expect((await fetchIn(page, { url: tls + loginPath, method: 'POST', body })).status).toBe(200);
    expect(await statusOfRoles(page, tls)).toBe(200);
    const seen = String(await page.evaluate('document.cookie'));
    expect(seen).toMatch(/^wt-js-token-cookie=at_\w+$/);
    expect(seen.length).toBeLessThan('wt-js-token-cookie='.length + 40);
  });

  const strangers: readonly ['127.0.0.1' | 'localhost', string][] = [
    ['127.0.0.1', 'another port of the same host, which gets the cookie along'],
    ['localhost', 'another site'],
  ];

  describe.each(strangers)('a page on %s (%s)', (host) => {
    let own: Page;
    let foreign: Page;
    let id: string;
    let before: string | undefined;
    beforeEach(async () => {
      own = await ownPage(plain);
      id = await signIn(own, plain);
      before = (await sessionCookie())?.value;
      foreign = await foreignPage(host);
    });

    /** The login is the same as before, and still good. */
    async function expectUntouched(): Promise<void> {
      expect((await sessionCookie())?.value).toBe(before);
      expect(await statusOfRoles(own, plain)).toBe(200);
    }

    test('case 36: reads nothing with the cookie', async () => {
      const url = `${plain}/v1/roles?scope_id=global`;
      expect(await fetchIn(foreign, { url, credentials: 'include' })).toMatchObject({
        type: 'error',
        text: '',
      });
      const opaque = await fetchIn(foreign, { url, credentials: 'include', mode: 'no-cors' });
      expect(opaque).toMatchObject({ type: 'opaque', status: 0, text: '' });
      expect(await fetchIn(foreign, { url })).toMatchObject({ type: 'cors', status: 401 });
      expect(await foreign.evaluate('document.cookie')).toBe('');
      await expectUntouched();
    });

    test('case 36: changes nothing by script, however simple the request', async () => {
      const names = await groupNames();
      const body = JSON.stringify({ scope_id: 'global', name: 'evil' });
      for (const contentType of [json, 'text/plain', 'application/x-www-form-urlencoded', undefined]) {
        for (const mode of ['cors', 'no-cors'] as const) {
          const answer = await fetchIn(foreign, {
            url: `${plain}/v1/groups`,
            method: 'POST',
            body,
            mode,
            credentials: 'include',
            ...(contentType === undefined ? {} : { contentType }),
          });
          expect(answer).toMatchObject({ status: 0, text: '' });
        }
      }
      for (const [method, path] of [
        ['DELETE', `/v1/auth-tokens/${id}`],
        ['POST', `/v1/auth-tokens/${id}:revoke`],
        ['POST', '/v1/auth-tokens:revoke-all'],
      ] as const) {
        await fetchIn(foreign, { url: plain + path, method, credentials: 'include' });
        await fetchIn(foreign, { url: plain + path, method, credentials: 'include', mode: 'no-cors' }).catch(
          () => undefined,
        );
      }
      expect(await groupNames()).toEqual(names);
      await expectUntouched();
    });

    /** Posts a form as a click of the user would: the page is left for the answer. Its body is what the names say. */
    async function postForm(path: string, body: string, enctype: string): Promise<number> {
      const answered = foreign.waitForResponse((answer) => answer.url() === plain + path);
      const [name, value] = [body.slice(0, -2), body.slice(-2)];
      const script = `(() => {
        const form = document.createElement('form');
        form.method = 'POST';
        form.action = ${JSON.stringify(plain + path)};
        form.enctype = ${JSON.stringify(enctype)};
        const field = document.createElement('input');
        field.name = ${JSON.stringify(`${name.slice(0, -1)},"x":"`)};
        field.value = ${JSON.stringify(`"${value}`)};
        form.append(field);
        document.body.append(form);
        form.submit();
      })()`;
      await foreign.evaluate(script);
      return (await answered).status();
    }

    test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
      'case 36: changes nothing by a form of %s, and plants no login',
      async (enctype) => {
        const names = await groupNames();
        // The last two characters stand behind what the form puts between name and value.
        const group = '{"scope_id":"global","name":"evil"} }';
        // Whether the cookie came along (403), or did not (401), or not even a body that could be read (400).
        expect([400, 401, 403]).toContain(await postForm('/v1/groups', group, enctype));
        expect(await groupNames()).toEqual(names);
        foreign = await foreignPage(host);
        const login = `${loginBody('session-cookie')} }`;
        expect(enctype === 'text/plain' ? [403] : [400, 403]).toContain(
          await postForm(loginPath, login, enctype),
        );
        await expectUntouched();
      },
    );

    test('case 36: plants no login, neither by a password nor by a one-time token', async () => {
      const swap = JSON.stringify({ token: await oneTimeToken(), type: 'session-cookie' });
      for (const mode of ['cors', 'no-cors'] as const) {
        for (const [path, body] of [
          [loginPath, loginBody('session-cookie')],
          [loginPath, loginBody('cookie')],
          ['/v1/auth-tokens:exchange', swap],
        ] as const) {
          const url = plain + path;
          await fetchIn(foreign, { url, method: 'POST', body, mode, credentials: 'include' });
        }
      }
      await expectUntouched();
      // Nothing was spent on the way.
      const spent = await callApi(plain, {
        method: 'POST',
        path: '/v1/auth-tokens:exchange',
        body: { ...(JSON.parse(swap) as Json), type: 'token' },
      });
      expect(spent.status).toBe(200);
    });

    test('case 36: without a login, plants none into an empty profile', async () => {
      await profile.clearCookies();
      const body = loginBody('session-cookie');
      for (const mode of ['cors', 'no-cors'] as const) {
        await fetchIn(foreign, {
          url: plain + loginPath,
          method: 'POST',
          body,
          mode,
          credentials: 'include',
        });
      }
      expect(await profile.cookies()).toEqual([]);
    });

    test('case 36: sends the user to an address that changes something, and nothing changes', async () => {
      for (const path of [`/v1/auth-tokens/${id}:revoke`, '/v1/auth-tokens:revoke-all', loginPath]) {
        const answered = foreign.waitForResponse((answer) => answer.url() === plain + path);
        await foreign.evaluate(`void (location.href = ${JSON.stringify(plain + path)})`);
        expect((await answered).status()).toBeGreaterThanOrEqual(400);
        foreign = await foreignPage(host);
      }
      await expectUntouched();
    });

    test('case 37: opens neither a WebSocket nor an event stream by the cookie', async () => {
      const socketUrl = `${plain.replace('http', 'ws')}/v1/roles?scope_id=global`;
      const code = await foreign.evaluate(
        `new Promise((resolve) => { const socket = new WebSocket(${JSON.stringify(socketUrl)});
          socket.onopen = () => resolve('open'); socket.onclose = (event) => resolve(event.code); })`,
      );
      expect(code).toBe(1006);
      const state = await foreign.evaluate(
        `new Promise((resolve) => { const events = new EventSource(${JSON.stringify(`${plain}/v1/events`)}, { withCredentials: true });
          events.onopen = () => resolve('open'); events.onerror = () => { events.close(); resolve('refused'); }; })`,
      );
      expect(state).toBe('refused');
      await expectUntouched();
    });

    test('case 36: from a frame without an origin, changes nothing either', async () => {
      const names = await groupNames();
      const body = JSON.stringify({ scope_id: 'global', name: 'evil' });
      const inner = `<script>fetch(${JSON.stringify(`${plain}/v1/groups`)}, { method: 'POST', mode: 'no-cors', credentials: 'include', body: ${JSON.stringify(body)} })
        .then(() => parent.postMessage('sent', '*'), () => parent.postMessage('failed', '*'))</script>`;
      const said = await foreign.evaluate(
        `new Promise((resolve) => { addEventListener('message', (event) => resolve(event.data));
          const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts';
          frame.srcdoc = ${JSON.stringify(inner).replaceAll('</', '<\\/')}; document.body.append(frame); })`,
      );
      expect(said).toBe('sent');
      expect(await groupNames()).toEqual(names);
      await expectUntouched();
    });
  });

  test('case 40: cookies that another port of the same host plants under other names log nobody in', async () => {
    const { token } = (await api('POST', '/v1/auth-tokens', { type: 'web', user_id: await adminId() }))
      .body as Json;
    const foreign = await foreignPage('127.0.0.1');
    for (const name of ['session', 'stile-session', '__host-stile-session', 'wt-js-token-cookie']) {
      await foreign.evaluate(
        `document.cookie = ${JSON.stringify(`${name}=${String(token)}; Path=/; Secure`)}`,
      );
    }
    const own = await ownPage(plain);
    expect(String(await own.evaluate('document.cookie'))).toContain(`stile-session=${String(token)}`);
    expect(await statusOfRoles(own, plain)).toBe(401);
  });

  async function adminId(): Promise<string> {
    const token = await cluster.adminToken('c1');
    return String((await api('GET', `/v1/auth-tokens/${token.slice(0, 13)}`)).body.user_id);
  }

  test('case 38: a network address without TLS would get none: the browser drops what has no Secure', async () => {
    const page = await ownPage(plain);
    await page.evaluate(`document.cookie = '${cookieName}=x; Path=/'`);
    expect(await profile.cookies(plain)).toEqual([]);
  });
});
