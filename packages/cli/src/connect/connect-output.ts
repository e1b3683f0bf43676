/** What `connect` prints: where it listens, connections left, why it ended (cli.md §3.4). */
import type { ProxyEnd, HostPortLike } from './connect-types.ts';
import type { SessionAuthorization } from '@stile/protocol';
import type { ErrorCode, StileError } from '@stile/protocol/errors';
import type { SessionCredential } from '@stile/client/api';
import { connectLayout, credentialLines } from '../terminal/credential-lines.ts';
import { block, localTime, printable } from '../terminal/layout.ts';
import type { Output } from '../terminal/output.ts';

/** Epoch µs as RFC 3339, UTC, the fraction without trailing zeros. */
export function rfc3339(us: number): string {
  const seconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, 19);
  const fraction = String(us % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Where the proxy listens. */
export function printListening(
  output: Output,
  options: {
    bound: HostPortLike;
    authorization: SessionAuthorization;
    credentials: readonly SessionCredential[];
  },
): void {
  const { bound, authorization, credentials } = options;
  const expiration = rfc3339(authorization.expiresAt);
  if (output.isJson) {
    output.printJson({
      address: bound.host,
      port: bound.port,
      protocol: 'tcp',
      expiration,
      connection_limit: authorization.connectionLimit,
      session_id: authorization.sessionId,
      ...(credentials.length === 0 ? {} : { credentials }),
    });
    return;
  }
  const rows = {
    Address: bound.host,
    'Connection Limit': authorization.connectionLimit,
    Expiration: localTime(expiration),
    Port: bound.port,
    Protocol: 'tcp',
    'Session ID': authorization.sessionId,
  };
  output.printLines([
    '',
    'Proxy listening information:',
    ...block(rows, 2, 19),
    ...credentialLines(credentials, connectLayout),
  ]);
}

/** Credentials that the program did not get. */
export function printCredentials(output: Output, credentials: readonly SessionCredential[]): void {
  if (credentials.length === 0) return;
  if (output.isJson) output.printJson({ credentials });
  else output.printLines(credentialLines(credentials, connectLayout, 0));
}

/** Connections that the session still gives. */
export function printConnectionsLeft(output: Output, connectionsLeft: number): void {
  if (output.isJson) output.printJson({ connections_left: connectionsLeft });
  else
    output.printLines([
      '',
      'Connection information:',
      ...block({ 'Connections Left': connectionsLeft }, 2, 18),
    ]);
}

/** Why and by whom a session has ended, in a sentence; undefined while it goes on. */
export function endFromOutside(session: {
  readonly status?: string;
  readonly end_reason?: string;
  readonly termination_reason?: string;
  readonly ended_by?: string;
}): string | undefined {
  if (session.status !== 'canceling' && session.status !== 'terminated') return undefined;
  const reason = session.end_reason ?? session.termination_reason ?? session.status;
  const by = session.ended_by === undefined ? '' : ` (by ${session.ended_by})`;
  return `The session has ended: ${printable(`${reason}${by}`)}.`;
}

/** Why the proxy ended, in the recorded words. */
export function endReason(end: ProxyEnd, isShutdown: boolean): string {
  if (isShutdown) return 'Received shutdown signal';
  if (end.reason === 'error') return `Error from proxy client: ${end.error?.message ?? 'internal error'}`;
  return end.reason === 'closed' ? 'Unknown' : end.reason;
}

/** The termination block. */
export function printTermination(output: Output, reason: string): void {
  if (output.isJson) output.printJson({ termination_reason: reason });
  else output.printLines(['', 'Termination information:', ...block({ Reason: reason }, 2, 8)]);
}

const nextSteps: Partial<Record<ErrorCode, string>> = {
  tofuTokenNotAllowed: 'the session belongs to the client that used it first; authorize another session',
  sessionNotAccepted:
    'the session may have ended, or the worker cannot ask its controller; authorize another session',
  sessionNotPending: 'it was canceled or has expired; authorize another session',
  connectionNotAuthorized:
    'the session was canceled, its connections are used up, or the right to it was taken away; authorize another session',
  endpointUnreachable: "the target's address or port may be wrong, or nothing listens there",
  workerUnreachable: 'check that this machine reaches the worker',
};

/** An error of the proxy with what can be done about it. */
export function explain(error: StileError): string {
  const next = nextSteps[error.code];
  return printable(next === undefined ? error.message : `${error.message} (${next})`);
}
