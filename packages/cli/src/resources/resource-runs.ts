/** What the commands of a resource do: one function a verb, the same for every resource. Each prints and gives the exit code. */
import type { ApiAnswer, ApiClient, Query } from '@stile/client/api';
import type { CommandContext } from '../command.ts';
import { reportFailure, withApi, type Attempt } from '../tokens/api-session.ts';
import { tokenId } from '../tokens/token-source.ts';
import { bodyOf } from './field-values.ts';
import type { ListAction, ResourceSpec } from './resource-spec.ts';
import { asJson, itemLines, listLines, objectsOf } from './table-view.ts';

/** The id that the flags or the leading word name; `''` when none does. */
export function idOf(context: CommandContext): string {
  return context.flags.text('id') || (context.positional ?? '');
}

/** Runs one call that answers with an item, and prints it. */
async function printItemOf(
  context: CommandContext,
  options: { spec: ResourceSpec; attempt: Attempt },
  call: (client: ApiClient) => Promise<ApiAnswer>,
): Promise<number> {
  const { spec, attempt } = options;
  return withApi(context, async ({ client }) => {
    try {
      const { status, body } = await call(client);
      context.output.printItem(status, body, () => itemLines(spec, asJson(body)));
      return 0;
    } catch (error) {
      return reportFailure(context, error, attempt);
    }
  });
}

/** `read`. `auth-tokens read -id self` means the token in use (http-api.md §2.5). */
export async function runRead(context: CommandContext, spec: ResourceSpec): Promise<number> {
  return withApi(context, async ({ client, token }) => {
    try {
      const id = ownTokenId(context, spec, token) ?? idOf(context);
      const { status, body } = await client.resource(spec.name).read(id);
      context.output.printItem(status, body, () => itemLines(spec, asJson(body)));
      return 0;
    } catch (error) {
      return reportFailure(context, error, { verb: 'read', noun: spec.noun });
    }
  });
}

function ownTokenId(
  context: CommandContext,
  spec: ResourceSpec,
  token: Parameters<typeof tokenId>[0] | undefined,
): string | undefined {
  return spec.name === 'auth-tokens' && idOf(context) === 'self' && token !== undefined
    ? tokenId(token)
    : undefined;
}

/** `list`: all pages. */
export async function runList(context: CommandContext, spec: ResourceSpec): Promise<number> {
  const { flags, output } = context;
  const isRecursive = spec.parent.isScope && flags.bool('recursive');
  const query: Record<string, Query[string]> = {
    [spec.parent.field]: flags.text(spec.parent.flag.name),
    recursive: isRecursive ? true : undefined,
    filter: flags.text('filter') || undefined,
  };
  for (const flag of spec.listFlags ?? [])
    query[flag.name.replaceAll('-', '_')] = flags.bool(flag.name) ? true : undefined;
  return withApi(context, async ({ client }) => {
    try {
      const { status, body } = await client.resource(spec.name).list(query);
      output.printItems(status, body, () => listLines(spec, objectsOf(body), { isRecursive }));
      return 0;
    } catch (error) {
      return reportFailure(context, error, { verb: 'list', noun: `${spec.noun}s` });
    }
  });
}

function typedNoun(spec: ResourceSpec): string {
  return spec.subtype === undefined ? spec.noun : `${spec.subtype}-type ${spec.noun}`;
}

/** `create`. */
export async function runCreate(context: CommandContext, spec: ResourceSpec): Promise<number> {
  const { flags } = context;
  const body = {
    [spec.parent.field]: flags.text(spec.parent.flag.name),
    ...(spec.subtype === undefined ? {} : { type: spec.subtype }),
    ...bodyOf(spec.fields, flags),
  };
  const attempt = { verb: 'create', noun: typedNoun(spec) };
  return printItemOf(context, { spec, attempt }, (client) => client.resource(spec.name).create(body));
}

/** `update`. Without `-version` the present one is read first. */
export async function runUpdate(context: CommandContext, spec: ResourceSpec): Promise<number> {
  const { flags } = context;
  const fields = spec.fields.filter((field) => field.isCreateOnly !== true);
  const changes = bodyOf(fields, flags);
  const attempt = { verb: 'update', noun: typedNoun(spec) };
  return printItemOf(context, { spec, attempt }, (client) =>
    client.resource(spec.name).update({ id: idOf(context), changes, ...versionOf(context) }),
  );
}

function versionOf(context: CommandContext): { version?: number } {
  const version = context.flags.number('version') ?? 0;
  return version === 0 ? {} : { version };
}

/** `delete`. */
export async function runDelete(context: CommandContext, spec: ResourceSpec): Promise<number> {
  const { output } = context;
  return withApi(context, async ({ client, token }) => {
    try {
      const id = ownTokenId(context, spec, token) ?? idOf(context);
      const { status } = await client.resource(spec.name).delete(id);
      if (output.isJson) output.printJson({ status_code: status });
      else output.print('The delete operation completed successfully.');
      return 0;
    } catch (error) {
      return reportFailure(context, error, { verb: 'delete', noun: spec.noun });
    }
  });
}

/** `add-…`, `set-…`, `remove-…`. For `set` a single `null` empties the list. */
export async function runListAction(
  context: CommandContext,
  options: { spec: ResourceSpec; action: ListAction; verb: 'add' | 'set' | 'remove' },
): Promise<number> {
  const { spec, action, verb } = options;
  const given = context.flags.list(action.flag);
  const values = verb === 'set' && given.length === 1 && given[0] === 'null' ? [] : given;
  const name = `${verb}-${action.name}`;
  const attempt = { verb: name, noun: spec.noun };
  return printItemOf(context, { spec, attempt }, (client) =>
    client.resource(spec.name).action({
      id: idOf(context),
      action: name,
      body: { [action.field]: values },
      ...versionOf(context),
    }),
  );
}
