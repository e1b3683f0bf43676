/**
 * The one writer of a SQLite file: units of work wait in a queue, and those waiting together share one transaction and
 * one fsync (group commit). Measured: without it every unit pays for its own fsync and four more visits to the thread pool.
 *
 * A batch first runs without savepoints. Only when a unit fails after it has changed rows is the batch rolled back and
 * run again with a savepoint around each, so that the failure hurts no other. Hence a unit may run twice.
 */
import { StileError, toStileError } from '@stile/protocol';
import { type Logger, withDeadline } from '@stile/runtime';
import type { CompiledQuery, QueryResult } from 'kysely';
import type { Connection, ConnectionFactory, StatementRunner } from '../engine/connection.ts';
import type { EventHub } from '../engine/event-hub.ts';
import { UnitContext, unitIsOver, unitTookTooLong } from '../engine/unit-context.ts';
import { mayHaveEndedTransaction } from './sqlite-error.ts';
import type { SqliteHandle } from './sqlite-handle.ts';

/** Units in one transaction, so that the first of a burst does not wait for all of it. */
const maxBatchUnits = 64;

/** How the writer is made; it owns none of these. */
export interface SqliteWriterOptions {
  readonly handle: SqliteHandle;
  readonly factory: ConnectionFactory;
  readonly hub: EventHub;
  readonly log: Logger;
  /** Milliseconds after which a unit that has not finished is rolled back. */
  readonly unitTimeoutMs: number;
}

/** A unit in the queue. `run` gives a function that settles the caller's promise, to be called after the commit. */
interface WaitingUnit {
  readonly timeoutMs: number;
  run(tx: Connection): Promise<() => void>;
  reject(error: unknown): void;
}

interface UnitOutcome {
  readonly unit: WaitingUnit;
  readonly context: UnitContext;
  /** It has changed rows. */
  readonly isDirty: boolean;
  /** It did not end in time, so it is not run again. */
  readonly isLate: boolean;
  /** Resolves the caller's promise; undefined when the unit failed with `error`. */
  readonly settle: (() => void) | undefined;
  readonly error?: unknown;
}

/** The statements of one run of one unit: one after the other, and none after its end. */
class UnitRunner implements StatementRunner {
  readonly #handle: SqliteHandle;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #fatal: StileError | undefined;
  #isDirty = false;

  constructor(handle: SqliteHandle) {
    this.#handle = handle;
  }

  /** Whether a statement of the unit has changed rows. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** The error, if any, after which the transaction may be gone: nothing more of the batch may run in it. */
  get fatal(): StileError | undefined {
    return this.#fatal;
  }

  run<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = this.#last.then(() => this.#send<R>(query));
    // The caller gets the error; here it only opens the way for the next statement.
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Refuses what comes later and waits for the statement under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  async #send<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#isClosed) throw unitIsOver();
    if (this.#fatal !== undefined) throw this.#fatal;
    try {
      const result = await this.#handle.run<R>(query);
      if ((result.numAffectedRows ?? 0n) > 0n || query.query.kind === 'RawNode') this.#isDirty = true;
      return result;
    } catch (error) {
      const stileError = toStileError(error);
      if (mayHaveEndedTransaction(stileError)) this.#fatal = stileError;
      throw stileError;
    }
  }
}

