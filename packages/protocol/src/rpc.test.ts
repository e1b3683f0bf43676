import { describe, expect, it } from 'vitest';
import { stile } from '../gen/cluster.js';
import { StileError } from './errors.ts';
import { encodeRequest, encodeResponse } from './cluster/frame.ts';
import { RpcPeer, type ClusterHandlers, type RpcPeerOptions, type Timers } from './rpc.ts';

/** Timers that go off when the test says so. */
class ManualTimers implements Timers {
  readonly pending = new Set<() => void>();
  setTimer(_delayMs: number, fn: () => void): { cancel(): void } {
    this.pending.add(fn);
    return { cancel: () => this.pending.delete(fn) };
  }
  fire(): void {
    for (const fn of this.pending) fn();
  }
}

function peerWith(
  handlers: ClusterHandlers,
  more: Partial<RpcPeerOptions> = {},
): { peer: RpcPeer; sent: Uint8Array[]; timers: ManualTimers } {
  const sent: Uint8Array[] = [];
  const timers = new ManualTimers();
  const peer = new RpcPeer({
    send: (bytes) => sent.push(bytes),
    handlers,
    callTimeoutMs: 1000,
    timers,
    ...more,
  });
  return { peer, sent, timers };
}

/** Two peers joined by queues; a message arrives in a later microtask, as from a socket. */
function pairOf(left: ClusterHandlers, right: ClusterHandlers): { left: RpcPeer; right: RpcPeer } {
  const timers = new ManualTimers();
  const joined: { left: RpcPeer; right: RpcPeer } = {
    left: new RpcPeer({
      send: (bytes) => queueMicrotask(() => joined.right.receive(bytes)),
      handlers: left,
      callTimeoutMs: 1000,
      timers,
    }),
    right: new RpcPeer({
      send: (bytes) => queueMicrotask(() => joined.left.receive(bytes)),
      handlers: right,
      callTimeoutMs: 1000,
      timers,
    }),
  };
  return joined;
}

const errorOf = async (work: Promise<unknown>): Promise<StileError> => {
  const error = await work.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof StileError) return error;
  throw error;
};

