/** Rows of sessions and connections for tests of the store, whole and legal unless told otherwise. */
import type { SessionConnectionTable, SessionTable } from '../../packages/controller/src/store/schema.ts';

/** A pending session; give what matters to the test. */
export function sessionRow(changes: Partial<SessionTable> & { readonly id: string }): SessionTable {
  return {
    scope_id: 'p_test',
    target_id: 'ttcp_test',
    user_id: 'u_plain',
    auth_token_id: 'at_test',
    host_set_id: null,
    host_id: null,
    type: 'tcp',
    endpoint: 'tcp://127.0.0.1:22',
    status: 'pending',
    connection_limit: -1,
    connections_used: 0,
    lease_seconds: 60,
    worker_filter: null,
    certificate: new Uint8Array([1, 2, 3]),
    private_key_sealed: new Uint8Array([4, 5, 6]),
    tofu_token_sealed: null,
    expires_at: 2_000_000,
    active_at: null,
    canceling_at: null,
    terminated_at: null,
    end_reason: null,
    ended_by: null,
    version: 1,
    created_at: 1_000_000,
    updated_at: 1_000_000,
    ...changes,
  };
}

/** A session with all that its status asks for. */
export function sessionRowIn(status: SessionTable['status'], id: string): SessionTable {
  const hasEnd = status === 'canceling' || status === 'terminated';
  return sessionRow({
    id,
    status,
    active_at: status === 'pending' ? null : 1,
    canceling_at: hasEnd ? 2 : null,
    terminated_at: status === 'terminated' ? 3 : null,
    end_reason: hasEnd ? 'canceled' : null,
  });
}

/** A connection with all that its status asks for. */
export function connectionRowIn(
  status: SessionConnectionTable['status'],
  id: string,
  sessionId: string,
): SessionConnectionTable {
  return {
    id,
    session_id: sessionId,
    worker_id: 'w_test',
    status,
    client_address: '127.0.0.1',
    client_port: 50_000,
    endpoint_address: null,
    endpoint_port: null,
    bytes_up: 0,
    bytes_down: 0,
    created_at: 1,
    connected_at: status === 'connected' ? 2 : null,
    closed_at: status === 'closed' ? 3 : null,
    end_reason: status === 'closed' ? 'client closed' : null,
    updated_at: 1,
  };
}
