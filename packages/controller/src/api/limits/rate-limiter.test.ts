/** Rate limits: what is counted together, what answers say, what is refused, and that the store stays within its bound. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { networkOf } from './network-address.ts';
import { RateLimiter, type LimitedRequest, type Verdict } from './rate-limiter.ts';
import {
  limitsOf,
  defaultRateLimitRules,
  requireLegalRules,
  type RateLimitRule,
} from './rate-limit-rules.ts';

const listing: LimitedRequest = {
  resource: 'group',
  action: 'list',
  address: '192.0.2.1',
  token: 'at_0000000001_s1abc',
};
const everything = { resources: ['*'], actions: ['*'], periodSeconds: 30 } as const;

function limiter(
  rules: readonly RateLimitRule[] = [],
  maxQuotas = 1000,
): { it: RateLimiter; clock: ManualClock } {
  const clock = new ManualClock();
  return { it: new RateLimiter({ clock, rules, maxQuotas }), clock };
}

function takeMany(it: RateLimiter, count: number, request: LimitedRequest): Verdict[] {
  return Array.from({ length: count }, () => it.take(request));
}

describe('rate limits', () => {
  test('answers name the tightest quota and every limit as recorded', () => {
    const { it } = limiter();
    const verdict = it.take(listing);
    expect(verdict).toMatchObject({ kind: 'allowed' });
    expect(verdict.headers).toEqual({
      Ratelimit: 'limit=150, remaining=149, reset=30',
      'Ratelimit-Policy':
        '1500;w=30;comment="total", 1500;w=30;comment="ip-address", 150;w=30;comment="auth-token"',
    });
    expect(it.take({ ...listing, action: 'read' }).headers['Ratelimit']).toBe(
      'limit=3000, remaining=2999, reset=30',
    );
  });

  test('the 151st list of a token is refused until its time is over, another token and resource are not', () => {
    const { it, clock } = limiter();
    expect(takeMany(it, 150, listing).every(({ kind }) => kind === 'allowed')).toBe(true);
    clock.advance(1000);
    expect(it.take(listing)).toEqual({
      kind: 'exhausted',
      status: 429,
      headers: {
        Ratelimit: 'limit=150, remaining=0, reset=29',
        'Ratelimit-Policy': expect.stringContaining('150;w=30;comment="auth-token"'),
        'Retry-After': '29',
      },
    });
    expect(it.take({ ...listing, token: 'at_0000000002_s1abc' }).kind).toBe('allowed');
    expect(it.take({ ...listing, resource: 'role' }).kind).toBe('allowed');
    clock.advance(29_000);
    expect(it.take(listing).kind).toBe('allowed');
  });

  test('a refused request takes nothing from the other quotas', () => {
    const { it } = limiter();
    takeMany(it, 400, listing);
    const other = it.take({ ...listing, token: 'at_0000000002_s1abc' });
    expect(other.headers['Ratelimit']).toBe('limit=150, remaining=149, reset=30');
    const total = limiter([{ ...everything, per: 'auth-token', limit: Infinity }]);
    takeMany(total.it, 5, listing);
    expect(total.it.take(listing).headers['Ratelimit']).toMatch(/^limit=1500, remaining=1494,/);
  });

  test('callers without a token count by address: one of them cannot lock the others out', () => {
    const { it } = limiter();
    const login: LimitedRequest = {
      ...listing,
      resource: 'auth-method',
      action: 'authenticate',
      token: undefined,
    };
    takeMany(it, 3000, login);
    expect(it.take(login)).toMatchObject({ status: 429 });
    expect(it.take({ ...login, address: '192.0.2.2' }).kind).toBe('allowed');
  });

  test('who knows only the id of a token cannot use up its quota', () => {
    const { it } = limiter();
    takeMany(it, 200, { ...listing, token: 'at_0000000001_s1forged' });
    expect(it.take(listing).kind).toBe('allowed');
  });

  test('all addresses together have a limit', () => {
    const { it } = limiter([{ ...everything, per: 'total', limit: 3 }]);
    const verdicts = Array.from({ length: 4 }, (_, index) =>
      it.take({ ...listing, address: `192.0.2.${index}`, token: `at_000000000${index}_s1abc` }),
    );
    expect(verdicts.map(({ kind }) => kind)).toEqual(['allowed', 'allowed', 'allowed', 'exhausted']);
  });

  test('a refused request keeps no quota: made-up tokens do not fill the store', () => {
    const { it } = limiter([{ ...everything, per: 'ip-address', limit: 2 }], 10);
    for (let count = 0; count < 50; count += 1) {
      const verdict = it.take({ ...listing, token: `at_${count}` });
      if (verdict.kind === 'allowed') verdict.withoutToken();
      else expect(verdict.kind).toBe('exhausted');
    }
    // Of all, of the address, and of callers without a token at the address.
    expect(it.size).toBe(3);
    expect(it.take({ ...listing, address: '192.0.2.2' }).kind).toBe('allowed');
  });

  test('a token that is forgotten after one request keeps what its other requests took', () => {
    const { it } = limiter();
    takeMany(it, 149, listing);
    const unproven = it.take(listing);
    if (unproven.kind === 'allowed') unproven.withoutToken();
    expect(it.take(listing).kind).toBe('allowed');
    expect(it.take(listing).kind).toBe('exhausted');
    const anonymous = { ...listing, token: undefined };
    const first = it.take(anonymous);
    if (first.kind === 'allowed') first.withoutToken();
    expect(it.take(anonymous).headers['Ratelimit']).toMatch(/remaining=147/);
  });

  test('a full store refuses new quotas with the time until the oldest ends, and goes on then', () => {
    const { it, clock } = limiter([], 5);
    expect(it.take(listing).kind).toBe('allowed');
    clock.advance(10_000);
    expect(it.take({ ...listing, resource: 'role' })).toEqual({
      kind: 'full',
      status: 503,
      headers: { 'Retry-After': '20' },
    });
    expect(it.take(listing).kind).toBe('allowed');
    clock.advance(20_000);
    expect(it.take({ ...listing, resource: 'role' }).kind).toBe('allowed');
    expect(it.size).toBeLessThanOrEqual(5);
  });

  test('tokens that nobody has leave no quota behind', () => {
    const { it } = limiter([], 50);
    for (let index = 0; index < 1000; index += 1) {
      const verdict = it.take({ ...listing, token: `at_0000000001_s1${index}` });
      if (verdict.kind === 'allowed') verdict.withoutToken();
    }
    expect(it.size).toBe(3);
  });

  test('made-up tokens give nobody more requests than no token, and cannot lock the others out', () => {
    const { it } = limiter();
    const forged = (index: number): string => {
      const verdict = it.take({ ...listing, token: `at_0000000001_s1${index}` });
      return verdict.kind === 'allowed' ? verdict.withoutToken().kind : verdict.kind;
    };
    const verdicts = Array.from({ length: 1500 }, (_each, index) => forged(index));
    expect(verdicts.filter((kind) => kind === 'allowed')).toHaveLength(150);
    expect(it.take({ ...listing, address: '192.0.2.2' }).headers['Ratelimit']).toBe(
      'limit=150, remaining=149, reset=30',
    );
  });

  test('where callers without a token are served the total counts them, whatever they present', () => {
    const { it } = limiter([{ ...everything, per: 'total', limit: 10 }]);
    const login = { ...listing, resource: 'auth-method', action: 'authenticate' };
    for (let index = 0; index < 10; index += 1) {
      const verdict = it.take({ ...login, token: `at_0000000001_s1${index}` });
      if (verdict.kind === 'allowed') verdict.withoutToken();
    }
    expect(it.take({ ...login, token: undefined, address: '192.0.2.2' }).kind).toBe('exhausted');
  });

  test('what callers without a token are refused uses up nothing of the total', () => {
    const { it } = limiter([{ ...everything, per: 'total', limit: 3 }]);
    for (let index = 0; index < 10; index += 1) {
      it.take({ ...listing, address: `192.0.2.${index}`, token: undefined });
    }
    expect(it.take(listing)).toMatchObject({ kind: 'allowed' });
  });

  test('whatever comes, the store keeps its bound and no quota gives more than its limit', () => {
    const requests = fc.array(
      fc.record({
        address: fc.integer({ min: 0, max: 30 }).map((last) => `192.0.2.${last}`),
        token: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
        resource: fc.constantFrom('role', 'group'),
        waitMs: fc.integer({ min: 0, max: 2000 }),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(requests, (all) => {
        const { it, clock } = limiter([{ ...everything, per: 'auth-token', limit: 2, periodSeconds: 5 }], 12);
        const allowed = new Map<string, number[]>();
        for (const { waitMs, ...request } of all) {
          clock.advance(waitMs);
          const verdict = it.take({ ...request, action: 'read' });
          expect(it.size).toBeLessThanOrEqual(12);
          if (verdict.kind !== 'allowed' || request.token === undefined) continue;
          const key = `${request.resource} ${request.token}`;
          const times = [...(allowed.get(key) ?? []), clock.monotonicMs()];
          allowed.set(key, times);
          // Fixed windows: in no five seconds more than two of them touch.
          const lately = times.filter((at) => at > clock.monotonicMs() - 5000);
          expect(lately.length).toBeLessThanOrEqual(4);
        }
      }),
    );
  });
});

describe('rules', () => {
  test('the last one that names an operation and scope decides; unlimited ones are left out', () => {
    const rules: RateLimitRule[] = [
      ...defaultRateLimitRules,
      { resources: ['target'], actions: ['list'], per: 'total', limit: 7, periodSeconds: 60 },
      { resources: ['target'], actions: ['list'], per: 'auth-token', limit: Infinity, periodSeconds: 30 },
    ];
    expect(limitsOf(rules, 'target', 'list')).toEqual([
      { per: 'total', limit: 7, periodSeconds: 60 },
      { per: 'ip-address', limit: 1500, periodSeconds: 30 },
    ]);
    expect(limitsOf(rules, 'role', 'list')).toHaveLength(3);
  });

  test('a name that no operation has is refused', () => {
    const rule = { ...everything, per: 'total', limit: 1 } as const;
    const actions = new Set(['list']);
    expect(() => requireLegalRules([{ ...rule, resources: ['targets'] }], actions)).toThrow('"targets"');
    expect(() => requireLegalRules([{ ...rule, actions: ['lst'] }], actions)).toThrow('"lst"');
    expect(() =>
      requireLegalRules([{ ...rule, resources: ['target'], actions: ['list'] }], actions),
    ).not.toThrow();
  });
});

describe('an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64'],
    ['2001:0db8:0000:0001::', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', ''],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test('all addresses of one /64 count as one', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const [a, b, c, d] = groups;
        expect(networkOf(groups.join(':'))).toBe(networkOf(`${a}:${b}:${c}:${d}::`));
      }),
    );
  });
});
