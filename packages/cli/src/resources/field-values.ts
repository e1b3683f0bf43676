/** Texts of create and update flags to the JSON they stand for (cli.md §1.1): empty = not sent, `null` = clear, else a value. */
import { StileError } from '@stile/protocol/errors';
import { parseDuration, parseInteger } from '../arguments/go-values.ts';
import type { FlagValues } from '../arguments/flag-values.ts';
import type { FieldFlag } from './resource-spec.ts';

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

function invalid(field: FieldFlag, text: string, why: string): StileError {
  return new StileError(
    'invalidFlag',
    `invalid value ${JSON.stringify(text)} for flag -${field.flag.name}: ${why}`,
  );
}

function valueOf(field: FieldFlag, text: string): unknown {
  if (text === 'null') return null;
  switch (field.kind) {
    case 'uint':
    case 'int':
      return number(text, field);
    case 'seconds':
      return seconds(text, field);
    case 'text':
    case undefined:
      return text;
  }
}

/**
 * The body of a create or update, without parent and version.
 * @throws {StileError} invalidFlag for a number that is none
 */
export function bodyOf(fields: readonly FieldFlag[], flags: FlagValues): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  const attributes: Record<string, unknown> = {};
  for (const field of fields) {
    const text = flags.text(field.flag.name);
    if (text === '') continue;
    const [first = '', second] = field.field.split('.');
    if (second === undefined) body[first] = valueOf(field, text);
    else attributes[second] = valueOf(field, text);
  }
  return Object.keys(attributes).length === 0 ? body : { ...body, attributes };
}
