/**
 * What all resource files share: ids of paths, the scope of an item, decorated items, the checks of add, set and remove
 * actions (http-api.md §1.6, §1.7).
 */
import { StileError, type FieldError } from '@stile/protocol/errors';
import { actionsOf, type ResourceType } from '@stile/protocol/grant';
import type { AclResource } from '../../iam/acl.ts';
import type { Access } from '../access.ts';
import type { JsonObject } from '../http/body.ts';
import {
  decodeKinds,
  fieldErrors,
  fieldsMessage,
  given,
  refuseFaults,
  requestMessage,
} from '../schema/decode.ts';
import type { Output } from '../schema/field.ts';
import type { scopeInfoFields } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ScopeNode, ScopeReader } from '../services.ts';

/** Verbs that word a wrong id of the path each in its own way. */
export type PathVerb = 'read' | 'update' | 'delete' | 'action';

const idFaults: Readonly<Record<PathVerb, { readonly message: string; readonly description: string }>> = {
  read: { message: requestMessage, description: 'Invalid formatted identifier.' },
  update: { message: requestMessage, description: 'Improperly formatted path identifier.' },
  delete: { message: requestMessage, description: 'Incorrectly formatted identifier.' },
  action: { message: fieldsMessage, description: 'Incorrectly formatted identifier.' },
};

/**
 * The id of the path.
 * @throws {StileError} invalidArgument in the words of the verb
 */
export function requirePathId(id: string, verb: PathVerb, prefixes: readonly string[]): string {
  if (isId(id, prefixes)) return id;
  const { message, description } = idFaults[verb];
  throw fieldErrors(message, [{ name: 'id', description }]);
}

/** The 404 of a lookup. */
export function notFound(): StileError {
  return new StileError('notFound', 'Resource not found.');
}

/**
 * What a lookup found.
 * @throws {StileError} notFound
 */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}

/**
 * A scope that must be there.
 * @throws {StileError} notFound
 */
export async function readScope(scopes: ScopeReader, id: string): Promise<ScopeNode> {
  return required(await scopes.lookup(id));
}

/** A scope as answers show it. */
export function scopeInfo(scope: ScopeNode): Output<typeof scopeInfoFields> {
  return {
    id: scope.id,
    type: scope.type,
    name: scope.name,
    description: scope.description,
    parent_scope_id: scope.parentId,
  };
}

/** A resource of a scope, as the ACL sees it. Without an id: the collection. `pin` is the id of its parent. */
export function resourceIn(scope: ScopeNode, type: ResourceType, id?: string, pin?: string): AclResource {
  return {
    scopeId: scope.id,
    parentScopeId: scope.parentId,
    type,
    ...(id === undefined ? {} : { id }),
    ...(pin === undefined ? {} : { pin }),
  };
}

/** What the caller may do with an item: `without` are actions that its subtype lacks. */
export function itemActions(
  access: Access,
  resource: AclResource,
  without: readonly string[] = [],
): readonly string[] {
  const candidates = actionsOf(resource.type).id;
  return access.actions(
    resource,
    without.length === 0 ? candidates : candidates.filter((action) => !without.includes(action)),
  );
}

/** A PATCH or POST body of an add, set or remove action. */
export interface MemberChange {
  readonly action: 'add' | 'set' | 'remove';
  readonly version: number;
  readonly ids: readonly string[];
}

/** How a member action is worded. */
export interface MemberRule {
  /** Field with the ids. */
  readonly field: string;
  readonly isLegalId: (id: string) => boolean;
  /** Text for an id that is none. */
  readonly illegal: (id: string) => string;
}

/**
 * Reads the body of an add, set or remove action; an empty list clears with `set` and is refused with the others.
 * @throws {StileError} invalidArgument
 */
export function decodeMemberChange(
  action: MemberChange['action'],
  body: JsonObject,
  rule: MemberRule,
): MemberChange {
  const errors: FieldError[] = [];
  const decoded = decodeKinds(
    { version: { kind: 'uint32', access: 'change' }, [rule.field]: { kind: 'strings', access: 'change' } },
    body,
    errors,
  );
  const version = typeof decoded['version'] === 'number' ? decoded['version'] : 0;
  const ids = (decoded[rule.field] ?? []) as readonly string[];
  const has = (name: string): boolean => errors.some((error) => error.name === name);
  if (version === 0 && !has('version')) errors.push({ name: 'version', description: 'Required field.' });
  if (ids.length === 0 && action !== 'set' && !has(rule.field)) {
    errors.push({ name: rule.field, description: 'Must be non-empty.' });
  }
  const wrong = ids.find((id) => !rule.isLegalId(id));
  if (wrong !== undefined) errors.push({ name: rule.field, description: rule.illegal(wrong) });
  refuseFaults(fieldsMessage, errors);
  return { action, version, ids };
}

/** A text of a body for a rule that runs before decoding; `''` when it is absent or no text. */
export function bodyText(body: JsonObject, name: string): string {
  const value = given(body, name);
  return typeof value === 'string' ? value : '';
}

/** Name and description of a PATCH; what it does not name is absent. */
export function nameChanges(changes: {
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
}): { readonly name?: string | null; readonly description?: string | null } {
  const { name, description } = changes;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
}

/**
 * The version in the body of an action that takes nothing else.
 * @throws {StileError} invalidArgument
 */
export function requireVersion(body: JsonObject): number {
  const errors: FieldError[] = [];
  const { version } = decodeKinds({ version: { kind: 'uint32', access: 'change' } }, body, errors);
  if (errors.length === 0 && (version === undefined || version === 0)) {
    errors.push({ name: 'version', description: 'Required field.' });
  }
  refuseFaults(fieldsMessage, errors);
  return typeof version === 'number' ? version : 0;
}
