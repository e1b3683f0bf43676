/** Commands of every resource, made from its row: path, flags, help, checks, and the run of its verb. */
import { isResourceType } from '@stile/protocol/grant';
import { apiOptions } from '../arguments/standard-flags.ts';
import type { CheckFailure, Command, CommandContext, Flag } from '../command.ts';
import { fieldsOn, flagsOfField, listsOnCreate } from './field-flags.ts';
import { checkFields } from './field-values.ts';
import {
  idOf,
  pluralOf,
  runAction,
  runCreate,
  runDelete,
  runList,
  runListAction,
  runRead,
  runUpdate,
  typedNoun,
} from './resource-runs.ts';
import type { Action, Check, ListAction, ResourceSpec, Subtype } from './resource-spec.ts';
import { specs } from './specs.ts';

const versionFlag: Flag = {
  name: 'version',
  type: 'uint',
  help: 'Version of the resource that the change is based on. Without it the present version is read first.',
};

/** The resource type of grants, as `host-set`. */
function typeOfNoun({ noun }: ResourceSpec): string {
  return noun.replaceAll(' ', '-');
}

function idFlag(spec: ResourceSpec): Flag {
  const type = typeOfNoun(spec);
  return {
    name: 'id',
    type: 'string',
    help: `ID of the ${spec.noun}.`,
    ...(isResourceType(type) ? { completesFrom: type } : {}),
  };
}

