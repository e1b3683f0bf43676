/**
 * Server-sent events from text in pieces (the WHATWG rules). A hostile server can make it keep no more than one event of
 * `maxEventChars`.
 */
import { StileError } from '@stile/protocol/errors';

/** One event. */
export interface ServerEvent {
  /** `message` when the server named none. */
  readonly event: string;
  readonly data: string;
}

/** Largest event, characters: a snapshot of 500 rows is some 300,000. */
export const maxEventChars = 16_777_216;

/** Reads one stream. */
export class SseParser {
  /** The last id that the server gave, with an event or without; `''` before the first. */
  lastEventId = '';
  /** The beginning of a line whose end has not come; in pieces, so that a long one is looked at once. */
  #rest: string[] = [];
  #restSize = 0;
  #isAfterCr = false;
  #event = '';
  #data: string[] = [];
  #size = 0;
  #isFirst = true;

  /**
   * Takes the next piece; gives the events that it completes.
   * @throws {StileError} invalidArgument when an event is larger than may be
   */
  push(piece: string): ServerEvent[] {
    let text = piece;
    if (this.#isFirst && text !== '') {
      this.#isFirst = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    // A pair of CR and LF may be cut in two.
    if (this.#isAfterCr && text.startsWith('\n')) text = text.slice(1);
    if (text !== '') this.#isAfterCr = text.endsWith('\r');
    const events: ServerEvent[] = [];
    const lines = /[\r\n]/.test(text) ? (this.#rest.join('') + text).split(/\r\n|\r|\n/) : undefined;
    this.#keep(lines === undefined ? text : (lines.pop() ?? ''), lines !== undefined);
    for (const line of lines ?? []) {
      const event = this.#line(line);
      if (event !== undefined) events.push(event);
    }
    if (this.#restSize + this.#size > maxEventChars) {
      throw new StileError(
        'invalidArgument',
        `the server sent an event of more than ${maxEventChars} characters`,
      );
    }
    return events;
  }

  #keep(rest: string, isNew: boolean): void {
    if (isNew) {
      this.#rest = [];
      this.#restSize = 0;
    }
    if (rest === '') return;
    this.#rest.push(rest);
    this.#restSize += rest.length;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? '' : line.slice(colon + 1);
    const value = raw.startsWith(' ') ? raw.slice(1) : raw;
    if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.lastEventId = value;
    else if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length + 1;
    }
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const event = this.#event === '' ? 'message' : this.#event;
    const data = this.#data;
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    return data.length === 0 ? undefined : { event, data: data.join('\n') };
  }
}
