/**
 * The inside of a controller on a test's database, without API and listeners: two projects, a user with a token and the right
 * to connect, and the services under test. Several can stand on one database, as several controllers do.
 */
import { randomBytes } from 'node:crypto';
import { randomBase62 } from '@stile/protocol';
import { type Clock, Secret, silentLogger } from '@stile/runtime';
import type { Caller } from '../../packages/controller/src/auth/token/auth-token-service.ts';
import { HostService } from '../../packages/controller/src/host/host-service.ts';
import { IamService } from '../../packages/controller/src/iam/iam-service.ts';
import { createRole } from '../../packages/controller/src/iam/role-repository.ts';
import { createGlobalScope, createScope } from '../../packages/controller/src/iam/scope-repository.ts';
import { createSpecialUsers, createUser } from '../../packages/controller/src/iam/user-repository.ts';
import { ConnectionEnding } from '../../packages/controller/src/session/connection-ending.ts';
import { defaultAuthTokenSettings } from '../../packages/controller/src/auth/token/auth-token-settings.ts';
import { AccountEnding } from '../../packages/controller/src/session/ending/account-ending.ts';
import { AuthTokenEnding } from '../../packages/controller/src/session/ending/auth-token-ending.ts';
import { SessionEnding } from '../../packages/controller/src/session/session-ending.ts';
import { SessionReaper } from '../../packages/controller/src/session/session-reaper.ts';
import { SessionReconciliation } from '../../packages/controller/src/session/session-reconciliation.ts';
import { SessionRevocations } from '../../packages/controller/src/session/session-revocation.ts';
import { SessionService } from '../../packages/controller/src/session/session-service.ts';
import { SessionServing } from '../../packages/controller/src/session/session-serving.ts';
import { SessionTraffic } from '../../packages/controller/src/session/traffic/session-traffic.ts';
import { KeyService } from '../../packages/controller/src/keys/key-service.ts';
import { rootKeyOf } from '../../packages/controller/src/keys/root-key.ts';
import type { Database } from '../../packages/controller/src/store/database.ts';
import { TargetService } from '../../packages/controller/src/target/target-service.ts';
import type { Target } from '../../packages/controller/src/target/target.ts';
import { ClusterAuthority } from '../../packages/controller/src/worker-registry/cluster-authority.ts';
import { ControllerPresence } from '../../packages/controller/src/worker-registry/controller-presence.ts';
import { WorkerRegistry } from '../../packages/controller/src/worker-registry/worker-registry.ts';
import type { Worker } from '../../packages/controller/src/worker-registry/worker.ts';
import { authTokenRow } from './auth-token-row.ts';

const rootKey = rootKeyOf(new Secret(Buffer.alloc(32, 7).toString('base64')));

/** Ids of what every world's database holds. */
export const worldIds = {
  org: 'o_1234567890',
  project: 'p_1234567890',
  otherProject: 'p_0987654321',
  user: 'u_1234567890',
  role: 'r_1234567890',
} as const;

/** One controller's services. */
export interface SessionWorld {
  readonly database: Database;
  readonly clock: Clock;
  readonly keys: KeyService;
  readonly registry: WorkerRegistry;
  readonly presence: ControllerPresence;
  readonly hosts: HostService;
  readonly targets: TargetService;
  readonly domain: {
    readonly sessions: SessionService;
    readonly ending: SessionEnding;
    readonly accountEnding: AccountEnding;
    readonly tokenEnding: AuthTokenEnding;
    readonly serving: SessionServing;
    readonly reconciliation: SessionReconciliation;
    readonly revocations: SessionRevocations;
    readonly reaper: SessionReaper;
  };
  close(): Promise<void>;
}

/** The scope of a session authorization in these tests. */
export const projectScope = {
  id: worldIds.project,
  type: 'project',
  name: '',
  description: '',
  parentScopeId: worldIds.org,
} as const;

/** Scopes, a user and a role, once for each database. */
export async function fillDatabase(database: Database, nowUs: number): Promise<void> {
  await database.write(async (tx) => {
    await createGlobalScope(tx, nowUs);
    await createSpecialUsers(tx, nowUs);
    await createScope(tx, { id: worldIds.org, parentId: 'global', type: 'org', nowUs });
    for (const id of [worldIds.project, worldIds.otherProject]) {
      await createScope(tx, { id, parentId: worldIds.org, type: 'project', nowUs });
    }
    await createUser(tx, { id: worldIds.user, scopeId: 'global', nowUs });
    await createRole(tx, {
      id: worldIds.role,
      scopeId: worldIds.project,
      grants: ['ids=*;type=target;actions=authorize-session'],
      principalIds: [worldIds.user],
      nowUs,
    });
  });
}

