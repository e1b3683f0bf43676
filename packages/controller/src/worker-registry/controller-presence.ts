/**
 * This controller's row among the running ones: workers are told the cluster addresses of all, so that they can go to
 * another when this one dies (design.md §6).
 */
import { StileError, newId } from '@stile/protocol';
import { withDeadline } from '@stile/runtime';
import type { Clock, Logger, MachineFacts, Timer } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import {
  deleteControllers,
  deletePredecessors,
  listControllersSince,
  upsertController,
} from './controller-repository.ts';

/** How often the row is renewed, milliseconds. */
const renewMs = 5000;
/** A controller not seen for this long is not told to workers, microseconds: two renewals may be lost. */
const livenessUs = 15_000_000;
/** A row is thrown away after this, microseconds: a day. */
const keepUs = 86_400_000_000;
/** Longest wait until others can see that this controller stops, milliseconds. */
const drainMs = 1000;
/** How long the list of addresses is kept, milliseconds. */
const keepListMs = 1000;

/** What a controller says of itself. */
export interface ControllerFacts {
  readonly name: string;
  /** As `Stile v0.1.0`; absent in tests only. */
  readonly releaseVersion?: string | undefined;
  readonly machine?: MachineFacts;
}

/** Registers one controller process while it runs. Owns its timer: call `start` once and `close`. */
export class ControllerPresence {
  /** Id of this process, new at each start. */
  readonly id: string = newId('controller');
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #facts: ControllerFacts;
  readonly #startedAt: number;
  #isDraining = false;
  #clusterAddress = '';
  #timer: Timer | undefined;
  #isClosed = false;
  /** Settles, never rejecting, with the last write of the row: one after the other, so that an older one never comes last. */
  #written: Promise<unknown> = Promise.resolve();
  #kept: { readonly untilMs: number; readonly addresses: Promise<string[]> } | undefined;

  constructor(
    options: ControllerFacts & {
      readonly database: Database;
      readonly clock: Clock;
      readonly log: Logger;
    },
  ) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#facts = options;
    this.#startedAt = options.clock.nowUs();
  }

  /** Whether this controller is stopping. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From now on this controller is shown as one that stops. Never rejects. */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    if (this.#clusterAddress === '' || this.#isClosed) return;
    const late = (): StileError => new StileError('deadlineExceeded', 'the database does not answer');
    try {
      await withDeadline(this.#write(), drainMs, late);
    } catch (error) {
      this.#log.warn({ err: error }, 'could not note that this controller stops');
    }
  }

  /** Registers with the `host:port` at which workers reach this controller. */
  async start(clusterAddress: string): Promise<void> {
    this.#clusterAddress = clusterAddress;
    await this.#write();
    await this.#deletePredecessors();
    this.#schedule();
  }

  /** Cluster addresses of every live controller, this one first. */
  async liveAddresses(): Promise<string[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#kept === undefined || nowMs >= this.#kept.untilMs) {
      const addresses = this.#readAddresses();
      // Whoever awaits it is told of a failure; nobody is left to wait on one that is kept.
      addresses.catch(() => (this.#kept = undefined));
      this.#kept = { untilMs: nowMs + keepListMs, addresses };
    }
    return this.#kept.addresses;
  }

  /** Takes the row away. Idempotent, never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#written;
    if (this.#clusterAddress === '') return;
    const deadSinceUs = this.#clock.nowUs() - keepUs;
    try {
      await this.#database.write((tx) => deleteControllers(tx, this.id, deadSinceUs));
    } catch (error) {
      // Stopping must go on: a row that stays is dead within 15 seconds.
      this.#log.warn({ err: error }, 'could not take the row of this controller away');
    }
  }

  async #deletePredecessors(): Promise<void> {
    const self = { id: this.id, name: this.#facts.name, cluster_address: this.#clusterAddress };
    const nowUs = this.#clock.nowUs();
    const times = { silentSinceUs: nowUs - livenessUs, deadSinceUs: nowUs - keepUs };
    await this.#database.write((tx) => deletePredecessors(tx, self, times));
  }

  async #readAddresses(): Promise<string[]> {
    const rows = await listControllersSince(this.#database.reader, this.#clock.nowUs() - livenessUs);
    const others = rows.filter((row) => row.id !== this.id).map((row) => row.cluster_address);
    return [...new Set([this.#clusterAddress, ...others])].filter((address) => address !== '');
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(renewMs, () => void this.#renew());
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#log.warn({ err: error }, 'could not renew the row of this controller');
    }
    if (!this.#isClosed) this.#schedule();
  }

  #write(): Promise<void> {
    const written = this.#written.then(() => this.#writeNow());
    this.#written = written.catch(() => undefined); // whoever asked for it hears of it
    return written;
  }

  async #writeNow(): Promise<void> {
    const row = {
      id: this.id,
      name: this.#facts.name,
      cluster_address: this.#clusterAddress,
      last_seen_at: this.#clock.nowUs(),
      release_version: this.#facts.releaseVersion ?? null,
      started_at: this.#startedAt,
      cpu_count: this.#facts.machine?.cpuCount ?? null,
      memory_bytes: this.#facts.machine?.memoryBytes ?? null,
      draining: this.#isDraining ? 1 : 0,
    } as const;
    await this.#database.write((tx) => upsertController(tx, row));
  }
}
