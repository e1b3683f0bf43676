import { describe, expect, it } from 'vitest';
import { StileError } from './errors.ts';
import { decodeAuthorizationToken, encodeAuthorizationToken } from './session-authorization.ts';
import type { SessionAuthorization } from './session-authorization.ts';
import { encodeBase58 } from './codec/base58.ts';

/** The vector of session-protocol.md §10.1, made by the real Go packages. */
const privateKeyHex =
  '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8';
const certificateHex =
  '3082015d3082010fa00302010202080102030405060708300506032b65703000301e170d3235303130313030303030305a170d3335303130313038303030305a' +
  '3000302a300506032b657003210003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8a381a63081a3300e0603551d0f0101ff0404' +
  '030202ac301d0603551d250416301406082b0601050507030106082b06010505070302300f0603551d130101ff040530030101ff301d0603551d0e0416041456' +
  '475aa75463474c0285df5dbf2bcab73da6513530420603551d110101ff04383036820c735f31323334353637383930820e776f726b65722e6578616d706c6587' +
  '047f000001871000000000000000000000000000000001300506032b657003410009814fbb6d281110159acc4b1d8e3cbc7f6eaeb19572598f3a9352fd0187b0' +
  '8391715ee560d5cbd94ca28fb9e9e7d88cdf288a1a765b452b32cfcc8fad4e4e03';
const token =
  '2uhewNqDtjaZNAhMR9PnemEgck8JNgK1A61xbzgpyRM5UQmaeJFwnDyorgU7XfbFYamtZND7NhKdh8ECbdC5e7cryGmmzrGJVqUhiamg1YtcpxP6QHFwcVgAELEEBSgK' +
  'n4CwQMNpM9MHqAnzUNT5tWdiDd4QMLFcHb5s5Qx7drfc7PiuNqmNmBg14iNGjezr1rQivLmF9UJQvoRNADrgrHNC9h5h4zmEJFLfsh9FbAiZxdS5CvC4F9zYXJNr5wvr' +
  '7qXQY2vEJVM7Wem2rcMW3APnbF1L77kpM6QQNeJvFQcqGvffPAJmVGxE1UM83H6TKp3yF1vxLBXbjm1dDgU9hXZJ5NwdjE7HFZsomqbX6sMv8nSoWHw2Q9SQ3Yp96f6m' +
  'usyrWXE2CwST5JhTd5xwmZXuLXo4HNUkMmPmFmfdpdCfPXeyDcUQcAPVHDmfRjScyo76k6hsyqZgAZrJVZp6U6g72Lp7aXPusWfgfsEcmuFRsqp83ymidebh5Uq2TucZ' +
  'mCzqJzuLJoq48WcJTaBGs8stiVij8BnuoYJKLH2ZLaG1WzLihRynPdKsSX6DnqzpqcwgVpMhehhuJgTa5iKUxCHEuunyFgTdbDBcMzbX7E9ppTCxcohpr2aPr1zhCp5v' +
  'VoRgCo7ckg2o1BTBsZjqA57Uu1rTaFnQFzVdt3jhT6aSViF67ktxZTkbHSkzuV8DNCrMXuDs2EVdVNig51pAMpvMUDBKmj3tjNqVkeUCjAsyjWrQY37ay2NcgeR5YCTh' +
  'hoSSBipius1MAkzPEMkREnvEKDaDu5dKRYvewxGSmW9kY3q5ytYNG3atcyfuHufbH2RbvwfN8Zk5ar8Eun';

const vector: SessionAuthorization = {
  sessionId: 's_1234567890',
  targetId: 'ttcp_1234567890',
  scope: {
    id: 'p_1234567890',
    type: 'project',
    name: 'proj',
    description: '',
    parentScopeId: 'o_1234567890',
  },
  createdAt: Date.UTC(2025, 0, 1, 0, 1, 0) * 1000 + 123_456,
  type: 'tcp',
  connectionLimit: -1,
  endpointPort: 22,
  expiresAt: Date.UTC(2035, 0, 1, 8, 0, 0) * 1000,
  certificate: new Uint8Array(Buffer.from(certificateHex, 'hex')),
  privateKey: new Uint8Array(Buffer.from(privateKeyHex, 'hex')),
  hostId: 'hst_1234567890',
  endpoint: 'tcp://127.0.0.1:22',
  workerAddresses: ['127.0.0.1:9202', '[::1]:9202'],
  defaultClientPort: 2222,
};

const codeOf = (text: string): string => {
  try {
    decodeAuthorizationToken(text);
    return 'no error';
  } catch (error) {
    return error instanceof StileError ? `${error.code}: ${error.message}` : 'another error';
  }
};

describe('authorization token', () => {
  it('encodes the recorded authorization to exactly the recorded token', () => {
    expect(encodeAuthorizationToken(vector)).toBe(token);
  });

  it('decodes the recorded token to the recorded values', () => {
    expect(decodeAuthorizationToken(token)).toEqual(vector);
  });

  it('keeps what it decoded when the text it came from is gone', () => {
    const decoded = decodeAuthorizationToken(token);
    decodeAuthorizationToken(encodeAuthorizationToken({ ...vector, privateKey: new Uint8Array(64).fill(9) }));
    expect(Buffer.from(decoded.privateKey).toString('hex')).toBe(privateKeyHex);
  });

  it('leaves zero values out and reads them back as zero', () => {
    const bare: SessionAuthorization = {
      ...vector,
      scope: { id: '', type: '', name: '', description: '', parentScopeId: '' },
      hostId: '',
      connectionLimit: 0,
      defaultClientPort: 0,
      createdAt: 0,
      expiresAt: 0,
      workerAddresses: [],
    };
    expect(decodeAuthorizationToken(encodeAuthorizationToken(bare))).toEqual(bare);
  });

  it('refuses to encode a private key of another length', () => {
    expect(() => encodeAuthorizationToken({ ...vector, privateKey: new Uint8Array(32) })).toThrow('64 bytes');
  });

  it.each([
    ['nothing', '', 'authorization token is empty'],
    [
      'a trailing line break',
      `${token}\n`,
      'unable to base58-decode authorization token: invalid base58 character at position 851',
    ],
    ['base58 of no protobuf', encodeBase58(new Uint8Array([255, 255, 255])), 'unable to unmarshal'],
    ['a message without a key', encodeBase58(new Uint8Array([82, 1, 65])), 'private key'],
    ['far too much text', '2'.repeat(1_000_000), 'more than 8192 bytes'],
  ])('refuses %s with a reason', (_, text, message) => {
    expect(codeOf(text)).toContain('invalidAuthorizationToken');
    expect(codeOf(text)).toContain(message);
  });
});
