/** Host catalogs, host sets and hosts (cli.md §2.2, 3.13). */
import type { Column, ResourceSpec } from '../resource-spec.ts';
import { collectionActions } from '../table-view.ts';
import {
  attribute,
  idList,
  itemColumns,
  listColumns,
  nameFields,
  pluginAttributes,
  pluginFields,
  pluginSecrets,
} from '../row-parts/columns.ts';
import { hostCatalogParent, scopeParent } from '../row-parts/parents.ts';
import { pluginSection } from '../row-parts/sections.ts';

const catalogColumn: Column = { label: 'Host Catalog ID', field: 'host_catalog_id' };

/** `stile host-catalogs`. */
export const hostCatalogs: ResourceSpec = {
  name: 'host-catalogs',
  noun: 'host catalog',
  title: 'Host Catalog',
  exampleId: 'hcst_1234567890',
  exampleParent: 'p_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    { name: 'static', fields: [], example: '-name web' },
    {
      name: 'plugin',
      exampleId: 'hcplg_1234567890',
      fields: [
        ...pluginFields,
        pluginAttributes,
        pluginSecrets,
        {
          name: 'worker-filter',
          field: 'worker_filter',
          kind: 'filter',
          help: 'Expression that a worker must fulfil to run calls of the plugin.',
        },
      ],
      example: '-name cloud -plugin-name aws -attr region=eu-central-1 -secret access_key_id=env://KEY_ID',
      exampleUpdate: '-string-attr region=eu-west-1 -secrets null',
    },
  ],
  list: { columns: listColumns, empty: 'No host catalogs found' },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Plugin ID', field: 'plugin_id' },
      { label: 'Secrets HMAC', field: 'secrets_hmac' },
      { label: 'Worker Filter', field: 'worker_filter' },
    ],
    sectionsBeforeActions: [pluginSection],
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
  parent: hostCatalogParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    { name: 'static', fields: [], example: '-name web' },
    {
      name: 'plugin',
      exampleId: 'hsplg_1234567890',
      exampleParent: 'hcplg_1234567890',
      hasNoLists: true,
      fields: [
        {
          name: 'preferred-endpoint',
          field: 'preferred_endpoints',
          kind: 'list',
          help: 'Which address of a host to prefer, as cidr:10.0.0.0/8 or dns:*.example.com, in order.',
        },
        {
          name: 'sync-interval',
          field: 'sync_interval_seconds',
          kind: 'seconds',
          help: 'How often the plugin is asked for hosts, in seconds or as a duration.',
        },
        pluginAttributes,
      ],
      example: '-name web -preferred-endpoint cidr:10.0.0.0/8 -sync-interval 10m -attr filters=tag:web',
      exampleUpdate: '-preferred-endpoint null -sync-interval null',
    },
  ],
  listActions: [
    {
      name: 'hosts',
      fields: [{ name: 'host', field: 'host_ids', kind: 'list', help: 'ID of a host.' }],
      isOnCreate: true,
      things: 'hosts',
      example: '-host hst_1234567890',
    },
  ],
  list: { columns: listColumns, empty: 'No host sets found' },
  item: {
    columns: [
      ...itemColumns,
      catalogColumn,
      { label: 'Preferred Endpoints', field: 'preferred_endpoints' },
      { label: 'Sync Interval', field: 'sync_interval_seconds' },
    ],
    sectionsBeforeActions: [pluginSection],
    sections: [idList('Host IDs', 'host_ids')],
  },
};

/** `stile hosts`. */
export const hosts: ResourceSpec = {
  name: 'hosts',
  noun: 'host',
  title: 'Host',
  exampleId: 'hst_1234567890',
  parent: hostCatalogParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'static',
      fields: [
        attribute('address', 'address', 'Address of the host: an IP address or a name, without a port.', {
          isRequired: true,
        }),
      ],
      example: '-name web-1 -address 10.0.0.5',
      exampleUpdate: '-address 10.0.0.6',
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
    sectionsBeforeActions: [pluginSection],
    sections: [
      idList('Host Set IDs', 'host_set_ids'),
      idList('IP Addresses', 'ip_addresses'),
      idList('DNS Names', 'dns_names'),
    ],
  },
};
