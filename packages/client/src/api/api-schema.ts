/** Types of the API's JSON, made from its OpenAPI document by `npm run docs`; a test holds them to it. */

/** One page of a list. */
export interface ListPage<T> {
  readonly items?: readonly T[];
  readonly response_type?: 'delta' | 'complete';
  readonly list_token?: string;
  readonly sort_by?: string;
  readonly sort_dir?: string;
  readonly removed_ids?: readonly string[];
  readonly est_item_count?: number;
}

/** Account in answers. */
export interface Account {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `password`. */
  readonly type?: string;
  /** The auth method of the login. */
  readonly auth_method_id?: string;
  readonly attributes?: {
    /** Lower case letters, digits, full stops and hyphens. */
    readonly login_name?: string;
  };
  /** Password accounts are in no managed group. */
  readonly managed_group_ids?: readonly string[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Account in requests; null clears a field. */
export interface AccountInput {
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `password`. */
  readonly type?: string | null;
  /** The auth method of the login. */
  readonly auth_method_id?: string | null;
  readonly attributes?: {
    /** Lower case letters, digits, full stops and hyphens. */
    readonly login_name?: string | null;
    /** The first password; without one nobody can log in. */
    readonly password?: string | null;
  } | null;
}

/** Alias in answers. */
export interface Alias {
  /** The id of the resource. */
  readonly id?: string;
  /** `global`. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** The name: labels of letters, digits and hyphens with dots between them, unique whatever its case. */
  readonly value?: string;
  /** The target that it leads to. */
  readonly destination_id?: string;
  /** `target`. */
  readonly type?: string;
  readonly attributes?: {
    readonly authorize_session_arguments?: {
      /** The host that sessions by this name go to. */
      readonly host_id?: string;
    };
  };
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Alias in requests; null clears a field. */
export interface AliasInput {
  /** `global`. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** The name: labels of letters, digits and hyphens with dots between them, unique whatever its case. */
  readonly value?: string | null;
  /** The target that it leads to. */
  readonly destination_id?: string | null;
  /** `target`. */
  readonly type?: string | null;
  readonly attributes?: {
    readonly authorize_session_arguments?: {
      /** The host that sessions by this name go to. */
      readonly host_id?: string | null;
    } | null;
  } | null;
}

/** AuthMethod in answers. */
export interface AuthMethod {
  /** The id of the resource. */
  readonly id?: string;
  /** `global` or an org. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `password`. */
  readonly type?: string;
  readonly attributes?: {
    /** Shortest login name, characters. Default 3. */
    readonly min_login_name_length?: number;
    /** Shortest password, characters. Default 8. */
    readonly min_password_length?: number;
    /** `off`, `optional` (default): who has enrolled needs a code; `required`: who has not can do nothing before enrolling. */
    readonly two_factor?: 'off' | 'optional' | 'required';
    /** Digits of a code, bound at the enrollment. Default 6. */
    readonly otp_digits?: number;
    /** Seconds that a code is good for, bound at the enrollment. Default 30. */
    readonly otp_interval_seconds?: number;
    /** Intervals before and after the present one whose codes are taken, from now on. Default 1. */
    readonly otp_window?: number;
  };
  /** Whether it is the primary one of its scope; changed by `primary_auth_method_id` of the scope. */
  readonly is_primary?: boolean;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Actions that the caller may do on collections inside the resource. */
  readonly authorized_collection_actions?: Readonly<Record<string, readonly string[]>>;
}

/** AuthMethod in requests; null clears a field. */
export interface AuthMethodInput {
  /** `global` or an org. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `password`. */
  readonly type?: string | null;
  readonly attributes?: {
    /** Shortest login name, characters. Default 3. */
    readonly min_login_name_length?: number | null;
    /** Shortest password, characters. Default 8. */
    readonly min_password_length?: number | null;
    /** `off`, `optional` (default): who has enrolled needs a code; `required`: who has not can do nothing before enrolling. */
    readonly two_factor?: 'off' | 'optional' | 'required' | null;
    /** Digits of a code, bound at the enrollment. Default 6. */
    readonly otp_digits?: number | null;
    /** Seconds that a code is good for, bound at the enrollment. Default 30. */
    readonly otp_interval_seconds?: number | null;
    /** Intervals before and after the present one whose codes are taken, from now on. Default 1. */
    readonly otp_window?: number | null;
  } | null;
  /** Whether it is the primary one of its scope; changed by `primary_auth_method_id` of the scope. */
  readonly is_primary?: boolean | null;
}

/** AuthToken in answers. */
export interface AuthToken {
  /** The id of the resource. */
  readonly id?: string;
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly user_id?: string;
  readonly auth_method_id?: string;
  readonly account_id?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  readonly approximate_last_used_time?: string;
  readonly expiration_time?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** `login`, `web`, `api` or `one-time`. */
  readonly type?: string;
  /** Of API tokens; unique among those of the user that have not ended. */
  readonly name?: string;
  readonly description?: string;
  /** Of the user, at the primary auth method. */
  readonly login_name?: string;
  /** Who minted it; another than the user acts for the user. */
  readonly created_by_user_id?: string;
  /** The auth token that minted it. */
  readonly parent_auth_token_id?: string;
  /** `active`, `stale`, `expired`, `revoked` or `consumed`. */
  readonly status?: string;
  /** What it is cut down to; absent = all that its user may do. */
  readonly token_scopes?: readonly string[];
  /** Resources that it may touch; absent = all. */
  readonly allow_list?: readonly string[];
  readonly time_to_live_seconds?: number;
  readonly time_to_stale_seconds?: number;
  /** When it ends for want of use. */
  readonly idle_expiration_time?: string;
  readonly revoked_time?: string;
  readonly revoked_by_user_id?: string;
  readonly revoked_reason?: string;
  /** Address that it was made from. */
  readonly origin?: string;
  readonly user_agent?: string;
  /** Address of its last use. */
  readonly last_origin?: string;
  readonly last_user_agent?: string;
  /** It works from the address of `origin` only. */
  readonly match_origin?: boolean;
  readonly single_use?: boolean;
  /** A second factor was checked on the way to it. */
  readonly second_factor?: boolean;
  /** Event streams that are open for it, in lists. */
  readonly streams?: number;
  /** Free notes; never consulted for a decision. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of API tokens; a PATCH names the one it saw. */
  readonly version?: number;
}

/** AuthenticateRequest in requests; null clears a field. */
export interface AuthenticateRequest {
  /** `login`, the default. */
  readonly command?: string | null;
  /** `token`, `cookie` or `session-cookie`. */
  readonly type?: string | null;
  /** Older spelling of `type`. */
  readonly token_type?: string | null;
  readonly attributes?: {
    readonly login_name?: string | null;
    readonly password?: string | null;
    /** A code of the second factor, or a recovery code, for who has enrolled; it may stand behind the password as well. */
    readonly otp?: string | null;
  } | null;
}

/** AuthenticateResponse in answers. */
export interface AuthenticateResponse {
  readonly type?: string;
  readonly attributes?: {
    readonly account_id?: string;
    readonly approximate_last_used_time?: string;
    readonly auth_method_id?: string;
    readonly created_time?: string;
    readonly expiration_time?: string;
    readonly id?: string;
    /** The scope of the resource. */
    readonly scope?: {
      readonly id?: string;
      readonly type?: string;
      readonly name?: string;
      readonly description?: string;
      readonly parent_scope_id?: string;
    };
    /** The auth token; absent when it was set as cookies. */
    readonly token?: string;
    readonly updated_time?: string;
    readonly user_id?: string;
  };
  readonly command?: string;
}

/** AuthorizeSessionRequest in requests; null clears a field. */
export interface AuthorizeSessionRequest {
  /** Name of the target, the same as in the path. */
  readonly name?: string | null;
  /** Scope of a target given by name. */
  readonly scope_id?: string | null;
  /** Scope of a target given by name. */
  readonly scope_name?: string | null;
  /** A host of the target; default: any. */
  readonly host_id?: string | null;
}

/** CancelSessionRequest in requests; null clears a field. */
export interface CancelSessionRequest {
  /** The version that the caller saw. */
  readonly version?: number | null;
}

/** CertificateAuthority in answers. */
export interface CertificateAuthority {
  /** The current one first; then the one it took the place of. */
  readonly certs?: readonly {
    readonly id?: string;
    /** Hexadecimal SHA-256 of the SubjectPublicKeyInfo. */
    readonly public_key_sha256?: string;
    readonly not_before_time?: string;
    /** Until when it is trusted. */
    readonly not_after_time?: string;
  }[];
}

/** ChangePasswordRequest in requests; null clears a field. */
export interface ChangePasswordRequest {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  readonly current_password?: string | null;
  readonly new_password?: string | null;
}

/** ChangedAccount in answers. */
export interface ChangedAccount {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `password`. */
  readonly type?: string;
  /** The auth method of the login. */
  readonly auth_method_id?: string;
  readonly attributes?: {
    /** Lower case letters, digits, full stops and hyphens. */
    readonly login_name?: string;
  };
  /** Password accounts are in no managed group. */
  readonly managed_group_ids?: readonly string[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** What ended with it, and what workers have confirmed. */
  readonly revocation?: Readonly<Record<string, unknown>>;
}

/** CheckPasswordRequest in requests; null clears a field. */
export interface CheckPasswordRequest {
  readonly password?: string | null;
}

/** CheckPasswordResponse in answers. */
export interface CheckPasswordResponse {
  /** Whether it is the password. */
  readonly valid?: boolean;
}

/** CreateAuthToken in requests; null clears a field. */
export interface CreateAuthToken {
  /** `api`, `web` or `one-time`. */
  readonly type?: string | null;
  /** Whose it shall be. Absent: the caller. */
  readonly user_id?: string | null;
  /** Of API tokens: 1 to 64 of A-Z a-z 0-9 . _ - */
  readonly name?: string | null;
  readonly description?: string | null;
  /** How long it lives; null = as long as the installation allows. */
  readonly time_to_live_seconds?: number | null;
  /** The same as people write it, as in 30d. */
  readonly lifetime?: string | null;
  /** Idle limit; 0 = none. */
  readonly time_to_stale_seconds?: number | null;
  /** See `GET /v1/auth-tokens:token-scopes`. */
  readonly token_scopes?: readonly string[] | null;
  /** Entries type:id, type:* or *. */
  readonly allow_list?: readonly string[] | null;
  readonly match_origin?: boolean | null;
  /** Of one-time tokens. Default true. */
  readonly single_use?: boolean | null;
  /** Free notes, at most 4 KiB. */
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** Credential in answers. */
export interface Credential {
  /** The id of the resource. */
  readonly id?: string;
  /** The static store that the credential lives in. */
  readonly credential_store_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `username_password`, `username_password_domain`, `password`, `ssh_private_key` or `json`. */
  readonly type?: string;
  readonly attributes?: {
    /** User name at the endpoint. */
    readonly username?: string;
    /** Domain of the user name. */
    readonly domain?: string;
    /** Keyed hash of the secret: another one says that it changed. */
    readonly password_hmac?: string;
    /** Keyed hash of the secret: another one says that it changed. */
    readonly private_key_hmac?: string;
    /** Keyed hash of the secret: another one says that it changed. */
    readonly private_key_passphrase_hmac?: string;
    /** Keyed hash of the secret: another one says that it changed. */
    readonly object_hmac?: string;
  };
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Credential in requests; null clears a field. */
export interface CredentialInput {
  /** The static store that the credential lives in. */
  readonly credential_store_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `username_password`, `username_password_domain`, `password`, `ssh_private_key` or `json`. */
  readonly type?: string | null;
  readonly attributes?: {
    /** User name at the endpoint. */
    readonly username?: string | null;
    /** Domain of the user name. */
    readonly domain?: string | null;
    readonly password?: string | null;
    /** PEM. */
    readonly private_key?: string | null;
    readonly private_key_passphrase?: string | null;
    readonly object?: Readonly<Record<string, unknown>> | null;
  } | null;
}

/** CredentialLibrary in answers. */
export interface CredentialLibrary {
  /** The id of the resource. */
  readonly id?: string;
  readonly credential_store_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  readonly type?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  readonly credential_type?: string;
  readonly credential_mapping_overrides?: Readonly<Record<string, unknown>>;
}

/** CredentialLibrary in requests; null clears a field. */
export interface CredentialLibraryInput {
  readonly credential_store_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  readonly type?: string | null;
  readonly attributes?: Readonly<Record<string, unknown>> | null;
  readonly credential_type?: string | null;
  readonly credential_mapping_overrides?: Readonly<Record<string, unknown>> | null;
}

/** CredentialStore in answers. */
export interface CredentialStore {
  /** The id of the resource. */
  readonly id?: string;
  /** The project that the store lives in. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `static`. Stores of type `vault` are not offered. */
  readonly type?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Actions that the caller may do on collections inside the resource. */
  readonly authorized_collection_actions?: Readonly<Record<string, readonly string[]>>;
}

/** CredentialStore in requests; null clears a field. */
export interface CredentialStoreInput {
  /** The project that the store lives in. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `static`. Stores of type `vault` are not offered. */
  readonly type?: string | null;
  /** Static stores have none; what is given is ignored. */
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** DestroyKeyVersion in requests; null clears a field. */
export interface DestroyKeyVersion {
  /** `global`. */
  readonly scope_id?: string | null;
  /** A version of a key, `kdkv_…`. */
  readonly key_version_id?: string | null;
}

/** DestroyedKeyVersion in answers. */
export interface DestroyedKeyVersion {
  /** `completed`. */
  readonly state?: string;
}

/** DisabledUser in answers. */
export interface DisabledUser {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope that the user lives in: global or an org. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** Accounts of the user, on single reads. */
  readonly account_ids?: readonly string[];
  readonly accounts?: readonly {
    readonly id?: string;
    readonly scope_id?: string;
  }[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Of the account at the primary auth method. */
  readonly login_name?: string;
  readonly full_name?: string;
  readonly email?: string;
  readonly primary_account_id?: string;
  /** Since when the user is disabled. */
  readonly disabled_time?: string;
  /** What ended with it, and what workers have confirmed. */
  readonly revocation?: Readonly<Record<string, unknown>>;
}

/** EnrollTwoFactorRequest in requests; null clears a field. */
export interface EnrollTwoFactorRequest {
  /** The password of the login. */
  readonly password?: string | null;
  /** For who has enrolled: a code of the secret in force. */
  readonly code?: string | null;
}

/** EnrollTwoFactorResponse in answers. */
export interface EnrollTwoFactorResponse {
  /** Base32, shown once. */
  readonly secret?: string;
  /** What the QR code for the authenticator app holds. */
  readonly provisioning_uri?: string;
  /** Until when the first code must be confirmed. */
  readonly expires_time?: string;
}

/** ExchangeAuthToken in requests; null clears a field. */
export interface ExchangeAuthToken {
  /** A one-time token. */
  readonly token?: string | null;
  /** `token`, the default, or `session-cookie`. */
  readonly type?: string | null;
}

/** Group in answers. */
export interface Group {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope that the group lives in. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** Users of the group, on single reads. */
  readonly member_ids?: readonly string[];
  readonly members?: readonly {
    readonly id?: string;
    readonly scope_id?: string;
  }[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Group in requests; null clears a field. */
export interface GroupInput {
  /** The scope that the group lives in. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
}

/** GroupMembers in requests; null clears a field. */
export interface GroupMembers {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of users. */
  readonly member_ids?: readonly string[] | null;
}

/** Host in answers. */
export interface Host {
  /** The id of the resource. */
  readonly id?: string;
  /** The catalog that the host belongs to. */
  readonly host_catalog_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `static`. */
  readonly type?: string;
  /** Sets that the host is in. */
  readonly host_set_ids?: readonly string[];
  readonly attributes?: {
    /** Host name or IP address, 3 to 255 characters, without a port. */
    readonly address?: string;
  };
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Host in requests; null clears a field. */
export interface HostInput {
  /** The catalog that the host belongs to. */
  readonly host_catalog_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `static`. */
  readonly type?: string | null;
  readonly attributes?: {
    /** Host name or IP address, 3 to 255 characters, without a port. */
    readonly address?: string | null;
  } | null;
}

/** HostCatalog in answers. */
export interface HostCatalog {
  /** The id of the resource. */
  readonly id?: string;
  /** The project that the catalog lives in. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `static`. */
  readonly type?: string;
  readonly worker_filter?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Actions that the caller may do on collections inside the resource. */
  readonly authorized_collection_actions?: Readonly<Record<string, readonly string[]>>;
}

/** HostCatalog in requests; null clears a field. */
export interface HostCatalogInput {
  /** The project that the catalog lives in. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `static`. */
  readonly type?: string | null;
  readonly worker_filter?: string | null;
}

/** HostSet in answers. */
export interface HostSet {
  /** The id of the resource. */
  readonly id?: string;
  /** The catalog that the set belongs to. */
  readonly host_catalog_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `static`. */
  readonly type?: string;
  /** Hosts of the set, on single reads. */
  readonly host_ids?: readonly string[];
  readonly preferred_endpoints?: readonly string[];
  readonly sync_interval_seconds?: number;
  readonly attributes?: {};
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** HostSet in requests; null clears a field. */
export interface HostSetInput {
  /** The catalog that the set belongs to. */
  readonly host_catalog_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `static`. */
  readonly type?: string | null;
  readonly preferred_endpoints?: readonly string[] | null;
  readonly sync_interval_seconds?: number | null;
  readonly attributes?: {} | null;
}

/** HostSetHosts in requests; null clears a field. */
export interface HostSetHosts {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of hosts of the same catalog. */
  readonly host_ids?: readonly string[] | null;
}

/** Key in answers. */
export interface Key {
  readonly id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** `database` for what is sealed and proven, `rootKey` for what wraps it. */
  readonly purpose?: string;
  readonly created_time?: string;
  /** `dek` or `kek`. */
  readonly type?: string;
  readonly versions?: readonly {
    readonly id?: string;
    readonly version?: number;
    readonly created_time?: string;
  }[];
}

/** KeyVersionDestructionJob in answers. */
export interface KeyVersionDestructionJob {
  readonly key_version_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly status?: string;
  readonly created_time?: string;
  readonly completed_count?: string;
  readonly total_count?: string;
}

/** ManagedGroup in answers. */
export interface ManagedGroup {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  readonly type?: string;
  readonly auth_method_id?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly member_ids?: readonly string[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** ManagedGroup in requests; null clears a field. */
export interface ManagedGroupInput {
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  readonly type?: string | null;
  readonly auth_method_id?: string | null;
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** Me in answers. */
export interface Me {
  readonly user?: Readonly<Record<string, unknown>>;
  readonly account?: Readonly<Record<string, unknown>>;
  readonly auth_token?: Readonly<Record<string, unknown>>;
  readonly groups?: readonly {}[];
  readonly roles?: readonly {}[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly two_factor?: Readonly<Record<string, unknown>>;
  /** What the caller may do that no list of actions shows. */
  readonly may?: Readonly<Record<string, unknown>>;
}

/** MintedAuthToken in answers. */
export interface MintedAuthToken {
  /** The id of the resource. */
  readonly id?: string;
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly user_id?: string;
  readonly auth_method_id?: string;
  readonly account_id?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  readonly approximate_last_used_time?: string;
  readonly expiration_time?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** `login`, `web`, `api` or `one-time`. */
  readonly type?: string;
  /** Of API tokens; unique among those of the user that have not ended. */
  readonly name?: string;
  readonly description?: string;
  /** Of the user, at the primary auth method. */
  readonly login_name?: string;
  /** Who minted it; another than the user acts for the user. */
  readonly created_by_user_id?: string;
  /** The auth token that minted it. */
  readonly parent_auth_token_id?: string;
  /** `active`, `stale`, `expired`, `revoked` or `consumed`. */
  readonly status?: string;
  /** What it is cut down to; absent = all that its user may do. */
  readonly token_scopes?: readonly string[];
  /** Resources that it may touch; absent = all. */
  readonly allow_list?: readonly string[];
  readonly time_to_live_seconds?: number;
  readonly time_to_stale_seconds?: number;
  /** When it ends for want of use. */
  readonly idle_expiration_time?: string;
  readonly revoked_time?: string;
  readonly revoked_by_user_id?: string;
  readonly revoked_reason?: string;
  /** Address that it was made from. */
  readonly origin?: string;
  readonly user_agent?: string;
  /** Address of its last use. */
  readonly last_origin?: string;
  readonly last_user_agent?: string;
  /** It works from the address of `origin` only. */
  readonly match_origin?: boolean;
  readonly single_use?: boolean;
  /** A second factor was checked on the way to it. */
  readonly second_factor?: boolean;
  /** Event streams that are open for it, in lists. */
  readonly streams?: number;
  /** Free notes; never consulted for a decision. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of API tokens; a PATCH names the one it saw. */
  readonly version?: number;
  /** The auth token itself, shown this once. */
  readonly token?: string;
  /** The cookie that carries it, for type `web`. */
  readonly cookie?: string;
}

/** MonthlyActiveUsers in answers. */
export interface MonthlyActiveUsers {
  /** The latest month first. */
  readonly items?: readonly {
    /** Users who were given a session in that time. */
    readonly count?: number;
    readonly start_time?: string;
    /** Up to here, not including it. */
    readonly end_time?: string;
  }[];
}

/** RecoveryCodes in answers. */
export interface RecoveryCodes {
  /** Ten codes for when the device is lost, each good once; shown once. */
  readonly recovery_codes?: readonly string[];
}

/** ResetTwoFactorResponse in answers. */
export interface ResetTwoFactorResponse {
  /** Whether logins ask for a code. */
  readonly enrolled?: boolean;
  /** Whether a secret was shown and waits for its first code. */
  readonly pending?: boolean;
  /** `off`, `optional` or `required`: the strictest of the auth methods of the user. */
  readonly policy?: string;
  readonly otp_digits?: number;
  readonly interval_seconds?: number;
  /** Intervals before and after the present one whose codes are taken. */
  readonly window?: number;
  readonly recovery_codes_left?: number;
  /** When a code was last accepted. */
  readonly last_used_time?: string;
  /** What ended with it. */
  readonly revocation?: Readonly<Record<string, unknown>>;
}

/** ResolvableAlias in answers. */
export interface ResolvableAlias {
  /** The id of the resource. */
  readonly id?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  readonly value?: string;
  readonly destination_id?: string;
  readonly type?: string;
}

/** RevokeAllAuthTokens in requests; null clears a field. */
export interface RevokeAllAuthTokens {
  /** Whose; `*` for everybody. Absent: the caller. */
  readonly user_id?: string | null;
  /** Default: login, web and one-time. */
  readonly types?: readonly string[] | null;
  /** The token of this request stays. Default true. */
  readonly except_current?: boolean | null;
}

/** RevokedAuthToken in answers. */
export interface RevokedAuthToken {
  /** The id of the resource. */
  readonly id?: string;
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly user_id?: string;
  readonly auth_method_id?: string;
  readonly account_id?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  readonly approximate_last_used_time?: string;
  readonly expiration_time?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** `login`, `web`, `api` or `one-time`. */
  readonly type?: string;
  /** Of API tokens; unique among those of the user that have not ended. */
  readonly name?: string;
  readonly description?: string;
  /** Of the user, at the primary auth method. */
  readonly login_name?: string;
  /** Who minted it; another than the user acts for the user. */
  readonly created_by_user_id?: string;
  /** The auth token that minted it. */
  readonly parent_auth_token_id?: string;
  /** `active`, `stale`, `expired`, `revoked` or `consumed`. */
  readonly status?: string;
  /** What it is cut down to; absent = all that its user may do. */
  readonly token_scopes?: readonly string[];
  /** Resources that it may touch; absent = all. */
  readonly allow_list?: readonly string[];
  readonly time_to_live_seconds?: number;
  readonly time_to_stale_seconds?: number;
  /** When it ends for want of use. */
  readonly idle_expiration_time?: string;
  readonly revoked_time?: string;
  readonly revoked_by_user_id?: string;
  readonly revoked_reason?: string;
  /** Address that it was made from. */
  readonly origin?: string;
  readonly user_agent?: string;
  /** Address of its last use. */
  readonly last_origin?: string;
  readonly last_user_agent?: string;
  /** It works from the address of `origin` only. */
  readonly match_origin?: boolean;
  readonly single_use?: boolean;
  /** A second factor was checked on the way to it. */
  readonly second_factor?: boolean;
  /** Event streams that are open for it, in lists. */
  readonly streams?: number;
  /** Free notes; never consulted for a decision. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of API tokens; a PATCH names the one it saw. */
  readonly version?: number;
  /** What ended with it, and what workers have confirmed. */
  readonly revocation?: Readonly<Record<string, unknown>>;
}

/** RevokedAuthTokens in answers. */
export interface RevokedAuthTokens {
  readonly items?: readonly {
    /** The id of the resource. */
    readonly id?: string;
    readonly scope_id?: string;
    /** The scope of the resource. */
    readonly scope?: {
      readonly id?: string;
      readonly type?: string;
      readonly name?: string;
      readonly description?: string;
      readonly parent_scope_id?: string;
    };
    readonly user_id?: string;
    readonly auth_method_id?: string;
    readonly account_id?: string;
    readonly created_time?: string;
    readonly updated_time?: string;
    readonly approximate_last_used_time?: string;
    readonly expiration_time?: string;
    /** Actions that the caller may do on the resource, sorted. */
    readonly authorized_actions?: readonly string[];
    /** `login`, `web`, `api` or `one-time`. */
    readonly type?: string;
    /** Of API tokens; unique among those of the user that have not ended. */
    readonly name?: string;
    readonly description?: string;
    /** Of the user, at the primary auth method. */
    readonly login_name?: string;
    /** Who minted it; another than the user acts for the user. */
    readonly created_by_user_id?: string;
    /** The auth token that minted it. */
    readonly parent_auth_token_id?: string;
    /** `active`, `stale`, `expired`, `revoked` or `consumed`. */
    readonly status?: string;
    /** What it is cut down to; absent = all that its user may do. */
    readonly token_scopes?: readonly string[];
    /** Resources that it may touch; absent = all. */
    readonly allow_list?: readonly string[];
    readonly time_to_live_seconds?: number;
    readonly time_to_stale_seconds?: number;
    /** When it ends for want of use. */
    readonly idle_expiration_time?: string;
    readonly revoked_time?: string;
    readonly revoked_by_user_id?: string;
    readonly revoked_reason?: string;
    /** Address that it was made from. */
    readonly origin?: string;
    readonly user_agent?: string;
    /** Address of its last use. */
    readonly last_origin?: string;
    readonly last_user_agent?: string;
    /** It works from the address of `origin` only. */
    readonly match_origin?: boolean;
    readonly single_use?: boolean;
    /** A second factor was checked on the way to it. */
    readonly second_factor?: boolean;
    /** Event streams that are open for it, in lists. */
    readonly streams?: number;
    /** Free notes; never consulted for a decision. */
    readonly attributes?: Readonly<Record<string, unknown>>;
    /** Of API tokens; a PATCH names the one it saw. */
    readonly version?: number;
  }[];
  readonly revocation?: Readonly<Record<string, unknown>>;
}

/** Role in answers. */
export interface Role {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope that the role lives in. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** Where the grants apply: `this`, `children`, `descendants` or scope ids. */
  readonly grant_scope_ids?: readonly string[];
  /** Who holds the role, on single reads. */
  readonly principal_ids?: readonly string[];
  readonly principals?: readonly {
    readonly id?: string;
    readonly type?: string;
    readonly scope_id?: string;
  }[];
  /** The grants as submitted, on single reads. */
  readonly grant_strings?: readonly string[];
  readonly grants?: readonly {
    /** As submitted. */
    readonly raw?: string;
    /** The form that is compared. */
    readonly canonical?: string;
    readonly json?: {
      readonly id?: string;
      readonly ids?: readonly string[];
      readonly type?: string;
      readonly actions?: readonly string[];
    };
  }[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
}

/** Role in requests; null clears a field. */
export interface RoleInput {
  /** The scope that the role lives in. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
}

/** RoleExplanation in answers. */
export interface RoleExplanation {
  readonly user_id?: string;
  /** The account that the templates of grants stand for; for callers who may see it. */
  readonly account_id?: string;
  /** The resource, or what the collection is in. */
  readonly id?: string;
  readonly type?: string;
  /** The scope in which it is decided. */
  readonly scope_id?: string;
  /** What is asked for: the `:self` variant on what is the user’s own. */
  readonly action?: string;
  readonly allowed?: boolean;
  /** The answer in a sentence. */
  readonly reason?: string;
  readonly matches?: readonly {
    readonly role_id?: string;
    readonly role_name?: string;
    /** The scope that the role lives in. */
    readonly role_scope_id?: string;
    /** By which id the user holds the role; absent when it does not. */
    readonly principal_id?: string;
    /** The grant scope that reaches the resource; absent when none does. */
    readonly grant_scope_id?: string;
    readonly grant_string?: string;
  }[];
  readonly closest?: readonly {
    readonly role_id?: string;
    readonly role_name?: string;
    /** The scope that the role lives in. */
    readonly role_scope_id?: string;
    /** By which id the user holds the role; absent when it does not. */
    readonly principal_id?: string;
    /** The grant scope that reaches the resource; absent when none does. */
    readonly grant_scope_id?: string;
    readonly grant_string?: string;
    readonly mismatches?: readonly {
      /** `principal`, `scope`, `type`, `id`, `action` or `unreadable`. */
      readonly field?: string;
      readonly description?: string;
    }[];
  }[];
  /** Further roles that allow it or came as close, which the caller may not read. */
  readonly hidden_role_count?: number;
}

/** RoleGrantScopes in requests; null clears a field. */
export interface RoleGrantScopes {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `this`, `children`, `descendants` or scope ids. */
  readonly grant_scope_ids?: readonly string[] | null;
}

/** RoleGrants in requests; null clears a field. */
export interface RoleGrants {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Grants, as text or JSON. */
  readonly grant_strings?: readonly string[] | null;
}

/** RolePrincipals in requests; null clears a field. */
export interface RolePrincipals {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of users and groups. */
  readonly principal_ids?: readonly string[] | null;
}

/** RotateAuthToken in requests; null clears a field. */
export interface RotateAuthToken {
  readonly version?: number | null;
}

/** RotateKeys in requests; null clears a field. */
export interface RotateKeys {
  /** `global`. */
  readonly scope_id?: string | null;
  /** Wrap every version anew by the root key. */
  readonly rewrap?: boolean | null;
}

/** Scope in answers. */
export interface Scope {
  /** The id of the resource. */
  readonly id?: string;
  /** The parent scope: `global` for an org, an org for a project. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `global`, `org` or `project`; follows from the parent. */
  readonly type?: string;
  /** Accounts of it get a user at their first login. */
  readonly primary_auth_method_id?: string;
  /** What happens to running sessions when the role that allowed them is taken away: `keep` or `cancel`. Absent: as the parent scope says, at last `keep`. */
  readonly sessions_on_role_revocation?: 'keep' | 'cancel';
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Actions that the caller may do on collections inside the resource. */
  readonly authorized_collection_actions?: Readonly<Record<string, readonly string[]>>;
  readonly storage_policy_id?: string;
}

/** Scope in requests; null clears a field. */
export interface ScopeInput {
  /** The parent scope: `global` for an org, an org for a project. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `global`, `org` or `project`; follows from the parent. */
  readonly type?: string | null;
  /** Accounts of it get a user at their first login. */
  readonly primary_auth_method_id?: string | null;
  /** What happens to running sessions when the role that allowed them is taken away: `keep` or `cancel`. Absent: as the parent scope says, at last `keep`. */
  readonly sessions_on_role_revocation?: 'keep' | 'cancel' | null;
}

/** Session in answers. */
export interface Session {
  /** The id of the resource. */
  readonly id?: string;
  readonly target_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  readonly type?: string;
  readonly expiration_time?: string;
  readonly auth_token_id?: string;
  readonly user_id?: string;
  readonly host_set_id?: string;
  readonly host_id?: string;
  readonly scope_id?: string;
  /** `tcp://host:port`. */
  readonly endpoint?: string;
  readonly states?: readonly {
    readonly status?: string;
    readonly start_time?: string;
    readonly end_time?: string;
  }[];
  /** `pending`, `active`, `canceling` or `terminated`. */
  readonly status?: string;
  /** DER. */
  readonly certificate?: string;
  /** Why the session ended, in Boundary’s words. */
  readonly termination_reason?: string;
  /** Why the session ends or ended, in ours. */
  readonly end_reason?: string;
  /** User, worker or `system`: who ended it. */
  readonly ended_by?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  readonly connections?: readonly {
    readonly client_tcp_address?: string;
    readonly client_tcp_port?: number;
    readonly endpoint_tcp_address?: string;
    readonly endpoint_tcp_port?: number;
    readonly bytes_up?: string;
    readonly bytes_down?: string;
    readonly closed_reason?: string;
    readonly id?: string;
    readonly worker_id?: string;
    readonly status?: string;
    readonly created_time?: string;
    readonly connected_time?: string;
    readonly closed_time?: string;
    readonly end_reason?: string;
  }[];
  /** After a cancel: workers that carried the session, and those that confirmed its end. */
  readonly revocation?: {
    readonly workers?: number;
    readonly workers_confirmed?: number;
  };
}

/** SessionAuthorization in answers. */
export interface SessionAuthorization {
  readonly session_id?: string;
  readonly target_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  readonly created_time?: string;
  readonly user_id?: string;
  readonly host_set_id?: string;
  readonly host_id?: string;
  readonly type?: string;
  /** Whoever has it can use and cancel the session. */
  readonly authorization_token?: string;
  readonly connection_limit?: number;
  readonly endpoint?: string;
  readonly endpoint_port?: number;
  readonly expiration?: string;
  readonly credentials?: readonly {
    readonly credential_source?: {
      readonly id?: string;
      readonly name?: string;
      readonly description?: string;
      readonly credential_store_id?: string;
      readonly type?: string;
      readonly credential_type?: string;
    };
    readonly secret?: {
      /** The JSON of `decoded` in base64. */
      readonly raw?: string;
      readonly decoded?: Readonly<Record<string, unknown>>;
    };
    /** The fields of the credential type. */
    readonly credential?: Readonly<Record<string, unknown>>;
  }[];
}

/** SetPasswordRequest in requests; null clears a field. */
export interface SetPasswordRequest {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Empty or absent takes the password away: then nobody can log in. */
  readonly password?: string | null;
}

/** SetUserAttribute in requests; null clears a field. */
export interface SetUserAttribute {
  /** a-z, then up to 63 of a-z 0-9 _ . - */
  readonly key?: string | null;
  /** Any JSON of at most 4 KiB; null takes the attribute away. */
  readonly value?: unknown;
}

/** Target in answers. */
export interface Target {
  /** The id of the resource. */
  readonly id?: string;
  /** The project that the target lives in. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique in the project. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** `tcp`. */
  readonly type?: string;
  /** Ids of host sets, on single reads. */
  readonly host_source_ids?: readonly string[];
  readonly host_sources?: readonly {
    readonly id?: string;
    readonly host_catalog_id?: string;
  }[];
  /** Longest session, seconds. Default 28800. */
  readonly session_max_seconds?: number;
  /** Connections of a session; -1 = unlimited, the default. */
  readonly session_connection_limit?: number;
  /** Deprecated: use egress_worker_filter. */
  readonly worker_filter?: string;
  /** Which workers may serve sessions. */
  readonly egress_worker_filter?: string;
  readonly ingress_worker_filter?: string;
  /** Ids of credentials that sessions get, on single reads. */
  readonly brokered_credential_source_ids?: readonly string[];
  readonly brokered_credential_sources?: readonly {
    readonly id?: string;
    readonly credential_store_id?: string;
  }[];
  /** Never any. */
  readonly injected_application_credential_source_ids?: readonly string[];
  readonly injected_application_credential_sources?: readonly {
    readonly id?: string;
    readonly credential_store_id?: string;
  }[];
  readonly attributes?: {
    /** Port that clients listen on. */
    readonly default_client_port?: number;
    /** Port of the endpoint. */
    readonly default_port?: number;
  };
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Host name or IP address of the endpoint; excludes host sources. */
  readonly address?: string;
  readonly aliases?: readonly {
    readonly id?: string;
    readonly value?: string;
  }[];
  /** `grace=<duration>` or `strict`; shown when it is not the default `grace=60s`. */
  readonly session_lease?: string;
}

/** Target in requests; null clears a field. */
export interface TargetInput {
  /** The project that the target lives in. */
  readonly scope_id?: string | null;
  /** A name, unique in the project. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** `tcp`. */
  readonly type?: string | null;
  /** Longest session, seconds. Default 28800. */
  readonly session_max_seconds?: number | null;
  /** Connections of a session; -1 = unlimited, the default. */
  readonly session_connection_limit?: number | null;
  /** Deprecated: use egress_worker_filter. */
  readonly worker_filter?: string | null;
  /** Which workers may serve sessions. */
  readonly egress_worker_filter?: string | null;
  readonly ingress_worker_filter?: string | null;
  readonly attributes?: {
    /** Port that clients listen on. */
    readonly default_client_port?: number | null;
    /** Port of the endpoint. */
    readonly default_port?: number | null;
  } | null;
  /** Host name or IP address of the endpoint; excludes host sources. */
  readonly address?: string | null;
  /** Aliases to be made with the target. */
  readonly with_aliases?:
    | readonly {
        readonly value?: string | null;
        readonly scope_id?: string | null;
        readonly attributes?: {
          readonly authorize_session_arguments?: {
            readonly host_id?: string | null;
          } | null;
        } | null;
      }[]
    | null;
  /** `grace=<duration>` or `strict`; shown when it is not the default `grace=60s`. */
  readonly session_lease?: string | null;
}

/** TargetCredentialSources in requests; null clears a field. */
export interface TargetCredentialSources {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of credentials. */
  readonly brokered_credential_source_ids?: readonly string[] | null;
  /** tcp targets take none. */
  readonly injected_application_credential_source_ids?: readonly string[] | null;
}

/** TargetHostSources in requests; null clears a field. */
export interface TargetHostSources {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of host sets. */
  readonly host_source_ids?: readonly string[] | null;
}

/** TokenConfig in answers. */
export interface TokenConfig {
  readonly default_token_lifetime_seconds?: number;
  readonly max_token_lifetime_seconds?: number;
  readonly api_token_policy?: string;
  readonly max_tokens_per_user?: number;
}

/** TokenScopes in answers. */
export interface TokenScopes {
  readonly items?: readonly {
    readonly name?: string;
    readonly summary?: string;
  }[];
}

/** TwoFactor in answers. */
export interface TwoFactor {
  /** Whether logins ask for a code. */
  readonly enrolled?: boolean;
  /** Whether a secret was shown and waits for its first code. */
  readonly pending?: boolean;
  /** `off`, `optional` or `required`: the strictest of the auth methods of the user. */
  readonly policy?: string;
  readonly otp_digits?: number;
  readonly interval_seconds?: number;
  /** Intervals before and after the present one whose codes are taken. */
  readonly window?: number;
  readonly recovery_codes_left?: number;
  /** When a code was last accepted. */
  readonly last_used_time?: string;
}

/** TwoFactorCodeRequest in requests; null clears a field. */
export interface TwoFactorCodeRequest {
  /** A code of the authenticator app, or a recovery code. */
  readonly code?: string | null;
}

/** TwoFactorProofRequest in requests; null clears a field. */
export interface TwoFactorProofRequest {
  /** The password of the login. */
  readonly password?: string | null;
  /** A code of the authenticator app, or a recovery code. */
  readonly code?: string | null;
}

/** UpdateAuthToken in requests; null clears a field. */
export interface UpdateAuthToken {
  readonly version?: number | null;
  readonly name?: string | null;
  readonly description?: string | null;
  /** Narrower than they are. */
  readonly token_scopes?: readonly string[] | null;
  /** Narrower than it is. */
  readonly allow_list?: readonly string[] | null;
  /** RFC 3339; earlier than it is. */
  readonly expiration_time?: string | null;
}

/** User in answers. */
export interface User {
  /** The id of the resource. */
  readonly id?: string;
  /** The scope that the user lives in: global or an org. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A name, unique among its siblings. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** Accounts of the user, on single reads. */
  readonly account_ids?: readonly string[];
  readonly accounts?: readonly {
    readonly id?: string;
    readonly scope_id?: string;
  }[];
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  /** Of the account at the primary auth method. */
  readonly login_name?: string;
  readonly full_name?: string;
  readonly email?: string;
  readonly primary_account_id?: string;
  /** Since when the user is disabled. */
  readonly disabled_time?: string;
}

/** User in requests; null clears a field. */
export interface UserInput {
  /** The scope that the user lives in: global or an org. */
  readonly scope_id?: string | null;
  /** A name, unique among its siblings. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
}

/** UserAccounts in requests; null clears a field. */
export interface UserAccounts {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Ids of accounts. */
  readonly account_ids?: readonly string[] | null;
}

/** UserAttributes in answers. */
export interface UserAttributes {
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** UserState in requests; null clears a field. */
export interface UserState {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
}

/** VerifyTwoFactorResponse in answers. */
export interface VerifyTwoFactorResponse {
  /** Whether the code was right; then it is used up. */
  readonly valid?: boolean;
}

/** Worker in answers. */
export interface Worker {
  /** The id of the resource. */
  readonly id?: string;
  /** `global`. */
  readonly scope_id?: string;
  /** The scope of the resource. */
  readonly scope?: {
    readonly id?: string;
    readonly type?: string;
    readonly name?: string;
    readonly description?: string;
    readonly parent_scope_id?: string;
  };
  /** A unique name in lower case. */
  readonly name?: string;
  /** A note for people. */
  readonly description?: string;
  readonly created_time?: string;
  readonly updated_time?: string;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number;
  /** host:port that clients dial. */
  readonly address?: string;
  /** All tags. */
  readonly canonical_tags?: Readonly<Record<string, readonly string[]>>;
  /** Tags of the worker’s configuration. */
  readonly config_tags?: Readonly<Record<string, readonly string[]>>;
  readonly last_status_time?: string;
  /** Of the registration request that admitted the worker: the same as the worker printed. */
  readonly registration_fingerprint?: string;
  /** Shown once, by create:controller-led. */
  readonly controller_generated_activation_token?: string;
  readonly active_connection_count?: number;
  /** `pki`. */
  readonly type?: string;
  /** Tags set over the API. */
  readonly api_tags?: Readonly<Record<string, readonly string[]>>;
  readonly release_version?: string;
  /** Actions that the caller may do on the resource, sorted. */
  readonly authorized_actions?: readonly string[];
  readonly local_storage_state?: string;
}

/** Worker in requests; null clears a field. */
export interface WorkerInput {
  /** `global`. */
  readonly scope_id?: string | null;
  /** A unique name in lower case. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
}

/** WorkerLedCreate in requests; null clears a field. */
export interface WorkerLedCreate {
  /** `global`. */
  readonly scope_id?: string | null;
  /** A unique name in lower case. */
  readonly name?: string | null;
  /** A note for people. */
  readonly description?: string | null;
  /** The registration request that the worker printed. */
  readonly worker_generated_auth_token?: string | null;
}

/** WorkerTags in requests; null clears a field. */
export interface WorkerTags {
  /** Counts the changes; a PATCH names the one it saw. */
  readonly version?: number | null;
  /** Tag keys and their values. */
  readonly api_tags?: Readonly<Record<string, readonly string[]>> | null;
}

/** Every operation: what it is on, what it takes and what it answers. */
export interface ApiOperations {
  readonly 'accounts:change-password': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: ChangePasswordRequest;
    readonly response: ChangedAccount;
  };
  readonly 'accounts:check-password': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: CheckPasswordRequest;
    readonly response: CheckPasswordResponse;
  };
  readonly 'accounts:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: AccountInput;
    readonly response: Account;
  };
  readonly 'accounts:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'accounts:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Account>;
  };
  readonly 'accounts:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Account;
  };
  readonly 'accounts:set-password': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: SetPasswordRequest;
    readonly response: ChangedAccount;
  };
  readonly 'accounts:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: AccountInput;
    readonly response: Account;
  };
  readonly 'aliases:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: AliasInput;
    readonly response: Alias;
  };
  readonly 'aliases:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'aliases:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Alias>;
  };
  readonly 'aliases:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Alias;
  };
  readonly 'aliases:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: AliasInput;
    readonly response: Alias;
  };
  readonly 'auth-methods:authenticate': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: AuthenticateRequest;
    readonly response: AuthenticateResponse;
  };
  readonly 'auth-methods:change-state': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'auth-methods:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: AuthMethodInput;
    readonly response: AuthMethod;
  };
  readonly 'auth-methods:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'auth-methods:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<AuthMethod>;
  };
  readonly 'auth-methods:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: AuthMethod;
  };
  readonly 'auth-methods:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: AuthMethodInput;
    readonly response: AuthMethod;
  };
  readonly 'auth-tokens:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: CreateAuthToken;
    readonly response: MintedAuthToken;
  };
  readonly 'auth-tokens:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'auth-tokens:exchange': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: ExchangeAuthToken;
    readonly response: AuthenticateResponse;
  };
  readonly 'auth-tokens:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<AuthToken>;
  };
  readonly 'auth-tokens:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: AuthToken;
  };
  readonly 'auth-tokens:revoke': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: RevokedAuthToken;
  };
  readonly 'auth-tokens:revoke-all': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: RevokeAllAuthTokens;
    readonly response: RevokedAuthTokens;
  };
  readonly 'auth-tokens:rotate': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RotateAuthToken;
    readonly response: MintedAuthToken;
  };
  readonly 'auth-tokens:token-config': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: TokenConfig;
  };
  readonly 'auth-tokens:token-scopes': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: TokenScopes;
  };
  readonly 'auth-tokens:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: UpdateAuthToken;
    readonly response: AuthToken;
  };
  readonly 'billing:monthly-active-users': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: MonthlyActiveUsers;
  };
  readonly 'credential-libraries:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: CredentialLibraryInput;
    readonly response: CredentialLibrary;
  };
  readonly 'credential-libraries:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'credential-libraries:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<CredentialLibrary>;
  };
  readonly 'credential-libraries:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: CredentialLibrary;
  };
  readonly 'credential-libraries:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: CredentialLibraryInput;
    readonly response: CredentialLibrary;
  };
  readonly 'credential-stores:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: CredentialStoreInput;
    readonly response: CredentialStore;
  };
  readonly 'credential-stores:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'credential-stores:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<CredentialStore>;
  };
  readonly 'credential-stores:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: CredentialStore;
  };
  readonly 'credential-stores:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: CredentialStoreInput;
    readonly response: CredentialStore;
  };
  readonly 'credentials:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: CredentialInput;
    readonly response: Credential;
  };
  readonly 'credentials:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'credentials:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Credential>;
  };
  readonly 'credentials:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Credential;
  };
  readonly 'credentials:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: CredentialInput;
    readonly response: Credential;
  };
  readonly 'events:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'groups:add-members': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: GroupMembers;
    readonly response: Group;
  };
  readonly 'groups:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: GroupInput;
    readonly response: Group;
  };
  readonly 'groups:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'groups:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Group>;
  };
  readonly 'groups:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Group;
  };
  readonly 'groups:remove-members': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: GroupMembers;
    readonly response: Group;
  };
  readonly 'groups:set-members': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: GroupMembers;
    readonly response: Group;
  };
  readonly 'groups:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: GroupInput;
    readonly response: Group;
  };
  readonly 'host-catalogs:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: HostCatalogInput;
    readonly response: HostCatalog;
  };
  readonly 'host-catalogs:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'host-catalogs:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<HostCatalog>;
  };
  readonly 'host-catalogs:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: HostCatalog;
  };
  readonly 'host-catalogs:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: HostCatalogInput;
    readonly response: HostCatalog;
  };
  readonly 'host-sets:add-hosts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: HostSetHosts;
    readonly response: HostSet;
  };
  readonly 'host-sets:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: HostSetInput;
    readonly response: HostSet;
  };
  readonly 'host-sets:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'host-sets:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<HostSet>;
  };
  readonly 'host-sets:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: HostSet;
  };
  readonly 'host-sets:remove-hosts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: HostSetHosts;
    readonly response: HostSet;
  };
  readonly 'host-sets:set-hosts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: HostSetHosts;
    readonly response: HostSet;
  };
  readonly 'host-sets:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: HostSetInput;
    readonly response: HostSet;
  };
  readonly 'hosts:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: HostInput;
    readonly response: Host;
  };
  readonly 'hosts:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'hosts:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Host>;
  };
  readonly 'hosts:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Host;
  };
  readonly 'hosts:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: HostInput;
    readonly response: Host;
  };
  readonly 'managed-groups:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: ManagedGroupInput;
    readonly response: ManagedGroup;
  };
  readonly 'managed-groups:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'managed-groups:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<ManagedGroup>;
  };
  readonly 'managed-groups:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ManagedGroup;
  };
  readonly 'managed-groups:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: ManagedGroupInput;
    readonly response: ManagedGroup;
  };
  readonly 'policies:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'policies:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'policies:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'policies:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'policies:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'roles:add-grant-scopes': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrantScopes;
    readonly response: Role;
  };
  readonly 'roles:add-grants': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrants;
    readonly response: Role;
  };
  readonly 'roles:add-principals': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RolePrincipals;
    readonly response: Role;
  };
  readonly 'roles:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: RoleInput;
    readonly response: Role;
  };
  readonly 'roles:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'roles:explain': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: RoleExplanation;
  };
  readonly 'roles:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Role>;
  };
  readonly 'roles:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Role;
  };
  readonly 'roles:remove-grant-scopes': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrantScopes;
    readonly response: Role;
  };
  readonly 'roles:remove-grants': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrants;
    readonly response: Role;
  };
  readonly 'roles:remove-principals': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RolePrincipals;
    readonly response: Role;
  };
  readonly 'roles:set-grant-scopes': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrantScopes;
    readonly response: Role;
  };
  readonly 'roles:set-grants': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RoleGrants;
    readonly response: Role;
  };
  readonly 'roles:set-principals': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: RolePrincipals;
    readonly response: Role;
  };
  readonly 'roles:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: RoleInput;
    readonly response: Role;
  };
  readonly 'scopes:attach-storage-policy': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'scopes:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: ScopeInput;
    readonly response: Scope;
  };
  readonly 'scopes:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'scopes:destroy-key-version': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: DestroyKeyVersion;
    readonly response: DestroyedKeyVersion;
  };
  readonly 'scopes:detach-storage-policy': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'scopes:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Scope>;
  };
  readonly 'scopes:list-key-version-destruction-jobs': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<KeyVersionDestructionJob>;
  };
  readonly 'scopes:list-keys': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Key>;
  };
  readonly 'scopes:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Scope;
  };
  readonly 'scopes:remove-alias-suffix': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'scopes:rotate-keys': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: RotateKeys;
    readonly response: undefined;
  };
  readonly 'scopes:set-alias-suffix': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'scopes:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: ScopeInput;
    readonly response: Scope;
  };
  readonly 'session-recordings:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'session-recordings:download': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'session-recordings:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'session-recordings:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'session-recordings:reapply-storage-policy': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'sessions:cancel': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: CancelSessionRequest;
    readonly response: Session;
  };
  readonly 'sessions:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Session>;
  };
  readonly 'sessions:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Session;
  };
  readonly 'storage-buckets:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'storage-buckets:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'storage-buckets:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'storage-buckets:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'storage-buckets:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'targets:add-credential-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetCredentialSources;
    readonly response: Target;
  };
  readonly 'targets:add-host-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetHostSources;
    readonly response: Target;
  };
  readonly 'targets:authorize-session': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: AuthorizeSessionRequest;
    readonly response: SessionAuthorization;
  };
  readonly 'targets:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: TargetInput;
    readonly response: Target;
  };
  readonly 'targets:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'targets:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<Target>;
  };
  readonly 'targets:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Target;
  };
  readonly 'targets:remove-credential-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetCredentialSources;
    readonly response: Target;
  };
  readonly 'targets:remove-host-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetHostSources;
    readonly response: Target;
  };
  readonly 'targets:set-credential-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetCredentialSources;
    readonly response: Target;
  };
  readonly 'targets:set-host-sources': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TargetHostSources;
    readonly response: Target;
  };
  readonly 'targets:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: TargetInput;
    readonly response: Target;
  };
  readonly 'users:add-accounts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: UserAccounts;
    readonly response: User;
  };
  readonly 'users:confirm-two-factor': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TwoFactorCodeRequest;
    readonly response: RecoveryCodes;
  };
  readonly 'users:create': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: UserInput;
    readonly response: User;
  };
  readonly 'users:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'users:disable': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: UserState;
    readonly response: DisabledUser;
  };
  readonly 'users:disable-two-factor': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TwoFactorProofRequest;
    readonly response: TwoFactor;
  };
  readonly 'users:enable': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: UserState;
    readonly response: User;
  };
  readonly 'users:enroll-two-factor': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: EnrollTwoFactorRequest;
    readonly response: EnrollTwoFactorResponse;
  };
  readonly 'users:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<User>;
  };
  readonly 'users:list-resolvable-aliases': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: ListPage<ResolvableAlias>;
  };
  readonly 'users:me': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Me;
  };
  readonly 'users:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: User;
  };
  readonly 'users:read-two-factor': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: TwoFactor;
  };
  readonly 'users:remove-accounts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: UserAccounts;
    readonly response: User;
  };
  readonly 'users:renew-recovery-codes': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TwoFactorProofRequest;
    readonly response: RecoveryCodes;
  };
  readonly 'users:reset-two-factor': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: ResetTwoFactorResponse;
  };
  readonly 'users:set-accounts': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: UserAccounts;
    readonly response: User;
  };
  readonly 'users:set-attribute': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: SetUserAttribute;
    readonly response: UserAttributes;
  };
  readonly 'users:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: UserInput;
    readonly response: User;
  };
  readonly 'users:verify-two-factor': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: TwoFactorCodeRequest;
    readonly response: VerifyTwoFactorResponse;
  };
  readonly 'workers:add-worker-tags': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: WorkerTags;
    readonly response: Worker;
  };
  readonly 'workers:create:controller-led': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: WorkerInput;
    readonly response: Worker;
  };
  readonly 'workers:create:worker-led': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: WorkerLedCreate;
    readonly response: Worker;
  };
  readonly 'workers:delete': {
    readonly on: 'item';
    readonly method: 'DELETE';
    readonly request: undefined;
    readonly response: undefined;
  };
  readonly 'workers:list': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: {
      readonly items?: readonly Worker[];
    };
  };
  readonly 'workers:read': {
    readonly on: 'item';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: Worker;
  };
  readonly 'workers:read-certificate-authority': {
    readonly on: 'collection';
    readonly method: 'GET';
    readonly request: undefined;
    readonly response: CertificateAuthority;
  };
  readonly 'workers:reinitialize-certificate-authority': {
    readonly on: 'collection';
    readonly method: 'POST';
    readonly request: undefined;
    readonly response: CertificateAuthority;
  };
  readonly 'workers:remove-worker-tags': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: WorkerTags;
    readonly response: Worker;
  };
  readonly 'workers:set-worker-tags': {
    readonly on: 'item';
    readonly method: 'POST';
    readonly request: WorkerTags;
    readonly response: Worker;
  };
  readonly 'workers:update': {
    readonly on: 'item';
    readonly method: 'PATCH';
    readonly request: WorkerInput;
    readonly response: Worker;
  };
}
