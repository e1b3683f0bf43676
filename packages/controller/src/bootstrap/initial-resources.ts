/**
 * The first resources of an installation, made in one transaction: what `stile dev` and `stile database init` offer to log in with and to
 * connect to (http-api.md §3.1, §4.2). Either everything is there afterwards, or nothing.
 */
import { anonymousUserId, authenticatedUserId, globalScopeId } from '@stile/protocol';
import { Secret, type Clock } from '@stile/runtime';
import { createAccount } from '../auth/account-repository.ts';
import { createPasswordAuthMethod } from '../auth/auth-method-repository.ts';
import { CredentialService } from '../credential/credential-service.ts';
import { HostService } from '../host/host-service.ts';
import { createRole } from '../iam/role-repository.ts';
import { scopeRoles, type RoleText } from '../iam/scope-roles.ts';
import { createGlobalScope, createScope, setPrimaryAuthMethod } from '../iam/scope-repository.ts';
import { createSpecialUsers, createUser } from '../iam/user-repository.ts';
import type { KeyService } from '../keys/key-service.ts';
import { bumpVersion } from '../store/versioned-update.ts';
import type { Connection, Database } from '../store/database.ts';
import { TargetService } from '../target/target-service.ts';
import { administration, authenticatedUserGrants, initialTexts, loginGrants } from './initial-texts.ts';

/** A login to make. */
export interface InitialLogin {
  readonly loginName: string;
  /** PHC string of the password. */
  readonly passwordHash: string;
}

/** Fixed ids; an id that is absent is drawn at random. */
export interface InitialIds {
  /** Ends of ids: `1234567890`. */
  readonly suffix?: string;
  readonly secondarySuffix?: string;
}

/** What to make. */
export interface InitialPlan extends InitialIds {
  /** Absent: no auth method, no users. */
  readonly admin?: InitialLogin;
  /** A user without further rights. */
  readonly user?: InitialLogin;
  /** Whether every user that is logged in may connect to every target. */
  readonly mayConnect: 'mayConnect' | 'mayNotConnect';
  /** Whether org and project get the default roles of a new scope. */
  readonly hasScopeRoles: boolean;
  readonly skip: {
    readonly loginRole?: boolean;
    readonly authenticatedUserRole?: boolean;
    readonly scopes?: boolean;
    readonly hostResources?: boolean;
    readonly targets?: boolean;
  };
  readonly hostAddress: string;
  readonly targets: {
    readonly defaultPort: number;
    /** -1 = unlimited. */
    readonly connectionLimit: number;
    /** Absent: the default of targets. */
    readonly maxSeconds?: number;
    /** For the target with the alias `postgres.boundary.dev`; absent: no targets with aliases. */
    readonly aliasPostgres?: {
      /** Port of the database. */
      readonly port: number;
      /** They seal its credential. */
      readonly keys: KeyService;
    };
  };
}

/** Ids and names of what was made; absent = skipped. */
export interface InitialResources {
  readonly loginRole?: MadeResource;
  readonly authenticatedUserRole?: MadeResource;
  readonly authMethod?: MadeResource & { readonly userId: string; readonly userName: string };
  readonly org?: MadeResource;
  readonly project?: MadeResource;
  readonly hostResources?: {
    readonly hostCatalog: MadeResource;
    readonly hostSet: MadeResource;
    readonly host: MadeResource;
  };
  readonly addressTarget?: MadeTarget;
  readonly hostSourceTarget?: MadeTarget;
}

/** An id and a name. */
export interface MadeResource {
  readonly id: string;
  readonly name: string;
}

/** A target that was made. */
export interface MadeTarget extends MadeResource {
  readonly defaultPort: number;
  readonly connectionLimit: number;
  readonly maxSeconds: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Steps of the making, in one transaction. */
class Maker {
  readonly #tx: Connection;
  readonly #clock: Clock;
  readonly #plan: InitialPlan;
  readonly #hosts: HostService;
  readonly #targets: TargetService;
  readonly #unit: Database;
  readonly made: Mutable<InitialResources> = {};

  constructor(
    tx: Connection,
    database: Database,
    options: { readonly clock: Clock; readonly plan: InitialPlan },
  ) {
    this.#tx = tx;
    this.#clock = options.clock;
    this.#plan = options.plan;
    // The services write through the transaction that is under way.
    this.#unit = {
      engine: database.engine,
      reader: tx,
      events: database.events,
      write: (work) => work(tx),
      close: () => Promise.resolve(),
    };
    const parts = { database: this.#unit, clock: options.clock };
    this.#hosts = new HostService(parts);
    this.#targets = new TargetService(parts);
  }

