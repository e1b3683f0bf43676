import { beforeEach, describe, expect, it } from 'vitest';
import { FakeControllerClient, type FakeSession } from '../../../../test/support/fake-controller-client.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { StileError, type ConnectionEndReason } from '@stile/protocol';
import { SessionCache } from './session-cache.ts';

let clock: ManualClock;
let controller: FakeControllerClient;
let cache: SessionCache;
let session: FakeSession;

beforeEach(() => {
  clock = new ManualClock();
  controller = new FakeControllerClient();
  cache = new SessionCache({ client: controller, clock });
  session = controller.addSession({ endpoint: 'tcp://127.0.0.1:1', expiresAt: clock.nowUs() + 3.6e9 });
});

const away = new StileError('controllerUnreachable', 'gone');

describe('SessionCache', () => {
  it('asks once for concurrent and for fresh lookups, and again after two seconds', async () => {
    const found = await Promise.all([cache.lookup(session.id), cache.lookup(session.id)]);
    expect(found[0]).toBe(found[1]);
    clock.advance(1_999);
    await cache.lookup(session.id);
    expect(controller.lookups).toBe(1);
    clock.advance(1);
    session.status = 'canceling';
    expect((await cache.lookup(session.id)).status).toBe('canceling');
    expect(controller.lookups).toBe(2);
  });

  it('does not remember that a session was unknown', async () => {
    controller.failing = { lookupSession: new StileError('sessionNotAccepted', 'no') };
    await expect(cache.lookup(session.id)).rejects.toMatchObject({ code: 'sessionNotAccepted' });
    controller.failing = {};
    expect((await cache.lookup(session.id)).id).toBe(session.id);
  });

  it('knows a session still while the controller is away, and nothing of one it never saw', async () => {
    const known = await cache.lookup(session.id);
    clock.advance(5_000);
    controller.failing = { lookupSession: away };
    expect(await cache.lookup(session.id)).toBe(known);
    const other = controller.addSession({ endpoint: 'tcp://127.0.0.1:1' });
    await expect(cache.lookup(other.id)).rejects.toMatchObject({ code: 'controllerUnreachable' });
  });

  it('reports sessions with connections only, and forgets the others after a minute', async () => {
    const held = await cache.lookup(session.id);
    expect(cache.reports).toEqual([]);
    const connection = {
      id: 'sc_1',
      bytesUp: 1,
      bytesDown: 2,
      close: (reason: ConnectionEndReason) =>
        Promise.resolve({ connectionId: 'sc_1', bytesUp: 1, bytesDown: 2, reason, closedAt: 1 }),
    };
    held.add(connection);
    clock.advance(30_000);
    cache.renewLeases(clock.monotonicMs());
    clock.advance(40_000);
    cache.renewLeases(clock.monotonicMs());
    expect(cache.reports).toEqual([
      { sessionId: session.id, connections: [{ connectionId: 'sc_1', bytesUp: 1, bytesDown: 2 }] },
    ]);
    expect(await cache.lookup(session.id)).toBe(held);
    held.remove(connection);
    clock.advance(61_000);
    cache.renewLeases(clock.monotonicMs());
    expect(await cache.lookup(session.id)).not.toBe(held);
  });

  it('forgets a session that was revoked, and asks again for its next client', async () => {
    const held = await cache.lookup(session.id);
    expect(
      await cache.revoke([
        { sessionId: session.id, reason: 'canceled' },
        { sessionId: 's_unknown', reason: 'canceled' },
      ]),
    ).toEqual([]);
    expect(await cache.lookup(session.id)).not.toBe(held);
    expect(controller.lookups).toBe(2);
  });
});
