/** The configuration file as types: what the reader returns, checked and complete with defaults. Keys are those of the file. */
import type { Secret } from '@stile/runtime/secret';

/** An address to listen on. */
export interface ListenerSection {
  readonly purpose: 'api' | 'cluster' | 'proxy' | 'ops';
  readonly address: string;
  readonly tls_disable: boolean;
  readonly tls_cert_file?: string;
  readonly tls_key_file?: string;
  readonly x_forwarded_for_authorized_addrs?: readonly string[];
  readonly insecure_cookies: boolean;
  readonly cors_enabled: boolean;
  readonly cors_allowed_origins?: readonly string[];
  readonly cors_allowed_headers?: readonly string[];
  /** Bytes. */
  readonly max_request_size: number;
  /** Bytes. */
  readonly max_anonymous_request_size: number;
  /** Bytes. */
  readonly max_header_size: number;
  readonly max_request_duration: string;
  readonly http_read_header_timeout: string;
  readonly http_read_timeout: string;
  readonly http_idle_timeout: string;
}

/** A limit on API requests. */
export interface RateLimitSection {
  readonly resources: readonly string[];
  readonly actions: readonly string[];
  readonly per: 'total' | 'ip-address' | 'auth-token';
  readonly limit?: number;
  readonly period: string;
  readonly unlimited: boolean;
}

/** What makes the process a controller. Durations are texts that parseDurationSeconds accepts. */
export interface ControllerSection {
  readonly name: string;
  readonly description?: string;
  readonly database: { readonly url: Secret; readonly max_open_connections: number };
  readonly public_cluster_addr?: string;
  readonly auth_token_time_to_live: string;
  readonly auth_token_time_to_stale: string;
  readonly session_duration?: string;
  readonly disable_session_expiry_refresh: boolean;
  readonly default_token_lifetime: string;
  readonly max_token_lifetime: string;
  readonly max_admin_token_lifetime?: string;
  readonly max_tokens_per_user: number;
  readonly web_session_lifetime: string;
  readonly max_web_session_lifetime: string;
  readonly one_time_token_lifetime: string;
  readonly max_one_time_token_lifetime: string;
  readonly api_token_policy: 'self-service' | 'by-grant' | 'off';
  readonly auth_token_gc_period: string;
  readonly auth_token_gc_retention: string;
  readonly auth_token_gc_max_deletions: number;
  readonly auth_token_last_used_interval: string;
  readonly revoke_on_password_change: boolean;
  readonly max_page_size: number;
  readonly concurrent_password_hash_workers: number;
  readonly api_rate_limit?: readonly RateLimitSection[];
  readonly api_rate_limit_disable: boolean;
  readonly api_rate_limit_max_quotas: number;
}

/** What makes the process a worker. */
export interface WorkerSection {
  readonly name?: string;
  readonly description?: string;
  readonly public_addr?: string;
  readonly initial_upstreams?: readonly string[];
  readonly controller_generated_activation_token?: Secret;
  readonly auth_storage_path: string;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
}

/** A key that seals what the database holds. */
export interface KmsSection {
  readonly purpose: 'root';
  readonly key: Secret;
  readonly key_id: string;
}

/** The file, checked and complete with defaults. */
export interface FileConfig {
  readonly controller?: ControllerSection;
  readonly worker?: WorkerSection;
  readonly listener: readonly ListenerSection[];
  readonly kms: readonly KmsSection[];
  readonly log_level: string;
}
