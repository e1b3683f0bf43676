import { X509Certificate, createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { ed25519FromSeed } from './ed25519.ts';
import { alternativeNameOf, issueSessionCertificate } from './session-certificate.ts';

const seed = Uint8Array.from({ length: 32 }, (_unused, index) => index);
const vector = `
3082015d3082010fa00302010202080102030405060708300506032b65703000301e170d3235303130313030303030305a170d3335303130313038303030305a
3000302a300506032b657003210003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8a381a63081a3300e0603551d0f0101ff0404
030202ac301d0603551d250416301406082b0601050507030106082b06010505070302300f0603551d130101ff040530030101ff301d0603551d0e0416041456
475aa75463474c0285df5dbf2bcab73da6513530420603551d110101ff04383036820c735f31323334353637383930820e776f726b65722e6578616d706c6587
047f000001871000000000000000000000000000000001300506032b657003410009814fbb6d281110159acc4b1d8e3cbc7f6eaeb19572598f3a9352fd0187b0
8391715ee560d5cbd94ca28fb9e9e7d88cdf288a1a765b452b32cfcc8fad4e4e03`.replaceAll(/\s/g, '');

const us = (iso: string): number => Date.parse(iso) * 1000;

test('seed, serial, times and names of the recorded vector give its bytes exactly', () => {
  const issued = issueSessionCertificate({
    sessionId: 's_1234567890',
    workerHosts: ['worker.example', '127.0.0.1', '::1'],
    createdAt: us('2025-01-01T00:01:00.123Z') + 456,
    expiresAt: us('2035-01-01T08:00:00.900Z'),
    keyPair: ed25519FromSeed(seed),
    serial: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  });
  expect(issued.certificate.toString('hex')).toBe(vector);
  expect(issued.privateKey.toString('hex')).toBe(
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8',
  );
});

test('each certificate has its own key and serial, signs itself and belongs to the key given with it', () => {
  const request = {
    sessionId: 's_abcdefghij',
    workerHosts: ['10.0.0.5'],
    createdAt: us('2026-01-01T00:00:00Z'),
    expiresAt: us('2026-01-01T08:00:00.999Z'),
  };
  const first = issueSessionCertificate(request);
  const second = issueSessionCertificate(request);
  const certificate = new X509Certificate(first.certificate);
  const other = new X509Certificate(second.certificate);
  expect(certificate.serialNumber).not.toBe(other.serialNumber);
  expect(first.privateKey.equals(second.privateKey)).toBe(false);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.verify(other.publicKey)).toBe(false);
  const pkcs8 = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    first.privateKey.subarray(0, 32),
  ]);
  expect(certificate.checkPrivateKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))).toBe(
    true,
  );
  expect(new Date(certificate.validFrom).toISOString()).toBe('2025-12-31T23:59:00.000Z');
  expect(new Date(certificate.validTo).toISOString()).toBe('2026-01-01T08:00:00.000Z');
});

test('an end after 2049 is written as GeneralizedTime and read back', () => {
  const issued = issueSessionCertificate({
    sessionId: 's_1',
    workerHosts: [],
    createdAt: us('2026-01-01T00:00:00Z'),
    expiresAt: us('2100-06-01T12:34:56Z'),
  });
  expect(new Date(new X509Certificate(issued.certificate).validTo).toISOString()).toBe(
    '2100-06-01T12:34:56.000Z',
  );
});

test.each([
  ['127.0.0.1', '7f000001'],
  ['::1', '00000000000000000000000000000001'],
  ['2001:db8::5', '20010db8000000000000000000000005'],
  ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
])('worker host %s becomes an iPAddress', (host, bytes) => {
  const name = alternativeNameOf(host);
  expect('ip' in name && Buffer.from(name.ip).toString('hex')).toBe(bytes);
});

test.each(['worker.example', '256.1.1.1', 'fe80::1%eth0', '1::2::3'])(
  'worker host %s, not a legal address, becomes a dNSName',
  (host) => {
    expect(alternativeNameOf(host)).toEqual({ dns: host });
  },
);
