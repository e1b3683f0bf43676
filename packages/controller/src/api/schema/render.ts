/**
 * Answers: values to the JSON of the API by their field table. The order is the table's, empty values are left out
 * (http-api.md §1.3), and what the caller's grants do not show is left out too.
 */
import type { Field, FieldTable, Output, Schema } from './field.ts';

/** Which top-level fields a caller sees. */
export interface VisibleFields {
  includes(field: string): boolean;
}

/** Everything. */
export const allFields: VisibleFields = { includes: () => true };

/** RFC 3339 in UTC with 0, 3 or 6 digits of fraction, as protojson writes it. `at` is epoch microseconds. */
export function formatTime(at: number): string {
  const micros = ((at % 1_000_000) + 1_000_000) % 1_000_000;
  const whole = new Date((at - micros) / 1000).toISOString().slice(0, 19);
  if (micros === 0) return `${whole}Z`;
  const digits = String(micros).padStart(6, '0');
  return `${whole}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

function isEmpty(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** A present value as JSON. */
function renderValue(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case 'time':
      return typeof value === 'number' ? formatTime(value) : undefined;
    case 'int64':
      return typeof value === 'number' ? (value === 0 ? '' : String(value)) : undefined;
    case 'bytes':
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : undefined;
    case 'object':
      return renderFields(field.fields, value as Readonly<Record<string, unknown>>, allFields);
    case 'list':
      return (value as readonly Readonly<Record<string, unknown>>[]).map((item) =>
        renderFields(field.fields, item, allFields),
      );
    case 'string':
    case 'uint32':
    case 'int32':
    case 'bool':
    case 'strings':
    case 'map':
    case 'json':
    case 'any':
      return value;
  }
}

function renderFields(
  fields: FieldTable,
  values: Readonly<Record<string, unknown>>,
  visible: VisibleFields,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const name in fields) {
    const field = fields[name];
    const value = values[name];
    if (field === undefined || value === undefined || value === null || field.isWriteOnly === true) continue;
    if (!visible.includes(name)) continue;
    const json = renderValue(field, value);
    if (json !== undefined && (field.isAlwaysShown === true || !isEmpty(json))) shown[name] = json;
  }
  return shown;
}

/** The JSON object of a resource, with the fields that `visible` includes. */
export function renderItem<T extends FieldTable>(
  schema: Schema<T>,
  values: Output<T>,
  visible: VisibleFields = allFields,
): Record<string, unknown> {
  return renderFields(schema.fields, values, visible);
}
