/** Targets and their aliases (cli.md §2.2, 2.3, 3.7, 3.8). */
import type { CommandContext } from '../../command.ts';
import type { Column, FieldFlag, Json, ResourceSpec, Subtype } from '../resource-spec.ts';
import { blocks } from '../table-view.ts';
import { authorizeCommand } from '../authorize-command.ts';
import { attribute, itemColumns, listColumns, nameFields } from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';

const workerFilterHelp = 'Expression that a worker must fulfil';

/** Fields of every type of target. */
const fields: readonly FieldFlag[] = [
  ...nameFields,
  {
    name: 'address',
    field: 'address',
    help: 'Address to connect to, without a port. Excludes host sources.',
  },
  {
    name: 'session-max-seconds',
    field: 'session_max_seconds',
    kind: 'seconds',
    help: 'Longest life of a session, in seconds or as a duration (e.g. 8h).',
  },
  {
    name: 'session-connection-limit',
    field: 'session_connection_limit',
    kind: 'int',
    help: 'How many connections a session may open in all; -1 = no limit.',
  },
  {
    name: 'session-lease',
    field: 'session_lease',
    help: 'How long a worker without its controller goes on: "grace=<duration>" or "strict".',
  },
  {
    name: 'egress-worker-filter',
    field: 'egress_worker_filter',
    kind: 'filter',
    help: `${workerFilterHelp} to carry sessions.`,
  },
  {
    name: 'ingress-worker-filter',
    field: 'ingress_worker_filter',
    kind: 'filter',
    help: 'Not supported by controllers without ingress workers.',
  },
];

const portFields: readonly FieldFlag[] = [
  attribute('default-port', 'default_port', 'Port to connect to on the endpoint.', { kind: 'uint' }),
  attribute(
    'default-client-port',
    'default_client_port',
    'Port on which clients listen, unless they choose one.',
    {
      kind: 'uint',
    },
  ),
];

const recordingFields: readonly FieldFlag[] = [
  attribute('enable-session-recording', 'enable_session_recording', 'Record sessions.', { kind: 'boolean' }),
  attribute('storage-bucket-id', 'storage_bucket_id', 'ID of the storage bucket for recordings.'),
];

/** The alias that create makes with the target. */
const withAlias: NonNullable<Subtype['extra']> = {
  fields: [
    {
      name: 'with-alias-value',
      field: 'with_aliases',
      help: 'Alias to make with the target, as web.example.',
    },
    {
      name: 'with-alias-scope-id',
      field: 'with_aliases',
      help: 'Scope of that alias. The default is global.',
    },
    {
      name: 'with-alias-authorize-session-host-id',
      field: 'with_aliases',
      help: 'ID of the host that sessions over that alias connect to.',
    },
  ],
  body: ({ flags }: CommandContext): Json => {
    const value = flags.text('with-alias-value');
    if (value === '') return {};
    const hostId = flags.text('with-alias-authorize-session-host-id');
    const attributes = { authorize_session_arguments: { host_id: hostId } };
    const scopeId = flags.text('with-alias-scope-id') || 'global';
    return { with_aliases: [{ value, scope_id: scopeId, ...(hostId === '' ? {} : { attributes }) }] };
  },
};

/** The old name of the egress filter. */
const oldFilter: FieldFlag = {
  name: 'worker-filter',
  field: 'worker_filter',
  kind: 'filter',
  on: 'update',
  help: 'Deprecated: use -egress-worker-filter.',
};

const example = '-name web -address 10.0.0.5 -default-port 22';

const subtypes: readonly Subtype[] = [
  { name: 'tcp', fields: [...portFields, oldFilter], example, extra: withAlias },
  {
    name: 'ssh',
    fields: [...portFields, ...recordingFields, oldFilter],
    example,
    exampleId: 'tssh_1234567890',
    extra: withAlias,
  },
  {
    name: 'rdp',
    fields: [...portFields, ...recordingFields],
    example: '-name desk -address 10.0.0.6 -default-port 3389',
    exampleId: 'trdp_1234567890',
    extra: withAlias,
  },
];

const credentialColumns: readonly Column[] = [
  { label: 'Credential Store ID', field: 'credential_store_id' },
  { label: 'ID', field: 'id' },
];

