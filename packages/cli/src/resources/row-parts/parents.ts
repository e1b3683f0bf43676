/** What collections lie in. */
import type { Flag } from '../../command.ts';
import type { ParentSpec } from '../resource-spec.ts';

const scopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  env: 'SCOPE_ID',
  default: 'global',
  completesFrom: 'scope',
  help: 'Scope in which to work.',
};

/** A scope. */
export const scopeParent: ParentSpec = {
  flag: scopeFlag,
  field: 'scope_id',
  title: 'Scope',
  isScope: true,
  exampleId: 'global',
};

/** A host catalog. */
export const hostCatalogParent: ParentSpec = {
  flag: {
    name: 'host-catalog-id',
    type: 'string',
    completesFrom: 'host-catalog',
    env: 'HOST_CATALOG_ID',
    help: 'Host catalog in which to work.',
  },
  field: 'host_catalog_id',
  title: 'HostCatalog',
  isScope: false,
  exampleId: 'hcst_1234567890',
};

/** An auth method. */
export const authMethodParent: ParentSpec = {
  flag: {
    name: 'auth-method-id',
    type: 'string',
    completesFrom: 'auth-method',
    env: 'AUTH_METHOD_ID',
    help: 'Auth method in which to work.',
  },
  field: 'auth_method_id',
  title: 'AuthMethod',
  isScope: false,
  exampleId: 'ampw_1234567890',
};

/** A credential store. */
export const credentialStoreParent: ParentSpec = {
  flag: {
    name: 'credential-store-id',
    type: 'string',
    completesFrom: 'credential-store',
    env: 'CREDENTIAL_STORE_ID',
    help: 'Credential store in which to work.',
  },
  field: 'credential_store_id',
  title: 'CredentialStore',
  isScope: false,
  exampleId: 'csst_1234567890',
};
