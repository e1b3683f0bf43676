/** Sessions (cli.md §2.2, 3.5, 3.6). */
import type { ResourceSpec } from '../resource-spec.ts';
import { typeColumn } from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';
import { connectionsSection, statesSection } from '../row-parts/sections.ts';

/** `stile sessions`. */
export const sessions: ResourceSpec = {
  name: 'sessions',
  noun: 'session',
  title: 'Session',
  exampleId: 's_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list'],
  fields: [],
  actions: [
    {
      words: 'cancel',
      summary: 'Cancel a session',
      description:
        'Cancels a session by its ID: its connections are closed at once. A session that has ended already stays as it is.',
      example: '',
      on: 'item',
      method: 'POST',
      path: ':cancel',
      version: 'present',
      fields: [],
      shows: { kind: 'item' },
    },
  ],
  listFlags: [{ name: 'include-terminated', type: 'boolean', help: 'Also list sessions that have ended.' }],
  list: {
    columns: [
      { label: 'Status', field: 'status' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Expiration Time', field: 'expiration_time', kind: 'time' },
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
      { label: 'User ID', field: 'user_id' },
      { label: 'Target ID', field: 'target_id' },
    ],
    empty: 'No sessions found',
  },
  item: {
    columns: [
      { label: 'Auth Token ID', field: 'auth_token_id' },
      { label: 'Created Time', field: 'created_time', kind: 'time' },
      { label: 'Endpoint', field: 'endpoint' },
      { label: 'Expiration Time', field: 'expiration_time', kind: 'time' },
      { label: 'Host ID', field: 'host_id' },
      { label: 'Host Set ID', field: 'host_set_id' },
      { label: 'ID', field: 'id' },
      { label: 'Status', field: 'status' },
      { label: 'Target ID', field: 'target_id' },
      { label: 'Termination Reason', field: 'termination_reason' },
      typeColumn,
      { label: 'Updated Time', field: 'updated_time', kind: 'time' },
      { label: 'User ID', field: 'user_id' },
      { label: 'Version', field: 'version' },
    ],
    sections: [statesSection, connectionsSection],
  },
};