/** Queue and group commit. `close` once; units that wait then are refused. */
export class SqliteWriter {
  readonly #options: SqliteWriterOptions;
  readonly #queue: WaitingUnit[] = [];
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: SqliteWriterOptions) {
    this.#options = options;
  }

  /**
   * Runs the unit in a transaction; resolves when it is on disk.
   * @throws {StileError} whatever the unit threw, or storageFull, unavailable, deadlineExceeded
   */
  write<T>(
    unit: (tx: Connection) => Promise<T>,
    timeoutMs: number = this.#options.unitTimeoutMs,
  ): Promise<T> {
    if (this.#isClosed) return Promise.reject(new StileError('unavailable', 'the database is closed'));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        timeoutMs,
        run: async (tx) => {
          const value = await unit(tx);
          return () => resolve(value);
        },
        reject,
      });
      this.#draining ??= this.#drain();
    });
  }

  /** Lets the queue run empty and refuses what comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Let the units of this turn of the event loop come together.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#batch();
    this.#draining = undefined;
  }

  /** Runs one batch; settles each of its units exactly once; never throws. */
  async #batch(): Promise<void> {
    const taken: WaitingUnit[] = [];
    try {
      await this.#options.handle.exec('begin immediate');
      const outcomes = await this.#runTogether(taken);
      if (outcomes === undefined) {
        await this.#options.handle.exec('rollback; begin immediate');
        this.#commit(await this.#runApart(taken));
      } else {
        await this.#options.handle.exec('commit');
        this.#commit(outcomes);
      }
    } catch (error) {
      await this.#abandon(taken, toStileError(error));
    }
  }

  /** Runs waiting units, those that arrive meanwhile too. Gives undefined when one failed after changing rows. */
  async #runTogether(taken: WaitingUnit[]): Promise<UnitOutcome[] | undefined> {
    const outcomes: UnitOutcome[] = [];
    for (;;) {
      const unit = taken.length < maxBatchUnits ? this.#queue.shift() : undefined;
      if (unit === undefined) return outcomes;
      taken.push(unit);
      const outcome = await this.#runUnit(unit);
      if (outcome.settle === undefined && outcome.isDirty) {
        if (outcome.isLate) taken.pop()?.reject(outcome.error);
        return undefined;
      }
      outcomes.push(outcome);
    }
  }

  /** Runs each unit under its own savepoint, and commits. */
  async #runApart(units: readonly WaitingUnit[]): Promise<UnitOutcome[]> {
    const outcomes: UnitOutcome[] = [];
    for (const unit of units) {
      await this.#options.handle.exec('savepoint unit');
      const outcome = await this.#runUnit(unit);
      await this.#options.handle.exec(
        outcome.settle !== undefined ? 'release unit' : 'rollback to unit; release unit',
      );
      outcomes.push(outcome);
    }
    await this.#options.handle.exec('commit');
    return outcomes;
  }

  /** @throws {StileError} when the transaction itself may be gone */
  async #runUnit(unit: WaitingUnit): Promise<UnitOutcome> {
    const runner = new UnitRunner(this.#options.handle);
    const tx = this.#options.factory.over(runner);
    const context = UnitContext.attach(tx);
    let isLate = false;
    const onLate = (): StileError => {
      isLate = true;
      return unitTookTooLong();
    };
    let outcome: Pick<UnitOutcome, 'settle' | 'error'>;
    try {
      outcome = { settle: await withDeadline(unit.run(tx), unit.timeoutMs, onLate) };
    } catch (error) {
      outcome = { settle: undefined, error };
    }
    await runner.close();
    // Whether the unit swallowed it or not: after such an error its statements may have been undone.
    if (runner.fatal !== undefined) throw runner.fatal;
    return { unit, context, isDirty: runner.isDirty, isLate, ...outcome };
  }

  #commit(outcomes: readonly UnitOutcome[]): void {
    for (const { unit, context, error, settle } of outcomes) {
      if (settle !== undefined) {
        this.#options.hub.deliver(context.events);
        settle();
      } else {
        unit.reject(error);
      }
    }
  }

  async #abandon(units: readonly WaitingUnit[], error: StileError): Promise<void> {
    try {
      await this.#options.handle.exec('rollback');
    } catch (rollbackError) {
      // SQLite has rolled back by itself, or never began: either way no transaction is open now.
      this.#options.log.debug({ err: rollbackError }, 'nothing to roll back');
    }
    const failed = units.length === 0 ? this.#queue.splice(0, maxBatchUnits) : units;
    this.#options.log.error({ err: error, code: error.code, units: failed.length }, 'a transaction failed');
    for (const unit of failed) unit.reject(error);
  }
}
