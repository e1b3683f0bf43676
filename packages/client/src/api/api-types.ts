/**
 * The API's resources as JSON has them (http-api.md §2). Names are those of the wire, because this is the edge; every field may be
 * missing, because the API leaves out what is empty or not visible to the caller.
 */

/** The scope a resource lies in. */
export interface ScopeInfo {
  readonly id?: string;
  readonly type?: string;
  readonly name?: string;
  readonly description?: string;
  readonly parent_scope_id?: string;
}

/** What all resources have. Times are RFC 3339, UTC. */
export interface Resource {
  readonly id?: string;
  readonly scope?: ScopeInfo;
  readonly scope_id?: string;
  readonly name?: string;
  readonly description?: string;
  readonly type?: string;
  readonly version?: number;
  readonly created_time?: string;
  readonly updated_time?: string;
  readonly authorized_actions?: readonly string[];
  readonly authorized_collection_actions?: Readonly<Record<string, readonly string[]>>;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** A scope: global, org or project. */
export interface Scope extends Resource {
  readonly primary_auth_method_id?: string;
}

/** What a user may connect to. */
export interface Target extends Resource {
  readonly address?: string;
  readonly session_max_seconds?: number;
  readonly session_connection_limit?: number;
  readonly egress_worker_filter?: string;
  readonly ingress_worker_filter?: string;
  readonly worker_filter?: string;
  readonly host_source_ids?: readonly string[];
  readonly host_sources?: readonly { readonly id?: string; readonly host_catalog_id?: string }[];
  readonly aliases?: readonly { readonly id?: string; readonly value?: string }[];
}

/** One step in the life of a session; the present one has no end. */
export interface SessionState {
  readonly status?: string;
  readonly start_time?: string;
  readonly end_time?: string;
}

/** One connection of a session. Byte counts are decimal strings (64 bit). */
export interface SessionConnection {
  readonly client_tcp_address?: string;
  readonly client_tcp_port?: number;
  readonly endpoint_tcp_address?: string;
  readonly endpoint_tcp_port?: number;
  readonly bytes_up?: string;
  readonly bytes_down?: string;
  readonly closed_reason?: string;
}

/** A session; `states` newest first, `connections` in single reads only. */
export interface Session extends Resource {
  readonly target_id?: string;
  readonly user_id?: string;
  readonly host_id?: string;
  readonly host_set_id?: string;
  readonly auth_token_id?: string;
  readonly endpoint?: string;
  readonly expiration_time?: string;
  readonly status?: string;
  readonly states?: readonly SessionState[];
  readonly termination_reason?: string;
  readonly connections?: readonly SessionConnection[];
}

/** A list of hosts. */
export interface HostCatalog extends Resource {
  readonly plugin_id?: string;
}

/** Equivalent hosts of a catalog. */
export interface HostSet extends Resource {
  readonly host_catalog_id?: string;
  readonly host_ids?: readonly string[];
}

/** One address of a catalog. */
export interface Host extends Resource {
  readonly host_catalog_id?: string;
  readonly host_set_ids?: readonly string[];
}

/** A way to log in. */
export interface AuthMethod extends Resource {
  readonly is_primary?: boolean;
}

/** A login at an auth method. */
export interface Account extends Resource {
  readonly auth_method_id?: string;
}

/** A login session or token; `token` only in the answer that made it. */
export interface AuthToken extends Resource {
  readonly user_id?: string;
  readonly account_id?: string;
  readonly auth_method_id?: string;
  readonly approximate_last_used_time?: string;
  readonly expiration_time?: string;
  /** Secret. */
  readonly token?: string;
}

/** A person. */
export interface User extends Resource {
  readonly login_name?: string;
  readonly full_name?: string;
  readonly email?: string;
  readonly primary_account_id?: string;
}

/** A worker as the controller knows it. */
export interface Worker extends Resource {
  readonly address?: string;
  readonly release_version?: string;
  readonly last_status_time?: string;
  readonly active_connection_count?: number;
  /** Once, in the answer of `create:controller-led`. Secret. */
  readonly controller_generated_activation_token?: string;
}

/** A credential that the controller hands to the client (http-api.md §2.11). Secret. */
export interface SessionCredential {
  readonly credential_source?: {
    readonly id?: string;
    readonly name?: string;
    readonly description?: string;
    readonly credential_store_id?: string;
    readonly type?: string;
    readonly credential_type?: string;
  };
  readonly secret?: { readonly raw?: string; readonly decoded?: unknown };
  readonly credential?: Readonly<Record<string, unknown>>;
}

/** The answer of `authorize-session`. */
export interface SessionAuthorizationAnswer {
  readonly session_id?: string;
  readonly target_id?: string;
  readonly scope?: ScopeInfo;
  readonly created_time?: string;
  readonly user_id?: string;
  readonly host_set_id?: string;
  readonly host_id?: string;
  readonly type?: string;
  /** Secret: whoever holds it can use the session. */
  readonly authorization_token?: string;
  readonly connection_limit?: number;
  readonly endpoint?: string;
  readonly endpoint_port?: number;
  readonly expiration?: string;
  readonly credentials?: readonly SessionCredential[];
}

/** The answer of `authenticate`. */
export interface AuthenticateAnswer {
  readonly command?: string;
  readonly attributes?: AuthToken;
}

/** Collections of the API and the shape of their items. */
export interface ResourceTypes {
  readonly scopes: Scope;
  readonly targets: Target;
  readonly sessions: Session;
  readonly 'host-catalogs': HostCatalog;
  readonly 'host-sets': HostSet;
  readonly hosts: Host;
  readonly 'auth-methods': AuthMethod;
  readonly accounts: Account;
  readonly 'auth-tokens': AuthToken;
  readonly users: User;
  readonly workers: Worker;
}
