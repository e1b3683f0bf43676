/**
 * Where commands print: tables or JSON on stdout, errors and warnings on stderr (cli.md §1.5–1.7). Text from a server passes
 * through `layout.ts` before it gets to a terminal.
 */
import { once } from 'node:events';
import type { CommandStreams } from './streams.ts';
import type { Environment } from '../arguments/environment.ts';
import { block, defaultColumns, printable, wrap } from './layout.ts';

/** Output formats (cli.md §1.3). */
export type OutputFormat = 'table' | 'json';

/** An error answer of the controller, as far as it is printed. */
export interface ApiErrorAnswer {
  readonly status: number;
  /** The body as received, parsed; undefined when it was empty or no JSON. */
  readonly body: unknown;
}

/** `<`, `>`, `&` as Go writes them, and what could steer a terminal: still the same JSON value. */
const jsonUnsafe = /[<>&\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** One line of JSON with the HTML escapes of the recorded envelopes (cli.md §1.6). */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    jsonUnsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

interface RequestField {
  readonly name?: unknown;
  readonly description?: unknown;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): readonly Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}

function record(value: unknown): Record<string, unknown> {
  // Keys of a JSON object are checked one by one where they are read.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** How the fields of a request are spelled as flags of the command that sent it. */
export interface FieldSpelling {
  /** Stands before attributes, as `vault-`. */
  readonly attributePrefix?: string;
  /** Flags, without a dash, of fields whose flag has another name. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** `attributes.default_port` as the flag that sets it: `-default-port`. */
function flagSpelling(fieldName: string, { attributePrefix = '', flags = {} }: FieldSpelling): string {
  if (Object.hasOwn(flags, fieldName)) return `-${flags[fieldName] ?? ''}`;
  return `-${fieldName.replace(/^attributes\./, attributePrefix).replaceAll('_', '-')}`;
}

/** Rows of the error table (cli.md §1.7). */
function errorLines(context: string, answer: ApiErrorAnswer, spelling: FieldSpelling): string[] {
  const body = record(answer.body);
  const details = record(body['details']);
  const rows = {
    Kind: textOf(body['kind']),
    Message: textOf(body['message']),
    Operation: textOf(body['op']) || undefined,
    Status: answer.status,
    context,
  };
  const lines = [printable(context), '', 'Error information:', ...block(rows, 2, 19)];
  const wrapped = listOf(details['wrapped_errors']);
  if (wrapped.length > 0) lines.push('', '  Wrapped Errors:');
  for (const error of wrapped) {
    lines.push(...block({ Message: textOf(error['message']), Operation: textOf(error['op']) }, 4, 17));
  }
  const fields: readonly RequestField[] = listOf(details['request_fields']);
  const shown = fields.filter((field) => field.name !== 'update_mask');
  if (shown.length > 0) lines.push('', '  Field-specific Errors:');
  for (const field of shown) {
    lines.push(...block({ Name: flagSpelling(textOf(field.name), spelling) }, 4, 17));
    lines.push(...block({ Error: textOf(field.description) }, 6, 15));
  }
  return lines;
}

/** Secret part of an auth token behind its id; a server may send back in an error what it was given. */
const authTokenPattern = /\b(at_[0-9A-Za-z]{10})_[0-9A-Za-z]+/g;

/** Prints for one command run. */
export class Output {
  readonly format: OutputFormat;
  readonly #streams: CommandStreams;
  readonly #colour: boolean;
  readonly #quiet: boolean;
  #isCurlPrinted = false;
  #hasRoom = true;

  /** `quiet` discards stderr (`-output-curl-string`, cli.md §1.9). */
  constructor(
    format: OutputFormat,
    streams: CommandStreams,
    options: { environment: Environment; quiet?: boolean },
  ) {
    this.format = format;
    this.#streams = streams;
    this.#quiet = options.quiet ?? false;
    const { environment } = options;
    const plain = environment.raw('NO_COLOR') !== undefined || environment.get('CLI_NO_COLOR') !== undefined;
    this.#colour =
      format === 'table' && streams.stdout.isTTY === true && !plain && environment.raw('TERM') !== 'dumb';
  }

  /** Whether results are printed as JSON. */
  get isJson(): boolean {
    return this.format === 'json';
  }

  /** Width at which tables wrap. */
  get columns(): number {
    // A terminal that does not know its size says 0.
    const columns = this.#streams.stdout.columns ?? 0;
    return columns > 0 ? columns : defaultColumns;
  }

  /** One text and a newline on stdout, as it is. */
  print(text: string): void {
    this.write(`${text}\n`);
  }

  /** A piece of text on stdout, as it is, without a newline. */
  write(text: string): void {
    this.#hasRoom = this.#streams.stdout.write(text);
  }

  /** Waits until what was written has left. @returns false when nobody reads standard output any more */
  async drained(): Promise<boolean> {
    const { stdout } = this.#streams;
    if (!stdout.writable) return false;
    if (this.#hasRoom) return true;
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    stdout.once('close', onClose);
    try {
      await once(stdout, 'drain', { signal: gone.signal });
      return true;
    } catch {
      // The reader went away (`… | head`): the entry of the program says what that means.
      return false;
    } finally {
      stdout.removeListener('close', onClose);
    }
  }

  /** Table lines on stdout, wrapped. */
  printLines(lines: readonly string[]): void {
    this.print(wrap(lines, this.columns));
  }

  /** One JSON value on one line of stdout. */
  printJson(value: unknown): void {
    this.print(toJsonLine(value));
  }

  /** An item: its table, or the envelope `{"status_code","item"}` around what the server sent. */
  printItem(status: number, item: unknown, lines: () => readonly string[]): void {
    if (this.isJson) this.printJson({ status_code: status, item });
    else this.printLines(lines());
  }

  /** The request as a curl command, instead of sending it (cli.md §1.9). */
  printCurl(line: string): void {
    if (!this.#isCurlPrinted) this.print(line);
    this.#isCurlPrinted = true;
  }

  /** Whether a request was printed instead of sent. */
  get isCurlPrinted(): boolean {
    return this.#isCurlPrinted;
  }

  /** A warning on stderr. */
  warn(text: string): void {
    this.#writeError(text, 93);
  }

  /** An error of the command line itself, on stderr: plain, or `{"error":…}`. */
  error(text: string): void {
    if (this.isJson) this.#writeError(toJsonLine({ error: text }), undefined);
    else this.#writeError(printable(text), 91);
  }

  /** An error on stderr that is plain text in JSON mode too (cli.md §1.6). */
  plainError(text: string): void {
    this.#writeError(text, 91);
  }

  /** An error answer of the controller, on stderr (cli.md §1.6, 1.7). */
  apiError(context: string, answer: ApiErrorAnswer, spelling: FieldSpelling = {}): void {
    if (this.isJson) {
      const envelope = { context, status_code: answer.status, api_error: answer.body ?? {} };
      this.#writeError(toJsonLine(envelope), undefined);
    } else {
      this.#writeError(wrap(errorLines(context, answer, spelling), this.columns), 91);
    }
  }

  #writeError(text: string, colour: number | undefined): void {
    if (this.#quiet) return;
    const safe = text.replace(authTokenPattern, '$1_<redacted>');
    const coloured = this.#colour && colour !== undefined ? `\u001b[${colour}m${safe}\u001b[0m` : safe;
    this.#streams.stderr.write(`${coloured}\n`);
  }
}
