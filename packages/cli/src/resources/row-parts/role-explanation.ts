/** The answer of `roles explain` as sentences that a person understands. */
import type { CommandContext } from '../../command.ts';
import { printable } from '../../terminal/layout.ts';
import type { Json } from '../resource-spec.ts';
import { objectsOf } from '../table-view.ts';

/** A field as text; `''` when it is absent. */
function text(item: Json, field: string): string {
  const value = item[field];
  return typeof value === 'string' ? printable(value) : '';
}

/** `role "ops" (r_1234567890)`, or the id alone. */
function roleName(item: Json): string {
  const name = text(item, 'role_name');
  const id = text(item, 'role_id');
  return name === '' ? `role ${id}` : `role "${name}" (${id})`;
}

/** The grant of a role and where it holds, with why it does not match. */
function grantLines(item: Json): string[] {
  const name = roleName(item);
  const reasons = objectsOf(item['mismatches']).map((each) => text(each, 'description'));
  const rows: readonly (readonly [label: string, value: string])[] = [
    ['Grant:', text(item, 'grant_string')],
    ['Grant Scope ID:', text(item, 'grant_scope_id')],
    ['Held By:', text(item, 'principal_id')],
    ...reasons.map((reason) => ['Why Not:', reason] as const),
  ];
  return [
    `  ${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    ...rows.filter(([, value]) => value !== '').map(([label, value]) => `    ${label.padEnd(16)}${value}`),
  ];
}

function apart(lines: readonly (readonly string[])[]): string[] {
  return lines.flatMap((each) => ['', ...each]);
}

/** How many roles may not be named to the caller. */
function hiddenLines(item: Json): string[] {
  const count = item['hidden_role_count'];
  if (typeof count !== 'number' || count === 0) return [];
  const roles = count === 1 ? 'is one more role' : `are ${count} more roles`;
  return ['', `There ${roles} that you may not read.`];
}

/** Yes or no, who and what, and the grants behind it. */
export function explanationLines(item: Json, { flags }: CommandContext): string[] {
  const type = flags.text('type');
  const where = printable(flags.text('id'));
  const what = type === '' ? where : `${printable(type)} in ${where}`;
  const who = printable(flags.text('user-id'));
  const action = `${printable(flags.text('action'))} on ${what}`;
  const reason = text(item, 'reason');
  const because = reason === '' ? [] : [reason];
  if (item['allowed'] === true) {
    return [
      '',
      `Yes: ${who} is allowed ${action}.`,
      ...because,
      ...apart(objectsOf(item['matches']).map(grantLines)),
      ...hiddenLines(item),
    ];
  }
  const closest = objectsOf(item['closest']);
  return [
    '',
    `No: ${who} is not allowed ${action}.`,
    ...because,
    ...(closest.length === 0 ? [] : ['', 'These grants come closest:', ...apart(closest.map(grantLines))]),
    ...hiddenLines(item),
  ];
}
