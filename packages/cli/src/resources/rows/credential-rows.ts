/** Credential stores, credentials and credential libraries (cli.md §2.2, 3.13). */
import type { Column, FieldFlag, ResourceSpec, Subtype } from '../resource-spec.ts';
import { collectionActions } from '../table-view.ts';
import { attribute, itemColumns, listColumns, nameFields } from '../row-parts/columns.ts';
import { credentialStoreParent, scopeParent } from '../row-parts/parents.ts';

const storeColumn: Column = { label: 'Credential Store ID', field: 'credential_store_id' };

/** `stile credential-stores`. */
export const credentialStores: ResourceSpec = {
  name: 'credential-stores',
  noun: 'credential store',
  title: 'Credential Store',
  exampleId: 'csst_1234567890',
  exampleParent: 'p_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    { name: 'static', fields: [], example: '-name passwords' },
    {
      name: 'vault',
      attributePrefix: 'vault-',
      exampleId: 'csvlt_1234567890',
      fields: [
        attribute('vault-address', 'address', 'URL of the Vault server.'),
        attribute('vault-namespace', 'namespace', 'Namespace in it.'),
        attribute('vault-ca-cert', 'ca_cert', 'CA certificate of the server, PEM.', { kind: 'reference' }),
        attribute('vault-tls-server-name', 'tls_server_name', 'Name to verify its certificate with.'),
        attribute('vault-tls-skip-verify', 'tls_skip_verify', 'Do not verify its certificate.', {
          kind: 'boolean',
        }),
        attribute('vault-token', 'token', 'Token for it.', { kind: 'reference', isSecret: true }),
        attribute('vault-client-certificate', 'client_certificate', 'Certificate to show to it, PEM.', {
          kind: 'reference',
        }),
        attribute('vault-client-certificate-key', 'client_certificate_key', 'Its private key, PEM.', {
          kind: 'reference',
          isSecret: true,
        }),
        attribute('worker-filter', 'worker_filter', 'Expression that a worker must fulfil to call it.', {
          kind: 'filter',
        }),
      ],
      example: '-name vault -vault-address https://vault.example:8200 -vault-token env://VAULT_TOKEN',
      exampleUpdate: '-vault-token env://VAULT_TOKEN -vault-namespace null',
    },
  ],
  list: { columns: listColumns, empty: 'No credential store found' },
  item: {
    columns: itemColumns,
    sections: [
      (item) =>
        collectionActions(
          "  Authorized Actions on Credential Store's Collections:",
          item['authorized_collection_actions'],
        ),
    ],
    attributes: {
      address: 'Address',
      namespace: 'Namespace',
      ca_cert: 'CA Cert',
      tls_server_name: 'TLS Server Name',
      tls_skip_verify: 'TLS Skip Verify',
      token_hmac: 'Token HMAC',
      token_status: 'Token Status',
      client_certificate: 'Client Certificate',
      client_certificate_key_hmac: 'Client Certificate Key HMAC',
      worker_filter: 'Worker Filter',
    },
  },
};

const username = attribute('username', 'username', 'Name of the account at the target.');
const password: FieldFlag = attribute('password', 'password', 'Its password.', { kind: 'secret' });

const credentialTypes: readonly Subtype[] = [
  {
    name: 'username-password',
    wireType: 'username_password',
    fields: [username, password],
    example: '-name db -username postgres -password env://PASSWORD',
    exampleUpdate: '-password env://PASSWORD',
  },
  {
    name: 'username-password-domain',
    wireType: 'username_password_domain',
    exampleId: 'credupd_1234567890',
    fields: [username, password, attribute('domain', 'domain', 'Domain of the account.')],
    example: '-name desk -username jeff -domain example -password env://PASSWORD',
    exampleUpdate: '-domain example.net',
  },
  {
    name: 'password',
    exampleId: 'credp_1234567890',
    fields: [password],
    example: '-name cache -password env://PASSWORD',
    exampleUpdate: '-password env://PASSWORD',
  },
  {
    name: 'ssh-private-key',
    wireType: 'ssh_private_key',
    exampleId: 'credspk_1234567890',
    fields: [
      username,
      attribute('private-key', 'private_key', 'Private key, PEM.', { kind: 'secret' }),
      attribute('private-key-passphrase', 'private_key_passphrase', 'Passphrase of the key.', {
        kind: 'secret',
      }),
    ],
    example: '-name web -username root -private-key env://PRIVATE_KEY',
    exampleUpdate: '-private-key env://PRIVATE_KEY -private-key-passphrase null',
  },
  {
    name: 'json',
    exampleId: 'credjson_1234567890',
    fields: [
      {
        name: 'object',
        piece: 'kv',
        field: 'attributes.object',
        kind: 'attributes',
        help: 'The secret.',
        isSecret: true,
      },
    ],
    example: '-name api -string-kv user=jeff -kv key=env://API_KEY -num-kv limits.rate=5',
    exampleUpdate: '-object env://API_OBJECT',
  },
];

