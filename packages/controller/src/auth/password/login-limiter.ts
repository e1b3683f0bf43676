/**
 * How often a login may be tried. Only failed attempts count; an attempt is charged when it begins and given back when it
 * succeeds, so that guesses in parallel gain nothing. In memory, of bounded size, per controller.
 *
 * | what is counted | at once | then |
 * | --- | --- | --- |
 * | failures from one address (IPv6: /64) | 60 | one in 2 s |
 * | failures for one account from one address | 20 | one in 15 s |
 * | failures for one account from everywhere | 200 | one in 2 s |
 * | the same when that is used up: one account from one address | 1 | one in 60 s |
 *
 * The last row is why no one can be locked out: however many addresses guess, each other address keeps its own try.
 */
import { StileError } from '@stile/protocol';
import type { Clock } from '@stile/runtime';

/** A count that fills up again. */
export interface Allowance {
  /** Attempts at once. */
  readonly burst: number;
  /** Seconds until one more. */
  readonly everySeconds: number;
}

/** The four counts of the table above. */
export interface LoginLimits {
  readonly address: Allowance;
  readonly pair: Allowance;
  readonly account: Allowance;
  readonly guarded: Allowance;
}

/** The numbers of the table above. */
export const defaultLoginLimits: LoginLimits = {
  address: { burst: 60, everySeconds: 2 },
  pair: { burst: 20, everySeconds: 15 },
  account: { burst: 200, everySeconds: 2 },
  guarded: { burst: 1, everySeconds: 60 },
};

/** Keys remembered per count; some 150 bytes each. Those used longest ago are forgotten first. */
const maxKeys = 20_000;
/** Keys forgotten at once: a map steps over all that were deleted from its front to find the oldest one. */
const forgottenAtOnce = 1000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Buckets of one allowance by key. */
class Buckets {
  readonly #allowance: Allowance;
  readonly #byKey = new Map<string, Bucket>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Milliseconds until an attempt is free; 0 when one is. */
  waitMs(key: string, nowMs: number): number {
    const left = this.#bucket(key, nowMs).left;
    return left >= 1 ? 0 : Math.ceil((1 - left) * this.#allowance.everySeconds * 1000);
  }

  take(key: string, nowMs: number): void {
    const bucket = this.#bucket(key, nowMs);
    bucket.left -= 1;
    this.#byKey.delete(key);
    this.#byKey.set(key, bucket);
    if (this.#byKey.size <= maxKeys) return;
    let left = forgottenAtOnce;
    for (const oldest of this.#byKey.keys()) {
      this.#byKey.delete(oldest);
      left -= 1;
      if (left === 0) break;
    }
  }

  giveBack(key: string): void {
    const bucket = this.#byKey.get(key);
    if (bucket !== undefined) bucket.left = Math.min(this.#allowance.burst, bucket.left + 1);
  }

  #bucket(key: string, nowMs: number): Bucket {
    const { burst, everySeconds } = this.#allowance;
    const known = this.#byKey.get(key);
    if (known === undefined) return { left: burst, atMs: nowMs };
    known.left = Math.min(burst, known.left + (nowMs - known.atMs) / (everySeconds * 1000));
    known.atMs = nowMs;
    return known;
  }
}

/** What an attempt must say when it has succeeded, or was not made. */
export interface LoginAttempt {
  /** Gives the charge back. At most once. */
  refund(): void;
}

/** Counts failed logins. */
export class LoginLimiter {
  readonly #clock: Clock;
  readonly #buckets: Readonly<Record<keyof LoginLimits, Buckets>>;

  constructor(clock: Clock, limits: LoginLimits = defaultLoginLimits) {
    this.#clock = clock;
    this.#buckets = {
      address: new Buckets(limits.address),
      pair: new Buckets(limits.pair),
      account: new Buckets(limits.account),
      guarded: new Buckets(limits.guarded),
    };
  }

  /**
   * Charges an attempt.
   * @param account the auth method and login name as they were given, whether there is such an account or not
   * @throws {StileError} tooManyRequests with the seconds to wait
   */
  begin(address: string, account: string): LoginAttempt {
    const nowMs = this.#clock.monotonicMs();
    const network = networkOf(address);
    const pair = `${network} ${account}`;
    const isGuarded = this.#buckets.account.waitMs(account, nowMs) > 0;
    const charges: (readonly [Buckets, string])[] = [
      [this.#buckets.address, network],
      [this.#buckets.pair, pair],
      isGuarded ? [this.#buckets.guarded, pair] : [this.#buckets.account, account],
    ];
    const waitMs = Math.max(...charges.map(([buckets, key]) => buckets.waitMs(key, nowMs)));
    if (waitMs > 0) {
      throw new StileError('tooManyRequests', 'too many failed logins; wait and try again', {
        details: { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) },
      });
    }
    for (const [buckets, key] of charges) buckets.take(key, nowMs);
    return {
      refund: () => {
        for (const [buckets, key] of charges) buckets.giveBack(key);
      },
    };
  }
}

/**
 * What counts as one address: IPv4 as it is, also when mapped into IPv6; the first 64 bits of IPv6, which is what one
 * customer gets; any other text as it is.
 */
export function networkOf(address: string): string {
  const text = (address.split('%')[0] ?? '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!/^[0-9a-f:]*:[0-9a-f:.]*$/.test(text)) return text;
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