describe('RpcPeer', () => {
  it('serves calls of both sides at the same time over one link', async () => {
    const { left, right } = pairOf(
      { drain: () => Promise.resolve({}) },
      {
        cancelSession: ({ sessionId }) =>
          Promise.resolve({ status: sessionId === 's_1' ? 'canceling' : 'terminated' }),
      },
    );
    const answers = await Promise.all([
      left.call('cancelSession', { sessionId: 's_1' }),
      right.call('drain', {}),
      left.call('cancelSession', { sessionId: 's_2' }),
    ]);
    expect(answers).toEqual([{ status: 'canceling' }, {}, { status: 'terminated' }]);
    expect(left.openCalls + right.openCalls).toBe(0);
  });

  it('matches answers by id when they come in another order', async () => {
    const { peer, sent } = peerWith({});
    const first = peer.call('cancelSession', { sessionId: 's_1' });
    const second = peer.call('cancelSession', { sessionId: 's_2' });
    expect(sent).toHaveLength(2);
    peer.receive(encodeResponse(2, 'cancelSession', { status: 'terminated' }));
    peer.receive(encodeResponse(1, 'cancelSession', { status: 'canceling' }));
    expect(await Promise.all([first, second])).toEqual([{ status: 'canceling' }, { status: 'terminated' }]);
  });

  it('gives the caller the code and text of a StileError of the handler', async () => {
    const { left } = pairOf(
      {},
      { drain: () => Promise.reject(new StileError('conflict', 'the worker drains already')) },
    );
    const error = await errorOf(left.call('drain', {}));
    expect([error.code, error.message]).toEqual(['conflict', 'the worker drains already']);
  });

  it('shows the caller nothing of another error of the handler, and tells its own side', async () => {
    const seen: unknown[] = [];
    const bug = new TypeError('secret of the database');
    const sent: Uint8Array[] = [];
    const { peer } = peerWith(
      { drain: () => Promise.reject(bug) },
      { send: (bytes) => sent.push(bytes), onInternalError: (error, method) => seen.push(error, method) },
    );
    peer.receive(encodeRequest(1, 'drain', {}));
    await new Promise(setImmediate);
    expect(seen).toEqual([bug, 'drain']);
    expect(Buffer.concat(sent).toString()).toContain('internal error');
    expect(Buffer.concat(sent).toString()).not.toContain('secret');
  });

  it('tells its own side of a fault of its own that the handler has named', async () => {
    const seen: unknown[] = [];
    const fault = new StileError('internal', 'a sealed value cannot be opened', {
      cause: new Error('bad tag'),
    });
    const { peer } = peerWith(
      { drain: () => Promise.reject(fault) },
      { send: () => undefined, onInternalError: (error) => seen.push(error) },
    );
    peer.receive(encodeRequest(1, 'drain', {}));
    await new Promise(setImmediate);
    expect(seen).toEqual([fault]);
  });

  it('answers a call it does not serve with unsupported', async () => {
    const { left } = pairOf({}, {});
    expect((await errorOf(left.call('drain', {}))).code).toBe('unsupported');
  });

  it('answers an unknown call with unsupported and goes on', async () => {
    const { peer, sent } = peerWith({});
    peer.receive(new Uint8Array([8, 5, 0xea, 5, 0]));
    const { Frame } = stile.controller.servers.v1;
    expect(Frame.decode(sent[0] ?? new Uint8Array()).error?.code).toBe('unsupported');
  });

  it('gives up a call after its time, once, and ignores the late answer', async () => {
    const { peer, timers } = peerWith({});
    const call = peer.call('drain', {});
    timers.fire();
    expect((await errorOf(call)).code).toBe('deadlineExceeded');
    peer.receive(encodeResponse(1, 'drain', {}));
    expect(peer.openCalls).toBe(0);
  });

  it('cancels its timer when the answer comes', async () => {
    const { peer, timers } = peerWith({});
    const call = peer.call('drain', {});
    peer.receive(encodeResponse(1, 'drain', {}));
    await call;
    expect(timers.pending.size).toBe(0);
  });

  it('gives up a call when its signal is aborted, before or after it was sent', async () => {
    const { peer, sent } = peerWith({});
    const abort = new AbortController();
    const call = peer.call('drain', {}, abort.signal);
    abort.abort();
    expect((await errorOf(call)).code).toBe('aborted');
    expect((await errorOf(peer.call('drain', {}, abort.signal))).code).toBe('aborted');
    expect(sent).toHaveLength(1);
  });

  it('fails every open call and every later one with the error of close', async () => {
    const { peer, timers } = peerWith({});
    const open = [peer.call('drain', {}), peer.call('cancelSession', { sessionId: 's_1' })];
    const reason = new StileError('controllerUnreachable', 'cluster link was lost');
    peer.close(reason);
    peer.close(new StileError('aborted', 'again'));
    for (const call of [...open, peer.call('drain', {})]) expect(await errorOf(call)).toBe(reason);
    expect(timers.pending.size).toBe(0);
  });

  it('aborts its handlers at close and sends their answers nowhere', async () => {
    let told: AbortSignal | undefined;
    const { peer, sent } = peerWith({
      drain: (_request, signal) => {
        told = signal;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
      },
    });
    peer.receive(encodeRequest(1, 'drain', {}));
    peer.close(new StileError('aborted', 'stop'));
    await new Promise(setImmediate);
    expect(told?.aborted).toBe(true);
    expect(sent).toEqual([]);
  });

  it('refuses to open more calls than it may', async () => {
    const { peer, sent } = peerWith({}, { maxOpenCalls: 2 });
    const open = [peer.call('drain', {}), peer.call('drain', {})];
    expect((await errorOf(peer.call('drain', {}))).code).toBe('unavailable');
    expect(sent).toHaveLength(2);
    peer.close(new StileError('aborted', 'stop'));
    await Promise.allSettled(open);
  });

  it('refuses to serve more calls at once than it may', async () => {
    let served = 0;
    const { peer, sent } = peerWith(
      { drain: () => ((served += 1), new Promise(() => undefined)) },
      { maxOpenCalls: 2 },
    );
    for (const id of [1, 2, 3]) peer.receive(encodeRequest(id, 'drain', {}));
    await new Promise(setImmediate);
    expect(served).toBe(2);
    expect(Buffer.concat(sent).toString()).toContain('unavailable');
  });

  it('tells the caller when an answer is larger than a frame', async () => {
    const close = {
      connectionId: 'sc_1',
      bytesUp: 1,
      bytesDown: 1,
      reason: 'client closed',
      closedAt: 1,
    } as const;
    const { left } = pairOf(
      {},
      {
        revokeSessions: () => Promise.resolve({ connections: Array.from({ length: 50_000 }, () => close) }),
      },
    );
    expect((await errorOf(left.call('revokeSessions', { revocations: [] }))).code).toBe('frameTooLarge');
  });

  it('fails the call when sending fails, and closes when an answer cannot be sent', async () => {
    const { peer } = peerWith(
      { drain: () => Promise.resolve({}) },
      {
        send: () => {
          throw new Error('socket is closed');
        },
      },
    );
    expect((await errorOf(peer.call('drain', {}))).code).toBe('connectionReset');
    peer.receive(encodeRequest(1, 'drain', {}));
    await new Promise(setImmediate);
    expect((await errorOf(peer.call('drain', {}))).message).toBe('cluster link cannot send');
  });

  it.each([
    ['garbage', new Uint8Array([255, 255])],
    ['an answer to another call', encodeResponse(1, 'drain', {})],
    ['an answer of an unknown kind', new Uint8Array([8, 1, 0xba, 12, 0])],
  ])('tells its owner to drop the link for %s', async (_, bytes) => {
    const { peer } = peerWith({});
    const call = peer.call('cancelSession', { sessionId: 's_1' });
    expect(() => peer.receive(bytes)).toThrow(StileError);
    peer.close(new StileError('invalidFrame', 'dropped'));
    expect((await errorOf(call)).code).toBe('invalidFrame');
  });

  it('tells its owner to drop the link for two open calls with one id', () => {
    const { peer } = peerWith({ drain: () => new Promise(() => undefined) });
    peer.receive(encodeRequest(1, 'drain', {}));
    expect(() => peer.receive(encodeRequest(1, 'drain', {}))).toThrow('id of another open call');
  });

  it('ignores what arrives after close', () => {
    const { peer, sent } = peerWith({ drain: () => Promise.resolve({}) });
    peer.close(new StileError('aborted', 'stop'));
    peer.receive(encodeRequest(1, 'drain', {}));
    peer.receive(new Uint8Array([255]));
    expect(sent).toEqual([]);
  });
});