/** `stile targets`. */
export const targets: ResourceSpec = {
  name: 'targets',
  noun: 'target',
  title: 'Target',
  exampleId: 'ttcp_1234567890',
  exampleParent: 'p_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  subtypes,
  hasPositional: true,
  fields,
  listActions: [
    {
      name: 'host-sources',
      fields: [{ name: 'host-source', field: 'host_source_ids', kind: 'list', help: 'ID of a host set.' }],
      isOnCreate: true,
      things: 'host sources',
      example: '-host-source hsst_1234567890',
    },
    {
      name: 'credential-sources',
      fields: [
        {
          name: 'brokered-credential-source',
          field: 'brokered_credential_source_ids',
          kind: 'list',
          help: 'ID of a credential or credential library that is handed to the user.',
        },
        {
          name: 'injected-application-credential-source',
          field: 'injected_application_credential_source_ids',
          kind: 'list',
          help: 'ID of a credential or credential library that the worker uses itself.',
        },
      ],
      isOnCreate: true,
      things: 'credential sources',
      example: '-brokered-credential-source credup_1234567890',
    },
  ],
  special: [authorizeCommand],
  list: {
    columns: [
      { label: 'Version', field: 'version' },
      { label: 'Type', field: 'type' },
      { label: 'Name', field: 'name' },
      { label: 'Description', field: 'description' },
      { label: 'Address', field: 'address' },
    ],
    empty: 'No targets found',
  },
  item: {
    columns: [
      { label: 'Address', field: 'address' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Description', field: 'description' },
      { label: 'Egress Worker Filter', field: 'egress_worker_filter' },
      { label: 'ID', field: 'id' },
      { label: 'Ingress Worker Filter', field: 'ingress_worker_filter' },
      { label: 'Name', field: 'name' },
      { label: 'Session Connection Limit', field: 'session_connection_limit', kind: 'present' },
      { label: 'Session Lease', field: 'session_lease' },
      { label: 'Session Max Seconds', field: 'session_max_seconds', kind: 'present' },
      { label: 'Type', field: 'type' },
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
      { label: 'Version', field: 'version' },
      { label: 'Worker Filter', field: 'worker_filter' },
    ],
    sections: [
      blocks('Aliases', 'aliases', [
        { label: 'ID', field: 'id' },
        { label: 'Value', field: 'value' },
      ]),
      blocks('Host Sources', 'host_sources', [
        { label: 'Host Catalog ID', field: 'host_catalog_id' },
        { label: 'ID', field: 'id' },
      ]),
      blocks('Brokered Credential Sources', 'brokered_credential_sources', credentialColumns),
      blocks(
        'Injected Application Credential Sources',
        'injected_application_credential_sources',
        credentialColumns,
      ),
    ],
    attributes: {
      default_port: 'Default Port',
      default_client_port: 'Default Client Port',
      enable_session_recording: 'Enable Session Recording',
      storage_bucket_id: 'Storage Bucket ID',
    },
  },
};

/** `stile aliases`. */
export const aliases: ResourceSpec = {
  name: 'aliases',
  noun: 'alias',
  title: 'Alias',
  exampleId: 'alt_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'target',
      fields: [
        {
          name: 'value',
          field: 'value',
          help: 'The alias itself: words of a-z, 0-9 and "-", joined by dots.',
        },
        { name: 'destination-id', field: 'destination_id', help: 'ID of the target that it stands for.' },
        attribute(
          'authorize-session-host-id',
          'authorize_session_arguments.host_id',
          'ID of the host that sessions over this alias connect to.',
        ),
      ],
      example: '-value web.example -destination-id ttcp_1234567890',
      exampleUpdate: '-value www.example -destination-id null',
    },
  ],
  list: {
    columns: [
      ...listColumns,
      { label: 'Value', field: 'value' },
      { label: 'Destination ID', field: 'destination_id' },
    ],
    valueColumn: 20,
    empty: 'No aliases found',
  },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Value', field: 'value' },
      { label: 'Destination ID', field: 'destination_id' },
    ],
    attributes: { 'authorize_session_arguments.host_id': 'Authorize Session Host ID' },
  },
};
