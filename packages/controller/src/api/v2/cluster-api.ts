/** The Cluster API, `/api/v2`: every row of it. */
import type { ApiServices } from '../services.ts';
import type { ClusterOperation } from './cluster-operation.ts';
import { documentOperation } from './document.ts';
import { healthOperation } from './rows/health.ts';
import { nodeOperations } from './rows/nodes.ts';
import { clusterSessionOperations } from './rows/sessions.ts';
import { signInOperations } from './rows/sign-in.ts';
import { clusterUserOperations } from './rows/users.ts';

/** Every row, over the given use cases. */
export function clusterOperations(services: ApiServices): readonly ClusterOperation[] {
  const rows = [
    healthOperation(services),
    ...signInOperations(services),
    ...nodeOperations(services),
    ...clusterSessionOperations(services),
    ...clusterUserOperations(services),
  ];
  return [...rows, documentOperation(rows)];
}
