/** Host catalogs, host sets and hosts of type static (cli.md §2.2, 3.13). */
import { hostCatalogParent, nameFields, scopeParent } from './parents.ts';
import type { Column, ResourceSpec } from './resource-spec.ts';
import { collectionActions, plainList, textsOf } from './table-view.ts';

const itemColumns: readonly Column[] = [
  { label: 'Created Time', field: 'created_time', kind: 'time' },
  { label: 'Description', field: 'description' },
  { label: 'ID', field: 'id' },
  { label: 'Name', field: 'name' },
  { label: 'Type', field: 'type' },
  { label: 'Updated Time', field: 'updated_time', kind: 'time' },
  { label: 'Version', field: 'version' },
];
const listColumns: readonly Column[] = [
  { label: 'Version', field: 'version' },
  { label: 'Type', field: 'type' },
  { label: 'Name', field: 'name' },
  { label: 'Description', field: 'description' },
];
const catalogColumn: Column = { label: 'Host Catalog ID', field: 'host_catalog_id' };

/** `stile host-catalogs`. */
export const hostCatalogs: ResourceSpec = {
  name: 'host-catalogs',
  noun: 'host catalog',
  title: 'Host Catalog',
  exampleId: 'hcst_1234567890',
  exampleScope: 'p_1234567890',
  exampleCreate: '-name web',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  subtype: 'static',
  fields: nameFields,
  list: { columns: listColumns, empty: 'No host catalogs found' },
  item: {
    columns: [...itemColumns, { label: 'Plugin ID', field: 'plugin_id' }],
    sections: [
      (item) =>
        collectionActions(
          "  Authorized Actions on Host Catalog's Collections:",
          item['authorized_collection_actions'],
        ),
    ],
  },
};

/** `stile host-sets`. */
export const hostSets: ResourceSpec = {
  name: 'host-sets',
  noun: 'host set',
  title: 'Host Set',
  exampleId: 'hsst_1234567890',
  exampleScope: 'p_1234567890',
  exampleCreate: '-name web',
  parent: hostCatalogParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  subtype: 'static',
  fields: nameFields,
  listActions: [
    { name: 'hosts', flag: 'host', field: 'host_ids', things: 'hosts', exampleId: 'hst_1234567890' },
  ],
  list: { columns: listColumns, empty: 'No host sets found' },
  item: {
    columns: [...itemColumns, catalogColumn],
    sections: [(item) => plainList('  Host IDs:', textsOf(item['host_ids']))],
  },
};

/** `stile hosts`. */
export const hosts: ResourceSpec = {
  name: 'hosts',
  noun: 'host',
  title: 'Host',
  exampleId: 'hst_1234567890',
  exampleScope: 'p_1234567890',
  exampleCreate: '-name web-1 -address 10.0.0.5',
  parent: hostCatalogParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  subtype: 'static',
  fields: [
    ...nameFields,
    {
      flag: {
        name: 'address',
        type: 'string',
        help: 'Address of the host: an IP address or a name, without a port.',
      },
      field: 'attributes.address',
    },
  ],
  list: { columns: listColumns, empty: 'No hosts found' },
  item: {
    columns: [
      ...itemColumns,
      catalogColumn,
      { label: 'External ID', field: 'external_id' },
      { label: 'External Name', field: 'external_name' },
    ],
    sections: [
      (item) => plainList('  Host Set IDs:', textsOf(item['host_set_ids'])),
      (item) => plainList('  IP Addresses:', textsOf(item['ip_addresses'])),
      (item) => plainList('  DNS Names:', textsOf(item['dns_names'])),
    ],
  },
};