  get #nowUs(): number {
    return this.#clock.nowUs();
  }

  #id(prefix: string): { readonly id?: string } {
    return this.#plan.suffix === undefined ? {} : { id: `${prefix}_${this.#plan.suffix}` };
  }

  /** The suffix read backwards: ids of the second user. */
  #reversedId(prefix: string): { readonly id?: string } {
    const { suffix } = this.#plan;
    return suffix === undefined ? {} : { id: `${prefix}_${Array.from(suffix).toReversed().join('')}` };
  }

  async role(text: RoleText, principalId: string, scopeId: string = globalScopeId): Promise<MadeResource> {
    const role = await createRole(this.#tx, {
      ...text,
      scopeId,
      principalIds: [principalId],
      grantScopes: scopeId === globalScopeId ? ['this', 'descendants'] : ['this'],
      nowUs: this.#nowUs,
    });
    return { id: role.id, name: text.name };
  }

  async global(): Promise<void> {
    const { skip, mayConnect } = this.#plan;
    await createGlobalScope(this.#tx, this.#nowUs);
    await createSpecialUsers(this.#tx, this.#nowUs);
    if (skip.loginRole !== true) this.made.loginRole = await this.role(loginGrants, anonymousUserId);
    if (skip.authenticatedUserRole !== true) {
      this.made.authenticatedUserRole = await this.role(
        authenticatedUserGrants(mayConnect),
        authenticatedUserId,
      );
    }
  }

  async logins(): Promise<void> {
    const { admin, user } = this.#plan;
    if (admin === undefined) return;
    const method = await createPasswordAuthMethod(this.#tx, {
      ...this.#id('ampw'),
      ...initialTexts.authMethod,
      scopeId: globalScopeId,
      nowUs: this.#nowUs,
    });
    await setPrimaryAuthMethod(this.#tx, globalScopeId, method.id);
    if (user !== undefined) {
      const ids = { user: this.#reversedId('u'), account: this.#reversedId('acctpw') };
      await this.#login(method.id, user, { ...ids, text: initialTexts.user });
    }
    const ids = { user: this.#id('u'), account: this.#id('acctpw') };
    const userId = await this.#login(method.id, admin, { ...ids, text: initialTexts.admin });
    await this.role(administration, userId);
    this.made.authMethod = {
      id: method.id,
      name: initialTexts.authMethod.name,
      userId,
      userName: initialTexts.admin.name,
    };
  }

  async #login(
    authMethodId: string,
    login: InitialLogin,
    who: {
      readonly user: { readonly id?: string };
      readonly account: { readonly id?: string };
      readonly text: { readonly name: string; readonly description: string };
    },
  ): Promise<string> {
    const scope = { scopeId: globalScopeId, nowUs: this.#nowUs };
    const { id } = await createUser(this.#tx, { ...who.user, ...who.text, ...scope });
    await createAccount(this.#tx, { ...who.account, ...login, ...scope, authMethodId, userId: id });
    // Taking an account is a change of the user, as recorded (users-read in the fixtures).
    await bumpVersion(this.#tx, 'iam_user', { id, version: 1, nowUs: this.#nowUs });
    return id;
  }

  async scopes(): Promise<void> {
    if (this.#plan.skip.scopes === true) return;
    this.made.org = await this.#scope('org', globalScopeId);
    this.made.project = await this.#scope('project', this.made.org.id);
  }

  async #scope(type: 'org' | 'project', parentId: string): Promise<MadeResource> {
    const text = initialTexts[type];
    const { id } = await createScope(this.#tx, {
      ...this.#id(type === 'org' ? 'o' : 'p'),
      ...text,
      parentId,
      type,
      nowUs: this.#nowUs,
    });
    if (this.#plan.hasScopeRoles) {
      const creator = this.made.authMethod?.userId;
      const roles = scopeRoles(type, id, creator ?? '');
      if (creator !== undefined) await this.role(roles.administration, creator, id);
      await this.role(roles.defaults, type === 'org' ? anonymousUserId : authenticatedUserId, id);
    }
    return { id, name: text.name };
  }

  async hostResources(): Promise<void> {
    const { skip, hostAddress } = this.#plan;
    if (this.made.project === undefined || skip.hostResources === true) return;
    const scopeId = this.made.project.id;
    const catalog = await this.#hosts.createCatalog({
      ...this.#id('hcst'),
      ...initialTexts.hostCatalog,
      scopeId,
    });
    const hostCatalogId = catalog.id;
    const { host } = await this.#hosts.createHost({
      ...this.#id('hst'),
      ...initialTexts.host,
      hostCatalogId,
      address: hostAddress,
    });
    const { hostSet } = await this.#hosts.createSet({
      ...this.#id('hsst'),
      ...initialTexts.hostSet,
      hostCatalogId,
    });
    await this.#hosts.changeMembers('add', hostSet.id, hostSet.version, [host.id]);
    this.made.hostResources = {
      hostCatalog: { id: catalog.id, name: initialTexts.hostCatalog.name },
      hostSet: { id: hostSet.id, name: initialTexts.hostSet.name },
      host: { id: host.id, name: initialTexts.host.name },
    };
  }

  async targets(): Promise<void> {
    const { project, hostResources } = this.made;
    const { skip, secondarySuffix } = this.#plan;
    if (project === undefined || hostResources === undefined || skip.targets === true) return;
    const address = { address: '127.0.0.1' };
    this.made.addressTarget = await this.#target({
      ...this.#id('ttcp'),
      ...initialTexts.targetAddress,
      ...address,
    });
    const second = secondarySuffix === undefined ? {} : { id: `ttcp_${secondarySuffix}` };
    const bySource = await this.#target({ ...second, ...initialTexts.targetHostSource });
    await this.#targets.changeHostSources('add', bySource.id, 1, [hostResources.hostSet.id]);
    this.made.hostSourceTarget = bySource;
    await this.#aliasTargets();
  }

  async #target(fields: {
    readonly id?: string;
    readonly name: string;
    readonly description: string;
    readonly address?: string;
  }): Promise<MadeTarget> {
    const { defaultPort, connectionLimit, maxSeconds } = this.#plan.targets;
    const { target } = await this.#targets.create({
      ...fields,
      scopeId: this.made.project?.id ?? '',
      defaultPort,
      sessionConnectionLimit: connectionLimit,
      ...(maxSeconds === undefined ? {} : { sessionMaxSeconds: maxSeconds }),
    });
    return {
      id: target.id,
      name: target.name,
      defaultPort: target.default_port,
      connectionLimit: target.session_connection_limit,
      maxSeconds: target.session_max_seconds,
    };
  }

  /** The three targets of `dev` that have an alias (http-api.md §3.1). */
  async #aliasTargets(): Promise<void> {
    const { aliasPostgres } = this.#plan.targets;
    const scopeId = this.made.project?.id;
    if (aliasPostgres === undefined || scopeId === undefined) return;
    const { targetPostgres, targetWeb, targetSsh } = initialTexts;
    const plans = [
      { text: targetPostgres, address: '127.0.0.1', defaultPort: aliasPostgres.port },
      { text: targetWeb, address: 'www.hashicorp.com', defaultPort: 443, sessionMaxSeconds: 5 },
      { text: targetSsh, address: '127.0.0.1', defaultPort: 22 },
    ];
    for (const { text, ...fields } of plans) {
      const { alias, ...names } = text;
      const { target } = await this.#targets.create({
        ...names,
        ...fields,
        scopeId,
        aliases: [{ value: alias }],
      });
      if (text === targetPostgres) await this.#brokerPostgresLogin(target.id, scopeId, aliasPostgres.keys);
    }
  }

  /** Sessions of the target get the login of the database, from a store without a name. */
  async #brokerPostgresLogin(targetId: string, scopeId: string, keys: KeyService): Promise<void> {
    const credentials = new CredentialService({ database: this.#unit, clock: this.#clock, keys });
    const store = await credentials.createStore({ scopeId });
    const { id } = await credentials.create({
      credentialStoreId: store.id,
      type: 'username_password',
      username: 'postgres',
      secret: new Secret('password'),
    });
    await this.#targets.changeCredentialSources('add', targetId, 1, { brokered: [id], injected: [] });
  }
}

/** A clock that never says the same microsecond twice: lists are ordered by it, and all of this happens within one millisecond. */
function ticking(clock: Clock): Clock {
  let last = 0;
  return {
    nowUs: () => {
      last = Math.max(last + 1, clock.nowUs());
      return last;
    },
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
  };
}

/**
 * Makes the first resources of an empty, migrated database.
 * @throws {StileError} invalidArgument for a plan that is not legal; storageFull, unavailable
 */
export function createInitialResources(
  database: Database,
  clock: Clock,
  plan: InitialPlan,
): Promise<InitialResources> {
  return database.write(async (tx) => {
    const maker = new Maker(tx, database, { clock: ticking(clock), plan });
    await maker.global();
    await maker.logins();
    await maker.scopes();
    await maker.hostResources();
    await maker.targets();
    return maker.made;
  });
}
