/**
 * The allowlist of API keys as TrueNAS spells it, `[{"method","resource"}]`, to token scopes and back (tokens.md §5.2). What does not map
 * exactly is refused by name; nothing is widened to fit. Pure.
 */
import { isResourceType } from '@stile/protocol/grant';
import { readTokenScopes } from '@stile/protocol/token-scope';
import { asJson } from '../resources/table-view.ts';
import { usage } from './sign-in-attempt.ts';

/** Action of a method; `CALL` names its own, `*` is every one. */
const actionOfMethod: Readonly<Record<string, string>> = {
  GET: 'read',
  SUBSCRIBE: 'read',
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
  '*': '*',
};

/** Why an entry maps to nothing, or the scope it is. */
type Mapped = { readonly scope: string } | { readonly problem: string };

function mapEntry(method: unknown, resource: unknown): Mapped {
  if (typeof method !== 'string' || typeof resource !== 'string')
    return { problem: 'an entry is {"method":…,"resource":…}' };
  const cut = resource.indexOf('.');
  const type = cut < 0 ? resource : resource.slice(0, cut);
  const named = cut < 0 ? undefined : resource.slice(cut + 1);
  if (type !== '*' && !isResourceType(type))
    return { problem: `there is no resource type ${JSON.stringify(type)}` };
  const isCall = method === 'CALL';
  if (isCall !== (named !== undefined))
    return { problem: 'CALL names an action, as in "target.authorize-session", and the other methods none' };
  const action = isCall ? named : Object.hasOwn(actionOfMethod, method) ? actionOfMethod[method] : undefined;
  if (action === undefined) return { problem: `there is no method ${JSON.stringify(method)}` };
  if (type === '*' && action === '*') return { scope: '*' };
  const scope = `${type}:${action}`;
  // CALL is for one action of one type; anything else would be wider than its entry.
  const isLegal = !(isCall && [type, action].includes('*')) && 'value' in readTokenScopes([scope]);
  return isLegal
    ? { scope }
    : {
        problem: `the resource type ${JSON.stringify(type)} has no action ${JSON.stringify(action)} to allow`,
      };
}

/**
 * The token scopes of an allowlist.
 * @throws {StileError} invalidFlag naming the entry that does not map
 */
export function scopesOfAllowlist(text: string): string[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    // Said below, with every other text that is no list.
  }
  if (!Array.isArray(entries))
    throw usage('allowlist must be a JSON list, as [{"method":"GET","resource":"target"}]');
  if (entries.length === 0) throw usage('allowlist is empty: a key that may do nothing cannot be made');
  return entries.map((entry: unknown) => {
    const { method, resource, ...more } = asJson(entry);
    const mapped = mapEntry(method, resource);
    if ('scope' in mapped && Object.keys(more).length === 0) return mapped.scope;
    const problem = 'problem' in mapped ? mapped.problem : 'an entry is {"method":…,"resource":…}';
    throw usage(`allowlist: ${JSON.stringify(entry)}: ${problem}`);
  });
}

const methodOfAction: Readonly<Record<string, string>> = {
  read: 'GET',
  create: 'POST',
  update: 'PUT',
  delete: 'DELETE',
  '*': '*',
};

/** The allowlist that token scopes are; of a token without any, all. */
export function allowlistOfScopes(scopes: readonly string[]): { method: string; resource: string }[] {
  const all = scopes.length === 0 ? ['*'] : scopes;
  return all.map((scope) => {
    const cut = scope.indexOf(':');
    const [type, action] = cut < 0 ? ['*', '*'] : [scope.slice(0, cut), scope.slice(cut + 1)];
    const method = Object.hasOwn(methodOfAction, action) ? methodOfAction[action] : undefined;
    return method === undefined
      ? { method: 'CALL', resource: `${type}.${action}` }
      : { method, resource: type };
  });
}
