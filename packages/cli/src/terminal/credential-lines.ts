/** Brokered credentials as tables, in the two layouts of `authorize-session` and `connect` (cli.md §3.3, 3.4). */
import { block, printable, row } from './layout.ts';

type Json = Readonly<Record<string, unknown>>;

function asJson(value: unknown): Json {
  // Each property is checked where it is read.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** Labels and widths of one layout. */
interface Layout {
  readonly rows: readonly (readonly [label: string, field: string])[];
  readonly labelWidth: number;
  readonly secretIndent: number;
}

const optional = [
  ['Credential Source Name', 'name'],
  ['Credential Source Description', 'description'],
  ['Credential Type', 'credential_type'],
] as const;

/** The layout of `targets authorize-session`. */
export const authorizeLayout: Layout = {
  rows: [
    ['Credential Store ID', 'credential_store_id'],
    ['Credential Source ID', 'id'],
    ['Credential Source Type', 'type'],
    ...optional,
  ],
  labelWidth: 29,
  secretIndent: 6,
};

/** The layout of `connect`, whose "Store Type" is the source's. */
export const connectLayout: Layout = {
  rows: [
    ['Credential Source ID', 'id'],
    ['Credential Store ID', 'credential_store_id'],
    ['Credential Store Type', 'type'],
    ...optional,
  ],
  labelWidth: 21,
  secretIndent: 10,
};

/** A secret's rows; a value of several lines (a private key) keeps them. */
function secretLines(value: Json, indent: number): string[] {
  const longest = Math.max(0, ...Object.keys(value).map((key) => key.length));
  const single: Record<string, string> = {};
  const lines: string[] = [];
  for (const [key, field] of Object.entries(value)) {
    const text = typeof field === 'string' ? field : JSON.stringify(field);
    if (text.includes('\n')) {
      lines.push(
        `${' '.repeat(indent)}${printable(key)}:`,
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => ' '.repeat(indent) + printable(line)),
      );
    } else single[key] = text;
  }
  return [...block(single, indent, longest + 2), ...lines];
}

function secretOf(credential: Json): Json {
  const typed = asJson(credential['credential']);
  if (Object.keys(typed).length > 0) return typed;
  return asJson(asJson(credential['secret'])['decoded']);
}

/** `Credentials:` and one block each; an empty line after each. Nothing without credentials. @param base indent of the heading */
export function credentialLines(credentials: unknown, layout: Layout, base = 2): string[] {
  if (!Array.isArray(credentials) || credentials.length === 0) return [];
  const lines = ['', `${' '.repeat(base)}Credentials:`];
  for (const credential of credentials.map(asJson)) {
    const source = asJson(credential['credential_source']);
    for (const [label, field] of layout.rows) {
      const value = source[field];
      if (typeof value === 'string' && value !== '')
        lines.push(...row(label, value, base + 2, layout.labelWidth));
    }
    lines.push(
      `${' '.repeat(base + 2)}Secret:`,
      ...secretLines(secretOf(credential), base + layout.secretIndent - 2),
      '',
    );
  }
  return lines;
}
