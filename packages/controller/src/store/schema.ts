/**
 * The tables, as kysely sees them: one schema for SQLite and PostgreSQL (design.md §4). Ids are text, times are epoch
 * microseconds UTC, booleans are 0 or 1, JSON is text. The migrations make exactly this; the repository tests run on both.
 */
import type {
  AccountTable,
  AuthMethodTable,
  AuthTokenTable,
  UserAttributeTable,
} from './tables/auth-tables.ts';
import type { Flag, Microseconds } from './tables/column-types.ts';
import type { UserRecoveryCodeTable, UserSecondFactorTable } from './tables/second-factor-tables.ts';

export type {
  AccountTable,
  AuthMethodTable,
  AuthTokenTable,
  AuthTokenType,
  UserAttributeTable,
} from './tables/auth-tables.ts';
export type { Flag, Microseconds } from './tables/column-types.ts';
export type {
  TwoFactorPolicy,
  UserRecoveryCodeTable,
  UserSecondFactorTable,
} from './tables/second-factor-tables.ts';

/** Container of resources: global, an org or a project. */
export interface ScopeTable {
  id: string;
  parent_id: string | null;
  type: 'global' | 'org' | 'project';
  name: string | null;
  description: string | null;
  primary_auth_method_id: string | null;
  /** What happens to running sessions whose role is taken away; null = as the parent scope says, at last `keep`. */
  sessions_on_role_revocation: 'keep' | 'cancel' | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A person. `u_anon` and `u_auth` are rows too, so that roles can name them. */
export interface IamUserTable {
  id: string;
  scope_id: string;
  name: string | null;
  description: string | null;
  /** When the user was disabled; null = enabled. */
  disabled_at: Microseconds | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A set of users. */
export interface IamGroupTable {
  id: string;
  scope_id: string;
  name: string | null;
  description: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** Membership of a user in a group. */
export interface IamGroupMemberTable {
  group_id: string;
  member_id: string;
}

/** A bundle of grants. */
export interface IamRoleTable {
  id: string;
  scope_id: string;
  name: string | null;
  description: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** One grant of a role, as submitted and in canonical form; unique by canonical form within a role. */
export interface IamRoleGrantTable {
  role_id: string;
  /** Position among the role's grants, in the order they were added. */
  position: number;
  raw: string;
  canonical: string;
}

/** Where the grants of a role apply: `this`, `children`, `descendants` or a scope id. */
export interface IamRoleGrantScopeTable {
  role_id: string;
  grant_scope: string;
}

/** Who holds a role: a user or group id. */
export interface IamRolePrincipalTable {
  role_id: string;
  principal_id: string;
}

/** Which controller does some work that one alone should do. */
export interface MaintenanceLeaseTable {
  name: string;
  holder: string;
  expires_at: Microseconds;
}

/** List of hosts. */
export interface HostCatalogTable {
  id: string;
  scope_id: string;
  type: 'static';
  name: string | null;
  description: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** Equivalent hosts within a catalog. */
export interface HostSetTable {
  id: string;
  host_catalog_id: string;
  name: string | null;
  description: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** One address. */
export interface HostTable {
  id: string;
  host_catalog_id: string;
  name: string | null;
  description: string | null;
  address: string;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** Membership of a host in a set; both of one catalog. */
export interface HostSetHostTable {
  host_set_id: string;
  host_id: string;
}

/** What a user may connect to. */
export interface TargetTable {
  id: string;
  scope_id: string;
  type: 'tcp';
  name: string;
  description: string | null;
  address: string | null;
  default_port: number;
  default_client_port: number | null;
  session_max_seconds: number;
  /** -1 = unlimited. */
  session_connection_limit: number;
  egress_worker_filter: string | null;
  /** The deprecated predecessor; used when egress_worker_filter is null. */
  worker_filter: string | null;
  /** `grace=<duration>` or `strict`; null = the default `grace=60s` (design.md §5). */
  session_lease: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A host set of a target. */
export interface TargetHostSourceTable {
  target_id: string;
  host_set_id: string;
}

/** Another name for a target, unique in the installation (http-api.md §2.12). */
export interface AliasTable {
  id: string;
  scope_id: string;
  type: 'target';
  /** As written. */
  value: string;
  /** Lower case; unique. */
  value_key: string;
  name: string | null;
  description: string | null;
  destination_id: string | null;
  host_id: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** Container of static credentials. */
export interface CredentialStoreTable {
  id: string;
  scope_id: string;
  type: 'static';
  name: string | null;
  description: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** What proves a user to an endpoint. What is secret of it is sealed; the MACs say whether it has changed. */
export interface CredentialTable {
  id: string;
  credential_store_id: string;
  type: 'username_password' | 'username_password_domain' | 'password' | 'ssh_private_key' | 'json';
  name: string | null;
  description: string | null;
  username: string | null;
  domain: string | null;
  /** Password, private key or JSON object, sealed. */
  secret_sealed: Uint8Array;
  /** HMAC-SHA-256, 32 bytes. */
  secret_mac: Uint8Array;
  /** Passphrase of the private key, sealed. */
  passphrase_sealed: Uint8Array | null;
  passphrase_mac: Uint8Array | null;
  /** Version of the data key of both MACs. */
  mac_key_version: number;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A credential that sessions of a target get. */
export interface TargetCredentialSourceTable {
  target_id: string;
  credential_id: string;
  purpose: 'brokered';
}

/** A process that carries bytes. */
export interface WorkerTable {
  id: string;
  scope_id: string;
  name: string | null;
  description: string | null;
  /** host:port that clients dial; null until the worker first said hello. */
  address: string | null;
  release_version: string | null;
  /** Tags of the worker's configuration, JSON `{"key":["value"]}`. */
  config_tags: string;
  /** Tags set over the API, the same shape. */
  api_tags: string;
  /** SHA-256 of the one-time activation token's secret; null once used. */
  activation_mac: Uint8Array | null;
  /** When an activation token, or the approval of a registration request, lapses. */
  activation_expires_at: Microseconds | null;
  /** Raw public key of an approved registration request (worker-led). */
  registration_key: Uint8Array | null;
  /** The request's secret, sealed; null once the worker has linked. */
  registration_secret_sealed: Uint8Array | null;
  /** SHA-256 of the worker's certificate (DER); null until enrolled. */
  certificate_fingerprint: Uint8Array | null;
  /** The one before, good until the worker first uses the new one. */
  previous_fingerprint: Uint8Array | null;
  certificate_expires_at: Microseconds | null;
  /** Controller that holds the link now; null = none. */
  controller_id: string | null;
  last_seen_at: Microseconds | null;
  active_connections: number;
  /** 1 while the worker takes no new sessions. */
  draining: Flag;
  /** When its process started; null = not told. */
  started_at: Microseconds | null;
  /** Processors of its machine; null = not told. */
  cpu_count: number | null;
  /** Memory of its machine, bytes; null = not told. */
  memory_bytes: number | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** A running controller; a row older than its liveness is dead. */
export interface ControllerTable {
  id: string;
  name: string;
  /** host:port of the cluster listener as workers reach it. */
  cluster_address: string;
  last_seen_at: Microseconds;
  /** As `Stile v0.1.0`; null = a controller of an older version. */
  release_version: string | null;
  /** When the process started. */
  started_at: Microseconds | null;
  /** Processors of its machine. */
  cpu_count: number | null;
  /** Memory of its machine, bytes. */
  memory_bytes: number | null;
  /** 1 while it stops. */
  draining: Flag;
}

/** Bytes that a session moved on a worker in the last ten seconds; rows are written with the worker's reports and go with its traffic. */
export interface SessionTrafficTable {
  worker_id: string;
  session_id: string;
  measured_at: Microseconds;
  /** Client to endpoint. */
  up_per_second: number;
  /** Endpoint to client. */
  down_per_second: number;
}

/** A time-limited right of one user to reach one target. The times of its states stand in their own columns: each state occurs once at most. */
export interface SessionTable {
  id: string;
  scope_id: string;
  target_id: string;
  user_id: string;
  auth_token_id: string;
  host_set_id: string | null;
  host_id: string | null;
  type: 'tcp';
  endpoint: string;
  status: 'pending' | 'active' | 'canceling' | 'terminated';
  connection_limit: number;
  /** Connections ever authorized, the closed ones included. */
  connections_used: number;
  /** Seconds a worker may serve it without a renewed lease. */
  lease_seconds: number;
  worker_filter: string | null;
  /** DER. */
  certificate: Uint8Array;
  /** Ed25519 seed, sealed. */
  private_key_sealed: Uint8Array;
  /** Sealed; null until activated. */
  tofu_token_sealed: Uint8Array | null;
  expires_at: Microseconds;
  active_at: Microseconds | null;
  canceling_at: Microseconds | null;
  terminated_at: Microseconds | null;
  /** Our reason (session-status.ts), set with canceling or terminated. */
  end_reason: string | null;
  /** User id, worker id or `system`: who ended it. */
  ended_by: string | null;
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
}

/** One proxied byte stream inside a session. */
export interface SessionConnectionTable {
  id: string;
  session_id: string;
  worker_id: string;
  status: 'authorized' | 'connected' | 'closed';
  client_address: string;
  client_port: number;
  endpoint_address: string | null;
  endpoint_port: number | null;
  bytes_up: number;
  bytes_down: number;
  created_at: Microseconds;
  connected_at: Microseconds | null;
  closed_at: Microseconds | null;
  /** Our reason (session-status.ts). */
  end_reason: string | null;
  updated_at: Microseconds;
}

/** Ids that lists report in `removed_ids`; kept 30 days. */
export interface DeletedResourceTable {
  id: string;
  /** Resource type as in grants, `target`. */
  type: string;
  deleted_at: Microseconds;
}

/** A data key, wrapped by the root key. Versions are never reused. */
export interface DataKeyTable {
  version: number;
  id: string;
  root_key_id: string;
  wrapped: Uint8Array;
  created_at: Microseconds;
}

/** A certificate authority of the cluster. */
export interface ClusterAuthorityTable {
  id: string;
  certificate: Uint8Array;
  private_key_sealed: Uint8Array;
  expires_at: Microseconds;
  /** When it is trusted no longer, because a newer one took its place; null = the current one. */
  retired_at: Microseconds | null;
  created_at: Microseconds;
}

/** That a user was given a session in a month. */
export interface MonthlyActiveUserTable {
  /** `YYYY-MM`, UTC. */
  month: string;
  user_id: string;
}

/** What can have happened; see events.ts. */
export type StoreEventType =
  | 'session-ending'
  | 'session-ended'
  | 'session-changed'
  | 'worker-deleted'
  | 'worker-changed'
  | 'auth-tokens-changed'
  | 'rights-changed';

/** Events of the last minutes, for the other controllers of one PostgreSQL; unused on SQLite. */
export interface StoreEventTable {
  id: string;
  /** Which process published it. */
  origin: string;
  type: StoreEventType;
  /** Ids of what the event is about, with commas between them. */
  subject_ids: string;
  created_at: Microseconds;
}

/** A viewer's event stream that is open; a row of a controller that is dead counts no more. */
export interface EventStreamTable {
  id: string;
  controller_id: string;
  /** The token that opened it. */
  auth_token_id: string | null;
  user_id: string;
  opened_at: Microseconds;
}

/** All tables. */
export interface Schema {
  scope: ScopeTable;
  iam_user: IamUserTable;
  iam_group: IamGroupTable;
  iam_group_member: IamGroupMemberTable;
  iam_role: IamRoleTable;
  iam_role_grant: IamRoleGrantTable;
  iam_role_grant_scope: IamRoleGrantScopeTable;
  iam_role_principal: IamRolePrincipalTable;
  auth_method: AuthMethodTable;
  account: AccountTable;
  user_second_factor: UserSecondFactorTable;
  user_recovery_code: UserRecoveryCodeTable;
  auth_token: AuthTokenTable;
  user_attribute: UserAttributeTable;
  maintenance_lease: MaintenanceLeaseTable;
  host_catalog: HostCatalogTable;
  host_set: HostSetTable;
  host: HostTable;
  host_set_host: HostSetHostTable;
  target: TargetTable;
  target_host_source: TargetHostSourceTable;
  alias: AliasTable;
  credential_store: CredentialStoreTable;
  credential: CredentialTable;
  target_credential_source: TargetCredentialSourceTable;
  worker: WorkerTable;
  controller: ControllerTable;
  session: SessionTable;
  session_connection: SessionConnectionTable;
  session_traffic: SessionTrafficTable;
  deleted_resource: DeletedResourceTable;
  data_key: DataKeyTable;
  cluster_authority: ClusterAuthorityTable;
  monthly_active_user: MonthlyActiveUserTable;
  store_event: StoreEventTable;
  event_stream: EventStreamTable;
}
