/**
 * Why a user may or may not do something: the grants that allow it, or those that came closest and what is in their way. Pure; it
 * follows the rules of grants.md §2.5 grant by grant, where the ACL (acl.ts) sums them, and must come to the same answer.
 */
import {
  coversAction,
  coversCollection,
  coversPinned,
  isAnonymousAction,
  isCreateOrList,
  isOwnType,
  resourceTypeOfId,
  type ParsedGrant,
} from '@stile/protocol';
import { reaches, type AclResource } from '../acl.ts';
import { resolveTemplate } from '../acl-index.ts';

/** Who would act. */
export interface ExplainedCaller {
  /** `u_anon` for the anonymous. */
  readonly userId: string;
  /** Account of the auth token that would be presented. */
  readonly accountId: string | undefined;
  readonly isNobody: boolean;
  /** Ids by which the user holds roles: its own, those of its groups, and of the special users that stand for it. */
  readonly principalIds: ReadonlySet<string>;
}

/** A role as it is looked at. */
export interface ExplainedRole {
  readonly id: string;
  readonly scopeId: string;
  /** Null for global. */
  readonly parentScopeId: string | null;
  readonly grants: readonly ExplainedGrant[];
  /** `this`, `children`, `descendants` or scope ids. */
  readonly grantScopes: readonly string[];
  readonly principalIds: readonly string[];
}

/** A grant of a role. */
export interface ExplainedGrant {
  /** As written. */
  readonly raw: string;
  /** Undefined when it cannot be read: then its holders have no rights at all (grants.md §1.2). */
  readonly parsed: ParsedGrant | undefined;
}

/** What kept a grant from allowing it. */
export type Obstacle = 'principal' | 'scope' | 'type' | 'id' | 'action' | 'unreadable';

/** One obstacle, in words. */
export interface Mismatch {
  readonly obstacle: Obstacle;
  readonly text: string;
}

/** One grant of one role, and how it did. */
export interface GrantFinding {
  readonly roleId: string;
  readonly roleScopeId: string;
  readonly grant: string;
  /** The grant scope that reaches the resource; undefined when none does. */
  readonly grantScope: string | undefined;
  /** By which id the user holds the role; undefined when it does not. */
  readonly principalId: string | undefined;
  /** Empty for a grant that allows it. */
  readonly mismatches: readonly Mismatch[];
}

/** The answer. */
export interface Explanation {
  readonly allowed: boolean;
  /** The user holds a role with a grant that cannot be read: it has no rights at all. */
  readonly isRightless: boolean;
  /** Grants that allow it. Not empty when `allowed`; may be so otherwise: a grant that cannot be read takes every right. */
  readonly matches: readonly GrantFinding[];
  /** Other grants, the closest first. */
  readonly others: readonly GrantFinding[];
}

/** Explains one question over the given roles, which include all that the user holds. */
export function explain(
  caller: ExplainedCaller,
  resource: AclResource,
  action: string,
  roles: readonly ExplainedRole[],
): Explanation {
  const findings = roles.flatMap((role) =>
    role.grants.map((grant) => findingOf({ caller, resource, action }, role, grant)),
  );
  const matches = findings.filter((finding) => finding.mismatches.length === 0);
  const isRightless = findings.some(
    ({ principalId, mismatches }) =>
      principalId !== undefined && mismatches.some((each) => each.obstacle === 'unreadable'),
  );
  return {
    allowed: matches.length > 0 && !isRightless,
    isRightless,
    matches,
    others: findings
      .filter((finding) => finding.mismatches.length > 0)
      .toSorted((a, b) => distanceOf(a) - distanceOf(b)),
  };
}

/** How far each obstacle is from success: what an administrator would more likely have meant to grant comes first. */
const distances: Readonly<Record<Obstacle, number>> = {
  unreadable: 0,
  action: 10,
  principal: 11,
  id: 12,
  scope: 13,
  type: 30,
};

function distanceOf({ mismatches }: GrantFinding): number {
  if (mismatches.some((each) => each.obstacle === 'unreadable')) return 0;
  return mismatches.reduce((sum, each) => sum + distances[each.obstacle], 0);
}

interface Question {
  readonly caller: ExplainedCaller;
  readonly resource: AclResource;
  readonly action: string;
}

function findingOf(question: Question, role: ExplainedRole, grant: ExplainedGrant): GrantFinding {
  const { caller, resource } = question;
  const principalId = role.principalIds.find((id) => caller.principalIds.has(id));
  const scope = { id: resource.scopeId, parentId: resource.parentScopeId };
  const grantScope = role.grantScopes.find((each) =>
    reaches({ grantScope: each, roleScopeId: role.scopeId }, scope),
  );
  const mismatches: Mismatch[] = [];
  if (grant.parsed === undefined) {
    const text = 'the grant cannot be read: whoever holds its role has no rights at all';
    mismatches.push({ obstacle: 'unreadable', text });
  }
  if (principalId === undefined) {
    const text = `the user is no principal of the role, nor is any of its groups`;
    mismatches.push({ obstacle: 'principal', text });
  }
  if (grantScope === undefined) mismatches.push(scopeMismatch(role, resource));
  if (grant.parsed !== undefined) mismatches.push(...grantMismatches(question, grant.parsed));
  return {
    roleId: role.id,
    roleScopeId: role.scopeId,
    grant: grant.raw,
    grantScope,
    principalId,
    mismatches,
  };
}

