/** What the commands of a resource do: one function a verb, the same for every resource. Each prints and gives the exit code. */
import type { ApiAnswer, ApiCall, ApiClient, Query } from '@stile/client/api';
import type { CommandContext } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { reportFailure, type ApiSession, type Attempt } from '../tokens/api-session.ts';
import { attempt } from '../tokens/attempt.ts';
import { tokenId } from '../tokens/token-source.ts';
import { fieldsOn, listsOnCreate } from './field-flags.ts';
import { valuesOf } from './field-values.ts';
import { ListPrinter, type ListLook } from './list-printer.ts';
import type { Action, ListAction, ResourceSpec, Shows, Subtype } from './resource-spec.ts';
import { asJson, itemLines } from './table-view.ts';

/** The id that the flags or the leading word name; `''` when none does. */
export function idOf(context: CommandContext): string {
  return context.flags.text('id') || (context.positional ?? '');
}

function show(context: CommandContext, spec: ResourceSpec, { status, body }: ApiAnswer): number {
  context.output.printItem(status, body, () => itemLines(spec, asJson(body)));
  return 0;
}

function versionOf(context: CommandContext): { version?: number } {
  const version = context.flags.number('version') ?? 0;
  return version === 0 ? {} : { version };
}

/** The id of the resource, where `self` stands for the token in use. */
function resolvedId(context: CommandContext, spec: ResourceSpec, token: ApiSession['token']): string {
  const id = idOf(context);
  return spec.knowsSelf === true && id === 'self' && token !== undefined ? tokenId(token) : id;
}

/** `read`. `auth-tokens read -id self` means the token in use (http-api.md §2.5). */
export function runRead(context: CommandContext, spec: ResourceSpec): Promise<number> {
  return attempt(context, { verb: 'read', noun: spec.noun }, async ({ client, token }) =>
    show(context, spec, await client.collection(spec.name).read(resolvedId(context, spec, token))),
  );
}

/** `list`: all pages, printed as they come; what was deleted after its page was printed stays on the screen. */
export function runList(context: CommandContext, spec: ResourceSpec): Promise<number> {
  const { flags } = context;
  const isRecursive = spec.parent.isScope && flags.bool('recursive');
  const query: Record<string, Query[string]> = {
    [spec.parent.field]: flags.text(spec.parent.flag.name),
    recursive: isRecursive ? true : undefined,
    filter: spec.hasNoFilter === true ? undefined : flags.text('filter') || undefined,
  };
  for (const flag of spec.listFlags ?? [])
    query[flag.name.replaceAll('-', '_')] = flags.bool(flag.name) ? true : undefined;
  return attempt(context, { verb: 'list', noun: pluralOf(spec.noun) }, async ({ client }) => {
    const look = { title: spec.title, view: spec.list, isRecursive };
    return printPages(context, look, client.collection(spec.name).pages(query));
  });
}

async function printPages(
  context: CommandContext,
  look: ListLook,
  pages: AsyncIterable<{ readonly status: number; readonly items: readonly unknown[] }>,
): Promise<number> {
  const printer = new ListPrinter(context.output, look);
  for await (const { status, items } of pages) {
    if (!(await printer.page(status, items))) return 0;
  }
  printer.end();
  return 0;
}

/** `target` as `targets`, `alias` as `aliases`. */
export function pluralOf(noun: string): string {
  if (/(?:s|x|ch)$/.test(noun)) return `${noun}es`;
  return /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}

/** `tcp-type target`, as the recorded texts have it. */
export function typedNoun(spec: ResourceSpec, subtype: Subtype | undefined): string {
  return subtype === undefined ? spec.noun : `${subtype.name}-type ${spec.noun}`;
}

function typedAttempt(verb: string, spec: ResourceSpec, subtype: Subtype | undefined): Attempt {
  const { attributePrefix } = subtype ?? {};
  return {
    verb,
    noun: typedNoun(spec, subtype),
    ...(attributePrefix === undefined ? {} : { attributePrefix }),
  };
}

/** The lists that a create sets afterwards: action and body. */
interface ListToSet {
  readonly action: string;
  readonly body: Record<string, unknown>;
}

async function listsToSet(
  context: CommandContext,
  spec: ResourceSpec,
  subtype: Subtype | undefined,
): Promise<readonly ListToSet[]> {
  const lists: ListToSet[] = [];
  for (const { name, fields } of listsOnCreate(spec, subtype)) {
    const { body } = await valuesOf(fields, context);
    if (Object.keys(body).length > 0) lists.push({ action: `set-${name}`, body });
  }
  return lists;
}

/** Sets the lists of what was just created, one call each; a failure says what is there already. */
async function setLists(
  context: CommandContext,
  options: { spec: ResourceSpec; client: ApiClient; created: ApiAnswer; lists: readonly ListToSet[] },
): Promise<number> {
  const { spec, client, created, lists } = options;
  let answer = created;
  for (const { action, body } of lists) {
    const { id, version } = asJson(answer.body);
    const request = {
      id: typeof id === 'string' ? id : '',
      action,
      body,
      ...(typeof version === 'number' ? { version } : {}),
    };
    try {
      answer = await client.collection(spec.name).action(request);
    } catch (error) {
      context.output.warn(
        `The ${spec.noun} ${printable(request.id)} was created, but not all of it could be set.`,
      );
      return reportFailure(context, error, { verb: action, noun: spec.noun });
    }
  }
  return show(context, spec, answer);
}

