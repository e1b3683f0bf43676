/**
 * The certificates that a cluster listener shows: one for each authority that workers may know, chosen by the server name of
 * their TLS hello, renewed every day, and made anew when the cluster changes its authority, here or on another controller.
 */
import { constants } from 'node:crypto';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { toStileError } from '@stile/protocol';
import { controllerServerName } from '@stile/protocol/rpc';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { ClusterAuthority } from '../worker-registry/cluster-authority.ts';

/** New certificates this often, milliseconds: a day, of the 30 that each is good. */
const renewMs = 86_400_000;
/** How often it is looked whether the cluster has a new authority, milliseconds. */
const watchMs = 5000;
/** An unknown server name makes us look at most this often, milliseconds: anybody may send one. */
const lookAgainMs = 500;

type SniCallback = (error: Error | null, context?: SecureContext) => void;

/** Serves one listener from `attach` to `close`. */
export class ServerIdentities {
  readonly #authority: ClusterAuthority;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #unsubscribe: () => void;
  #server: Server | undefined;
  /** By server name. */
  #contexts: ReadonlyMap<string, SecureContext> = new Map();
  #contextsUntilMs = 0;
  #lookAgainAtMs = 0;
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: {
    readonly authority: ClusterAuthority;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#authority = options.authority;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#renew();
    this.#unsubscribe = this.#authority.onChange(() => {
      this.#renew();
      this.#log.info({}, 'the cluster authority has changed; linked workers move over');
    });
  }

  /** What a server is made with. */
  get serverOptions(): SecureContextOptions & {
    readonly SNICallback: (serverName: string, callback: SniCallback) => void;
  } {
    return {
      ...this.#identity(undefined),
      SNICallback: (serverName, callback) => void this.#answer(serverName, callback),
    };
  }

  /** Keeps the certificates of a server fresh from now on. */
  attach(server: Server): void {
    this.#server = server;
    this.#watch();
  }

  /** Looks now whether the cluster has a new authority; callers at the same time share one look. Never rejects. */
  lookNow(): Promise<void> {
    return this.#look();
  }

  /** Stops, and waits for a look that is under way. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#unsubscribe();
    await this.#looking;
  }

  #identity(serverName: string | undefined): SecureContextOptions {
    const identity = this.#authority.issueController(serverName);
    return {
      cert: identity.certificate,
      key: identity.privateKey,
      ca: [...identity.authorities],
      minVersion: 'TLSv1.3',
      // Each link shows its certificate: nobody comes back on an old handshake.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  }

  #renew(): void {
    const names = this.#authority.serverNames;
    this.#contexts = new Map(names.map((name) => [name, createSecureContext(this.#identity(name))]));
    this.#contextsUntilMs = this.#clock.monotonicMs() + renewMs;
    this.#server?.setSecureContext(this.#identity(undefined));
  }

  /** Never rejects. */
  async #answer(serverName: string, callback: SniCallback): Promise<void> {
    let context: SecureContext | undefined;
    try {
      context = await this.#contextOf(serverName);
    } catch (error) {
      callback(toStileError(error));
      return;
    }
    callback(null, context);
  }

  /** What is shown to a worker that knows the authority of that name; undefined = what is shown to everybody. */
  async #contextOf(serverName: string): Promise<SecureContext | undefined> {
    const known = this.#contexts.get(serverName);
    if (known !== undefined || serverName === controllerServerName) return known;
    // Perhaps an authority that another controller has made just now.
    if (this.#clock.monotonicMs() >= this.#lookAgainAtMs) await this.#look();
    else await this.#looking;
    return this.#contexts.get(serverName);
  }

  #watch(): void {
    this.#timer = this.#clock.setTimer(watchMs, () => {
      void this.#look().then(() => {
        if (!this.#isClosed) this.#watch();
      });
    });
  }

  /** Looks whether the authority was replaced; several callers share one look. Never rejects. */
  #look(): Promise<void> {
    this.#lookAgainAtMs = this.#clock.monotonicMs() + lookAgainMs;
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    try {
      await this.#authority.refresh();
      if (this.#clock.monotonicMs() >= this.#contextsUntilMs) this.#renew();
    } catch (error) {
      this.#log.warn({ err: error }, 'could not look at the cluster authority; trying again');
    }
  }
}
