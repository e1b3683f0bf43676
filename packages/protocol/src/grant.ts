/**
 * Grant strings: parser, canonical form and the checks before one is stored or evaluated (grants.md §1). Pure; the controller,
 * the CLI and the console use the same code. Runs in a browser.
 */
import { StileError } from './errors.ts';
import {
  coversTarget,
  isCreateOrList,
  parentAction,
  type GrantTarget,
  type GrantType,
} from './grant/rule.ts';
import { grantError, readGrantParts, type GrantParts } from './grant/syntax.ts';
import {
  deprecatedActions,
  hasChildTypes,
  isActionName,
  isResourceType,
  parentTypeOf,
  resourceTypeOfId,
  resourceTypes,
  type ResourceType,
} from './grant/table.ts';
import { quoted } from './quoted.ts';

export * from './grant/rule.ts';
export * from './grant/table.ts';
export { maxGrantLength } from './grant/syntax.ts';

/** A grant that was read. */
export interface ParsedGrant {
  /** As written. */
  readonly raw: string;
  /** The form that is compared and shown: fixed order of keys, actions and fields sorted. */
  readonly canonical: string;
  /** `*`, ids, or templates as written; empty when the grant names none. */
  readonly ids: readonly string[];
  /** Whether the ids were given by the deprecated key `id`. */
  readonly usesDeprecatedId: boolean;
  readonly type: GrantType | undefined;
  /** In the order written, each once. */
  readonly actions: readonly string[];
  /** Undefined when absent; empty means no field at all. */
  readonly outputFields: readonly string[] | undefined;
  /** Keys that were dropped; the CLI warns of them. */
  readonly unknownKeys: readonly string[];
}

/** A grant as API answers show it beside its text. */
export interface GrantJson {
  readonly id?: string;
  readonly ids?: readonly string[];
  /** `unknown` when the grant names ids and no type. */
  readonly type: string;
  readonly actions?: readonly string[];
  readonly output_fields?: readonly string[];
}

/** What a template stands for. */
export type TemplateName = 'user' | 'account';

const templates: ReadonlyMap<string, TemplateName> = new Map([
  ['user.id', 'user'],
  ['.User.Id', 'user'],
  ['account.id', 'account'],
  ['.Account.Id', 'account'],
]);

/**
 * What an id of a grant is a template for; undefined for a plain id, `unknown` for a template that does not exist. Closing
 * braces are not looked at, as in Boundary (grants.md §1.3).
 */
export function templateOf(id: string): TemplateName | 'unknown' | undefined {
  if (!id.startsWith('{{')) return undefined;
  const inner = id.slice(2, id.endsWith('}}') ? -2 : undefined).trim();
  return templates.get(inner) ?? 'unknown';
}

/**
 * Reads a grant for evaluation: steps 1 to 8 of grants.md §1.2. A stored grant that passes and has no legal shape allows nothing.
 * @throws {StileError} invalidArgument
 */
export function parseGrantForEvaluation(grant: string): ParsedGrant {
  const parts = readGrantParts(grant);
  const ids = readIds(parts);
  const type = readType(parts.type);
  checkActions(parts);
  return {
    raw: grant,
    canonical: canonicalForm(parts, ids),
    ids,
    usesDeprecatedId: parts.id !== undefined,
    type,
    actions: parts.actions,
    outputFields: parts.outputFields,
    unknownKeys: parts.unknownKeys,
  };
}

/**
 * Reads a grant that somebody writes: all ten steps of grants.md §1.2.
 * @throws {StileError} invalidArgument, its message being the reason
 */
export function parseGrant(grant: string): ParsedGrant {
  const parsed = parseGrantForEvaluation(grant);
  checkShape(parsed);
  if (parsed.actions.length > 0 && !allowsAnything(parsed)) {
    throw grantError('grant would never authorize anything');
  }
  return parsed;
}

/**
 * Reads a grant that an API call wants to store, with the further rules of grants.md §1.5 and §7.
 * @param options `explain` adds the reason to the description (set-grants); `forRemoval` accepts what is only refused to new grants.
 * @throws {StileError} invalidArgument with the recorded text for the field `grant_strings`
 */
export function validateGrantForWrite(
  grant: string,
  options: { readonly explain?: boolean; readonly forRemoval?: boolean } = {},
): ParsedGrant {
  if (grant === '') throw writeError('Grant strings must not be empty.');
  const shown = quoted(grant);
  let parsed: ParsedGrant;
  try {
    parsed = parseGrant(grant);
  } catch (cause) {
    const reason = options.explain && cause instanceof StileError ? `: ${cause.message}` : '';
    throw writeError(`Improperly formatted grant ${shown}${reason}.`, cause);
  }
  if (parsed.usesDeprecatedId && !options.forRemoval) {
    throw writeError(
      `Grant ${shown} uses the "id" field which is no longer supported. Please use "ids" instead.`,
    );
  }
  for (const action of parsed.actions) {
    const instead = deprecatedActions[action];
    if (instead !== undefined && !options.forRemoval) {
      throw writeError(
        `Grant ${shown} uses the action "${action}" which is no longer supported. Please use "${instead}" instead.`,
      );
    }
  }
  if (parsed.outputFields?.length === 0 && !options.forRemoval) {
    throw writeError(`Grant ${shown} must name at least one field in "output_fields".`);
  }
  return parsed;
}

