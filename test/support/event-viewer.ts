/** A viewer of the event stream on a socket of its own: what it was told, and the table that it makes of it. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { mergeDelta, SseParser, type EventRow, type ServerEvent } from '@stile/client/browser';
import type { HostPort } from '@stile/runtime';

/** How it asks. */
export interface ViewerOptions {
  readonly token?: string;
  readonly lastEventId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long anything may take, milliseconds. */
const deadlineMs = 10_000;

/** Reads one stream until it is closed by one of the two. */
export class EventViewer {
  readonly events: ServerEvent[] = [];
  /** Sessions and workers, merged by the client's rule. */
  readonly rows: Map<string, EventRow> = new Map();
  /** Everything that came, as it came. */
  text = '';
  isEnded = false;
  readonly #parser = new SseParser();
  readonly #request: ClientRequest;
  readonly #message: IncomingMessage;
  readonly #body: Readable;
  readonly #waiting = new Set<() => void>();

  private constructor(sent: ClientRequest, message: IncomingMessage) {
    this.#request = sent;
    this.#message = message;
    const isGzip = message.headers['content-encoding'] === 'gzip';
    this.#body = isGzip ? message.pipe(createGunzip()) : message;
    this.#body.setEncoding('utf8');
    this.#body.on('data', (piece: string) => this.#take(piece));
    const end = (): void => {
      this.isEnded = true;
      this.#wake();
    };
    message.on('close', end);
    message.on('error', end);
  }

  /** Opens a stream; the answer may be a refusal. */
  static open(at: HostPort, query: string, options: ViewerOptions = {}): Promise<EventViewer> {
    return new Promise((resolve, reject) => {
      const sent = request({
        host: at.host,
        port: at.port,
        path: `/v1/events?${query}`,
        agent: false,
        headers: {
          accept: 'text/event-stream',
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
          ...options.headers,
        },
      });
      sent.on('response', (message) => resolve(new EventViewer(sent, message)));
      sent.on('error', reject);
      sent.end();
    });
  }

  get status(): number {
    return this.#message.statusCode ?? 0;
  }

  get headers(): IncomingMessage['headers'] {
    return this.#message.headers;
  }

  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /** Data of the events of a name. */
  dataOf(name: string): unknown[] {
    return this.events.filter((each) => each.event === name).map((each) => JSON.parse(each.data) as unknown);
  }

  /** Waits until `isTrue`; fails loudly when that takes too long. */
  async until(what: string, isTrue: () => boolean, ms: number = deadlineMs): Promise<void> {
    if (isTrue()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const told = this.events.map((each) => `${each.event} ${each.data.slice(0, 300)}`).slice(-8);
        reject(new Error(`after ${ms} ms still not: ${what}; told ${told.join(' | ')}`));
      }, ms);
      const look = (): void => {
        if (!isTrue()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  /** The first event of a name, from the `from`th event on. */
  async event(name: string, from = 0): Promise<unknown> {
    const find = (): ServerEvent | undefined => this.events.slice(from).find((each) => each.event === name);
    await this.until(`event ${name}`, () => find() !== undefined);
    return JSON.parse(find()?.data ?? 'null') as unknown;
  }

  /** Waits until the server has ended the stream. */
  ended(ms?: number): Promise<void> {
    return this.until('the stream is ended', () => this.isEnded, ms);
  }

  /** Takes nothing more from the socket. */
  pause(): void {
    this.#body.pause();
  }

  resume(): void {
    this.#body.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #take(piece: string): void {
    this.text += piece;
    for (const event of this.#parser.push(piece)) {
      this.events.push(event);
      this.#merge(event);
    }
    this.#wake();
  }

  #merge({ event, data }: ServerEvent): void {
    if (event === 'reset') this.rows.clear();
    if (event !== 'snapshot' && event !== 'delta') return;
    mergeDelta(this.rows, JSON.parse(data) as Parameters<typeof mergeDelta>[1]);
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}