/** `create`, and what create can set beside it. */
export async function runCreate(
  context: CommandContext,
  spec: ResourceSpec,
  subtype?: Subtype,
): Promise<number> {
  const fields = fieldsOn([...spec.fields, ...(subtype?.fields ?? [])], 'create');
  const { body: given, query } = await valuesOf(fields, context);
  const lists = await listsToSet(context, spec, subtype);
  const type = subtype?.wireType ?? subtype?.name ?? '';
  const body = {
    [spec.parent.field]: context.flags.text(spec.parent.flag.name),
    ...(type === '' ? {} : { type }),
    ...given,
    ...subtype?.extra?.body(context),
  };
  const path = subtype?.createPath ?? '';
  return attempt(context, typedAttempt('create', spec, subtype), async ({ client }) => {
    const created = await client.collection(spec.name).create(body, { path, query });
    return setLists(context, { spec, client, created, lists });
  });
}

/** `update`. Without `-version` the present one is read first. */
export async function runUpdate(
  context: CommandContext,
  spec: ResourceSpec,
  subtype?: Subtype,
): Promise<number> {
  const fields = fieldsOn([...spec.fields, ...(subtype?.fields ?? [])], 'update');
  const { body } = await valuesOf(fields, context);
  const request = { id: idOf(context), changes: body, ...versionOf(context) };
  return attempt(context, typedAttempt('update', spec, subtype), async ({ client }) =>
    show(context, spec, await client.collection(spec.name).update(request)),
  );
}

/** `delete`. */
export function runDelete(context: CommandContext, spec: ResourceSpec): Promise<number> {
  return attempt(context, { verb: 'delete', noun: spec.noun }, async ({ client, token }) => {
    const { status } = await client.collection(spec.name).delete(resolvedId(context, spec, token));
    return showSentence(context, status, 'The delete operation completed successfully.');
  });
}

function showSentence(context: CommandContext, status: number, text: string): number {
  if (context.output.isJson) context.output.printJson({ status_code: status });
  else context.output.print(text);
  return 0;
}

/** `add-…`, `set-…`, `remove-…`. For `set` a single `null` empties the list. */
export async function runListAction(
  context: CommandContext,
  options: { spec: ResourceSpec; action: ListAction; verb: 'add' | 'set' | 'remove' },
): Promise<number> {
  const { spec, action, verb } = options;
  const name = `${verb}-${action.name}`;
  const { body: given } = await valuesOf(action.fields, context);
  const body = Object.fromEntries(
    action.fields
      .filter((field) => field.field in given)
      .map((field) => [
        field.field,
        given[field.field] ?? (verb === 'set' ? [] : context.flags.list(field.name)),
      ]),
  );
  const request = { id: idOf(context), action: name, body, ...versionOf(context) };
  return attempt(context, { verb: name, noun: spec.noun }, async ({ client }) =>
    show(context, spec, await client.collection(spec.name).action(request)),
  );
}

async function present(
  client: ApiClient,
  context: CommandContext,
  spec: ResourceSpec,
  action: Action,
): Promise<object> {
  if (action.version === undefined) return {};
  const given = action.version === 'flag' ? versionOf(context) : {};
  return given.version === undefined
    ? { version: await client.collection(spec.name).versionOf(idOf(context)) }
    : given;
}

/** What stands behind the collection in the path of an action. */
function pathOf(context: CommandContext, action: Action): string {
  const { on, path, isScopeInBody } = action;
  if (on === 'item') return `/${encodeURIComponent(idOf(context))}${path}`;
  if (on === 'collection' || isScopeInBody === true) return path;
  return `/${encodeURIComponent(context.flags.text('scope-id'))}${path}`;
}

function showAnswer(
  context: CommandContext,
  spec: ResourceSpec,
  shows: Exclude<Shows, { kind: 'list' }>,
  answer: ApiAnswer,
): number {
  const { output } = context;
  const { status, body } = answer;
  switch (shows.kind) {
    case 'item':
      return show(context, spec, answer);
    case 'sentence':
      return showSentence(context, status, shows.text);
    case 'lines':
      output.printItem(status, body, () => shows.lines(asJson(body), context));
      return 0;
  }
}

/** A further verb of a resource. */
export async function runAction(
  context: CommandContext,
  spec: ResourceSpec,
  action: Action,
): Promise<number> {
  const { body: given, query } = await valuesOf(action.fields, context);
  const scope = action.isScopeInBody === true ? { scope_id: context.flags.text('scope-id') } : {};
  const what = { verb: action.verb ?? action.words, noun: action.noun ?? spec.noun };
  return attempt(context, what, async ({ client }) => {
    const version = await present(client, context, spec, action);
    const path = pathOf(context, action);
    const { shows, method } = action;
    if (shows.kind === 'list') {
      const pages = client.collection(spec.name).pages(query, { path });
      return printPages(context, { ...shows, isRecursive: false }, pages);
    }
    const body = { ...scope, ...given, ...version };
    const call: ApiCall = {
      method,
      path: `${spec.name}${path}`,
      query,
      ...(method === 'GET' ? {} : { body }),
    };
    return showAnswer(context, spec, shows, await client.call(call));
  });
}
