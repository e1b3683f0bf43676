/** Answers why a user may or may not do something to a resource, from the rights as they stand now. */
import {
  actionsOf,
  anonymousUserId,
  parseGrantForEvaluation,
  StileError,
  type ParsedGrant,
  type ResourceType,
} from '@stile/protocol';
import { othersTurn } from '@stile/runtime';
import type { Connection, Database } from '../../store/database.ts';
import type { AclResource } from '../acl.ts';
import { grantsOfTurn } from '../iam-service.ts';
import { listAccountsOf } from '../user/user-account-repository.ts';
import { lookupUser } from '../user-repository.ts';
import {
  listDecidingRoles,
  listPrincipalIdsOf,
  lookupResource,
  type DecidingRole,
  type FoundResource,
} from './explain-repository.ts';
import { explain, type ExplainedGrant, type ExplainedRole, type Explanation } from './explain.ts';

/** What is asked. */
export interface ExplainQuestion {
  readonly userId: string;
  readonly resource: AclResource;
  /** User whose own the resource is. */
  readonly ownerId: string | undefined;
  readonly action: string;
}

/** The answer, with what it was decided by. */
export interface ExplainedQuestion {
  readonly explanation: Explanation;
  /** What the user is asked for: the `:self` variant on its own items (grants.md §2.7). */
  readonly action: string;
  /** The user's account that the answer holds for; a user may have several, and templates stand for the one of the token. */
  readonly accountId: string | undefined;
  /** A disabled user may do nothing, whatever it is granted. */
  readonly isDisabled: boolean;
  readonly roleNames: ReadonlyMap<string, string | null>;
}

/** Reads users, resources and roles, and explains. */
export class RoleExplanation {
  readonly #db: Connection;

  constructor(options: { readonly database: Pick<Database, 'reader'> }) {
    this.#db = options.database.reader;
  }

  /** Where a resource is, or undefined. */
  lookupResource(type: ResourceType, id: string): Promise<FoundResource | undefined> {
    return lookupResource(this.#db, type, id);
  }

  /** @throws {StileError} notFound (no such user) */
  async explain(question: ExplainQuestion): Promise<ExplainedQuestion> {
    const { userId, resource } = question;
    const user = await lookupUser(this.#db, userId);
    if (user === undefined) throw new StileError('notFound', 'Resource not found.');
    const principalIds = await listPrincipalIdsOf(this.#db, userId);
    const { scopeId, parentScopeId } = resource;
    const roles = await listDecidingRoles(this.#db, { principalIds, scopeId, parentScopeId });
    const read = await readable(roles);
    const accounts = (await listAccountsOf(this.#db, userId)).map((account) => account.id);
    const action = actionFor(question);
    let answer: { readonly accountId: string | undefined; readonly explanation: Explanation } | undefined;
    for (const accountId of accountsFirst(accounts, user.primary_account_id)) {
      const caller = {
        userId,
        accountId,
        isNobody: userId === anonymousUserId,
        principalIds: new Set(principalIds),
      };
      const explanation = explain(caller, resource, action, read);
      if (explanation.allowed || answer === undefined) answer = { accountId, explanation };
      if (explanation.allowed) break;
      await othersTurn();
    }
    if (answer === undefined) throw new StileError('internal', 'a question without an answer');
    return {
      ...answer,
      action,
      isDisabled: user.disabled_at !== null,
      roleNames: new Map(roles.map((role) => [role.id, role.name])),
    };
  }
}

function actionFor({ userId, resource, ownerId, action }: ExplainQuestion): string {
  const self = `${action}:self`;
  return ownerId === userId && actionsOf(resource.type).id.includes(self) ? self : action;
}

/** The primary account, then the others; nothing but undefined for a user without any. */
function accountsFirst(accounts: readonly string[], primary: string | null): readonly (string | undefined)[] {
  if (accounts.length === 0) return [undefined];
  return accounts.toSorted((a, b) => Number(b === primary) - Number(a === primary));
}

async function readable(roles: readonly DecidingRole[]): Promise<ExplainedRole[]> {
  const read: ExplainedRole[] = [];
  let count = 0;
  for (const role of roles) {
    const grants: ExplainedGrant[] = [];
    for (const raw of role.grants) {
      grants.push({ raw, parsed: parsedOrNot(raw) });
      count += 1;
      if (count % grantsOfTurn === 0) await othersTurn();
    }
    read.push({ ...role, grants });
  }
  return read;
}

function parsedOrNot(raw: string): ParsedGrant | undefined {
  try {
    return parseGrantForEvaluation(raw);
  } catch (error) {
    if (error instanceof StileError) return undefined;
    throw error;
  }
}