/** "a" or "an". */
export function article(noun: string): string {
  return /^(?:[aeio]|ldap|rdp|ssh)/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

/** Refuses a command line without an id. Plain text also in JSON mode, as recorded for targets. */
function checkId(spec: ResourceSpec): Check {
  return (context) => {
    const isPlain = spec.hasPositional === true;
    if (context.positional !== undefined && context.flags.text('id') !== '') {
      return { message: 'ID was given both as the first word and via -id', plain: isPlain };
    }
    return idOf(context) === ''
      ? { message: 'ID is required but not passed in via -id', plain: isPlain }
      : undefined;
  };
}

function checkParent(spec: ResourceSpec): Check {
  const { flag, title } = spec.parent;
  return ({ flags }) =>
    flags.text(flag.name) === ''
      ? { message: `${title} ID must be passed in via -${flag.name} or STILE_${flag.env ?? ''}` }
      : undefined;
}

/** The first failure of several checks. */
function all(...checks: readonly Check[]): Check {
  return (context) => {
    for (const check of checks) {
      const failure: CheckFailure | undefined = check(context);
      if (failure !== undefined) return failure;
    }
    return undefined;
  };
}

type Details = Pick<Command, 'summary' | 'description' | 'examples' | 'run'> & {
  readonly flags: readonly Flag[];
  readonly check: Check;
  /** Whether the id can be the first word. */
  readonly isOnItem?: boolean;
  /** Action that the caller needs on the type; none where no one right decides. */
  readonly action?: string;
};

function makeCommand(spec: ResourceSpec, words: string, details: Details): Command {
  const { flags, isOnItem, action, ...rest } = details;
  return {
    ...rest,
    ...(action === undefined ? {} : { permission: `${typeOfNoun(spec)}:${action}` }),
    path: `${spec.name} ${words}`,
    groups: [...apiOptions, { title: 'Command Options', flags }],
    ...(spec.hasPositional === true && isOnItem === true ? { positional: 'ID or alias' } : {}),
  };
}

function readCommand(spec: ResourceSpec): Command {
  return makeCommand(spec, 'read', {
    summary: `Read ${article(spec.noun)}`,
    description: `Reads ${article(spec.noun)} by its ID.`,
    examples: [`stile ${spec.name} read -id ${spec.exampleId}`],
    flags: [idFlag(spec)],
    isOnItem: true,
    action: 'read',
    check: checkId(spec),
    run: (context) => runRead(context, spec),
  });
}

function deleteCommand(spec: ResourceSpec): Command {
  return makeCommand(spec, 'delete', {
    summary: `Delete ${article(spec.noun)}`,
    description: `Deletes ${article(spec.noun)} by its ID. Sessions that stand on it end.`,
    examples: [`stile ${spec.name} delete -id ${spec.exampleId}`],
    flags: [idFlag(spec)],
    isOnItem: true,
    action: 'delete',
    check: checkId(spec),
    run: (context) => runDelete(context, spec),
  });
}

function parentExample(spec: ResourceSpec, subtype?: Subtype): string {
  const id = subtype?.exampleParent ?? spec.exampleParent ?? spec.parent.exampleId;
  return `-${spec.parent.flag.name} ${id}`;
}

function listCommand(spec: ResourceSpec): Command {
  const filter: Flag = {
    name: 'filter',
    type: 'string',
    help: 'Expression that an item must fulfil to be shown, evaluated by the controller, as \'"/item/name" == "web"\'.',
  };
  const recursive: Flag = {
    name: 'recursive',
    type: 'boolean',
    help: 'Also list what lies in the scopes below.',
  };
  const plural = pluralOf(spec.noun);
  return makeCommand(spec, 'list', {
    summary: `List ${plural}`,
    description: `Lists ${plural}, page by page as they come.`,
    examples: [`stile ${spec.name} list ${spec.parent.isScope ? '-recursive' : parentExample(spec)}`],
    flags: [
      spec.parent.flag,
      ...(spec.hasNoFilter === true ? [] : [filter]),
      ...(spec.listFlags ?? []),
      ...(spec.parent.isScope ? [recursive] : []),
    ],
    action: 'list',
    check: checkParent(spec),
    run: (context) => runList(context, spec),
  });
}

function exampleLine(words: readonly string[]): string {
  return words.filter((word) => word !== '').join(' ');
}

function createCommand(spec: ResourceSpec, subtype?: Subtype): Command {
  const words = exampleLine(['create', subtype?.name ?? '']);
  const fields = fieldsOn([...spec.fields, ...(subtype?.fields ?? [])], 'create');
  const lists = listsOnCreate(spec, subtype);
  const further = [...(subtype?.extra?.fields ?? []), ...lists.flatMap((action) => action.fields)];
  const noun = typedNoun(spec, subtype);
  const example = subtype?.example ?? spec.exampleCreate ?? '';
  return makeCommand(spec, words, {
    summary: `Create ${article(noun)}`,
    description: `Creates ${article(noun)}.${subtype?.note === undefined ? '' : ` ${subtype.note}`}`,
    examples: [exampleLine(['stile', spec.name, words, parentExample(spec, subtype), example])],
    flags: [spec.parent.flag, ...[...fields, ...further].flatMap(flagsOfField)],
    action: subtype?.createPath?.slice(1) ?? 'create',
    check: all(checkParent(spec), checkFields(fields, 'create'), ...lists.map(checkValues)),
    run: (context) => runCreate(context, spec, subtype),
  });
}

function updateCommand(spec: ResourceSpec, subtype?: Subtype): Command {
  const words = exampleLine(['update', subtype?.name ?? '']);
  const fields = fieldsOn([...spec.fields, ...(subtype?.fields ?? [])], 'update');
  const noun = typedNoun(spec, subtype);
  const id = subtype?.exampleId ?? spec.exampleId;
  return makeCommand(spec, words, {
    summary: `Update ${article(noun)}`,
    description: `Updates ${article(noun)}. Only what is given changes; the value "null" clears a field.`,
    examples: [
      `stile ${spec.name} ${words} -id ${id} ${subtype?.exampleUpdate ?? '-name web -description null'}`,
    ],
    flags: [idFlag(spec), versionFlag, ...fields.flatMap(flagsOfField)],
    isOnItem: true,
    action: 'update',
    check: all(checkId(spec), checkFields(fields, 'update')),
    run: (context) => runUpdate(context, spec, subtype),
  });
}

const listActionWords = {
  add: ['Add', 'to'],
  set: ['Set', 'of'],
  remove: ['Remove', 'from'],
} as const;

function checkListed(action: ListAction): Check {
  return (context) => {
    if (action.fields.some((field) => context.flags.list(field.name).length > 0))
      return checkValues(action)(context);
    const names = action.fields.map((field) => `-${field.name}`).join(' or ');
    return { message: `No ${action.things} supplied via ${names}`, plain: true };
  };
}

/** Refuses a value that cannot be right. */
function checkValues(action: ListAction): Check {
  return ({ flags }) => {
    const given = action.fields.flatMap((field) => flags.list(field.name));
    if (given.length === 1 && given[0] === 'null') return undefined;
    const problem = given.map((value) => action.checkValue?.(value)).find((text) => text !== undefined);
    return problem === undefined ? undefined : { message: problem, plain: true };
  };
}

function listActionCommand(
  spec: ResourceSpec,
  action: ListAction,
  verb: keyof typeof listActionWords,
): Command {
  const clears = verb === 'set' ? ' A single "null" empties the list.' : '';
  const [does, preposition] = listActionWords[verb];
  const summary = `${does} ${action.things} ${preposition} ${article(spec.noun)}`;
  const words = `${verb}-${action.name}`;
  return makeCommand(spec, words, {
    summary,
    description: `${summary}.${clears}`,
    examples: [`stile ${spec.name} ${words} -id ${spec.exampleId} ${action.example}`],
    flags: [idFlag(spec), versionFlag, ...action.fields.flatMap(flagsOfField)],
    isOnItem: true,
    action: words,
    check: all(checkId(spec), checkListed(action)),
    run: (context) => runListAction(context, { spec, action, verb }),
  });
}

/** The scope of an action on one, which has no default (cli.md §2.2). */
const actionScopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  completesFrom: 'scope',
  env: 'SCOPE_ID',
  help: 'ID of the scope.',
};