/** A grant as API answers show it (recorded roles). */
export function grantJson(grant: ParsedGrant): GrantJson {
  const [only] = grant.ids;
  return {
    ...(grant.usesDeprecatedId && only !== undefined ? { id: only } : {}),
    ...(!grant.usesDeprecatedId && grant.ids.length > 0 ? { ids: grant.ids } : {}),
    type: grant.type ?? 'unknown',
    ...(grant.actions.length > 0 ? { actions: grant.actions } : {}),
    ...(grant.outputFields ? { output_fields: grant.outputFields } : {}),
  };
}

function writeError(description: string, cause?: unknown): StileError {
  const details = { requestFields: [{ name: 'grant_strings', description }] };
  return new StileError('invalidArgument', 'Errors in provided fields.', { details, cause });
}

/** Steps 3 to 6. */
function readIds(parts: GrantParts): readonly string[] {
  if (parts.id !== undefined && parts.ids.length > 0) throw grantError('grant has both "id" and "ids"');
  const ids = parts.id === undefined ? parts.ids : [parts.id];
  if (ids.includes('*')) {
    if (ids.length > 1) throw grantError('"*" may not be combined with other ids');
    return ids;
  }
  const types = new Set(ids.map((id) => (templateOf(id) === undefined ? idType(id) : undefined)));
  if (types.size > 1) throw grantError('ids are of different resource types');
  for (const id of ids) {
    if (templateOf(id) === 'unknown') throw grantError(`unknown template ${JSON.stringify(id)}`);
  }
  return ids;
}

function idType(id: string): ResourceType {
  const type = resourceTypeOfId(id);
  if (type === undefined) throw grantError(`id ${JSON.stringify(id)} has an unknown prefix`);
  return type;
}

/** Step 7. `controller` and `unknown` are names upstream knows and refuses; here no type has them. */
function readType(type: string | undefined): GrantType | undefined {
  if (type === undefined || type === '*' || isResourceType(type)) return type;
  throw grantError(`unknown type ${JSON.stringify(type)}`);
}

/** Step 8. */
function checkActions({ actions, outputFields }: GrantParts): void {
  if (actions.length === 0 && outputFields === undefined) throw grantError('missing actions');
  for (const action of actions) {
    if (!isActionName(action)) throw grantError(`unknown action ${JSON.stringify(action)}`);
  }
  if (actions.includes('*') && actions.length > 1) {
    throw grantError('"*" may not be combined with other actions');
  }
}

function canonicalForm(parts: GrantParts, ids: readonly string[]): string {
  const segments: string[] = [];
  if (parts.id !== undefined) segments.push(`id=${parts.id}`);
  else if (ids.length > 0) segments.push(`ids=${ids.join(',')}`);
  if (parts.type !== undefined) segments.push(`type=${parts.type}`);
  if (parts.actions.length > 0) segments.push(`actions=${parts.actions.toSorted().join(',')}`);
  if (parts.outputFields) segments.push(`output_fields=${parts.outputFields.toSorted().join(',')}`);
  return segments.join(';');
}

/** Step 9: the legal shapes of grants.md §1.4. */
function checkShape(grant: ParsedGrant): void {
  const { ids, type } = grant;
  if (ids.length === 0) {
    if (type === undefined) throw grantError('grant has neither ids nor a type');
    if (type === '*') throw grantError('type "*" needs ids');
    checkCollectionActions(grant.actions);
    return;
  }
  if (ids[0] === '*') {
    if (type === undefined) throw grantError('ids "*" needs a type');
    return;
  }
  for (const own of ids.map(typeBehind)) checkPair(grant, own);
}

/** One create and one list at most. */
function checkCollectionActions(actions: readonly string[]): void {
  if (!actions.every(isCreateOrList)) {
    throw grantError('only "create" and "list" can be granted without ids');
  }
  const parents = new Set(actions.map(parentAction));
  if (parents.size < actions.length) throw grantError('without ids one "create" and one "list" at most');
}

function checkPair({ type, actions }: ParsedGrant, own: ResourceType): void {
  if (type === undefined) {
    if (actions.includes('create') || actions.includes('list')) {
      throw grantError('"create" and "list" cannot be granted on a specific id');
    }
  } else if (type === '*') {
    if (!hasChildTypes(own)) throw grantError(`type "*" cannot be used: ${own} has no child types`);
  } else if ((parentTypeOf(type) ?? type) !== own) {
    throw grantError(`${type} is not a child type of ${own}`);
  }
}

/** Type of an id or of what a template stands for. Only after step 6. */
function typeBehind(id: string): ResourceType {
  const template = templateOf(id);
  return template === 'user' || template === 'account' ? template : idType(id);
}

/** Step 10: whether any action is allowed on any resource that the grant could be about. */
function allowsAnything(grant: ParsedGrant): boolean {
  const ids: readonly (string | undefined)[] = grant.ids.length > 0 ? grant.ids.map(standIn) : [undefined];
  return ids.some((id) =>
    candidates(id, grant.type).some((target) =>
      grant.actions.some((action) =>
        coversTarget({ id, type: grant.type }, target, action === '*' ? 'read' : action),
      ),
    ),
  );
}

/** A made-up id in place of a template, so that its prefix tells its type. */
function standIn(id: string): string {
  const template = templateOf(id);
  if (template === 'user') return 'u_1234567890';
  return template === 'account' ? 'acctoidc_1234567890' : id;
}

/** The collection, the item itself, and the children of it, in the grant's type or in all. */
function candidates(id: string | undefined, type: GrantType | undefined): readonly GrantTarget[] {
  const types = type === undefined || type === '*' ? resourceTypes : [type];
  return types.flatMap((candidate) => [
    { type: candidate },
    ...(id === undefined
      ? []
      : [
          { type: candidate, id },
          { type: candidate, pin: id },
        ]),
  ]);
}
