import { describe, expect, it } from 'vitest';
import type { ConnectionClose } from '@stile/protocol/rpc';
import { CloseOutbox, type CloseSender } from './close-outbox.ts';

const closeOf = (id: string): ConnectionClose => ({
  connectionId: id,
  bytesUp: 1,
  bytesDown: 2,
  reason: 'client closed',
  closedAt: 1,
});

class FakeSender implements CloseSender {
  isLinked = true;
  isFailing = false;
  readonly batches: string[][] = [];
  async send(closes: readonly ConnectionClose[]): Promise<void> {
    this.batches.push(closes.map((close) => close.connectionId));
    if (this.isFailing) throw new Error('the link broke');
  }
}

describe('CloseOutbox', () => {
  it('sends what came in one turn in one call', async () => {
    const sender = new FakeSender();
    const outbox = new CloseOutbox(sender);
    await Promise.all(['a', 'b', 'c'].map((id) => outbox.add(closeOf(id))));
    expect(sender.batches).toEqual([['a', 'b', 'c']]);
    expect(outbox.size).toBe(0);
  });

  it('keeps what was not taken and sends it after the link is back', async () => {
    const sender = new FakeSender();
    const outbox = new CloseOutbox(sender);
    sender.isFailing = true;
    await outbox.add(closeOf('a'));
    sender.isLinked = false;
    await outbox.add(closeOf('b'));
    expect([sender.batches.length, outbox.size]).toEqual([1, 2]);
    Object.assign(sender, { isLinked: true, isFailing: false });
    await outbox.flush();
    expect(sender.batches.at(-1)).toEqual(['a', 'b']);
    expect(outbox.size).toBe(0);
  });

  it('does not send again what another call has told', async () => {
    const sender = new FakeSender();
    sender.isLinked = false;
    const outbox = new CloseOutbox(sender);
    await outbox.add(closeOf('a'));
    outbox.confirm([closeOf('a')]);
    sender.isLinked = true;
    await outbox.flush();
    expect(sender.batches).toEqual([]);
  });
});
