/**
 * Looks at the rights and the tokens of open streams again, whenever these change (tokens.md §1.7): what a viewer may see is asked anew,
 * and a stream whose token has ended is ended. What cannot be looked at is taken for gone, after a while.
 */
import { toStileError } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { AuthTokenService, Caller, TokenStanding } from '../../auth/token/auth-token-service.ts';
import { isSameProof } from '../../auth/token/auth-token.ts';
import type { StoreEvent } from '../../store/events.ts';
import type { OpenStream } from './open-stream.ts';

/** What the looks need. */
export interface StreamReviewOptions {
  readonly tokens: Pick<AuthTokenService, 'standings'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly streams: ReadonlyMap<string, OpenStream>;
  /** Says `bye` with the reason, and ends. */
  readonly end: (stream: OpenStream, reason: string) => void;
}

/** A stream whose rights or token cannot be looked at for this long is ended, milliseconds. */
const unverifiedMs = 10_000;
/** After a look that failed, milliseconds. */
const retryMs = 1_000;
/** Viewers that are looked at at the same time. */
const reviewedAtOnce = 16;

const revoked = { isGood: false, reason: 'token revoked' } as const satisfies TokenStanding;

/** One look of each kind at a time. `close` once. */
export class StreamReview {
  /** Goes up with every change of rights. */
  rights = 0;
  readonly #options: StreamReviewOptions;
  #reviewing: Promise<void> | undefined;
  #isReviewWanted = false;
  #checking: Promise<void> | undefined;
  #isCheckWanted = false;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: StreamReviewOptions) {
    this.#options = options;
  }

  /** Stops and waits for the looks under way. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    await Promise.all([this.#reviewing, this.#checking]);
  }

  /** What happened may concern streams. */
  hear(event: StoreEvent): void {
    if (event.type === 'rights-changed') {
      this.rights += 1;
      void this.reviewAll();
    } else if (event.type === 'auth-tokens-changed') this.askTokens();
  }

  /** Looks at the rights of every viewer anew; one look at a time, and another when rights changed during it. Never rejects. */
  reviewAll(): Promise<void> {
    this.#isReviewWanted = true;
    this.#reviewing ??= this.#reviewRounds().finally(() => (this.#reviewing = undefined));
    return this.#reviewing;
  }

  async #reviewRounds(): Promise<void> {
    while (this.#isReviewWanted && !this.#isClosed) {
      this.#isReviewWanted = false;
      const streams = [...this.#options.streams.values()].filter((each) => each.viewer !== undefined);
      for (let at = 0; at < streams.length; at += reviewedAtOnce) {
        await Promise.all(streams.slice(at, at + reviewedAtOnce).map((stream) => this.#review(stream)));
      }
    }
  }

  async #review(stream: OpenStream): Promise<void> {
    const rights = this.rights;
    try {
      const view = await stream.request.view(stream.caller);
      stream.reviewedAt = rights;
      stream.unverifiedSinceMs = undefined;
      if (this.#options.streams.has(stream.id)) stream.viewer?.review(view);
    } catch (error) {
      const { code } = toStileError(error);
      if (code === 'permissionDenied' || code === 'unauthenticated' || code === 'notFound') {
        this.#options.end(stream, 'grants changed');
      } else this.#unverified(stream, error);
    }
  }

  /** Reads the tokens of all streams again; those that have ended take their streams along. */
  askTokens(): void {
    this.#isCheckWanted = true;
    this.#checking ??= this.#checkRounds().finally(() => (this.#checking = undefined));
  }

  async #checkRounds(): Promise<void> {
    while (this.#isCheckWanted && !this.#isClosed) {
      this.#isCheckWanted = false;
      const streams = [...this.#options.streams.values()].filter((each) => each.viewer !== undefined);
      const ids = streams.flatMap(({ caller }) => caller.authTokenId ?? []);
      if (ids.length === 0) continue;
      try {
        const standings = await this.#options.tokens.standings([...new Set(ids)]);
        for (const stream of streams) this.#judge(stream, standings);
      } catch (error) {
        for (const stream of streams) this.#unverified(stream, error);
        this.#retry?.cancel();
        this.#retry = this.#options.clock.setTimer(retryMs, () => this.askTokens());
      }
    }
  }

  #judge(stream: OpenStream, standings: ReadonlyMap<string, TokenStanding>): void {
    const { authTokenId } = stream.caller;
    if (authTokenId === undefined || !this.#options.streams.has(stream.id)) return;
    const standing = standings.get(authTokenId) ?? revoked;
    if (!standing.isGood) {
      this.#options.end(stream, standing.reason);
      return;
    }
    if (!isSameProof(standing.caller, stream.request.caller)) {
      this.#options.end(stream, revoked.reason);
      return;
    }
    const { clock } = this.#options;
    const isOther = rightsText(standing.caller) !== rightsText(stream.caller);
    stream.caller = standing.caller;
    if (isOther) void this.reviewAll();
    stream.timer?.cancel();
    if (!Number.isFinite(standing.endsAt)) return;
    // Read again then: it may have been used meanwhile, and end later.
    stream.timer = clock.setTimer(Math.max(0, (standing.endsAt - clock.nowUs()) / 1000) + 1, () =>
      this.askTokens(),
    );
  }

  /** What cannot be looked at is taken for gone, after a while. */
  #unverified(stream: OpenStream, error: unknown): void {
    const nowMs = this.#options.clock.monotonicMs();
    stream.unverifiedSinceMs ??= nowMs;
    this.#options.log.warn({ err: toStileError(error) }, 'rights of an event stream cannot be looked at');
    if (nowMs - stream.unverifiedSinceMs >= unverifiedMs) this.#options.end(stream, 'rights unknown');
  }
}

/** Changes with what the token lets its user do. */
function rightsText({ userId, accountId, token }: Caller): string {
  return JSON.stringify([userId, accountId, token?.tokenScopes, token?.allowList]);
}
