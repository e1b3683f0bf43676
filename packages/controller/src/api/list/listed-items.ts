/** The items of a list as the caller sees them: rows on which the caller may do nothing are left out (grants.md §2.9). */
import type { AclResource } from '../../iam/acl.ts';
import type { Access } from '../access.ts';
import type { FieldTable, Output, Schema } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';

/** One row in the API's terms. */
export interface ListedItem<T extends FieldTable> {
  readonly values: Output<T> & { readonly authorized_actions?: readonly string[] | null | undefined };
  /** What the row is to the ACL. */
  readonly resource: AclResource;
}

/** The `render` of a list source whose rows `itemOf` understands one by one. */
export function listedItems<Row, T extends FieldTable>(
  schema: Schema<T>,
  access: Access,
  itemOf: (row: Row) => ListedItem<T>,
): (rows: readonly Row[]) => Promise<readonly (object | undefined)[]> {
  return (rows) =>
    Promise.resolve(
      rows.map((row) => {
        const { values, resource } = itemOf(row);
        if (values.authorized_actions?.length === 0) return undefined;
        return renderItem(schema, values, access.listed(resource));
      }),
    );
}
