/** Replayed calls about workers and limits. What the record says of enrolment is not to be trusted (fixtures' README): it is ours. */
import type { ReplayChain } from './recorded-http.ts';

/** The chains. */
export const workerChains: readonly ReplayChain[] = [
  {
    title: 'workers',
    steps: [
      // The recorded worker is another product's, of a type that we do not have; ours says what it is.
      { name: 'workers-read', loose: ['address', 'release_version', 'type'] },
      { name: 'workers-add-worker-tags-bad' },
      { name: 'workers-list-bad-scope' },
      { name: 'workers-list-unprivileged' },
      { name: 'workers-create-worker-led-missing-token' },
      { name: 'workers-create-plain', instead: { status: 405 } },
      {
        name: 'workers-create-worker-led-bad-token',
        instead: { status: 400, kind: 'InvalidArgument', field: 'worker_generated_auth_token' },
      },
    ],
  },
];
