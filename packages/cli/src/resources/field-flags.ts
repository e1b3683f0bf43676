/** The flags behind body fields: one a field, five a family (cli.md §1.1, 1.3). */
import type { Flag } from '../command.ts';
import type { FieldFlag, FieldKind, ListAction, ResourceSpec, Subtype } from './resource-spec.ts';

const repeatable: ReadonlySet<FieldKind> = new Set<FieldKind>(['list', 'references', 'pairs', 'tags']);

/** The flags of one key of a family, with what their values become. */
export function pieceFlags(
  field: FieldFlag,
): readonly { flag: Flag; type: 'any' | 'text' | 'number' | 'boolean' }[] {
  const { piece = '', help, isSecret } = field;
  const flag = (name: string, what: string): Flag => ({
    name,
    type: 'string',
    repeat: true,
    keepsSpaces: true,
    ...(isSecret === true ? { secret: true } : {}),
    help: `One key, as key=value, ${what}. Dots in the key reach into objects, the same key again makes a list. ${help}`,
  });
  if (field.isUntyped === true) return [{ flag: flag(piece, 'whose value is a text'), type: 'text' }];
  return [
    { flag: flag(piece, 'whose value is taken for what it looks like; without "=" it is null'), type: 'any' },
    { flag: flag(`string-${piece}`, 'whose value is a text'), type: 'text' },
    { flag: flag(`num-${piece}`, 'whose value is a number'), type: 'number' },
    { flag: flag(`bool-${piece}`, 'whose value is true or false'), type: 'boolean' },
  ];
}

/** How a value of the kind is written, behind the field's own help. */
const kindHelp: Readonly<Partial<Record<FieldKind, string>>> = {
  secret: 'Given as env://NAME or file://PATH.',
  reference: 'Can be env://NAME or file://PATH.',
  references: 'Can be env://NAME or file://PATH.',
  pairs: 'As key=value.',
  tags: 'As key=value or key=value1,value2.',
  attributes: 'A whole JSON object, or file://PATH of one; "null" clears.',
};

function helpOf({ help, kind = 'text', ask }: FieldFlag): string {
  const sentences = [help, kindHelp[kind], ask === undefined ? undefined : 'Without it you are asked.'];
  return sentences.filter((sentence) => sentence !== undefined).join(' ');
}

/** Every flag that fills the field. */
export function flagsOfField(field: FieldFlag): readonly Flag[] {
  const { name, kind = 'text', isSecret } = field;
  const flag: Flag = {
    name,
    type: kind === 'boolean' ? 'boolean' : 'string',
    help: helpOf(field),
    ...(repeatable.has(kind) ? { repeat: true } : {}),
    ...(kind === 'pairs' ? { keepsSpaces: true } : {}),
    ...(kind === 'secret' || isSecret === true ? { secret: true } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.env === undefined ? {} : { env: field.env }),
    ...(field.completes === undefined ? {} : { completes: field.completes }),
  };
  return kind === 'attributes' ? [flag, ...pieceFlags(field).map((each) => each.flag)] : [flag];
}

/** The fields that a verb has. */
export function fieldsOn(fields: readonly FieldFlag[], verb: 'create' | 'update'): readonly FieldFlag[] {
  return fields.filter((field) => field.on === undefined || field.on === verb);
}

/** The lists that create can set. */
export function listsOnCreate(spec: ResourceSpec, subtype: Subtype | undefined): readonly ListAction[] {
  return subtype?.hasNoLists === true
    ? []
    : (spec.listActions ?? []).filter((action) => action.isOnCreate === true);
}
