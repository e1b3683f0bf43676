import { describe, expect, it } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { Backoff } from './backoff.ts';
import { systemClock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { Shutdown } from './shutdown.ts';

describe('Shutdown', () => {
  it('closes in reverse order, goes on after a failure and after a step that never ends, and runs once', async () => {
    const order: string[] = [];
    const shutdown = new Shutdown({ stepTimeoutMs: 20 });
    shutdown.add('first', async () => void order.push('first'));
    shutdown.add('stuck', () => new Promise(() => undefined));
    shutdown.add('broken', () => Promise.reject(new Error('no')));
    shutdown.add('last', async () => void order.push('last'));
    await Promise.all([shutdown.run(), shutdown.run()]);
    expect(order).toEqual(['last', 'first']);
  });

  it('closes at once what is added after it ran', async () => {
    const shutdown = new Shutdown();
    await shutdown.run();
    await new Promise<void>((resolve) => shutdown.add('late', async () => resolve()));
  });
});

describe('withDeadline', () => {
  it('gives the error of onLate when the work does not end', async () => {
    const late = (): StileError => new StileError('deadlineExceeded', 'late');
    await expect(withDeadline(new Promise(() => undefined), 5, late)).rejects.toMatchObject({
      message: 'late',
    });
    await expect(withDeadline(Promise.resolve(3), 1000, late)).resolves.toBe(3);
  });
});

describe('Backoff', () => {
  it('doubles its ceiling up to the longest delay and starts over after a reset', () => {
    const backoff = new Backoff({ minMs: 100, maxMs: 500, random: () => 1 });
    expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });
});

describe('systemClock', () => {
  it('does not fire a timer of 30 days at once', async () => {
    let hasFired = false;
    const timer = systemClock.setTimer(30 * 86_400_000, () => (hasFired = true));
    await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
    expect(hasFired).toBe(false);
    timer.cancel();
  });
});
