import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import type { ConnectionEndReason } from '@stile/protocol';
import type { ConnectionClose, LookupSessionResponse } from '@stile/protocol/rpc';
import { ServedSession, type LiveConnection } from './served-session.ts';

const day = 86_400_000;

class FakeConnection implements LiveConnection {
  readonly id: string;
  readonly bytesUp = 3;
  readonly bytesDown = 4;
  reason: ConnectionEndReason | undefined;
  constructor(id: string) {
    this.id = id;
  }
  close(reason: ConnectionEndReason): Promise<ConnectionClose> {
    this.reason ??= reason;
    return Promise.resolve({
      connectionId: this.id,
      bytesUp: 3,
      bytesDown: 4,
      reason: this.reason,
      closedAt: 1,
    });
  }
}

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

function sessionOf(change: Partial<LookupSessionResponse> = {}): ServedSession {
  const facts: LookupSessionResponse = {
    sessionId: 's_1234567890',
    certificate: new Uint8Array(),
    privateKey: new Uint8Array(64),
    tofuToken: '',
    status: 'active',
    endpoint: 'tcp://127.0.0.1:22',
    expiresAt: clock.nowUs() + 3_600_000_000,
    connectionLimit: -1,
    leaseSeconds: 60,
    ...change,
  };
  return new ServedSession(facts, clock, clock.monotonicMs());
}

describe('ServedSession', () => {
  it('cuts at its expiry, to the millisecond, and not before', () => {
    const session = sessionOf({ expiresAt: clock.nowUs() + 5_000_000 });
    const connection = new FakeConnection('sc_1');
    session.add(connection);
    clock.advance(4_999);
    expect(connection.reason).toBeUndefined();
    clock.advance(1);
    expect(connection.reason).toBe('session expired');
    expect(() => session.add(new FakeConnection('sc_2'))).toThrow(
      expect.objectContaining({ code: 'sessionExpired' }),
    );
  });

  it('with an expiry 40 days away lives while its lease is renewed', () => {
    const session = sessionOf({ expiresAt: clock.nowUs() + 40 * day * 1000, leaseSeconds: 2 * 86_400 });
    const connection = new FakeConnection('sc_1');
    session.add(connection);
    for (let i = 0; i < 39; i += 1) {
      clock.advance(day);
      session.renewLease(clock.monotonicMs());
    }
    expect(connection.reason).toBeUndefined();
    clock.advance(day);
    expect(connection.reason).toBe('session expired');
  });

  it('cuts at the end of its lease, counted from when the answered heartbeat was sent', () => {
    const session = sessionOf({ leaseSeconds: 15 });
    const connection = new FakeConnection('sc_1');
    session.add(connection);
    clock.advance(10_000);
    session.renewLease(clock.monotonicMs() - 2_000);
    clock.advance(12_999);
    expect(connection.reason).toBeUndefined();
    clock.advance(1);
    expect(connection.reason).toBe('controller lost');
  });

  it('is not renewed by a heartbeat older than its lease', () => {
    const session = sessionOf({ leaseSeconds: 10 });
    const connection = new FakeConnection('sc_1');
    session.add(connection);
    session.renewLease(clock.monotonicMs() - 5_000);
    clock.advance(9_999);
    expect(connection.reason).toBeUndefined();
    clock.advance(1);
    expect(connection.reason).toBe('controller lost');
  });

  it('takes no connection while its lease is over, and takes one again when it is renewed', () => {
    const session = sessionOf({ leaseSeconds: 10 });
    clock.advance(10_000);
    expect(() => session.add(new FakeConnection('sc_1'))).toThrow(
      expect.objectContaining({ code: 'controllerUnreachable' }),
    );
    session.renewLease(clock.monotonicMs());
    session.add(new FakeConnection('sc_2'));
    expect(session.connectionCount).toBe(1);
  });

  it('cuts everything when it is ended, gives the final counters, and takes nobody new', async () => {
    const session = sessionOf();
    const connections = [new FakeConnection('sc_1'), new FakeConnection('sc_2')];
    for (const connection of connections) session.add(connection);
    const closes = await session.end('target deleted');
    expect(closes.map((close) => [close.connectionId, close.reason])).toEqual([
      ['sc_1', 'session canceled'],
      ['sc_2', 'session canceled'],
    ]);
    expect(() => session.add(new FakeConnection('sc_3'))).toThrow(
      expect.objectContaining({ code: 'connectionNotAuthorized' }),
    );
  });

  it('keeps the first TOFU token it knows', () => {
    const session = sessionOf();
    session.activated('first');
    session.activated('second');
    expect([session.tofuToken, session.status]).toEqual(['first', 'active']);
  });
});
