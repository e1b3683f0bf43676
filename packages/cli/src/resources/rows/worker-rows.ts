/** Workers (cli.md §2.2, 3.13). */
import { block, localTime } from '../../terminal/layout.ts';
import type { FieldFlag, Json, ResourceSpec } from '../resource-spec.ts';
import { asJson, objectsOf, plainList, textsOf } from '../table-view.ts';
import { itemColumns, listColumns, nameFields } from '../row-parts/columns.ts';
import { scopeParent } from '../row-parts/parents.ts';
import { tagsSection } from '../row-parts/sections.ts';

const tagField: FieldFlag = { name: 'tag', field: 'api_tags', kind: 'tags', help: 'A tag and its values.' };

/** The scope of the authority. */
const authorityScope: FieldFlag = {
  name: 'scope-id',
  field: 'scope_id',
  isQuery: true,
  default: 'global',
  help: 'Scope of the authority; only "global" has one.',
};

/** Certificates of the authority that workers enrol with. */
function authorityLines(item: Json): string[] {
  const time = (value: unknown): string | undefined =>
    typeof value === 'string' ? localTime(value) : undefined;
  const certificates = objectsOf(item['certs']).flatMap((each) => {
    const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
    const rows = {
      ID: text(each['id']),
      'Public Key SHA256': text(each['public_key_sha256']),
      'Not Before Time': time(each['not_before_time']),
      'Not After Time': time(each['not_after_time']),
    };
    return [...block(rows, 4, 19), ''];
  });
  return ['', 'Certificate Authority information:', '  Certs:', ...certificates];
}

/** Workers that others call through, as ids or as objects with an id. */
function downstreamSection(item: Json): string[] {
  const field = item['directly_connected_downstream_workers'];
  const ids = Array.isArray(field)
    ? field.map((each: unknown) => (typeof each === 'string' ? each : textsOf([asJson(each)['id']]).join('')))
    : [];
  return plainList('  Directly Connected Downstream Workers:', ids);
}

/** `stile workers`. */
export const workers: ResourceSpec = {
  name: 'workers',
  noun: 'worker',
  title: 'Worker',
  exampleId: 'w_1234567890',
  parent: scopeParent,
  verbs: ['read', 'list', 'create', 'update', 'delete'],
  fields: nameFields,
  subtypes: [
    {
      name: 'controller-led',
      wireType: '',
      createPath: ':create:controller-led',
      isCreateOnly: true,
      fields: [],
      example: '-name worker-1',
      note: 'Its activation token is shown once: it goes into the configuration of the worker, which enrols with it.',
    },
    {
      name: 'worker-led',
      wireType: '',
      createPath: ':create:worker-led',
      isCreateOnly: true,
      fields: [
        {
          name: 'worker-generated-auth-token',
          field: 'worker_generated_auth_token',
          kind: 'reference',
          isSecret: true,
          on: 'create',
          isRequired: true,
          help: 'What the worker showed when it started: it names the key that it will enrol with.',
        },
      ],
      example: '-name worker-2 -worker-generated-auth-token env://WORKER_TOKEN',
      note: 'The worker showed its request when it started without an activation token.',
    },
  ],
  listActions: [
    { name: 'worker-tags', fields: [tagField], things: 'tags', example: '-tag region=east,west' },
  ],
  actions: [
    {
      words: 'certificate-authority read',
      summary: 'Read the certificate authority of workers',
      description: 'Reads the certificates with which workers prove who they are.',
      example: '',
      on: 'collection',
      method: 'GET',
      path: ':read-certificate-authority',
      fields: [authorityScope],
      verb: 'read',
      noun: 'worker certificate authority',
      shows: { kind: 'lines', lines: authorityLines },
    },
    {
      words: 'certificate-authority reinitialize',
      summary: 'Replace the certificate authority of workers',
      description:
        'Makes a new authority. Linked workers get certificates of it within seconds, others when they link within a week, and no connection ends. A second call ends that week at once.',
      example: '',
      on: 'collection',
      method: 'POST',
      path: ':reinitialize-certificate-authority',
      fields: [authorityScope],
      verb: 'reinitialize',
      noun: 'worker certificate authority',
      shows: { kind: 'lines', lines: authorityLines },
    },
  ],
  list: {
    columns: [
      ...listColumns,
      { label: 'Address', field: 'address' },
      { label: 'ReleaseVersion', field: 'release_version' },
      { label: 'Last Status Time', field: 'last_status_time', kind: 'time' },
    ],
    valueColumn: 29,
    empty: 'No workers found',
  },
  item: {
    columns: [
      ...itemColumns,
      { label: 'Active Connection Count', field: 'active_connection_count', kind: 'present' },
      { label: 'Address', field: 'address' },
      { label: 'Controller-Generated Activation Token', field: 'controller_generated_activation_token' },
      { label: 'Last Status Time', field: 'last_status_time', kind: 'utc' },
      { label: 'Local Storage State', field: 'local_storage_state' },
      { label: 'Registration Fingerprint', field: 'registration_fingerprint' },
      { label: 'Release Version', field: 'release_version' },
    ],
    sectionsBeforeActions: [tagsSection, downstreamSection],
  },
};
