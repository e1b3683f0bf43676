/** Billing, and what only other makes' controllers offer: policies, storage buckets, session recordings (cli.md §2.2). */
import type { ListView, ResourceSpec } from '../resource-spec.ts';
import {
  attribute,
  itemColumns,
  listColumns,
  nameFields,
  pluginAttributes,
  pluginFields,
  pluginSecrets,
  typeColumn,
} from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';
import { pluginSection } from '../row-parts/sections.ts';

const monthlyUsers: ListView = {
  head: { label: 'Start Time', field: 'start_time', kind: 'time' },
  columns: [
    { label: 'End Time', field: 'end_time', kind: 'time' },
    { label: 'Count', field: 'count', kind: 'present' },
  ],
  empty: 'No active users found',
};

/** `stile billing`. */
export const billing: ResourceSpec = {
  name: 'billing',
  noun: 'billing',
  title: 'Billing',
  exampleId: '',
  parent: scopeParent,
  verbs: [],
  fields: [],
  actions: [
    {
      words: 'monthly-active-users',
      summary: 'Count the users who were active in each month',
      description:
        'Counts the users who were active in each month; without flags, in this one and the one before.',
      example: '-start-time 2026-01 -end-time 2026-11',
      on: 'collection',
      method: 'GET',
      path: ':monthly-active-users',
      fields: [
        { name: 'start-time', field: 'start_time', isQuery: true, help: 'First month, as YYYY-MM.' },
        { name: 'end-time', field: 'end_time', isQuery: true, help: 'Month after the last, as YYYY-MM.' },
      ],
      verb: 'list',
      noun: 'monthly active users',
      shows: { kind: 'list', title: 'Billing', view: monthlyUsers },
    },
  ],
  list: monthlyUsers,
  item: { columns: [] },
};

/** `stile policies`. */
export const policies: ResourceSpec = {
  name: 'policies',
  noun: 'policy',
  title: 'Policy',
  exampleId: 'pst_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'storage',
      fields: [
        attribute('retain-for-days', 'retain_for.days', 'Days to keep; -1 = for ever.', { kind: 'int' }),
        attribute('retain-for-overridable', 'retain_for.overridable', 'Whether scopes below may change it.', {
          kind: 'boolean',
        }),
        attribute('delete-after-days', 'delete_after.days', 'Days after which to delete.', { kind: 'int' }),
        attribute(
          'delete-after-overridable',
          'delete_after.overridable',
          'Whether scopes below may change it.',
          {
            kind: 'boolean',
          },
        ),
      ],
      example: '-name year -retain-for-days 365 -delete-after-days 400',
      exampleUpdate: '-retain-for-days 30 -retain-for-overridable=false',
    },
  ],
  list: { columns: listColumns, empty: 'No policies found' },
  item: {
    columns: itemColumns,
    attributes: {
      'retain_for.days': 'Retain For Days',
      'retain_for.overridable': 'Retain For Overridable',
      'delete_after.days': 'Delete After Days',
      'delete_after.overridable': 'Delete After Overridable',
    },
  },
};

/** `stile storage-buckets`. */
export const storageBuckets: ResourceSpec = {
  name: 'storage-buckets',
  noun: 'storage bucket',
  title: 'Storage Bucket',
  exampleId: 'sb_1234567890',
  exampleCreate:
    '-name recordings -plugin-name aws -bucket-name recordings -attr region=eu-central-1 -secret access_key_id=env://KEY_ID',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: [
    ...nameFields,
    ...pluginFields,
    { name: 'bucket-name', field: 'bucket_name', on: 'create', help: 'Name of the bucket at its provider.' },
    { name: 'bucket-prefix', field: 'bucket_prefix', on: 'create', help: 'Beginning of the names in it.' },
    {
      name: 'worker-filter',
      field: 'worker_filter',
      kind: 'filter',
      help: 'Expression that a worker must fulfil to write to it.',
    },
    pluginAttributes,
    pluginSecrets,
  ],
  list: {
    columns: [...listColumns, { label: 'Bucket Name', field: 'bucket_name' }],
    valueColumn: 29,
    empty: 'No storage buckets found',
  },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Bucket Name', field: 'bucket_name' },
      { label: 'Bucket Prefix', field: 'bucket_prefix' },
      { label: 'Plugin ID', field: 'plugin_id' },
      { label: 'Secrets HMAC', field: 'secrets_hmac' },
      { label: 'Worker Filter', field: 'worker_filter' },
    ],
    sectionsBeforeActions: [pluginSection],
  },
};

/** `stile session-recordings`. */
export const sessionRecordings: ResourceSpec = {
  name: 'session-recordings',
  noun: 'session recording',
  title: 'Session Recording',
  exampleId: 'sr_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'delete'],
  hasNoFilter: true,
  fields: [],
  actions: [
    {
      words: 'reapply-storage-policy',
      summary: 'Apply the present storage policy to a session recording',
      description: 'Applies the present storage policy to a session recording.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':reapply-storage-policy',
      fields: [],
      shows: { kind: 'item' },
    },
  ],
  list: {
    columns: [
      typeColumn,
      { label: 'Session ID', field: 'session_id' },
      { label: 'State', field: 'state' },
      { label: 'Start Time', field: 'start_time', kind: 'time' },
      { label: 'End Time', field: 'end_time', kind: 'time' },
    ],
    empty: 'No session recordings found',
  },
  item: {
    columns: [
      { label: 'Bytes Down', field: 'bytes_down' },
      { label: 'Bytes Up', field: 'bytes_up' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Duration', field: 'duration' },
      { label: 'End Time', field: 'end_time', kind: 'time' },
      { label: 'Endpoint', field: 'endpoint' },
      { label: 'ID', field: 'id' },
      { label: 'Session ID', field: 'session_id' },
      { label: 'Start Time', field: 'start_time', kind: 'time' },
      { label: 'State', field: 'state' },
      { label: 'Storage Bucket ID', field: 'storage_bucket_id' },
      typeColumn,
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
    ],
  },
};
