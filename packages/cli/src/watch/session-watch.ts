/** One run of `stile sessions watch`: events in, a live table, lines or JSON out, until a signal or the reader of the output ends it. */
import {
  mergeDelta,
  pollList,
  watchEvents,
  type ApiClient,
  type EventRow,
  type Query,
  type WatchEvent,
} from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { changeLine, screenLines } from './watch-rows.ts';

/** Signals that end a watch, with exit code 0: there is no other way to end it. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Shortest time between two drawings of the table, milliseconds. */
const drawMs = 250;
/** Lines of a terminal that does not say. */
const defaultLines = 24;

/** Alternate screen and no cursor; and back. Only for terminals. */
const enterScreen = '\u001B[?1049h\u001B[?25l';
const leaveScreen = '\u001B[?25h\u001B[?1049l';
const home = '\u001B[H';
const clearLine = '\u001B[K';
const clearBelow = '\u001B[J';

/** What a watch prints with. */
interface View {
  /** One event, after the rows were changed by it. `changed` are the ids of the rows that did. */
  show(event: WatchEvent, changed: ReadonlySet<string>): void;
  /** Puts the terminal back. */
  end(): void;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** One line of JSON for each event. */
function jsonView({ output }: CommandContext): View {
  return {
    show: (event) => {
      if (event.type === 'event') output.printJson({ event: event.event, data: event.data });
      else if (event.type === 'lost') {
        output.printJson({
          event: 'lost',
          data: { reason: event.reason, retry_ms: Math.round(event.retryMs) },
        });
      }
    },
    end: () => undefined,
  };
}

/** One line for each change. */
function lineView({ output }: CommandContext, rows: ReadonlyMap<string, EventRow>): View {
  return {
    show: (event, changed) => {
      for (const id of changed) {
        const row = rows.get(id);
        if (row !== undefined) output.print(changeLine(row));
      }
      if (event.type === 'lost') output.warn(lostText(event));
    },
    end: () => undefined,
  };
}

function lostText({ reason, retryMs }: Extract<WatchEvent, { type: 'lost' }>): string {
  return `Lost the event stream: ${printable(reason).replace(/\.$/, '')}; trying again in ${(retryMs / 1000).toFixed(1)} s`;
}

/** A table that is drawn anew, a few times a second at most. */
function tableView({ output, streams }: CommandContext, rows: ReadonlyMap<string, EventRow>): View {
  let state = 'connecting';
  let timer: NodeJS.Timeout | undefined;
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  const draw = (): void => {
    timer = undefined;
    drawnAtMs = performance.now();
    // A terminal that is resized tells its new size here; `CommandStreams` names the width alone.
    const lines = 'rows' in streams.stdout ? Number(streams.stdout.rows) : defaultLines;
    const screen = { columns: output.columns, lines: lines > 0 ? lines : defaultLines, state };
    const text = screenLines(rows.values(), screen).map((line) => line + clearLine);
    output.write(`${home}${text.join('\r\n')}${clearBelow}`);
  };
  const drawSoon = (): void => {
    timer ??= setTimeout(draw, Math.max(0, drawnAtMs + drawMs - performance.now()));
  };
  output.write(enterScreen);
  drawSoon();
  streams.stdout.on('resize', drawSoon);
  return {
    show: (event) => {
      if (event.type === 'lost') state = lostText(event);
      else if (event.type === 'open' || event.event === 'snapshot-end') state = 'live';
      drawSoon();
    },
    end: () => {
      clearTimeout(timer);
      streams.stdout.removeListener('resize', drawSoon);
      output.write(leaveScreen);
    },
  };
}

function viewOf(context: CommandContext, rows: ReadonlyMap<string, EventRow>): View {
  if (context.output.isJson) return jsonView(context);
  return context.streams.stdout.isTTY === true ? tableView(context, rows) : lineView(context, rows);
}

/** The stream, or where the server has none, the list that is read again and again. */
async function* eventsOf(
  context: CommandContext,
  client: ApiClient,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const { flags } = context;
  const filter = flags.text('filter');
  const query: Query = {
    scope_id: flags.text('scope-id'),
    // Sessions lie in projects: where no scope is named, all of them are meant.
    recursive: flags.bool('recursive') || !flags.isGiven('scope-id') || undefined,
    include_terminated: flags.bool('include-terminated') || undefined,
    filter: filter === '' ? undefined : filter,
  };
  try {
    yield* watchEvents(client, { topic: 'sessions', ...query }, { signal });
  } catch (error) {
    if (!(error instanceof StileError) || error.code !== 'unsupported') throw error;
    context.output.warn('The controller has no event stream: its list is read every 10 seconds instead.');
    yield* pollList(client, { path: 'sessions', query }, { signal, wait: pause });
  }
}

/** Changes the rows as an event says. Gives the ids of those that changed; what is no row is left out. */
function apply(rows: Map<string, EventRow>, event: WatchEvent): ReadonlySet<string> {
  if (event.type !== 'event') return new Set();
  if (event.event === 'reset') rows.clear();
  if (event.event !== 'snapshot' && event.event !== 'delta') return new Set();
  const { data } = event;
  const { rows: given, removed } =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  return mergeDelta(rows, {
    rows: Array.isArray(given) ? given.filter(isRow) : [],
    removed: Array.isArray(removed) ? removed.filter((id) => typeof id === 'string') : [],
  });
}

function isRow(value: unknown): value is EventRow {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
}

/** Watches until a signal comes or nobody reads the output. @throws {StileError} as the server refuses */
export async function watchSessions(context: CommandContext, client: ApiClient): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of stopSignals) process.on(signal, onSignal);
  // In the shell Ctrl-C is no signal of the process.
  context.line?.signal.addEventListener('abort', onSignal);
  const rows = new Map<string, EventRow>();
  const view = viewOf(context, rows);
  try {
    for await (const event of eventsOf(context, client, stop.signal)) {
      view.show(event, apply(rows, event));
      if (!(await context.output.drained())) break;
    }
  } finally {
    view.end();
    for (const signal of stopSignals) process.off(signal, onSignal);
    context.line?.signal.removeEventListener('abort', onSignal);
  }
}
