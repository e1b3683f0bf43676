/** Texts of flags to the JSON they stand for (cli.md §1.1): empty = not sent, `null` = clear, else a value. */
import { StileError } from '@stile/protocol/errors';
import { parseDuration, parseInteger } from '../arguments/go-values.ts';
import type { CheckFailure, CommandContext } from '../command.ts';
import { askSecret } from '../terminal/prompt.ts';
import { readIndirect } from '../tokens/token-source.ts';
import { readAttributes, readPairs } from './attribute-values.ts';
import type { Check, FieldFlag, FieldKind } from './resource-spec.ts';

/** The parts of a call that flags fill. */
export interface CallValues {
  readonly body: Record<string, unknown>;
  readonly query: Record<string, string | boolean>;
}

function invalid(field: FieldFlag, text: string, why: string): StileError {
  return new StileError(
    'invalidFlag',
    `invalid value ${JSON.stringify(text)} for flag -${field.name}: ${why}`,
  );
}

function number(text: string, field: FieldFlag): number {
  const parsed = parseInteger(text, { signed: field.kind === 'int' });
  if ('problem' in parsed) throw invalid(field, text, parsed.problem);
  return parsed.value;
}

function seconds(text: string, field: FieldFlag): number {
  const parsed = parseDuration(text);
  if ('problem' in parsed) throw invalid(field, text, parsed.problem);
  return Math.trunc(parsed.value / 1000);
}

/** A text, or what its `env://` or `file://` stands for. */
async function reference(text: string, field: FieldFlag, context: CommandContext): Promise<string> {
  if (!/^(env|file):\/\//.test(text)) return text;
  return (await readIndirect(text, `-${field.name}`, context)).reveal();
}

/** A new secret is asked twice: nobody can see what was typed. */
async function asked(field: FieldFlag, context: CommandContext): Promise<string | undefined> {
  if (field.ask === undefined) return undefined;
  const { question, isTwice } = field.ask;
  const what = question.replace(/^the /, '');
  const hint = `Please enter ${question} (it will be hidden): `;
  const first = await askSecret(context.streams, what, hint);
  if (!isTwice) return first;
  const second = await askSecret(context.streams, what, `Please enter ${question} again: `);
  if (first !== second) throw new StileError('invalidFlag', `the two entries of ${question} differ`);
  return first;
}

async function secret(field: FieldFlag, context: CommandContext): Promise<string | null | undefined> {
  const text = context.flags.text(field.name);
  if (text === '') return asked(field, context);
  return text === 'null' ? null : (await readIndirect(text, `-${field.name}`, context)).reveal();
}

/** `-tag a=x,y -tag b=z` as `{a:["x","y"],b:["z"]}`. @throws {StileError} invalidFlag */
function tags(values: readonly string[], field: FieldFlag): Record<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of values) {
    const cut = text.indexOf('=');
    const key = text.slice(0, Math.max(cut, 0)).trim();
    const words = text
      .slice(cut + 1)
      .split(',')
      .map((word) => word.trim());
    const wrong = cut < 0 ? text : [key, ...words].find((word) => !/^[a-zA-Z][A-Za-z0-9_]*$/.test(word));
    if (wrong !== undefined) {
      const why = `${JSON.stringify(wrong)} must begin with a letter and hold letters, digits and "_" only, as in key=value1,value2`;
      throw invalid(field, text, cut < 0 ? 'must be key=value' : why);
    }
    found.set(key, [...(found.get(key) ?? []), ...words]);
  }
  return Object.fromEntries(found);
}

function isNull(values: readonly string[]): boolean {
  return values.length === 1 && values[0] === 'null';
}

async function checkedFilter(text: string, field: FieldFlag): Promise<string> {
  const { parseFilter } = await import('@stile/protocol/filter');
  try {
    parseFilter(text);
  } catch (error) {
    throw error instanceof StileError ? invalid(field, text, error.message) : error;
  }
  return text;
}

/** The value of a field, or a promise of it; undefined: not sent. */
type Reader = (field: FieldFlag, context: CommandContext) => unknown;

/** A flag with one text. */
function ofText(read: (text: string, field: FieldFlag, context: CommandContext) => unknown): Reader {
  return (field, context) => {
    const text = context.flags.text(field.name);
    if (text === '') return undefined;
    return text === 'null' ? null : read(text, field, context);
  };
}

/** A flag that is given several times; a single `null` is none. */
function ofList(
  read: (values: readonly string[], field: FieldFlag, context: CommandContext) => unknown,
  none: object | null = null,
): Reader {
  return (field, context) => {
    const values = context.flags.list(field.name);
    if (values.length === 0) return undefined;
    return isNull(values) ? none : read(values, field, context);
  };
}

const readers: Readonly<Record<FieldKind, Reader>> = {
  text: ofText((text) => text),
  uint: ofText(number),
  int: ofText(number),
  seconds: ofText(seconds),
  filter: ofText(checkedFilter),
  reference: ofText(reference),
  boolean: ({ name }, { flags }) => (flags.isGiven(name) ? flags.bool(name) : undefined),
  secret,
  attributes: readAttributes,
  list: ofList((values) => values),
  references: ofList((values, field, context) =>
    Promise.all(values.map((value) => reference(value, field, context))),
  ),
  pairs: ofList((values, field) => readPairs(field, values)),
  tags: ofList(tags, {}),
};

/** Puts a value at a path, making objects on the way. Paths are those of the command table. */
function put(target: Record<string, unknown>, path: string, value: unknown): void {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = (target[first] ??= {});
  // A table that fills a field and a part of it would be a defect of the table.
  if (typeof inner === 'object' && inner !== null)
    put(inner as Record<string, unknown>, rest.join('.'), value);
}

/**
 * What the flags say, without parent and version.
 * @throws {StileError} invalidFlag for a number that is none, a file that cannot be read, and their like
 */
export async function valuesOf(fields: readonly FieldFlag[], context: CommandContext): Promise<CallValues> {
  const body: Record<string, unknown> = {};
  const query: Record<string, string | boolean> = {};
  for (const field of fields) {
    const value = await readers[field.kind ?? 'text'](field, context);
    if (value === undefined) continue;
    if (field.isQuery !== true) put(body, field.field, value);
    else if (typeof value === 'string' || typeof value === 'boolean') query[field.field] = value;
  }
  return { body, query };
}

/** Refuses a secret on the command line, and a missing field that create cannot do without. Plain text as recorded (cli.md §1.6). */
export function checkFields(fields: readonly FieldFlag[], verb: 'create' | 'update' | 'action'): Check {
  return ({ flags }): CheckFailure | undefined => {
    for (const field of fields) {
      const text = field.kind === 'secret' ? flags.text(field.name) : '';
      if (text !== '' && text !== 'null' && !/^(env|file|string):\/\//.test(text)) {
        return {
          message: `-${field.name} must be env://NAME or file://PATH, so that the secret is not visible to other processes`,
          plain: true,
        };
      }
      const isMissing = verb !== 'update' && field.isRequired === true && !flags.isGiven(field.name);
      if (isMissing) return { message: `-${field.name} is required but was not given`, plain: true };
    }
    return undefined;
  };
}
