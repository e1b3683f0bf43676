/**
 * Use cases of the installation's data keys (http-api.md §2.1): there is one ring for all scopes. Destroying a version seals anew what it
 * had sealed; auth tokens that only it can prove end, and the sessions made with them; recovery codes that only it can prove are gone, and
 * their users see that none are left.
 */
import { StileError } from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import { secondFactorContexts } from '../../auth/second-factor/second-factor-codes.ts';
import { deleteRecoveryCodesOfKey } from '../../auth/second-factor/second-factor-repository.ts';
import { listAuthTokenIdsOfKey } from '../../auth/token/auth-token-repository.ts';
import { auditEnded } from '../../auth/token/token-audit.ts';
import { sealContext as sealCredential } from '../../credential/credential.ts';
import type { KeyService, KeyVersion } from '../../keys/key-service.ts';
import { listSealedColumns, type SealedPlace } from '../../keys/sealed-place-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { sealContext as sealAuthority } from '../../worker-registry/cluster-authority.ts';
import { registrationSecretContext } from '../../worker-registry/worker-registry.ts';
import { endTokens, type EndedTokens } from './auth-token-ending.ts';
import { sealContexts } from '../session.ts';

export type { KeyVersion } from '../../keys/key-service.ts';

/** Every column of sealed values. While one is missing here no key can be destroyed: its values would be lost with the key. */
export const sealedPlaces: readonly SealedPlace[] = [
  { table: 'session', column: 'private_key_sealed', context: sealContexts.privateKey },
  { table: 'session', column: 'tofu_token_sealed', context: sealContexts.tofuToken },
  { table: 'cluster_authority', column: 'private_key_sealed', context: sealAuthority },
  { table: 'credential', column: 'secret_sealed', context: (id) => sealCredential('secret', id) },
  { table: 'credential', column: 'passphrase_sealed', context: (id) => sealCredential('passphrase', id) },
  { table: 'user_second_factor', column: 'secret_sealed', context: secondFactorContexts.secret },
  { table: 'user_second_factor', column: 'pending_secret_sealed', context: secondFactorContexts.pending },
  { table: 'worker', column: 'registration_secret_sealed', context: registrationSecretContext },
];

/** The keys as an administrator sees them. */
export interface KeyRingView {
  /** `krk_…`; comes from the configuration. */
  readonly rootKeyId: string;
  /** Oldest first. */
  readonly versions: readonly KeyVersion[];
}

/** Lists, rotates and destroys data keys. */
export class KeyRing {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #keys: KeyService;
  readonly #log: Logger;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly keys: KeyService;
    readonly log?: Logger;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#keys = options.keys;
    this.#log = options.log ?? silentLogger;
  }

  /** @throws {StileError} unavailable */
  async view(): Promise<KeyRingView> {
    return { rootKeyId: this.#keys.rootKeyId, versions: await this.#keys.listVersions() };
  }

  /** Makes a new version, which seals from now on; with `rewrap` all are wrapped anew by the root key. */
  async rotate({ rewrap }: { readonly rewrap: boolean }): Promise<void> {
    await this.#keys.rotate();
    if (rewrap) await this.#keys.rewrap();
  }

  /**
   * Destroys the version of that key id (`kdk_…`). `by` is the id of the user who does it.
   * @throws {StileError} notFound, failedPrecondition (in use), conflict (used again meanwhile: repeat), storageFull, unavailable
   */
  async destroy(keyId: string, by: string): Promise<void> {
    const found = (await this.#keys.listVersions()).find((version) => version.id === keyId);
    if (found === undefined) throw new StileError('notFound', 'Resource not found.');
    if (found.isInUse) {
      throw new StileError(
        'failedPrecondition',
        `Version ${found.version} of the key is in use: rotate keys first, and wait until every controller has taken the new one (four minutes).`,
      );
    }
    await this.#requireAllPlaces();
    for (const place of sealedPlaces) await this.#keys.reseal(place, found.version);
    const { tokens } = await this.#database.write(async (tx) => {
      const ended = await this.#endTokens(tx, found.version, by);
      await deleteRecoveryCodesOfKey(tx, found.version);
      await this.#keys.destroyVersion(tx, found.version, sealedPlaces);
      return ended;
    });
    auditEnded(this.#log, tokens, by);
    await this.#keys.refresh();
  }

  /** Values in a column that nobody seals anew would be lost. @throws {StileError} internal, naming it */
  async #requireAllPlaces(): Promise<void> {
    const known = new Set(sealedPlaces.map(({ table, column }) => `${table}.${column}`));
    const unknown = (await listSealedColumns(this.#database.reader)).find((column) => !known.has(column));
    if (unknown !== undefined) {
      throw new StileError('internal', `no key can be destroyed: nothing seals ${unknown} anew`);
    }
  }

  async #endTokens(tx: Connection, keyVersion: number, by: string): Promise<EndedTokens> {
    const ids = await listAuthTokenIdsOfKey(tx, keyVersion);
    return endTokens(tx, this.#database, ids, { reason: 'key destroyed', by, nowUs: this.#clock.nowUs() });
  }
}
