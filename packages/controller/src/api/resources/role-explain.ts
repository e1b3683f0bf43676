/**
 * `GET /v1/roles:explain`: which grant of which role allows a user something, or which came closest and what is in its way. Names only
 * the roles that the caller may read; of the others it tells how many there are.
 */
import { type FieldError, invalidField } from '@stile/protocol/errors';
import {
  actionsOf,
  isActionName,
  isResourceType,
  isTopLevelType,
  parentTypeOf,
  resourceTypeOfId,
  type ResourceType,
} from '@stile/protocol/grant';
import { recoveryUserId } from '@stile/protocol/ids';
import type { AclResource } from '../../iam/acl.ts';
import type { GrantFinding } from '../../iam/explain/explain.ts';
import type { ExplainedQuestion } from '../../iam/explain/role-explanation.ts';
import type { Access } from '../access.ts';
import { isScopeId } from '../list/list-operation.ts';
import type { Query } from '../http/query.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { shownList, shownText } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { readScope, required, resourceIn } from './item.ts';

const findingFields = {
  role_id: shownText,
  role_name: shownText,
  role_scope_id: { ...shownText, summary: 'The scope that the role lives in.' },
  principal_id: { ...shownText, summary: 'By which id the user holds the role; absent when it does not.' },
  grant_scope_id: {
    ...shownText,
    summary: 'The grant scope that reaches the resource; absent when none does.',
  },
  grant_string: shownText,
} as const;

const schema = schemaOf('RoleExplanation', {
  user_id: shownText,
  account_id: {
    ...shownText,
    summary: 'The account that the templates of grants stand for; for callers who may see it.',
  },
  id: { ...shownText, summary: 'The resource, or what the collection is in.' },
  type: shownText,
  scope_id: { ...shownText, summary: 'The scope in which it is decided.' },
  action: { ...shownText, summary: 'What is asked for: the `:self` variant on what is the user’s own.' },
  allowed: { kind: 'bool', access: 'output', isAlwaysShown: true },
  reason: { ...shownText, summary: 'The answer in a sentence.' },
  matches: shownList(findingFields),
  closest: shownList({
    ...findingFields,
    mismatches: shownList({
      field: { ...shownText, summary: '`principal`, `scope`, `type`, `id`, `action` or `unreadable`.' },
      description: shownText,
    }),
  }),
  hidden_role_count: {
    kind: 'uint32',
    access: 'output',
    summary: 'Further roles that allow it or came as close, which the caller may not read.',
  },
});

/** Grants that did not match, shown at most. */
const mostClosest = 5;

interface ExplainInput {
  readonly userId: string;
  readonly id: string;
  readonly type: ResourceType;
  readonly action: string;
  /** The resource of the id itself, or the collection of `type` in it. */
  readonly on: 'item' | 'collection';
}

function isKnownId(id: string): boolean {
  return (
    isScopeId(id, ['global', 'org', 'project']) ||
    (resourceTypeOfId(id) !== undefined && /^[a-z]+_[A-Za-z0-9]*$/.test(id))
  );
}

function readInput(query: Query): ExplainInput {
  const userId = query.text('user_id');
  const id = query.text('id');
  const action = query.text('action');
  const type = query.text('type');
  const faults: FieldError[] = [];
  const fault = (name: string, description: string): number => faults.push({ name, description });
  if (!isId(userId, ['u'])) fault('user_id', 'Incorrectly formatted identifier.');
  else if (userId === recoveryUserId) fault('user_id', 'u_recovery holds no roles.');
  if (!isKnownId(id)) fault('id', 'Incorrectly formatted identifier.');
  if (action === '*' || !isActionName(action)) fault('action', 'This is no action.');
  if (type !== '' && !isResourceType(type)) fault('type', 'This is no resource type.');
  refuseFaults(requestMessage, faults);
  const placed = placeOf(resourceTypeOfId(id) ?? 'scope', type, action);
  if ('fault' in placed) throw invalidField(placed.name, placed.fault);
  return { userId, id, action, ...placed };
}

type Placed =
  | { readonly type: ResourceType; readonly on: 'item' | 'collection' }
  | { readonly name: string; readonly fault: string };

/** What is asked about: the item of the id, or the collection of a type in it. */
function placeOf(own: ResourceType, typeText: string, action: string): Placed {
  const type = isResourceType(typeText) ? typeText : own;
  const { id: itemActions, collection } = actionsOf(type);
  const isCollectionAction = collection.some((each) => each === action || each.startsWith(`${action}:`));
  if (type === own && itemActions.includes(action)) return { type, on: 'item' };
  if (isCollectionAction) {
    const holder = parentTypeOf(type) ?? 'scope';
    if (own === holder) return { type, on: 'collection' };
    return { name: 'id', fault: `For ${action} on ${type} this must be the id of a ${holder}.` };
  }
  if (type !== own) return { name: 'type', fault: `The id is one of a ${own}.` };
  const hint = isTopLevelType(type) ? '' : ' itself';
  return { name: 'action', fault: `${action} is no action on a ${type}${hint}.` };
}

interface LocatedQuestion {
  /** What the permission of the question is asked on: the roles of the scope. */
  readonly resource: AclResource;
  readonly asked: AclResource;
  readonly askedOwnerId: string | undefined;
  readonly userId: string;
  /** The user, as the ACL sees it. */
  readonly user: AclResource;
}

