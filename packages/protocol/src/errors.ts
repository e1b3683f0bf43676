/**
 * The one error class and the one table of error codes. Every process turns what goes wrong into a code here;
 * the edges (HTTP, WebSocket, command line) read what to answer from the table, never from a message text.
 */

/** What a code means at each edge. `closeCode` is a WebSocket close code (RFC 6455 §7.4), `exitCode` that of `stile`. */
export interface ErrorTraits {
  /** Kind shown in API bodies (http-api.md §1.4). */
  readonly kind: string;
  /** HTTP status. */
  readonly status: number;
  /** WebSocket close code on the client-worker link. */
  readonly closeCode: number;
  /** Exit code of the command line (cli.md §1.8). */
  readonly exitCode: number;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** One line for README and people. */
  readonly description: string;
}

const traits = (
  kind: string,
  numbers: readonly [status: number, closeCode: number, exitCode: number],
  description: string,
  retryable = false,
): ErrorTraits => ({
  kind,
  status: numbers[0],
  closeCode: numbers[1],
  exitCode: numbers[2],
  retryable,
  description,
});

/** Every public error code. Codes are never renamed or reused. */
export type ErrorCode =
  | 'invalidArgument'
  | 'failedPrecondition'
  | 'invalidListToken'
  | 'unauthenticated'
  | 'permissionDenied'
  | 'notFound'
  | 'methodNotAllowed'
  | 'unsupported'
  | 'payloadTooLarge'
  | 'tooManyRequests'
  | 'unavailable'
  | 'deadlineExceeded'
  | 'internal'
  | 'invalidConfig'
  | 'invalidFlag'
  | 'invalidAuthorizationToken'
  | 'invalidHandshake'
  | 'unreadableHandshake'
  | 'invalidTofuToken'
  | 'tofuTokenNotAllowed'
  | 'sessionNotAccepted'
  | 'sessionExpired'
  | 'sessionNotPending'
  | 'connectionNotAuthorized'
  | 'workerUnreachable'
  | 'controllerUnreachable'
  | 'endpointRefused'
  | 'endpointUnreachable'
  | 'invalidFrame'
  | 'frameTooLarge'
  | 'connectionReset'
  | 'listenFailed'
  | 'storageFull'
  | 'conflict'
  | 'aborted';

