import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { StileError } from '@stile/protocol';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { defaultLoginLimits, LoginLimiter, networkOf } from './login-limiter.ts';

/** Seconds to wait, or 0 when the attempt was charged. */
function tryLogin(limiter: LoginLimiter, address: string, account: string): number {
  try {
    limiter.begin(address, account);
    return 0;
  } catch (error) {
    if (error instanceof StileError && error.code === 'tooManyRequests')
      return error.details?.retryAfterSeconds ?? -1;
    throw error;
  }
}

/** Bytes of the heap that something still refers to. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** Failed attempts until the first that is refused. */
function attemptsAllowed(limiter: LoginLimiter, address: string, account: (count: number) => string): number {
  let count = 0;
  while (count < 10_000 && tryLogin(limiter, address, account(count)) === 0) count++;
  return count;
}

describe('login limiter', () => {
  it('refuses the 21st failure for one account from one address, and says how long to wait', () => {
    const clock = new ManualClock();
    const limiter = new LoginLimiter(clock);
    expect(attemptsAllowed(limiter, '10.0.0.1', () => 'admin')).toBe(20);
    expect(tryLogin(limiter, '10.0.0.1', 'admin')).toBe(15);
    clock.advance(14_999);
    expect(tryLogin(limiter, '10.0.0.1', 'admin')).toBe(1);
    clock.advance(1);
    expect(tryLogin(limiter, '10.0.0.1', 'admin')).toBe(0);
  });

  it('refuses the 61st failure from one address, whatever accounts it tries', () => {
    const limiter = new LoginLimiter(new ManualClock());
    expect(attemptsAllowed(limiter, '10.0.0.1', (count) => `user-${count}`)).toBe(60);
    expect(tryLogin(limiter, '10.0.0.2', 'user-0')).toBe(0);
  });

  it('does not count attempts that succeed', () => {
    const limiter = new LoginLimiter(new ManualClock());
    for (let count = 0; count < 1000; count++) limiter.begin('10.0.0.1', 'admin').refund();
    expect(attemptsAllowed(limiter, '10.0.0.1', () => 'admin')).toBe(20);
  });

  it('counts attempts that are still under way, so that guesses in parallel gain nothing', () => {
    const limiter = new LoginLimiter(new ManualClock());
    const attempts = Array.from({ length: 20 }, () => limiter.begin('10.0.0.1', 'admin'));
    expect(tryLogin(limiter, '10.0.0.1', 'admin')).toBeGreaterThan(0);
    attempts[0]?.refund();
    expect(tryLogin(limiter, '10.0.0.1', 'admin')).toBe(0);
  });

  it('lets the owner in from an own address however many others guess', () => {
    const clock = new ManualClock();
    const limiter = new LoginLimiter(clock);
    for (let minute = 0; minute < 60; minute++) {
      for (let host = 0; host < 250; host++) tryLogin(limiter, `10.0.${minute}.${host}`, 'admin');
      clock.advance(60_000);
      const attempt = limiter.begin('192.0.2.7', 'admin');
      if (minute % 2 === 0) attempt.refund();
    }
  });

  it('lets each address guess once a minute only when an account is under attack from many', () => {
    const clock = new ManualClock();
    const limiter = new LoginLimiter(clock);
    let guessed = 0;
    for (let host = 0; host < 400; host++)
      guessed += attemptsAllowed(limiter, `10.1.${host >> 8}.${host & 255}`, () => 'admin');
    // 200 for the account, and one for each address that came after these were used up.
    expect(guessed).toBe(200 + 390);
    expect(tryLogin(limiter, '10.1.0.255', 'admin')).toBeGreaterThan(0);
  });

  it('remembers a bounded number of addresses and accounts', () => {
    const limiter = new LoginLimiter(new ManualClock(), {
      ...defaultLoginLimits,
      account: { burst: 1e9, everySeconds: 1 },
    });
    const before = heapInUse();
    for (let count = 0; count < 200_000; count++) {
      tryLogin(limiter, `10.${count >> 16}.${(count >> 8) & 255}.${count & 255}`, `user-${count}`);
    }
    expect(heapInUse() - before).toBeLessThan(32 * 1024 * 1024);
    // What is remembered is still in use here.
    expect(attemptsAllowed(limiter, '10.255.0.1', () => 'nobody')).toBe(20);
  });
});

describe('network of an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
    ['unix', 'unix'],
  ])('%s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
