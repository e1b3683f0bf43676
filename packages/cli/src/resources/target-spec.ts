/** Targets of type tcp (cli.md §2.3, 3.7, 3.8). */
import { block } from '../terminal/layout.ts';
import { nameFields, scopeParent } from './parents.ts';
import type { Column, FieldFlag, Json, ResourceSpec } from './resource-spec.ts';
import { cell, objectsOf } from './table-view.ts';

const fields: readonly FieldFlag[] = [
  ...nameFields,
  {
    flag: {
      name: 'address',
      type: 'string',
      help: 'Address to connect to, without a port. Excludes host sources.',
    },
    field: 'address',
  },
  {
    flag: { name: 'default-port', type: 'string', help: 'Port to connect to on the endpoint.' },
    field: 'attributes.default_port',
    kind: 'uint',
  },
  {
    flag: {
      name: 'default-client-port',
      type: 'string',
      help: 'Port on which clients listen, unless they choose one.',
    },
    field: 'attributes.default_client_port',
    kind: 'uint',
  },
  {
    flag: {
      name: 'session-max-seconds',
      type: 'string',
      help: 'Longest life of a session, in seconds or as a duration (e.g. 8h).',
    },
    field: 'session_max_seconds',
    kind: 'seconds',
  },
  {
    flag: {
      name: 'session-connection-limit',
      type: 'string',
      help: 'How many connections a session may open in all; -1 = no limit.',
    },
    field: 'session_connection_limit',
    kind: 'int',
  },
  {
    flag: {
      name: 'egress-worker-filter',
      type: 'string',
      help: 'Expression that a worker must fulfil to carry sessions.',
    },
    field: 'egress_worker_filter',
  },
  {
    flag: {
      name: 'ingress-worker-filter',
      type: 'string',
      help: 'Not supported by controllers without ingress workers.',
    },
    field: 'ingress_worker_filter',
  },
];

/** A section of small blocks with an empty line between them. */
function blocks(
  heading: string,
  field: string,
  columns: readonly Column[],
): (item: Json, width: number) => string[] {
  return (item, width) => {
    const lines = objectsOf(item[field]).flatMap((each, index) => {
      const rows = Object.fromEntries(columns.map((column) => [column.label, cell(each, column)]));
      return [...(index === 0 ? [] : ['']), ...block(rows, 4, width)];
    });
    return lines.length === 0 ? [] : ['', `  ${heading}:`, ...lines];
  };
}

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
  exampleScope: 'p_1234567890',
  exampleCreate: '-name web -address 10.0.0.5 -default-port 22',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  subtype: 'tcp',
  hasPositional: true,
  fields,
  listActions: [
    {
      name: 'host-sources',
      flag: 'host-source',
      field: 'host_source_ids',
      things: 'host sources',
      exampleId: 'hsst_1234567890',
    },
  ],
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
