/** Resources that exist in Boundary's paid edition only: 405 with the recorded text, to everybody (http-api.md §2.17). */
import { StileError } from '@stile/protocol/errors';
import { publicOperation, type Operation } from '../operation.ts';

const policies = 'Policies are an Enterprise-only feature';
const buckets = 'storage buckets are an Enterprise-only feature';
const recordings = 'session recordings are an Enterprise-only feature';

type Verb = readonly [verb: string, method: Operation['method'], on: Operation['on']];

const crud: readonly Verb[] = [
  ['list', 'GET', 'collection'],
  ['create', 'POST', 'collection'],
  ['read', 'GET', 'item'],
  ['update', 'PATCH', 'item'],
  ['delete', 'DELETE', 'item'],
];

const notOffered: readonly (readonly [resource: string, text: string, verbs: readonly Verb[]])[] = [
  ['policies', policies, crud],
  ['storage-buckets', buckets, crud],
  [
    'session-recordings',
    recordings,
    [
      ['list', 'GET', 'collection'],
      ['read', 'GET', 'item'],
      ['delete', 'DELETE', 'item'],
      ['download', 'GET', 'item'],
      ['reapply-storage-policy', 'POST', 'item'],
    ],
  ],
  [
    'scopes',
    policies,
    [
      ['attach-storage-policy', 'POST', 'item'],
      ['detach-storage-policy', 'POST', 'item'],
    ],
  ],
  [
    'scopes',
    'Alias suffixes are an Enterprise-only feature',
    [
      ['set-alias-suffix', 'POST', 'item'],
      ['remove-alias-suffix', 'POST', 'item'],
    ],
  ],
];

/** The rows that only say no. */
export function enterpriseOperations(): readonly Operation[] {
  return notOffered.flatMap(([resource, text, verbs]) =>
    verbs.map(([verb, method, on]) =>
      publicOperation(
        { resource, verb, method, on, summary: `Not offered: ${text}.`, isNotOffered: true },
        'it only says that the feature is not offered, as recorded for anonymous callers',
        () => Promise.reject(new StileError('unsupported', text)),
      ),
    ),
  );
}
