/**
 * Counts requests by operation and by total, address and auth token, before anybody knows who calls (http-api.md §1.12). The
 * quotas are fixed windows that begin with their first request; how many are kept is bounded, and a full store says so.
 */
import { createHash } from 'node:crypto';
import { isAnonymousAction, isResourceType } from '@stile/protocol/grant';
import type { Clock } from '@stile/runtime';
import { networkOf } from './network-address.ts';
import {
  defaultRateLimitRules,
  limitsOf,
  type RateLimit,
  type RateLimitRule,
  type RateLimitScope,
} from './rate-limit-rules.ts';

/** Quotas kept when the configuration does not say; about 20 MB. */
export const defaultMaxQuotas = 100_000;

/** A request, as much as the limiter looks at. */
export interface LimitedRequest {
  /** Resource type as in grants. */
  readonly resource: string;
  readonly action: string;
  /** Address of the peer's socket. */
  readonly address: string;
  /** The auth token as presented, valid or not; undefined = none. */
  readonly token: string | undefined;
}

/** What becomes of a request. */
export type Verdict =
  | {
      readonly kind: 'allowed';
      readonly headers: Readonly<Record<string, string>>;
      /** To be called, once, when the token was not proven: the request counts as one without token. */
      withoutToken(): Verdict;
    }
  | {
      readonly kind: 'exhausted' | 'full';
      readonly status: 429 | 503;
      readonly headers: Readonly<Record<string, string>>;
    };

interface Quota {
  used: number;
  /** Of the monotonic clock. */
  readonly endsAtMs: number;
}

/** An operation's limits with what every answer says of them. */
interface Policy {
  readonly limits: readonly RateLimit[];
  readonly header: string;
}

/** One of the quotas that a request takes from. */
interface Claim {
  readonly key: string;
  readonly limit: RateLimit;
  readonly quota: Quota;
  /** It begins with this request. */
  readonly isNew: boolean;
}

/** Counts for all API listeners of one controller. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #rules: readonly RateLimitRule[];
  readonly #maxQuotas: number;
  readonly #policies = new Map<string, Policy>();
  /** By period: quotas of one period end in the order in which they began, so the oldest stand first. */
  readonly #stores = new Map<number, Map<string, Quota>>();
  #size = 0;

  constructor(options: {
    readonly clock: Clock;
    /** On top of the defaults. */
    readonly rules?: readonly RateLimitRule[];
    readonly maxQuotas?: number;
  }) {
    this.#clock = options.clock;
    this.#rules = [...defaultRateLimitRules, ...(options.rules ?? [])];
    this.#maxQuotas = options.maxQuotas ?? defaultMaxQuotas;
  }

  /** Quotas kept now. */
  get size(): number {
    return this.#size;
  }

  /** Takes a request from every quota it belongs to, or from none when one is exhausted. */
  take(request: LimitedRequest): Verdict {
    const policy = this.#policyOf(request);
    const isRefused = request.token === undefined && !isForEverybody(request);
    const limits = isRefused ? policy.limits.filter(({ per }) => per !== 'total') : policy.limits;
    return this.#claim(request, policy, limits);
  }

  /** Takes a request from the quotas of some of an operation's limits. */
  #claim(request: LimitedRequest, policy: Policy, limits: readonly RateLimit[]): Verdict {
    const nowMs = this.#clock.monotonicMs();
    const claims = limits.map((limit) => this.#claimOf(keyOf(request, limit.per), limit, nowMs));
    // A refused request keeps no quota: whoever made up tokens would fill the store for everybody else.
    const exhausted = claims.filter(({ limit, quota }) => quota.used >= limit.limit);
    if (exhausted.length > 0) return refusalOf(policy, exhausted, nowMs);
    if (!this.#keep(claims, nowMs)) return this.#full(nowMs);
    for (const { quota } of claims) quota.used += 1;
    return {
      kind: 'allowed',
      headers: headersOf(policy, claims, nowMs),
      withoutToken: () => this.#withoutToken(request, policy, claims),
    };
  }

  /** An unproven token gives its sender no more requests than callers without one have, and takes nothing that all callers share. */
  #withoutToken(request: LimitedRequest, policy: Policy, claims: readonly Claim[]): Verdict {
    if (request.token === undefined) return this.#claim(request, policy, []);
    this.#forgetToken(claims);
    if (!isForEverybody(request)) {
      for (const { limit, quota } of claims) if (limit.per === 'total') quota.used -= 1;
    }
    const ofToken = policy.limits.filter(({ per }) => per === 'auth-token');
    return this.#claim({ ...request, token: undefined }, policy, ofToken);
  }

  /**
   * Gives back what a request took from the quota of its token, which goes with the last of it: made-up tokens would fill the store.
   * What requests with that token have taken beside stays.
   */
  #forgetToken(claims: readonly Claim[]): void {
    for (const { key, limit, quota } of claims) {
      if (limit.per !== 'auth-token') continue;
      quota.used -= 1;
      const store = this.#stores.get(limit.periodSeconds);
      if (quota.used > 0 || store?.get(key) !== quota) continue;
      store.delete(key);
      this.#size -= 1;
    }
  }

  #policyOf({ resource, action }: LimitedRequest): Policy {
    const name = `${resource} ${action}`;
    const known = this.#policies.get(name);
    if (known !== undefined) return known;
    const limits = limitsOf(this.#rules, resource, action);
    const header = limits
      .map(({ per, limit, periodSeconds }) => `${limit};w=${periodSeconds};comment="${per}"`)
      .join(', ');
    // As many as there are operations.
    const policy = { limits, header };
    this.#policies.set(name, policy);
    return policy;
  }

  /** The quota of that name that runs now, or one that would begin now and is not kept yet. */
  #claimOf(key: string, limit: RateLimit, nowMs: number): Claim {
    const known = this.#stores.get(limit.periodSeconds)?.get(key);
    if (known !== undefined && known.endsAtMs > nowMs) return { key, limit, quota: known, isNew: false };
    const quota = { used: 0, endsAtMs: nowMs + limit.periodSeconds * 1000 };
    return { key, limit, quota, isNew: true };
  }

  /** Keeps the quotas that begin with a request; false, and none is kept, when there is no room for all of them. */
  #keep(claims: readonly Claim[], nowMs: number): boolean {
    const added = claims.filter(({ isNew }) => isNew);
    if (this.#size + added.length > this.#maxQuotas) this.#sweep(nowMs);
    if (this.#size + added.length > this.#maxQuotas) return false;
    for (const { key, limit, quota } of added) {
      const store = this.#storeOf(limit.periodSeconds);
      // One of that name that has ended leaves its place: the oldest stand first.
      if (!store.delete(key)) this.#size += 1;
      store.set(key, quota);
    }
    return true;
  }

  #storeOf(periodSeconds: number): Map<string, Quota> {
    let store = this.#stores.get(periodSeconds);
    if (store === undefined) {
      store = new Map();
      this.#stores.set(periodSeconds, store);
    }
    return store;
  }

  /** Throws away what has ended; looks at no more than that and one more of each period. */
  #sweep(nowMs: number): void {
    for (const store of this.#stores.values()) {
      for (const [key, quota] of store) {
        if (quota.endsAtMs > nowMs) break;
        store.delete(key);
        this.#size -= 1;
      }
    }
  }

  #full(nowMs: number): Verdict {
    let endsAtMs = Infinity;
    for (const store of this.#stores.values()) {
      const [oldest] = store.values();
      if (oldest !== undefined) endsAtMs = Math.min(endsAtMs, oldest.endsAtMs);
    }
    return { kind: 'full', status: 503, headers: { 'Retry-After': String(secondsUntil(endsAtMs, nowMs)) } };
  }
}