/** Builds the services over a database that `fillDatabase` has filled. */
export async function makeWorld(database: Database, clock: Clock): Promise<SessionWorld> {
  const keys = await KeyService.open({ database, rootKey, clock });
  const authority = await ClusterAuthority.open({ database, keys, clock });
  const registry = new WorkerRegistry({ database, clock, keys, authority });
  const targets = new TargetService({ database, clock });
  const log = silentLogger;
  const ground = { database, clock, log };
  const traffic = new SessionTraffic();
  const ending = new ConnectionEnding({ ...ground, traffic });
  const revocations = new SessionRevocations({ ...ground, ending });
  const domain = {
    sessions: new SessionService({ ...ground, keys, selection: registry.selection, revocations }),
    ending: new SessionEnding({ ...ground, targets }),
    accountEnding: new AccountEnding({ ...ground, settings: defaultAuthTokenSettings }),
    tokenEnding: new AuthTokenEnding({ ...ground, revocations, countStreams: () => Promise.resolve(0) }),
    serving: new SessionServing({
      ...ground,
      keys,
      iam: new IamService({ database }),
      filters: registry.filters,
      ending,
      traffic,
    }),
    reconciliation: new SessionReconciliation({ ...ground, ending, traffic }),
    revocations,
    reaper: new SessionReaper({ ...ground, ending }),
  };
  return {
    database,
    clock,
    keys,
    registry,
    presence: new ControllerPresence({ database, clock, log, name: 'test' }),
    hosts: new HostService({ database, clock }),
    targets,
    domain,
    close: async () => {
      await domain.reaper.close();
      await revocations.close();
      keys.close();
    },
  };
}

/** A new auth token's row for the user, and the caller it makes. */
export async function addCaller(world: SessionWorld, userId: string = worldIds.user): Promise<Caller> {
  const row = authTokenRow(userId, world.clock.nowUs());
  await world.database.write(async (tx) => {
    await tx.insertInto('auth_token').values(row).execute();
  });
  return { userId, userScopeId: 'global', authTokenId: row.id };
}

/** A worker that counts as live, without a link. */
export async function addLiveWorker(world: SessionWorld, fields: Partial<Worker> = {}): Promise<Worker> {
  const { worker } = await world.registry.createControllerLed({ name: `w-${randomBase62(8).toLowerCase()}` });
  const row = await world.database.write((tx) =>
    tx
      .updateTable('worker')
      .set({
        address: '127.0.0.1:9202',
        controller_id: 'ctrl_test',
        last_seen_at: world.clock.nowUs(),
        activation_mac: null,
        certificate_fingerprint: randomBytes(32),
        ...fields,
      })
      .where('id', '=', worker.id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  );
  world.registry.selection.forget();
  return row;
}

/** A target with an address in the project. */
export async function addTarget(
  world: SessionWorld,
  fields: Partial<Parameters<TargetService['create']>[0]> = {},
): Promise<Target> {
  const { target } = await world.targets.create({
    scopeId: worldIds.project,
    name: `target ${randomBase62(8)}`,
    defaultPort: 22,
    address: '127.0.0.1',
    ...fields,
  });
  return target;
}

/** The TOFU token of the first client in these tests. */
export const firstTofuToken = 'aaaaaaaaaaaaaaaaaaaa';

/** An authorized session. */
export async function addSession(
  world: SessionWorld,
  target: Target,
  more: { readonly caller?: Caller; readonly hostId?: string } = {},
): Promise<string> {
  const { hostId } = more;
  const caller = more.caller ?? (await addCaller(world));
  const request = { caller, target, scope: projectScope, ...(hostId === undefined ? {} : { hostId }) };
  return (await world.domain.sessions.authorize(request)).sessionId;
}

/** A connected connection of a session, through the worker; activates the session when need be. Gives its id. */
export async function addConnection(world: SessionWorld, worker: Worker, sessionId: string): Promise<string> {
  const { serving } = world.domain;
  await serving.activate(worker, sessionId, firstTofuToken);
  const client = { clientAddress: '192.0.2.1', clientPort: 4711 };
  const { connectionId } = await serving.authorizeConnection(worker, { sessionId, ...client });
  await serving.connectConnection(worker, { connectionId, endpointAddress: '127.0.0.1', endpointPort: 22 });
  return connectionId;
}
