import { describe, expect, it } from 'vitest';
import { stile } from '../../gen/cluster.js';
import type { ClusterCalls, ClusterMethod } from './calls.ts';
import { callCodecs } from './codec.ts';
import { StileError } from '../errors.ts';
import { decodeFrame, encodeError, encodeRequest, encodeResponse, maxFrameBytes } from './frame.ts';

const { Frame } = stile.controller.servers.v1;
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const sessions = [
  {
    sessionId: 's_1234567890',
    connections: [{ connectionId: 'sc_1234567890', bytesUp: 2 ** 40, bytesDown: 0 }],
  },
  { sessionId: 's_0987654321', connections: [] },
];
const close = {
  connectionId: 'sc_1234567890',
  bytesUp: 1,
  bytesDown: Number.MAX_SAFE_INTEGER,
  reason: 'endpoint closed',
  closedAt: 1_800_000_000_000_000,
} as const;
const revocations = [{ sessionId: 's_1234567890', reason: 'canceled' }] as const;

/** One example of every call; a call without one does not compile. */
const examples: { readonly [M in ClusterMethod]: ClusterCalls[M] } = {
  enroll: {
    request: { activationToken: 'neslat_x', publicKey: bytes(1, 2), signature: bytes(3) },
    response: { workerId: 'w_1234567890', certificate: bytes(4), caCertificates: [bytes(5), bytes(6)] },
  },
  register: {
    request: { publicKey: bytes(1, 2), signature: bytes(3) },
    response: {
      workerId: 'w_1234567890',
      certificate: bytes(4),
      caCertificates: [bytes(5)],
      proof: bytes(6),
    },
  },
  hello: {
    request: {
      address: '[::1]:9202',
      tags: { type: ['dev', 'local'], region: [], ['__proto__']: ['x'] },
      releaseVersion: 'Stile v0.1.0',
      sessions,
      capabilities: ['a'],
      description: 'a worker',
      startedAt: 1_795_000_000_000_000,
      cpuCount: 8,
      memoryBytes: 2 ** 40,
    },
    response: {
      workerId: 'w_1234567890',
      heartbeatIntervalMs: 1000,
      revocations,
      renewBeforeSeconds: 86_400,
      controllerAddresses: ['127.0.0.1:9201'],
    },
  },
  heartbeat: {
    request: { sessions, activeConnections: 7, draining: true },
    response: { revocations: [], controllerAddresses: [], renewNow: true },
  },
  lookupSession: {
    request: { sessionId: 's_1234567890' },
    response: {
      sessionId: 's_1234567890',
      certificate: bytes(1),
      privateKey: new Uint8Array(64).fill(7),
      tofuToken: '',
      status: 'pending',
      endpoint: 'tcp://127.0.0.1:22',
      expiresAt: 1_800_000_000_123_456,
      connectionLimit: -1,
      leaseSeconds: 60,
    },
  },
  activateSession: {
    request: { sessionId: 's_1234567890', tofuToken: 'ABCDEFGHIJKLMNOPQRST' },
    response: { status: 'active' },
  },
  authorizeConnection: {
    request: { sessionId: 's_1234567890', clientAddress: '127.0.0.1', clientPort: 65_535 },
    response: { connectionId: 'sc_1234567890', connectionsLeft: 0 },
  },
  connectConnection: {
    request: { connectionId: 'sc_1234567890', endpointAddress: '::1', endpointPort: 22 },
    response: {},
  },
  closeConnections: { request: { connections: [close] }, response: {} },
  cancelSession: { request: { sessionId: 's_1234567890' }, response: { status: 'canceling' } },
  renewCertificate: {
    request: { publicKey: bytes(1), signature: bytes(2) },
    response: { certificate: bytes(3), caCertificates: [] },
  },
  revokeSessions: { request: { revocations }, response: { connections: [close] } },
  drain: { request: {}, response: {} },
};

const methods = Object.keys(callCodecs) as ClusterMethod[];
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'no error';
  } catch (error) {
    return error instanceof StileError ? error.code : 'another error';
  }
};

function requestBytes<M extends ClusterMethod>(method: M): Uint8Array {
  return encodeRequest(7, method, examples[method].request);
}

function responseBytes<M extends ClusterMethod>(method: M): Uint8Array {
  return encodeResponse(7, method, examples[method].response);
}

