/** What the API stands on: the use cases of the domain folders, given by the composition root. */
import type { Clock } from '@stile/runtime';
import type { Alias } from '../alias/alias.ts';
import type { AliasService } from '../alias/alias-service.ts';
import type { AuthMethodService } from '../auth/auth-method-service.ts';
import type { AuthTokenChanges } from '../auth/minting/auth-token-changes.ts';
import type { AuthTokenExchange } from '../auth/minting/auth-token-exchange.ts';
import type { AuthTokenMinting } from '../auth/minting/auth-token-minting.ts';
import type { AuthTokenService } from '../auth/token/auth-token-service.ts';
import type { PasswordService } from '../auth/password/password-service.ts';
import type { SecondFactorService } from '../auth/second-factor/second-factor-service.ts';
import type { AccountRow } from '../auth/account-repository.ts';
import type { AuthMethodRow } from '../auth/auth-method-repository.ts';
import type { CredentialService } from '../credential/credential-service.ts';
import type { HostService } from '../host/host-service.ts';
import type { ListPermission } from '../iam/acl.ts';
import type { RoleExplanation } from '../iam/explain/role-explanation.ts';
import type { GroupService } from '../iam/group/group-service.ts';
import type { RoleService } from '../iam/role/role-service.ts';
import type { ScopeInfo } from '../iam/scope.ts';
import type { ScopeRow } from '../iam/scope-repository.ts';
import type { ScopeService } from '../iam/scope-service.ts';
import type { UserIdentity } from '../iam/user/user-identity.ts';
import type { UserService } from '../iam/user/user-service.ts';
import type { PeopleRequest, UserRow } from '../iam/user-repository.ts';
import type { AccountEnding } from '../session/ending/account-ending.ts';
import type { AuthTokenEnding } from '../session/ending/auth-token-ending.ts';
import type { KeyRing } from '../session/ending/key-ring.ts';
import type { ScopeEnding } from '../session/ending/scope-ending.ts';
import type { SecondFactorReset } from '../session/ending/second-factor-reset.ts';
import type { UserEnding } from '../session/ending/user-ending.ts';
import type { SessionEnding } from '../session/session-ending.ts';
import type { SessionService } from '../session/session-service.ts';
import type { TargetView } from '../target/target-view-repository.ts';
import type { TargetService } from '../target/target-service.ts';
import type { SessionViews } from '../session/view/session-views.ts';
import type { NodeList } from '../worker-registry/node-list.ts';
import type { Readiness } from '../worker-registry/readiness.ts';
import type { WorkerRegistry } from '../worker-registry/worker-registry.ts';
import type { EventStreams } from '../events/stream/event-streams.ts';
import type { ListServices, PageRequest } from './list/list-page.ts';

/** Scope id to what may be listed there. */
export type ListPermissions = ReadonlyMap<string, ListPermission>;

/** A scope, as much as every answer shows of it. */
export type ScopeNode = ScopeInfo;

/** Reads scopes. */
export interface ScopeReader {
  /** The scope, or undefined. */
  lookup(id: string): Promise<ScopeNode | undefined>;
  /** Every scope. */
  tree(): Promise<readonly ScopeNode[]>;
  /** The whole row, or undefined. */
  lookupRow(id: string): Promise<ScopeRow | undefined>;
  /** A page of the scopes directly in one of the parents. */
  listRows(parentIds: readonly string[], page: PageRequest): Promise<readonly ScopeRow[]>;
}

/** Reads auth methods. */
export interface AuthMethodReader {
  lookup(id: string): Promise<AuthMethodRow | undefined>;
  list(scopeIds: readonly string[], page: PageRequest): Promise<readonly AuthMethodRow[]>;
}

/** Reads accounts. */
export interface AccountReader {
  lookup(id: string): Promise<AccountRow | undefined>;
  /** A page of the accounts of an auth method. */
  list(authMethodId: string, page: PageRequest): Promise<readonly AccountRow[]>;
}

/** Reads users and the aliases that lead somewhere for them. */
export interface UserReader {
  lookup(id: string): Promise<UserRow | undefined>;
  /** A page of the users of some scopes. */
  list(scopeIds: readonly string[], page: PageRequest): Promise<readonly UserRow[]>;
  /** A page of the users that are people. */
  people(request: PeopleRequest): Promise<readonly UserRow[]>;
  /** A page of the aliases whose destination is one of the permitted targets. */
  resolvableAliases(permissions: ListPermissions, page: PageRequest): Promise<readonly Alias[]>;
}

/** The use cases behind the API. */
export interface ApiServices {
  /** A target with its scope and aliases, or undefined: one statement. */
  readonly lookupTarget: (id: string) => Promise<TargetView | undefined>;
  readonly scopes: ScopeReader;
  readonly scopeService: ScopeService;
  readonly scopeEnding: ScopeEnding;
  readonly keyRing: KeyRing;
  readonly users: UserReader;
  readonly userService: UserService;
  readonly userIdentity: UserIdentity;
  readonly userEndings: UserEnding;
  readonly groups: GroupService;
  readonly roles: RoleService;
  readonly explanation: RoleExplanation;
  readonly authMethods: AuthMethodReader;
  readonly accounts: AccountReader;
  readonly authTokens: AuthTokenService;
  readonly minting: AuthTokenMinting;
  readonly tokenChanges: AuthTokenChanges;
  readonly exchange: AuthTokenExchange;
  readonly tokenEndings: AuthTokenEnding;
  readonly passwords: Pick<PasswordService, 'login' | 'checkPassword' | 'setPassword' | 'changePassword'>;
  readonly secondFactors: SecondFactorService;
  readonly secondFactorReset: SecondFactorReset;
  /** Creates and changes auth methods and accounts. */
  readonly authMethodChanges: AuthMethodService;
  readonly credentials: CredentialService;
  readonly aliases: AliasService;
  readonly hosts: HostService;
  readonly targets: TargetService;
  readonly sessions: SessionService;
  readonly endings: SessionEnding;
  readonly accountEndings: AccountEnding;
  readonly workers: WorkerRegistry;
  readonly nodes: NodeList;
  readonly sessionViews: SessionViews;
  readonly readiness: Readiness;
  readonly eventStreams: Pick<EventStreams, 'admit' | 'streamsOf'>;
  readonly lists: ListServices;
  readonly clock: Clock;
}
