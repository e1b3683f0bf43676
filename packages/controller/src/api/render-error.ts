/**
 * Errors as answers: status, kind and body from the one error table (http-api.md §1.4). What is not a StileError is a fault of
 * ours: the client gets a log id, the log gets the rest.
 */
import { randomUUID } from 'node:crypto';
import { toStileError, type FieldError, type StileError } from '@stile/protocol/errors';
import { scrubAuthTokens, type Logger } from '@stile/runtime';

/** An error ready to be sent. */
export interface ErrorAnswer {
  readonly status: number;
  /** Absent = an empty body, as Boundary's 405 has. */
  readonly body?: object;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the log should know of the request. Never the query: it may hold what people typed by mistake. */
export interface RequestFacts {
  readonly method: string;
  readonly route: string;
  readonly correlationId?: string | undefined;
}

/** What was sent may be told back, but for the secret of a token that somebody put in the wrong place. */
function shownField({ name, description }: FieldError): FieldError {
  return { name: scrubAuthTokens(name), description: scrubAuthTokens(description) };
}

function detailsOf(error: StileError): object {
  const fields = error.details?.requestFields;
  if (fields === undefined || fields.length === 0) return {};
  const sorted = [...fields].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { details: { request_fields: sorted.map(shownField) } };
}

/** The answer for an error; logs it when it is a fault or an outage of ours. */
export function renderError(cause: unknown, log: Logger, request: RequestFacts): ErrorAnswer {
  const error = toStileError(cause);
  const { kind, status } = error.traits;
  const headers: Record<string, string> = {};
  const wait = error.details?.retryAfterSeconds;
  if (wait !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(wait)));
  if (error.code === 'payloadTooLarge') headers['Connection'] = 'close';
  if (error.code === 'methodNotAllowed') return { status, headers };
  let message = error.message;
  if (status >= 500) {
    const logId = request.correlationId ?? randomUUID();
    const facts = { code: error.code, logId, method: request.method, route: request.route };
    if (status === 500) {
      log.error({ err: error, ...facts }, 'request failed');
      message = `internal error; the log of the controller has it under ${logId}`;
    } else {
      // An outage is known by its sentence; a stack would only hide what caused it.
      log.warn({ reason: message, err: error.cause, ...facts }, 'request not served');
    }
  }
  const op = error.details?.op;
  const body = {
    kind,
    ...(op === undefined ? {} : { op }),
    message: scrubAuthTokens(message),
    ...detailsOf(error),
  };
  return { status, body, headers };
}
