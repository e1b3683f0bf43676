/** What collections lie in, and the flags that every create and update shares. */
import type { Flag } from '../command.ts';
import type { FieldFlag, ParentSpec } from './resource-spec.ts';

const scopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  env: 'SCOPE_ID',
  default: 'global',
  help: 'Scope in which to work.',
};

/** A scope. */
export const scopeParent: ParentSpec = { flag: scopeFlag, field: 'scope_id', title: 'Scope', isScope: true };

/** A host catalog. */
export const hostCatalogParent: ParentSpec = {
  flag: {
    name: 'host-catalog-id',
    type: 'string',
    env: 'HOST_CATALOG_ID',
    help: 'Host catalog in which to work.',
  },
  field: 'host_catalog_id',
  title: 'HostCatalog',
  isScope: false,
};

/** An auth method. */
export const authMethodParent: ParentSpec = {
  flag: {
    name: 'auth-method-id',
    type: 'string',
    env: 'AUTH_METHOD_ID',
    help: 'Auth method in which to work.',
  },
  field: 'auth_method_id',
  title: 'AuthMethod',
  isScope: false,
};

/** `-name` and `-description`. */
export const nameFields: readonly FieldFlag[] = [
  { flag: { name: 'name', type: 'string', help: 'Name to set.' }, field: 'name' },
  { flag: { name: 'description', type: 'string', help: 'Description to set.' }, field: 'description' },
];