describe('cluster frame', () => {
  it.each(methods)('%s comes through as request and as response', (method) => {
    expect(decodeFrame(requestBytes(method))).toEqual({
      kind: 'request',
      id: 7,
      method,
      request: examples[method].request,
    });
    expect(decodeFrame(responseBytes(method))).toEqual({
      kind: 'response',
      id: 7,
      method,
      response: examples[method].response,
    });
  });

  it('keeps what it decoded when the received buffer is used again', () => {
    const received = responseBytes('lookupSession');
    const frame = decodeFrame(received);
    received.fill(0);
    expect(frame).toMatchObject({ response: { privateKey: new Uint8Array(64).fill(7) } });
  });

  it('sends the word and text of an error, and nothing of an internal one', () => {
    const told = encodeError(3, new StileError('notFound', 'session s_1 is gone'));
    expect(decodeFrame(told)).toEqual({
      kind: 'error',
      id: 3,
      code: 'notFound',
      message: 'session s_1 is gone',
    });
    const hidden = encodeError(3, new StileError('internal', 'password of the database'));
    expect(decodeFrame(hidden)).toEqual({
      kind: 'error',
      id: 3,
      code: 'internal',
      message: 'internal error',
    });
  });

  it('reads an error code it does not know as internal, and takes control characters out of the text', () => {
    const unknown = Frame.encode({ id: 3, error: { code: 'newer', message: 'x' } }).finish();
    expect(decodeFrame(unknown)).toMatchObject({ code: 'internal', message: 'internal error' });
    const control = Frame.encode({ id: 3, error: { code: 'notFound', message: 'a\u001b[2J\nb' } }).finish();
    expect(decodeFrame(control)).toMatchObject({ message: 'a [2J b' });
  });

  it('reads reasons of a newer peer as the general word', () => {
    const revoke = Frame.encode({
      id: 1,
      revokeSessions: { revocations: [{ sessionId: 's_1', reason: 'newer' }] },
    }).finish();
    expect(decodeFrame(revoke)).toMatchObject({
      request: { revocations: [{ sessionId: 's_1', reason: 'canceled' }] },
    });
  });

  it('reads the hello of an older worker, which says nothing of its machine', () => {
    const { startedAt: _s, cpuCount: _c, memoryBytes: _m, ...older } = examples.hello.request;
    const hello = Frame.encode({
      id: 1,
      hello: { ...older, tags: [], sessions: [], capabilities: [] },
    }).finish();
    expect(decodeFrame(hello)).toMatchObject({
      request: { address: '[::1]:9202', startedAt: 0, cpuCount: 0, memoryBytes: 0 },
    });
  });

  it('tells requests and answers of a newer peer apart', () => {
    expect(decodeFrame(bytes(8, 5, 0xea, 5, 0))).toEqual({ kind: 'unknownRequest', id: 5 });
    expect(decodeFrame(bytes(8, 5, 0xba, 12, 0))).toEqual({ kind: 'unknownResponse', id: 5 });
  });

  it.each([
    ['nothing', bytes()],
    ['no id', Frame.encode({ drain: {} }).finish()],
    ['no body', bytes(8, 5)],
    ['two bodies', Buffer.concat([requestBytes('drain'), requestBytes('drain')])],
    ['a group', bytes(8, 5, 0xcb, 2, 0xcc, 2)],
    ['field number 0', bytes(2, 0, 8, 5)],
    ['a length beyond the end', bytes(8, 5, 0xca, 2, 100)],
    ['a varint without end', new Uint8Array(40).fill(255)],
    ['a text that is no UTF-8', bytes(8, 5, 0x6a, 3, 10, 1, 255)],
    ['an id with a path in it', Frame.encode({ id: 1, lookupSession: { sessionId: 's_../x' } }).finish()],
    ['no session id', Frame.encode({ id: 1, lookupSession: {} }).finish()],
    [
      'a port above 65535',
      Frame.encode({ id: 1, connectConnection: { connectionId: 'sc_1', endpointPort: 65_536 } }).finish(),
    ],
    ['an unknown status', Frame.encode({ id: 1, activateSessionOk: { status: 'asleep' } }).finish()],
    [
      'a limit below -1',
      Frame.encode({ id: 1, authorizeConnectionOk: { connectionId: 'sc_1', connectionsLeft: -2 } }).finish(),
    ],
    [
      'a counter beyond a safe number',
      bytes(8, 1, 0x8a, 1, 19, 10, 17, 10, 4, 115, 99, 95, 49, 16, ...Array<number>(8).fill(255), 127),
    ],
    ['an enrolment without a key', Frame.encode({ id: 1, enroll: { activationToken: 'x' } }).finish()],
    [
      'a tag of 600 characters',
      Frame.encode({ id: 1, hello: { tags: [{ key: 'k'.repeat(600) }] } }).finish(),
    ],
  ])('refuses %s', (_, message) => {
    expect(codeOf(() => decodeFrame(message))).toBe('invalidFrame');
  });

  it('refuses a frame with more fields than it may have before it builds a single object', () => {
    const flood = Buffer.alloc(2 * 200_000);
    for (let i = 0; i < flood.length; i += 2) flood[i] = 10;
    const body = Buffer.concat([bytes(8, 1, 0x62, 0x80, 0xb5, 0x18), flood]);
    expect(body.length).toBeLessThan(maxFrameBytes);
    expect(() => decodeFrame(body)).toThrow('too many fields');
  });

  it('refuses a frame above its size, on both sides', () => {
    expect(codeOf(() => decodeFrame(new Uint8Array(maxFrameBytes + 1)))).toBe('frameTooLarge');
    expect(codeOf(() => decodeFrame(new Uint8Array(11), 10))).toBe('frameTooLarge');
    const many = Array.from({ length: 60_000 }, () => close);
    expect(codeOf(() => encodeRequest(1, 'closeConnections', { connections: many }))).toBe('frameTooLarge');
  });
});
