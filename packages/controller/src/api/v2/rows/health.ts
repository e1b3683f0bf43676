/** `/api/v2/health/`: for load balancers, without a token. */
import { invalidField } from '@stile/protocol/errors';
import { ok } from '../../operation.ts';
import type { ApiServices } from '../../services.ts';
import { openClusterOperation, type ClusterOperation } from '../cluster-operation.ts';
import { objectSchema } from '../schemas.ts';

/** The row. */
export function healthOperation(services: ApiServices): ClusterOperation {
  return openClusterOperation(
    {
      path: 'health/',
      method: 'GET',
      operationId: 'readHealth',
      summary:
        'Says whether this controller answers, and with `ready=true` whether it should be sent requests.',
      stability: 'stable',
      resource: 'health',
      verb: 'read',
      why: 'it says no more than that the process lives and is ready',
      parameters: [
        {
          name: 'ready',
          in: 'query',
          description:
            '`true`: 503 unless the database answers with a schema of this version, the controller is not stopping, and a worker lives where this process has one.',
          schema: { type: 'boolean', default: false },
        },
      ],
      answer: { description: 'It does.', schema: objectSchema({}, []), example: {} },
      failures: {
        400: 'A parameter is unknown, or `ready` is neither true nor false.',
        429: 'A rate limit is reached; `Retry-After` says for how long.',
        503: 'Not ready; the message says why.',
      },
    },
    async ({ query }) => {
      const ready = query.names.includes('ready') ? query.text('ready') : 'false';
      if (ready !== 'true' && ready !== 'false') {
        throw invalidField('ready', 'This parameter must be true or false.');
      }
      if (ready === 'true') await services.readiness.require();
      return ok({});
    },
  );
}