/** The one table: code to kind, HTTP status, close code, exit code, retryable, meaning. */
export const errorTable: Readonly<Record<ErrorCode, ErrorTraits>> = {
  invalidArgument: traits('InvalidArgument', [400, 1008, 3], 'a field, parameter or body is not legal'),
  failedPrecondition: traits(
    'FailedPrecondition',
    [400, 1008, 1],
    'the state of a resource forbids the call',
  ),
  invalidListToken: traits(
    'invalid list token',
    [400, 1008, 1],
    'a list token is damaged, expired or of another list',
  ),
  unauthenticated: traits(
    'Unauthenticated',
    [401, 1008, 1],
    'no valid auth token, and anonymous callers may not',
  ),
  permissionDenied: traits('PermissionDenied', [403, 1008, 1], 'no grant allows the call'),
  notFound: traits('NotFound', [404, 1008, 1], 'the resource does not exist, or another version of it does'),
  methodNotAllowed: traits('Unimplemented', [405, 1008, 1], 'the resource has no such verb'),
  unsupported: traits('Unimplemented', [405, 1008, 1], 'a feature that Stile does not offer'),
  payloadTooLarge: traits('InvalidArgument', [413, 1009, 1], 'a body is larger than the listener allows'),
  tooManyRequests: traits(
    'ResourceExhausted',
    [429, 1013, 1],
    'too many attempts; wait as long as Retry-After says',
    true,
  ),
  unavailable: traits(
    'Unavailable',
    [503, 1013, 1],
    'no worker, database or controller can serve the call now',
    true,
  ),
  deadlineExceeded: traits('DeadlineExceeded', [504, 1013, 1], 'the call took longer than it may', true),
  internal: traits('Internal', [500, 1011, 1], 'a fault of Stile; the log has the details under the log id'),
  invalidConfig: traits(
    'InvalidArgument',
    [500, 1011, 3],
    'the configuration file is not legal; the line is named',
  ),
  invalidFlag: traits('InvalidArgument', [400, 1008, 3], 'a command-line flag or value is not legal'),
  invalidAuthorizationToken: traits(
    'InvalidArgument',
    [400, 1008, 3],
    'a session authorization token cannot be read',
  ),
  invalidHandshake: traits(
    'InvalidArgument',
    [400, 1008, 2],
    'the first message of a connection is not a handshake',
  ),
  unreadableHandshake: traits(
    'InvalidArgument',
    [400, 1007, 2],
    'the first message of a connection is no such protobuf',
  ),
  invalidTofuToken: traits('InvalidArgument', [400, 1003, 2], 'a TOFU token does not have 20 characters'),
  tofuTokenNotAllowed: traits('PermissionDenied', [403, 1008, 2], 'the session is in use by another client'),
  sessionNotAccepted: traits(
    'PermissionDenied',
    [403, 1008, 2],
    'the worker does not know the session or refuses its certificate',
  ),
  sessionExpired: traits('FailedPrecondition', [400, 1008, 2], 'the session has reached its end'),
  sessionNotPending: traits(
    'FailedPrecondition',
    [400, 1011, 2],
    'the session ended before it was first used',
  ),
  connectionNotAuthorized: traits(
    'PermissionDenied',
    [403, 1011, 2],
    'session not active, expired, at its limit, or the right was taken away',
  ),
  workerUnreachable: traits('Unavailable', [503, 1011, 2], 'no worker of the session can be reached', true),
  controllerUnreachable: traits('Unavailable', [503, 1011, 2], 'the controller cannot be reached', true),
  endpointRefused: traits('Unavailable', [503, 3000, 2], 'the endpoint refused the connection', true),
  endpointUnreachable: traits(
    'Unavailable',
    [503, 3000, 2],
    'the endpoint cannot be resolved or reached',
    true,
  ),
  invalidFrame: traits(
    'InvalidArgument',
    [400, 1002, 2],
    'bytes that are no legal WebSocket frame or message',
  ),
  frameTooLarge: traits('InvalidArgument', [413, 1009, 2], 'a message is larger than its limit'),
  connectionReset: traits('Unavailable', [503, 1006, 2], 'the peer went away without a close', true),
  listenFailed: traits('FailedPrecondition', [500, 1011, 2], 'an address cannot be listened on'),
  storageFull: traits(
    'Unavailable',
    [503, 1011, 2],
    'the database cannot be written: disk full or read-only',
    true,
  ),
  conflict: traits(
    'FailedPrecondition',
    [400, 1008, 1],
    'another change came first; read again and repeat',
    true,
  ),
  aborted: traits('Unavailable', [503, 1001, 2], 'the operation was stopped from outside', true),
};

/** One wrong field of a request, as shown in `details.request_fields`. */
export interface FieldError {
  /** Path in JSON names, as `attributes.default_port`. */
  readonly name: string;
  readonly description: string;
}

/** Additional facts of an error that may cross a process. Never a secret. */
export interface ErrorDetails {
  readonly requestFields?: readonly FieldError[];
  /** Set for list-token errors only. */
  readonly op?: string;
  /** Seconds to wait before a retry. */
  readonly retryAfterSeconds?: number;
  /** On the side of an API client only: what the controller answered. */
  readonly answer?: ApiErrorAnswer;
}

/** An error answer of the API as a client received it. */
export interface ApiErrorAnswer {
  /** HTTP status. */
  readonly status: number;
  /** `kind` of the body; empty when it had none. */
  readonly kind: string;
  /** The body, parsed; undefined when it was empty or no JSON. */
  readonly body: unknown;
}

/** The only error that crosses a process. `message` is safe to show: lower case or a recorded text, never a secret. */
export class StileError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StileError';
    this.code = code;
    this.details = options.details;
  }

  /** What the code means at each edge. */
  get traits(): ErrorTraits {
    return errorTable[this.code];
  }
}

/** Message of a request whose details name what is wrong in it (http-api.md §1.4). */
export const invalidRequestMessage = 'Error in provided request.';

/** The refusal of a request of which one field is wrong (http-api.md §1.4). `name` is a path in JSON names. */
export function invalidField(name: string, description: string): StileError {
  return new StileError('invalidArgument', invalidRequestMessage, {
    details: { requestFields: [{ name, description }] },
  });
}

/** Whether `value` is a known error code; used where a code arrives over the wire. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorTable, value);
}

/** `error` itself when it is a StileError, else an `internal` one that keeps it as its cause and shows nothing of it. */
export function toStileError(error: unknown): StileError {
  if (error instanceof StileError) return error;
  return new StileError('internal', 'internal error', { cause: error });
}