/** `stile credentials`. */
export const credentials: ResourceSpec = {
  name: 'credentials',
  noun: 'credential',
  title: 'Credential',
  exampleId: 'credup_1234567890',
  parent: credentialStoreParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: credentialTypes,
  list: { columns: listColumns, empty: 'No credentials found' },
  item: {
    columns: [...itemColumns, storeColumn],
    attributes: {
      username: 'Username',
      domain: 'Domain',
      password_hmac: 'Password HMAC',
      private_key_hmac: 'Private Key HMAC',
      private_key_passphrase_hmac: 'Private Key Passphrase HMAC',
      object_hmac: 'Object HMAC',
    },
  },
};

const path = attribute('vault-path', 'path', 'Path in Vault.');

const genericFields: readonly FieldFlag[] = [
  path,
  attribute('vault-http-method', 'http_method', 'Method of the call to Vault.', {
    completes: ['GET', 'POST'],
  }),
  attribute('vault-http-request-body', 'http_request_body', 'Body of the call to Vault.'),
  {
    name: 'credential-type',
    field: 'credential_type',
    on: 'create',
    help: 'What the secret is, as username_password.',
  },
  {
    name: 'credential-mapping-override',
    field: 'credential_mapping_overrides',
    kind: 'pairs',
    help: 'Which key of the secret holds a part of the credential, as username_attribute=user.',
  },
];

const sshCertificateFields: readonly FieldFlag[] = [
  path,
  attribute('username', 'username', 'Name of the account at the target.'),
  attribute('key-type', 'key_type', 'Type of the key pair.', { completes: ['ed25519', 'ecdsa', 'rsa'] }),
  attribute('key-bits', 'key_bits', 'Bits of the key.', { kind: 'uint' }),
  attribute('ttl', 'ttl', 'How long the certificate is valid.'),
  attribute('key-id', 'key_id', 'Key ID in the certificate.'),
  attribute('critical-options', 'critical_options', 'Critical options of the certificate.', {
    kind: 'attributes',
    piece: 'critical-option',
    isUntyped: true,
  }),
  attribute('extensions', 'extensions', 'Extensions of the certificate.', {
    kind: 'attributes',
    piece: 'extension',
    isUntyped: true,
  }),
  attribute('additional-valid-principal', 'additional_valid_principals', 'Further name in the certificate.', {
    kind: 'list',
  }),
];

const genericExample =
  '-name db -vault-path database/creds/ops -credential-type username_password -credential-mapping-override username_attribute=user';

/** `stile credential-libraries`. */
export const credentialLibraries: ResourceSpec = {
  name: 'credential-libraries',
  noun: 'credential library',
  title: 'Credential Library',
  exampleId: 'clvlt_1234567890',
  exampleParent: 'csvlt_1234567890',
  parent: credentialStoreParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'vault',
      attributePrefix: 'vault-',
      fields: genericFields,
      example: genericExample,
      exampleUpdate: '-vault-http-method GET',
      note: 'An older name of vault-generic.',
    },
    {
      name: 'vault-generic',
      attributePrefix: 'vault-',
      fields: genericFields,
      example: genericExample,
      exampleUpdate: '-vault-http-method POST -vault-http-request-body {}',
    },
    {
      name: 'vault-ssh-certificate',
      attributePrefix: 'vault-',
      exampleId: 'clvsclt_1234567890',
      fields: sshCertificateFields,
      example: '-name web -vault-path ssh/sign/ops -username root -extension permit-pty= -key-type ed25519',
      exampleUpdate: '-ttl 10m -critical-options null',
    },
    {
      name: 'vault-ldap',
      attributePrefix: 'vault-',
      exampleId: 'clvllt_1234567890',
      fields: [path],
      example: '-name directory -vault-path ldap/creds/ops',
      exampleUpdate: '-vault-path ldap/creds/dev',
    },
  ],
  list: { columns: listColumns, empty: 'No credential library found' },
  item: {
    columns: [
      ...itemColumns,
      storeColumn,
      { label: 'Credential Type', field: 'credential_type' },
      { label: 'Credential Mapping Overrides', field: 'credential_mapping_overrides' },
    ],
    attributes: {
      path: 'Path',
      http_method: 'HTTP Method',
      http_request_body: 'HTTP Request Body',
      username: 'Username',
      key_type: 'Key Type',
      key_bits: 'Key Bits',
      ttl: 'TTL',
      key_id: 'Key ID',
      critical_options: 'Critical Options',
      extensions: 'Extensions',
      additional_valid_principals: 'Additional Valid Principals',
    },
  },
};
