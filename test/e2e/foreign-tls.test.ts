/**
 * What a worker answers before a session protocol begins: TLS by session certificate, and the HTTP upgrade, with everything that
 * may be wrong in them (session-protocol.md §2; security-cases.md CVE-2024-1052, CVE-2025-49825).
 */
import { once } from 'node:events';
import { createConnection as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { readSession } from '../support/dev-target.ts';
import {
  ForeignConnection,
  newTofuToken,
  openTls,
  pemPairOf,
  splitAddress,
} from '../support/foreign-client.ts';
import { encodeFrame } from '../support/foreign-frames.ts';
import { ForeignLab, refusal } from '../support/foreign-lab.ts';
import { encodeHandshake, type ForeignAuthorization } from '../support/foreign-messages.ts';
import { startWireTap } from '../support/wire-tap.ts';
import { whenClosed } from '../support/when-closed.ts';

let lab: ForeignLab;

beforeAll(async () => {
  lab = await ForeignLab.start();
});
afterEach(() => lab.destroyClients());
afterAll(() => lab?.stop());

describe('TLS', () => {
  test('an unknown session is answered with the bytes of a fatal alert 80 and a close', async () => {
    const auth = await lab.session();
    const tap = await startWireTap(splitAddress(lab.dev.proxyAddress));
    try {
      const stranger = { ...auth, sessionId: 's_0000000000' };
      expect((await refusal(openTls(stranger, { worker: tap.address }))).alert).toBe(80);
      expect(tap.connections[0]?.fromServer().toString('hex')).toMatch(/^15030[13]00020250$/);
    } finally {
      await tap.close();
    }
  });

  test.each<[string, readonly string[]]>([
    ['no ALPN at all', []],
    ['ALPN without a session id', ['http/1.1']],
    ['an id that is no session id', ['http/1.1', 'w_1234567890']],
    ['a session id with a path in it', ['http/1.1', 's_../../etc']],
  ])('%s is answered with alert 80', async (_name, alpn) => {
    expect((await refusal(openTls(await lab.session(), { alpn }))).alert).toBe(80);
  });

  test('ALPN without http/1.1 is refused by the handshake', async () => {
    const auth = await lab.session();
    expect((await refusal(openTls(auth, { alpn: [auth.sessionId] }))).alert).toBe(120);
  });

  test('TLS 1.2 is refused', async () => {
    const auth = await lab.session();
    const socket = connect({
      ...splitAddress(lab.dev.proxyAddress),
      maxVersion: 'TLSv1.2',
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1', auth.sessionId],
      rejectUnauthorized: false,
    });
    lab.keep(socket);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/alert|protocol version|unsupported/i);
  });

  test.each<[string, (auth: ForeignAuthorization) => Parameters<typeof openTls>[1]]>([
    ['no client certificate', () => ({ certificate: 'none' })],
    [
      'another certificate with the same session id',
      (auth) => {
        const forged = makeCertificate({ dnsNames: [auth.sessionId] });
        return { certificate: { cert: forged.pem, key: forged.keyPem } };
      },
    ],
    [
      'a certificate that another authority signed for the session id',
      (auth) => {
        const authority = makeCertificate({ dnsNames: [], commonName: 'authority' });
        const forged = makeCertificate({ dnsNames: [auth.sessionId], issuer: authority, isCa: false });
        return { certificate: { cert: forged.pem, key: forged.keyPem } };
      },
    ],
  ])('%s gets no upgrade, and the session stays untouched', async (_name, make) => {
    const auth = await lab.session();
    const seen = await refusal(ForeignConnection.open(auth, make(auth)));
    expect(seen.status).toBeUndefined();
    expect(await readSession(lab.dev.api, auth.sessionId)).toMatchObject({ status: 'pending', version: 1 });
    await (await lab.connected(auth)).roundTrip('the real one is served');
  });

  test('the certificate of one session opens no other', async () => {
    const [mine, other] = [await lab.session(), await lab.session()];
    const { cert, key } = pemPairOf(mine);
    const seen = await refusal(ForeignConnection.open(other, { certificate: { cert, key } }));
    expect(seen.status).toBeUndefined();
  });

  test('bytes that are no TLS are closed', async () => {
    const begun = Date.now();
    const socket = connectTcp(splitAddress(lab.dev.proxyAddress));
    lab.keep(socket);
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await whenClosed(socket.resume());
    expect(Date.now() - begun).toBeLessThan(5000);
  });
});

describe('the upgrade', () => {
  const base = [
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==',
    'Sec-WebSocket-Protocol: boundary-tcp-proxy-v1',
  ];
  const without = (name: string): string[] => base.filter((line) => !line.startsWith(`${name}:`));
  test.each<[string, { requestLine?: string; headers: readonly string[] }, number]>([
    ['another path', { requestLine: 'GET /v1/other HTTP/1.1', headers: base }, 404],
    ['POST', { requestLine: 'POST /v1/proxy HTTP/1.1', headers: base }, 405],
    ['no upgrade header', { headers: without('Upgrade') }, 426],
    ['version 12', { headers: [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 12'] }, 400],
    ['a short key', { headers: [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: AAEC'] }, 400],
    ['an origin of another host', { headers: [...base, 'Origin: https://evil.example'] }, 403],
  ])('%s is refused with its status', async (_name, options, status) => {
    const auth = await lab.session();
    expect((await refusal(ForeignConnection.open(auth, options))).status).toBe(status);
    expect(await readSession(lab.dev.api, auth.sessionId)).toMatchObject({ status: 'pending' });
  });

  test('headers above their limit are refused and the worker goes on', async () => {
    const auth = await lab.session();
    const seen = await refusal(
      ForeignConnection.open(auth, { headers: [...base, `X-Filler: ${'a'.repeat(200_000)}`] }),
    );
    expect(seen.status ?? 431).toBe(431);
    await (await lab.connected(auth)).roundTrip('next');
  });

  test('a handshake sent together with the upgrade request is not lost', async () => {
    const auth = await lab.session();
    const tls = await openTls(auth);
    lab.keep(tls);
    const tofuToken = newTofuToken();
    const request = Buffer.from(
      `GET /v1/proxy HTTP/1.1\r\n${base.map((line) => `${line}\r\n`).join('')}\r\n`,
    );
    tls.write(Buffer.concat([request, encodeFrame(encodeHandshake({ tofuToken }))]));
    let seen = Buffer.alloc(0);
    await new Promise<void>((resolve, reject) => {
      tls.once('close', () => reject(new Error(`closed after ${seen.toString('latin1')}`)));
      tls.on('data', (part: Buffer) => {
        seen = Buffer.concat([seen, part]);
        const end = seen.indexOf('\r\n\r\n');
        if (end > 0 && seen.length > end + 10) resolve();
      });
    });
    expect((await readSession(lab.dev.api, auth.sessionId)).status).toBe('active');
  });
});
