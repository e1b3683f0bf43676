// Property tests of the cluster link: whatever bytes come, a peer answers, ignores them, or tells its owner to drop the link.
import { StileError } from '@stile/protocol';
import {
  maxFrameBytes,
  RpcPeer,
  type ClusterCalls,
  type ClusterHandlers,
  type HelloRequest,
} from '@stile/protocol/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostileBytes, valueOrStileError } from '../support/hostile-bytes.ts';

const neverFires = { setTimer: () => ({ cancel: () => undefined }) };
const id = (prefix: string): fc.Arbitrary<string> =>
  fc.stringMatching(/^[0-9A-Za-z]{1,12}$/).map((rest) => `${prefix}_${rest}`);
const counter = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const sessions = fc.array(
  fc.record({
    sessionId: id('s'),
    connections: fc.array(fc.record({ connectionId: id('sc'), bytesUp: counter, bytesDown: counter }), {
      maxLength: 5,
    }),
  }),
  { maxLength: 5 },
);
const hello: fc.Arbitrary<HelloRequest> = fc.record({
  address: fc.string({ maxLength: 50 }),
  tags: fc.dictionary(fc.string({ maxLength: 10 }), fc.array(fc.string({ maxLength: 10 }), { maxLength: 3 })),
  releaseVersion: fc.string({ maxLength: 20 }),
  sessions,
  capabilities: fc.array(fc.string({ maxLength: 10 }), { maxLength: 3 }),
  description: fc.string({ unit: 'binary', maxLength: 100 }),
  startedAt: counter,
  cpuCount: fc.nat({ max: 2 ** 32 - 1 }),
  memoryBytes: counter,
});

/** Frames of real calls, both ways, as good input to spoil. */
function goodFrames(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const peer = new RpcPeer({
    send: (bytes) => frames.push(bytes),
    handlers: {},
    callTimeoutMs: 1,
    timers: neverFires,
  });
  const [example] = fc.sample(hello, { numRuns: 1, seed: 11 });
  if (!example) throw new Error('no sample');
  const calls = [
    peer.call('hello', example),
    peer.call('heartbeat', { sessions: example.sessions, activeConnections: 3, draining: false }),
    peer.call('enroll', {
      activationToken: 'x',
      publicKey: new Uint8Array(44),
      signature: new Uint8Array(64),
    }),
    peer.call('authorizeConnection', { sessionId: 's_1', clientAddress: '127.0.0.1', clientPort: 1 }),
    peer.call('revokeSessions', { revocations: [{ sessionId: 's_1', reason: 'canceled' }] }),
    peer.call('closeConnections', {
      connections: [
        { connectionId: 'sc_1', bytesUp: 2 ** 50, bytesDown: 1, reason: 'client closed', closedAt: 2 ** 50 },
      ],
    }),
  ];
  for (const call of calls) call.catch(() => undefined);
  peer.close(new StileError('aborted', 'frames are made'));
  return frames;
}

/** Answers every call with the first answer that fits, so that answers are spoiled too. */
const handlers: ClusterHandlers = {
  hello: () =>
    Promise.resolve({
      workerId: 'w_1',
      heartbeatIntervalMs: 1,
      revocations: [],
      renewBeforeSeconds: 1,
      controllerAddresses: [],
    }),
  heartbeat: () => Promise.resolve({ revocations: [], controllerAddresses: [], renewNow: false }),
  enroll: () => Promise.reject(new StileError('unauthenticated', 'no')),
};

describe('a peer of the cluster link', () => {
  it('reads every call as it was sent', async () => {
    await fc.assert(
      fc.asyncProperty(hello, async (request) => {
        const seen: ClusterCalls['hello']['request'][] = [];
        const peers: { near?: RpcPeer; far?: RpcPeer } = {};
        peers.far = new RpcPeer({
          send: (bytes) => queueMicrotask(() => peers.near?.receive(bytes)),
          handlers: {
            ...handlers,
            hello: (received, signal) => {
              seen.push(received);
              return handlers.hello?.(received, signal) ?? Promise.reject(new Error('no handler'));
            },
          },
          callTimeoutMs: 1,
          timers: neverFires,
        });
        peers.near = new RpcPeer({
          send: (bytes) => queueMicrotask(() => peers.far?.receive(bytes)),
          handlers: {},
          callTimeoutMs: 1,
          timers: neverFires,
        });
        expect((await peers.near.call('hello', request)).workerId).toBe('w_1');
        expect(seen).toEqual([request]);
      }),
    );
  });

  it('answers, ignores or refuses whatever bytes come, and nothing else happens', async () => {
    const good = goodFrames();
    expect(good).toHaveLength(6);
    const bugs: unknown[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(hostileBytes(good), { minLength: 1, maxLength: 5 }), async (messages) => {
        let sent = 0;
        const peer = new RpcPeer({
          send: () => (sent += 1),
          handlers,
          callTimeoutMs: 1,
          timers: neverFires,
          onInternalError: (error) => bugs.push(error),
        });
        const call = peer.call('drain', {}).catch((error: unknown) => error);
        for (const message of messages) {
          const refused = valueOrStileError(() => peer.receive(message));
          if (refused instanceof StileError) {
            expect(['invalidFrame', 'frameTooLarge']).toContain(refused.code);
            peer.close(refused);
            break;
          }
        }
        peer.close(new StileError('aborted', 'end'));
        await call;
        expect(sent).toBeLessThanOrEqual(messages.length + 1);
        expect(peer.openCalls).toBe(0);
      }),
      { numRuns: 2000 },
    );
    expect(bugs).toEqual([]);
  });

  it('takes bounded memory and time for the largest frames that a peer can make', () => {
    // Frame 12 (heartbeat) full of empty sessions, and one session full of empty connections.
    const body = (inner: readonly number[]): Uint8Array => {
      const room = maxFrameBytes - 8;
      const bytes = new Uint8Array(maxFrameBytes);
      bytes.set([8, 1, 0x62, (room & 127) | 128, ((room >> 7) & 127) | 128, ((room >> 14) & 127) | 128, 0]);
      for (let at = 8; at + inner.length <= bytes.length; at += inner.length) bytes.set(inner, at);
      return bytes.subarray(0, 7 + room);
    };
    const peer = new RpcPeer({ send: () => undefined, handlers, callTimeoutMs: 1, timers: neverFires });
    for (const frame of [body([10, 0]), body([10, 2, 18, 0]), new Uint8Array(maxFrameBytes).fill(10)]) {
      const before = process.memoryUsage().heapUsed;
      const start = performance.now();
      expect(valueOrStileError(() => peer.receive(frame))).toBeInstanceOf(StileError);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
      expect(performance.now() - start).toBeLessThan(2000);
    }
  });
});
