/**
 * Routes from the table of operations, and what to answer where there is none (http-api.md §1.12, §7). Fastify matches; this
 * file only writes the patterns and judges what did not match.
 */
import { StileError } from '@stile/protocol/errors';
import { isClusterPath } from './v2/surface.ts';
import { isPublic, type Operation } from './operation.ts';

const standardVerbs = new Set(['list', 'create', 'read', 'update', 'delete']);

/** Words of custom verbs that exist in Boundary, also for resources that are not served: another word is 400, these are 405. */
const knownActionWords = new Set(
  (
    'add-accounts add-credential-sources add-grant-scopes add-grants add-host-sources add-hosts add-members add-principals ' +
    'add-worker-tags attach-storage-policy authenticate authorize-session cancel change-password change-state ' +
    'check-password confirm-two-factor ' +
    'create:controller-led create:worker-led destroy-key-version detach-storage-policy disable disable-two-factor ' +
    'download enable enroll-two-factor explain ' +
    'list-key-version-destruction-jobs list-keys list-resolvable-aliases monthly-active-users read-certificate-authority ' +
    'read-two-factor renew-recovery-codes reset-two-factor verify-two-factor ' +
    'reapply-storage-policy reinitialize-certificate-authority remove-accounts remove-credential-sources ' +
    'remove-grant-scopes remove-grants remove-host-sources remove-hosts remove-members remove-principals ' +
    'remove-worker-tags rotate-keys set-accounts set-credential-sources set-grant-scopes set-grants set-host-sources ' +
    'set-hosts set-members set-password set-principals set-worker-tags'
  ).split(' '),
);

/** The custom verb of an operation, or undefined for a standard one. */
export function customVerb(operation: Operation): string | undefined {
  return standardVerbs.has(operation.verb) ? undefined : operation.verb;
}

/** Path with `{id}`, as people and OpenAPI write it. */
export function pathOf(operation: Operation): string {
  if (operation.path !== undefined) return operation.path;
  const verb = customVerb(operation);
  const base = operation.on === 'item' ? `/v1/${operation.resource}/{id}` : `/v1/${operation.resource}`;
  return verb === undefined ? base : `${base}:${verb}`;
}

/** Patterns of fastify's router: a colon is written twice, the id of a custom verb ends at its colon. */
export function patternsOf(operation: Operation): readonly string[] {
  if (operation.path !== undefined) {
    const pattern = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    // With and without the last slash: the same answer, never a redirect.
    return pattern.endsWith('/') ? [pattern, pattern.slice(0, -1)] : [pattern];
  }
  const verb = customVerb(operation);
  const base = `/v1/${operation.resource}`;
  const suffix = verb === undefined ? '' : `::${verb.replaceAll(':', '::')}`;
  if (operation.on === 'collection') return [base + suffix];
  if (verb === undefined) return [`${base}/:id`];
  const exact = `${base}/:id(^[^:]+)${suffix}`;
  return operation.isGreedy === true ? [exact, `${base}/*`] : [exact];
}

/**
 * Refuses a table in which a row has no permission, or two rows one route.
 * @throws {Error} at start, naming the row
 */
export function checkTable(operations: readonly Operation[]): void {
  const seen = new Set<string>();
  for (const each of operations) {
    const route = `${each.method} ${pathOf(each)}`;
    if (seen.has(route)) throw new Error(`two operations have the route ${route}`);
    seen.add(route);
    const permission: Partial<typeof each.permission> | undefined = each.permission;
    const isDeclared =
      permission !== undefined &&
      (isPublic(each.permission) ? each.permission.why !== '' : each.permission.action !== '');
    if (!isDeclared) throw new Error(`the operation ${route} declares no permission`);
  }
}

/** The answer where no operation matched. */
export interface UnknownRoute {
  readonly status: 400 | 404 | 405;
  /** Set where the body is a JSON error; else it is empty. */
  readonly error?: StileError;
  /** Methods that the path does have, for `Allow`. */
  readonly allow?: string;
}

function methodsOf(operations: readonly Operation[]): string {
  return [...new Set(operations.map((each) => each.method))].sort().join(', ');
}

/**
 * Judges a request that matched no operation. `path` is without the query.
 * Unknown resource → 404 with an empty body; unknown action word → 400 with an empty body; a verb or method that the resource
 * lacks → 405 with an empty body; anything deeper → 404 `Resource not found.`
 */
export function judgeUnknown(method: string, path: string, operations: readonly Operation[]): UnknownRoute {
  const notFound: UnknownRoute = { status: 404, error: new StileError('notFound', 'Resource not found.') };
  if (path === '/v1' || path === '/v1/') return method === 'GET' ? notFound : { status: 405, allow: 'GET' };
  if (isClusterPath(path)) return judgeClusterPath(method, path, operations);
  if (!path.startsWith('/v1/')) return method === 'GET' ? { status: 404 } : { status: 405, allow: 'GET' };
  const [first = '', second, ...deeper] = path.slice('/v1/'.length).split('/');
  const cut = first.indexOf(':');
  const name = cut < 0 ? first : first.slice(0, cut);
  const ofResource = operations.filter((each) => each.resource === name);
  if (ofResource.length === 0) return { status: 404 };
  if (deeper.length > 0 || second === '' || (cut >= 0 && second !== undefined)) return notFound;
  return judgeVerb(second ?? first, second === undefined ? 'collection' : 'item', ofResource);
}

/** A verb or method that the resource lacks: known words are 405, others 400. */
function judgeVerb(part: string, on: Operation['on'], ofResource: readonly Operation[]): UnknownRoute {
  const colon = part.indexOf(':');
  const word = colon < 0 ? undefined : part.slice(colon + 1);
  const isKnown =
    word === undefined || knownActionWords.has(word) || ofResource.some((each) => customVerb(each) === word);
  if (!isKnown) return { status: 400 };
  const allow = methodsOf(ofResource.filter((each) => each.on === on && customVerb(each) === word));
  return { status: 405, ...(allow === '' ? {} : { allow }) };
}

/** A path of the Cluster API: every error has a body there (tokens.md §4.2). */
function judgeClusterPath(method: string, path: string, operations: readonly Operation[]): UnknownRoute {
  const given = path.replace(/\/$/, '').split('/');
  const matching = operations.filter((each) => {
    const parts = (each.path ?? '').replace(/\/$/, '').split('/');
    return (
      parts.length === given.length &&
      parts.every((part, index) => part === given[index] || /^\{\w+\}$/.test(part))
    );
  });
  if (matching.length === 0) {
    return { status: 404, error: new StileError('notFound', 'Resource not found.') };
  }
  const allow = methodsOf(matching);
  return {
    status: 405,
    allow,
    error: new StileError('unsupported', `${method} is not allowed here, but ${allow}.`),
  };
}
