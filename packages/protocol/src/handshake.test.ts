import { describe, expect, it } from 'vitest';
import { closeReasonOf, closeReasons, errorCodeOfClose } from './close-reason.ts';
import { errorTable, isErrorCode, StileError } from './errors.ts';
import {
  decodeClientHandshake,
  decodeHandshakeResult,
  encodeClientHandshake,
  encodeHandshakeResult,
  maxHandshakeBytes,
} from './handshake.ts';

const tofuToken = 'ABCDEFGHIJKLMNOPQRST';
const expiresAt = Date.UTC(2035, 0, 1, 8, 0, 0) * 1000;
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'no error';
  } catch (error) {
    return error instanceof StileError ? error.code : 'another error';
  }
};

describe('client handshake', () => {
  it.each([
    ['connect', '5214 4142434445464748494a4b4c4d4e4f5051525354'],
    ['cancel', '5214 4142434445464748494a4b4c4d4e4f5051525354 a00101'],
  ] as const)('%s has the recorded bytes in both directions', (command, bytes) => {
    const handshake = { tofuToken, command, capabilities: [] };
    expect(Buffer.from(encodeClientHandshake(handshake))).toEqual(Buffer.from(hex(bytes)));
    expect(decodeClientHandshake(hex(bytes))).toEqual(handshake);
  });

  it('carries capabilities in field 1000', () => {
    const handshake = { tofuToken, command: 'connect', capabilities: ['one', 'two'] } as const;
    const bytes = encodeClientHandshake(handshake);
    expect(Buffer.from(bytes).toString('hex')).toContain('c23e036f6e65');
    expect(decodeClientHandshake(bytes)).toEqual(handshake);
  });

  it('accepts any 20 bytes as a TOFU token, as the real worker does', () => {
    const handshake = { tofuToken: '€€€€€€ä', command: 'connect', capabilities: [] } as const;
    expect(decodeClientHandshake(encodeClientHandshake(handshake))).toEqual(handshake);
  });

  it.each([
    ['19 characters', tofuToken.slice(1)],
    ['21 characters', `${tofuToken}x`],
    ['20 characters of 21 bytes', 'äBCDEFGHIJKLMNOPQRST'],
    ['nothing', ''],
  ])('refuses a TOFU token of %s', (_, text) => {
    const bytes = encodeClientHandshake({ tofuToken: text, command: 'connect', capabilities: [] });
    expect(codeOf(() => decodeClientHandshake(bytes))).toBe('invalidTofuToken');
  });

  it.each([
    ['garbage', 'ffffffffff', 'unreadableHandshake'],
    ['a length beyond the end', '52ff01', 'unreadableHandshake'],
    ['text that is no UTF-8', `5214${'ff'.repeat(20)}`, 'unreadableHandshake'],
    ['an unknown command', '52144142434445464748494a4b4c4d4e4f5051525354a00107', 'invalidHandshake'],
    ['a message above the limit', '00'.repeat(maxHandshakeBytes + 1), 'frameTooLarge'],
    [
      'capabilities without end',
      `52144142434445464748494a4b4c4d4e4f5051525354${'c23e00'.repeat(65)}`,
      'invalidHandshake',
    ],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(() => decodeClientHandshake(hex(bytes)))).toBe(code);
  });
});

describe('handshake result', () => {
  it.each([
    [-1, -1, '52060880b88ed207 a001ffffffffffffffffff01 f001ffffffffffffffffff01'],
    [1, 0, '52060880b88ed207 a00101'],
    [10, 9, '52060880b88ed207 a0010a f00109'],
  ])('limit %i with %i left has the recorded bytes in both directions', (limit, left, bytes) => {
    const result = { expiresAt, connectionLimit: limit, connectionsLeft: left, capabilities: [] };
    expect(Buffer.from(encodeHandshakeResult(result))).toEqual(Buffer.from(hex(bytes)));
    expect(decodeHandshakeResult(hex(bytes))).toEqual(result);
  });

  it('reads an empty message as nothing left', () => {
    expect(decodeHandshakeResult(new Uint8Array())).toEqual({
      expiresAt: 0,
      connectionLimit: 0,
      connectionsLeft: 0,
      capabilities: [],
    });
  });

  it.each([
    ['a negative limit', 'a001feffffffffffffffff01', 'invalidHandshake'],
    ['an expiration before 1970', '520b08ffffffffffffffffff01', 'invalidHandshake'],
    ['an expiration beyond a safe number', '520a08ffffffffffffffff7f', 'invalidHandshake'],
    ['a truncated message', '5206088', 'unreadableHandshake'],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(() => decodeHandshakeResult(hex(bytes)))).toBe(code);
  });
});

describe('close reasons', () => {
  it('fit into a close frame', () => {
    for (const { code, reason } of Object.values(closeReasons)) {
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(code >= 1000 && code < 5000).toBe(true);
    }
  });

  it('keep the two texts that the real client matches out of every other text', () => {
    for (const exact of ['unable to authorize connection', 'tofu token not allowed']) {
      const having = Object.values(closeReasons).filter(({ reason }) => reason.includes(exact));
      expect(having).toHaveLength(1);
    }
  });

  it('exist for every error code, and agree with the close code of the error table before the stream begins', () => {
    const codes = Object.keys(errorTable).filter(isErrorCode);
    for (const code of codes) expect(Object.values(closeReasons)).toContainEqual(closeReasonOf(code));
    for (const code of [
      'invalidHandshake',
      'unreadableHandshake',
      'invalidTofuToken',
      'tofuTokenNotAllowed',
      'sessionNotPending',
      'connectionNotAuthorized',
      'endpointRefused',
      'endpointUnreachable',
      'frameTooLarge',
    ] as const) {
      expect(closeReasonOf(code).code).toBe(errorTable[code].closeCode);
    }
  });

  it('come back to the client as the error they were sent for', () => {
    for (const code of [
      'tofuTokenNotAllowed',
      'connectionNotAuthorized',
      'sessionNotPending',
      'invalidTofuToken',
      'invalidHandshake',
      'unreadableHandshake',
    ] as const) {
      expect(errorCodeOfClose(closeReasonOf(code))).toBe(code);
    }
    expect(errorCodeOfClose({ code: 1006, reason: '' })).toBe('connectionReset');
    expect(errorCodeOfClose({ code: 1000, reason: '' })).toBe('aborted');
  });
});
