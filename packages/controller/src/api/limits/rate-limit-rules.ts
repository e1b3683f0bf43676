/**
 * Which limits hold for which operation: rules as the configuration file writes them, a later one over an earlier one, on top of
 * the recorded defaults (http-api.md §1.12). Pure; the counting is rate-limiter.ts.
 */
import { StileError } from '@stile/protocol/errors';
import { resourceTypes } from '@stile/protocol/grant';

/** What a quota is counted by, in the order in which answers name them. */
export const rateLimitScopes = ['total', 'ip-address', 'auth-token'] as const;
/** What a quota is counted by. */
export type RateLimitScope = (typeof rateLimitScopes)[number];

/** One rule. */
export interface RateLimitRule {
  /** Resource types as in grants, or `*`. */
  readonly resources: readonly string[];
  /** `list`, `read`, `authorize-session` …, or `*`. */
  readonly actions: readonly string[];
  readonly per: RateLimitScope;
  /** Requests in a period; Infinity = unlimited. */
  readonly limit: number;
  readonly periodSeconds: number;
}

/** One limit of one operation. */
export interface RateLimit {
  readonly per: RateLimitScope;
  readonly limit: number;
  readonly periodSeconds: number;
}

const anything = ['*'];
/** Period of the defaults, seconds (http-api.md §1.12). */
const defaultPeriodSeconds = 30;

function defaultsOf(
  actions: readonly string[],
  limits: Readonly<Record<RateLimitScope, number>>,
): RateLimitRule[] {
  return rateLimitScopes.map((per) => ({
    resources: anything,
    actions,
    per,
    limit: limits[per],
    periodSeconds: defaultPeriodSeconds,
  }));
}

/** The recorded defaults. */
export const defaultRateLimitRules: readonly RateLimitRule[] = [
  ...defaultsOf(anything, { total: 30_000, 'ip-address': 30_000, 'auth-token': 3000 }),
  ...defaultsOf(['list'], { total: 1500, 'ip-address': 1500, 'auth-token': 150 }),
];

/** Types that no grant names, but requests do. */
const furtherTypes = ['openapi'];

/**
 * Refuses rules that would hold for nothing: a mistyped name must not pass as a limit.
 * @throws {StileError} invalidConfig naming what is wrong
 */
export function requireLegalRules(rules: readonly RateLimitRule[], actions: ReadonlySet<string>): void {
  const types = new Set<string>([...resourceTypes, ...furtherTypes]);
  for (const rule of rules) {
    const resource = rule.resources.find((name) => name !== '*' && !types.has(name));
    if (resource !== undefined) {
      throw new StileError('invalidConfig', `controller.api_rate_limit: there is no resource "${resource}"`);
    }
    const action = rule.actions.find((name) => name !== '*' && !actions.has(name));
    if (action !== undefined) {
      throw new StileError('invalidConfig', `controller.api_rate_limit: there is no action "${action}"`);
    }
  }
}

/** The limits of an operation, at most one a scope; unlimited ones are left out. The last rule that names it decides. */
export function limitsOf(
  rules: readonly RateLimitRule[],
  resource: string,
  action: string,
): readonly RateLimit[] {
  const isFor = (rule: RateLimitRule): boolean =>
    (rule.resources.includes('*') || rule.resources.includes(resource)) &&
    (rule.actions.includes('*') || rule.actions.includes(action));
  return rateLimitScopes.flatMap((per) => {
    const rule = rules.findLast((each) => each.per === per && isFor(each));
    return rule === undefined || rule.limit === Infinity
      ? []
      : [{ per, limit: rule.limit, periodSeconds: rule.periodSeconds }];
  });
}