function checkActionScope({ flags }: CommandContext): CheckFailure | undefined {
  return flags.text('scope-id') === ''
    ? { message: 'Scope ID must be passed in via -scope-id or STILE_SCOPE_ID' }
    : undefined;
}

function actionCommand(spec: ResourceSpec, action: Action): Command {
  const id = action.on === 'item' ? [`-id ${action.exampleId ?? spec.exampleId}`] : [];
  const hasScope = action.on === 'scope';
  const flags = action.on === 'item' ? [idFlag(spec)] : hasScope ? [actionScopeFlag] : [];
  const subject = action.on === 'item' ? [checkId(spec)] : hasScope ? [checkActionScope] : [];
  return makeCommand(spec, action.words, {
    summary: action.summary,
    description: action.description,
    examples: [exampleLine(['stile', spec.name, action.words, ...id, action.example])],
    flags: [
      ...flags,
      ...(action.version === 'flag' ? [versionFlag] : []),
      ...action.fields.flatMap(flagsOfField),
    ],
    isOnItem: action.on === 'item',
    action: action.right ?? action.path.slice(1),
    check: all(...subject, checkFields(action.fields, 'action')),
    run: (context) => runAction(context, spec, action),
  });
}

function verbCommands(spec: ResourceSpec, verb: ResourceSpec['verbs'][number]): readonly Command[] {
  const { subtypes } = spec;
  switch (verb) {
    case 'read':
      return [readCommand(spec)];
    case 'list':
      return [listCommand(spec)];
    case 'delete':
      return [deleteCommand(spec)];
    case 'create':
      return subtypes?.map((subtype) => createCommand(spec, subtype)) ?? [createCommand(spec)];
    case 'update': {
      const typed = (subtypes ?? []).filter((subtype) => subtype.isCreateOnly !== true);
      return typed.length === 0
        ? [updateCommand(spec)]
        : typed.map((subtype) => updateCommand(spec, subtype));
    }
  }
}

/** Every command of the resource with that first word. */
export function commandsOf(name: string): readonly Command[] {
  const spec = specs.find((each) => each.name === name);
  if (spec === undefined) return [];
  return [
    ...spec.verbs.flatMap((verb) => verbCommands(spec, verb)),
    ...(spec.listActions ?? []).flatMap((action) =>
      (['add', 'set', 'remove'] as const).map((verb) => listActionCommand(spec, action, verb)),
    ),
    ...(spec.actions ?? []).map((action) => actionCommand(spec, action)),
    ...(spec.special ?? []),
  ];
}
