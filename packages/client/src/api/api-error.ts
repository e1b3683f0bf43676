/** An error answer of the API turned into a StileError: code by status and kind, never by the message (http-api.md §1.4). */
import { StileError, type ErrorCode, type ErrorDetails, type FieldError } from '@stile/protocol/errors';

const codeOfStatus: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [400, 'invalidArgument'],
  [401, 'unauthenticated'],
  [403, 'permissionDenied'],
  [404, 'notFound'],
  [405, 'methodNotAllowed'],
  [413, 'payloadTooLarge'],
  [429, 'tooManyRequests'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'deadlineExceeded'],
]);

const codeOfKind: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['FailedPrecondition', 'failedPrecondition'],
  ['invalid list token', 'invalidListToken'],
]);

/** An object's properties; empty for anything else. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Every property is checked where it is read.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** A string, or `''` for anything else. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function requestFields(body: Readonly<Record<string, unknown>>): FieldError[] {
  const fields = asRecord(body['details'])['request_fields'];
  if (!Array.isArray(fields)) return [];
  return fields.map((field) => ({
    name: asText(asRecord(field)['name']),
    description: asText(asRecord(field)['description']),
  }));
}

/** Seconds of a `Retry-After` header; undefined for a date or nonsense. */
export function retryAfterSeconds(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : undefined;
}

/** The error for an answer with status ≥ 400. `details.answer` holds the answer itself. */
export function apiError(status: number, body: unknown, retryAfter: number | undefined): StileError {
  const fields = asRecord(body);
  const kind = asText(fields['kind']);
  const code = codeOfKind.get(kind) ?? codeOfStatus.get(status) ?? 'internal';
  const details: ErrorDetails = {
    answer: { status, kind, body },
    requestFields: requestFields(fields),
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  };
  return new StileError(code, asText(fields['message']) || `the controller answered with status ${status}`, {
    details,
  });
}
