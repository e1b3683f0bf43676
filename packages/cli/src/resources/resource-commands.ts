/** Commands of every resource, made from its spec: path, flags, help, checks, and the run of its verb. */
import { apiOptions } from '../arguments/standard-flags.ts';
import type { CheckFailure, Command, CommandContext, Flag } from '../command.ts';
import { specialCommands } from './special-commands.ts';
import { idOf, runCreate, runDelete, runList, runListAction, runRead, runUpdate } from './resource-runs.ts';
import type { ListAction, ResourceSpec } from './resource-spec.ts';
import { specs } from './specs.ts';

const versionFlag: Flag = {
  name: 'version',
  type: 'uint',
  help: 'Version of the resource that the change is based on. Without it the present version is read first.',
};

function idFlag(spec: ResourceSpec): Flag {
  return { name: 'id', type: 'string', help: `ID of the ${spec.noun}.` };
}

/** "a" or "an". */
export function article(noun: string): string {
  return /^[aeio]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

/** Refuses a command line without an id. Plain text also in JSON mode, as recorded for targets. */
export function checkId(spec: ResourceSpec): (context: CommandContext) => CheckFailure | undefined {
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

function checkParent(spec: ResourceSpec): (context: CommandContext) => CheckFailure | undefined {
  const { flag, title } = spec.parent;
  return (context) =>
    context.flags.text(flag.name) === ''
      ? { message: `${title} ID must be passed in via -${flag.name} or STILE_${flag.env ?? ''}` }
      : undefined;
}

type Details = Omit<Command, 'groups' | 'path' | 'summary'> & {
  readonly flags: readonly Flag[];
  readonly summary?: string;
};

function makeCommand(spec: ResourceSpec, words: string, details: Details): Command {
  const { flags, ...rest } = details;
  const [verb = ''] = words.split(' ');
  const noun =
    spec.subtype === undefined || !words.includes(' ') ? spec.noun : `${spec.subtype}-type ${spec.noun}`;
  const verbWord = verb.charAt(0).toUpperCase() + verb.slice(1);
  const summary =
    details.summary ?? (verb === 'list' ? `List ${spec.noun}s` : `${verbWord} ${article(noun)}`);
  return {
    ...rest,
    path: `${spec.name} ${words}`,
    summary,
    groups: [...apiOptions, { title: 'Command Options', flags }],
    ...(spec.hasPositional === true && verb !== 'list' && verb !== 'create'
      ? { positional: 'ID or alias' }
      : {}),
  };
}

function readCommand(spec: ResourceSpec): Command {
  return makeCommand(spec, 'read', {
    description: `Reads ${article(spec.noun)} by its ID.`,
    examples: [`stile ${spec.name} read -id ${spec.exampleId}`],
    flags: [idFlag(spec)],
    check: checkId(spec),
    run: (context) => runRead(context, spec),
  });
}

function deleteCommand(spec: ResourceSpec): Command {
  return makeCommand(spec, 'delete', {
    description: `Deletes ${article(spec.noun)} by its ID. Sessions that stand on it end.`,
    examples: [`stile ${spec.name} delete -id ${spec.exampleId}`],
    flags: [idFlag(spec)],
    check: checkId(spec),
    run: (context) => runDelete(context, spec),
  });
}

function parentExample(spec: ResourceSpec): string {
  const examples: Readonly<Record<string, string>> = {
    'scope-id': spec.exampleScope,
    'host-catalog-id': 'hcst_1234567890',
    'auth-method-id': 'ampw_1234567890',
  };
  return `-${spec.parent.flag.name} ${examples[spec.parent.flag.name] ?? ''}`;
}

function listCommand(spec: ResourceSpec): Command {
  const flags: Flag[] = [
    spec.parent.flag,
    {
      name: 'filter',
      type: 'string',
      help: 'Expression that an item must fulfil to be shown, evaluated by the controller, as \'"/item/name" == "web"\'.',
    },
    ...(spec.listFlags ?? []),
  ];
  if (spec.parent.isScope) {
    flags.push({ name: 'recursive', type: 'boolean', help: 'Also list what lies in the scopes below.' });
  }
  return makeCommand(spec, 'list', {
    description: `Lists ${spec.noun}s, all pages of them.`,
    examples: [`stile ${spec.name} list ${spec.parent.isScope ? '-recursive' : parentExample(spec)}`],
    flags,
    check: checkParent(spec),
    run: (context) => runList(context, spec),
  });
}

function createCommand(spec: ResourceSpec): Command {
  const words = spec.subtype === undefined ? 'create' : `create ${spec.subtype}`;
  return makeCommand(spec, words, {
    description: `Creates ${article(spec.noun)}.`,
    examples: [`stile ${spec.name} ${words} ${parentExample(spec)} ${spec.exampleCreate}`],
    flags: [spec.parent.flag, ...spec.fields.map((field) => field.flag)],
    check: checkParent(spec),
    run: (context) => runCreate(context, spec),
  });
}

function updateCommand(spec: ResourceSpec): Command {
  const words = spec.subtype === undefined ? 'update' : `update ${spec.subtype}`;
  const fields = spec.fields.filter((field) => field.isCreateOnly !== true);
  return makeCommand(spec, words, {
    description: `Updates ${article(spec.noun)}. Only what is given changes; the value "null" clears a field.`,
    examples: [`stile ${spec.name} ${words} -id ${spec.exampleId} -name web -description null`],
    flags: [idFlag(spec), versionFlag, ...fields.map((field) => field.flag)],
    check: checkId(spec),
    run: (context) => runUpdate(context, spec),
  });
}

const listActionWords = {
  add: ['Add', 'to'],
  set: ['Set', 'of'],
  remove: ['Remove', 'from'],
} as const;

function listActionCommand(
  spec: ResourceSpec,
  action: ListAction,
  verb: keyof typeof listActionWords,
): Command {
  const clears = verb === 'set' ? ' A single "null" empties the list.' : '';
  const withId = checkId(spec);
  const [does, preposition] = listActionWords[verb];
  const summary = `${does} ${action.things} ${preposition} ${article(spec.noun)}`;
  return makeCommand(spec, `${verb}-${action.name}`, {
    summary,
    description: `${summary}.${clears}`,
    examples: [
      `stile ${spec.name} ${verb}-${action.name} -id ${spec.exampleId} -${action.flag} ${action.exampleId}`,
    ],
    flags: [
      idFlag(spec),
      versionFlag,
      { name: action.flag, type: 'string', repeat: true, help: `ID to ${verb === 'set' ? 'set' : verb}.` },
    ],
    check: (context) => {
      if (context.flags.list(action.flag).length > 0) return withId(context);
      return withId(context) ?? { message: `No ${action.things} supplied via -${action.flag}`, plain: true };
    },
    run: (context) => runListAction(context, { spec, action, verb }),
  });
}

const makers = {
  read: readCommand,
  list: listCommand,
  create: createCommand,
  update: updateCommand,
  delete: deleteCommand,
} as const;

/** Every command of the resource with that first word. */
export function commandsOf(name: string): readonly Command[] {
  const spec = specs.find((each) => each.name === name);
  if (spec === undefined) return [];
  const verbs = spec.verbs.map((verb) => makers[verb](spec));
  const actions = (spec.listActions ?? []).flatMap((action) =>
    (['add', 'set', 'remove'] as const).map((verb) => listActionCommand(spec, action, verb)),
  );
  return [...verbs, ...actions, ...specialCommands(spec)];
}