function scopeMismatch(role: ExplainedRole, resource: AclResource): Mismatch {
  const reached =
    role.grantScopes.length === 0
      ? 'reaches no scope'
      : `reaches ${role.grantScopes.map((each) => scopeWords(each, role.scopeId)).join(', ')}`;
  return { obstacle: 'scope', text: `the role ${reached}; this is decided in ${resource.scopeId}` };
}

function scopeWords(grantScope: string, roleScopeId: string): string {
  switch (grantScope) {
    case 'this':
      return roleScopeId;
    case 'children':
      return `the scopes directly in ${roleScopeId}`;
    case 'descendants':
      return `all scopes below ${roleScopeId}`;
    default:
      return grantScope;
  }
}

function grantMismatches(question: Question, grant: ParsedGrant): Mismatch[] {
  const { caller, resource, action } = question;
  const found: Mismatch[] = [];
  const about = caller.isNobody ? nobodyMismatch(question, grant) : targetMismatch(question, grant);
  if (about !== undefined) found.push(about);
  if (!coversAction(new Set(grant.actions), action)) {
    const granted = grant.actions.length === 0 ? 'no action, only fields' : grant.actions.join(', ');
    if (about?.obstacle !== 'action') {
      found.push({
        obstacle: 'action',
        text: `it grants ${granted}; asked is ${action} on ${resource.type}`,
      });
    }
  }
  return found;
}

/** Case 1: an anonymous caller. */
function nobodyMismatch({ resource, action }: Question, grant: ParsedGrant): Mismatch | undefined {
  if (!isAnonymousAction(resource.type, action)) {
    const text = `${action} on ${resource.type} is never granted to anonymous callers`;
    return { obstacle: 'action', text };
  }
  if (grant.type === resource.type) return undefined;
  const named = grant.type === undefined ? 'it names no type' : `it names the type ${grant.type}`;
  const text = `${named}; for anonymous callers it must name ${resource.type}`;
  return { obstacle: 'type', text };
}

/** Cases 2 to 5: whether the grant is about the resource at all. */
function targetMismatch(question: Question, grant: ParsedGrant): Mismatch | undefined {
  const { caller, resource, action } = question;
  if (grant.ids.length === 0) return collectionMismatch(question, grant);
  const ids = grant.ids.map((written) => resolveTemplate(written, caller));
  if (ids.some((id) => id !== undefined && coversOne(id, grant, question))) return undefined;
  const isTypeWrong = grant.type !== undefined && grant.type !== '*' && grant.type !== resource.type;
  if (isTypeWrong || grant.ids[0] === '*') {
    return { obstacle: 'type', text: `it is about ${grant.type ?? 'no type'}; this is a ${resource.type}` };
  }
  const isNamed = resource.id !== undefined && ids.includes(resource.id);
  if (isNamed && isCreateOrList(action)) {
    return { obstacle: 'action', text: `${action} is not granted by the id of an item` };
  }
  const asked = resource.id ?? `the collection of ${resource.type} in ${resource.pin ?? resource.scopeId}`;
  return { obstacle: 'id', text: `it is about ${idWords(grant, ids)}; this is ${asked}` };
}

function collectionMismatch({ resource, action }: Question, grant: ParsedGrant): Mismatch | undefined {
  if (grant.type !== resource.type) {
    return { obstacle: 'type', text: `it is about ${grant.type ?? 'no type'}; this is a ${resource.type}` };
  }
  if (resource.id !== undefined) {
    return { obstacle: 'id', text: `it names no ids, so it is about the collection; this is ${resource.id}` };
  }
  if (coversCollection(resource.type, action)) return undefined;
  return {
    obstacle: 'action',
    text: `without ids it grants create and list alone, on types that have no parent`,
  };
}

/** Whether one id of a grant is about the resource (grants.md §2.5, cases 2, 4 and 5). */
function coversOne(id: string, { type }: ParsedGrant, { resource, action }: Question): boolean {
  if (id === '*') return type === '*' || type === resource.type;
  const isItem =
    id === resource.id &&
    resourceTypeOfId(id) === resource.type &&
    isOwnType(id, type) &&
    !isCreateOrList(action);
  return isItem || (id === resource.pin && coversPinned(type, resource.type));
}

function idWords(grant: ParsedGrant, ids: readonly (string | undefined)[]): string {
  const words = grant.ids.map((written, at) => {
    const id = ids[at];
    if (id === written) return written;
    return id === undefined ? `${written}, which the user has not` : `${written}, which is ${id}`;
  });
  const children = grant.type === undefined || grant.type === '*' ? '' : ` (${grant.type})`;
  return words.join(' and ') + children;
}