/**
 * The quota's name. A token counts by a hash of its whole text, so that nobody can use up the quota of a token whose id alone is
 * known; callers without one count by their address, or one of them could use up what all others need to log in.
 */
function keyOf({ resource, action, address, token }: LimitedRequest, per: RateLimitScope): string {
  const operation = `${resource} ${action}`;
  if (per === 'total') return operation;
  if (per === 'ip-address') return `${operation} ip ${networkOf(address)}`;
  return token === undefined
    ? `${operation} none ${networkOf(address)}`
    : `${operation} token ${createHash('sha256').update(token).digest('base64').slice(0, 22)}`;
}

/**
 * Whether callers without a token are served, as at the login: the total is a limit for them too. Elsewhere they are refused anyway, and
 * must not use up what all callers share: one machine could keep everybody out.
 */
function isForEverybody({ resource, action }: LimitedRequest): boolean {
  return !isResourceType(resource) || isAnonymousAction(resource, action);
}

/** Whole seconds, one at least. */
function secondsUntil(endsAtMs: number, nowMs: number): number {
  return Math.max(1, Math.ceil((endsAtMs - nowMs) / 1000));
}

const remainingOf = ({ limit, quota }: Claim): number => limit.limit - quota.used;

/** Of the tightest quota, spelled as recorded. */
function headersOf(policy: Policy, claims: readonly Claim[], nowMs: number): Record<string, string> {
  const [first, ...others] = claims;
  if (first === undefined) return {};
  const tightest = others.reduce((a, b) => (remainingOf(b) < remainingOf(a) ? b : a), first);
  const reset = secondsUntil(tightest.quota.endsAtMs, nowMs);
  return {
    Ratelimit: `limit=${tightest.limit.limit}, remaining=${remainingOf(tightest)}, reset=${reset}`,
    'Ratelimit-Policy': policy.header,
  };
}

function refusalOf(policy: Policy, exhausted: readonly Claim[], nowMs: number): Verdict {
  const last = exhausted.reduce((a, b) => (b.quota.endsAtMs > a.quota.endsAtMs ? b : a));
  return {
    kind: 'exhausted',
    status: 429,
    headers: {
      ...headersOf(policy, [last], nowMs),
      'Retry-After': String(secondsUntil(last.quota.endsAtMs, nowMs)),
    },
  };
}