async function locate(services: ApiServices, input: ExplainInput): Promise<LocatedQuestion> {
  const user = required(await services.users.lookup(input.userId));
  const { type, id, on } = input;
  const own = resourceTypeOfId(id) ?? 'scope';
  const found = required(await services.explanation.lookupResource(own, id));
  const isChild = on === 'collection' && own !== 'scope';
  const scope = await readScope(services.scopes, on === 'collection' && own === 'scope' ? id : found.scopeId);
  const asked =
    on === 'item'
      ? resourceIn(scope, type, id, found.pin)
      : resourceIn(scope, type, undefined, isChild ? id : undefined);
  return {
    resource: resourceIn(scope, 'role'),
    asked,
    askedOwnerId: on === 'item' ? found.ownerId : undefined,
    userId: input.userId,
    user: resourceIn(await readScope(services.scopes, user.scope_id), 'user', user.id),
  };
}

/** Whether the caller sees which accounts the user has. */
function showsAccounts(access: Access, { user }: LocatedQuestion): boolean {
  const { authorized, outputFields } = access.acl.decide(user, 'read');
  return authorized && outputFields.includes('account_ids');
}

function withoutAccount(text: string, { accountId }: ExplainedQuestion): string {
  return accountId === undefined ? text : text.replaceAll(accountId, 'an account of the user');
}

type FindingValues = Output<typeof findingFields>;

function findingValues(finding: GrantFinding, answer: ExplainedQuestion): FindingValues {
  return {
    role_id: finding.roleId,
    role_name: answer.roleNames.get(finding.roleId),
    role_scope_id: finding.roleScopeId,
    principal_id: finding.principalId,
    grant_scope_id: finding.grantScope,
    grant_string: finding.grant,
  };
}

function reasonOf({ explanation, isDisabled }: ExplainedQuestion): string {
  if (isDisabled) return 'The user is disabled, and may do nothing.';
  if (explanation.allowed) return 'A grant of a role of the user allows it.';
  if (explanation.isRightless) {
    return 'A grant of a role of the user cannot be read, which takes every right from the user.';
  }
  return explanation.others.length === 0
    ? 'The user holds no role, and none reaches the scope.'
    : 'No grant of a role of the user allows it.';
}

async function scopesOf(
  services: ApiServices,
  findings: readonly GrantFinding[],
): Promise<Map<string, ScopeNode>> {
  const ids = new Set(findings.map((finding) => finding.roleScopeId));
  const known = new Map<string, ScopeNode>();
  for (const id of ids) {
    const scope = await services.scopes.lookup(id);
    if (scope !== undefined) known.set(id, scope);
  }
  return known;
}

/** Fields of a role that a finding tells of; a caller whose grants hide one of them must not learn it here. */
const toldFields = ['grant_strings', 'grant_scope_ids', 'principal_ids', 'name'] as const;

/** Splits findings by whether the caller may read all of their role that they tell of. */
async function readableOf(
  services: ApiServices,
  access: Access,
  findings: readonly GrantFinding[],
): Promise<{ readonly shown: readonly GrantFinding[]; readonly hidden: readonly GrantFinding[] }> {
  const scopes = await scopesOf(services, findings);
  const mayRead = (roleId: string, roleScopeId: string): boolean => {
    const scope = scopes.get(roleScopeId);
    if (scope === undefined) return false;
    const { authorized, outputFields } = access.acl.decide(resourceIn(scope, 'role', roleId), 'read');
    return authorized && toldFields.every((field) => outputFields.includes(field));
  };
  const known = new Map<string, boolean>();
  const isReadable = ({ roleId, roleScopeId }: GrantFinding): boolean => {
    const answer = known.get(roleId) ?? mayRead(roleId, roleScopeId);
    known.set(roleId, answer);
    return answer;
  };
  return { shown: findings.filter(isReadable), hidden: findings.filter((each) => !isReadable(each)) };
}

/** The row `GET /v1/roles:explain`. */
export function roleExplainOperation(services: ApiServices): Operation {
  return operation({
    resource: 'roles',
    verb: 'explain',
    method: 'GET',
    on: 'collection',
    summary: 'Says why a user may or may not do something.',
    query: [
      { name: 'user_id', type: 'string', summary: 'The user; `u_anon` for the anonymous.' },
      {
        name: 'id',
        type: 'string',
        summary: 'The resource; for a collection the scope or the parent it is in.',
      },
      { name: 'action', type: 'string', summary: 'The action, as in grants.' },
      { name: 'type', type: 'string', summary: 'Type of the collection; default: the type of the id.' },
    ],
    response: { schema },
    permission: { type: 'role', action: 'list' },
    parse: ({ query }) => readInput(query),
    locate: (input) => locate(services, input),
    act: async ({ input, found, access }) => {
      const answer = await services.explanation.explain({
        userId: found.userId,
        resource: found.asked,
        ownerId: found.askedOwnerId,
        action: input.action,
      });
      const { allowed, matches, others } = answer.explanation;
      const isAllowed = allowed && !answer.isDisabled;
      const own = await readableOf(services, access, matches);
      const near = await readableOf(services, access, allowed ? [] : others);
      const nearest = near.shown.slice(0, mostClosest);
      const closest = new Set(others.slice(0, mostClosest));
      const nearHidden = near.hidden.filter((finding) => closest.has(finding));
      const accountId = showsAccounts(access, found) ? answer.accountId : undefined;
      const hidden = new Set([...own.hidden, ...nearHidden].map((finding) => finding.roleId));
      return ok(
        renderItem(schema, {
          user_id: input.userId,
          account_id: accountId,
          id: input.id,
          type: input.type,
          scope_id: found.asked.scopeId,
          action: answer.action,
          allowed: isAllowed,
          reason: reasonOf(answer),
          matches: own.shown.map((finding) => findingValues(finding, answer)),
          closest: nearest.map((finding) => ({
            ...findingValues(finding, answer),
            mismatches: finding.mismatches.map(({ obstacle, text }) => ({
              field: obstacle,
              description: accountId === undefined ? withoutAccount(text, answer) : text,
            })),
          })),
          hidden_role_count: hidden.size,
        }),
      );
    },
  });
}
