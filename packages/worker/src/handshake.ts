/**
 * The first message of a connection, and what it leads to: the session is canceled, or the client's TOFU token is compared or bound, and the
 * controller gives its permission for one connection (session-protocol.md §3). Says how to close when it leads to neither.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  StileError,
  closeReasonOf,
  closeReasons,
  decodeClientHandshake,
  toStileError,
  type ClientHandshakeMessage,
  type CloseReason,
  type ErrorCode,
} from '@stile/protocol';
import type { HostPort, WebSocketStream } from '@stile/runtime';
import type { ControllerClient } from './cluster/controller-client.ts';
import type { ServedSession } from './session/served-session.ts';

/** What the handshake stands on. */
export interface HandshakeOptions {
  readonly stream: Pick<WebSocketStream, 'receiveMessage'>;
  readonly session: ServedSession;
  /** TCP peer. */
  readonly peer: HostPort;
  readonly controller: ControllerClient;
  /** Told when the first message has come: the time for it is over, what follows waits for the controller. */
  onMessage(): void;
}

/** What a handshake led to. */
export type HandshakeOutcome =
  | {
      readonly kind: 'authorized';
      readonly connectionId: string;
      /** After this one; -1 = unlimited. */
      readonly connectionsLeft: number;
      /** Capabilities of the client that are accepted. */
      readonly capabilities: readonly string[];
    }
  | { readonly kind: 'closed'; readonly close: CloseReason; readonly error?: StileError };

/** Optional features of this worker; none yet (design.md §6). */
const ownCapabilities: ReadonlySet<string> = new Set();

/** Carries the handshake through. Never rejects: what goes wrong is the close to send, with the error for the log. */
export async function performHandshake(options: HandshakeOptions): Promise<HandshakeOutcome> {
  let message: ClientHandshakeMessage;
  try {
    message = decodeClientHandshake(await options.stream.receiveMessage());
  } catch (error) {
    return closed(error);
  } finally {
    options.onMessage();
  }
  if (message.command === 'cancel') return cancel(options, message.tofuToken);
  return (await bind(options, message.tofuToken)) ?? authorize(options, message);
}

function closed(cause: unknown, close?: CloseReason): HandshakeOutcome {
  const error = toStileError(cause);
  return { kind: 'closed', close: close ?? closeReasonOf(error.code), error };
}

/** The session's own client may end it; before there is one, whoever holds its certificate. */
async function cancel(options: HandshakeOptions, tofuToken: string): Promise<HandshakeOutcome> {
  const { session, controller } = options;
  try {
    // What is known here may be two seconds old; a first client may have come through another worker.
    if (session.tofuToken === undefined) session.refresh(await controller.lookupSession(session.id));
    if (session.tofuToken !== undefined && !isSame(session.tofuToken, tofuToken)) return notAllowed(session);
    await controller.cancelSession(session.id);
    return { kind: 'closed', close: closeReasons.sessionCanceled };
  } catch (error) {
    return closed(error, closeReasons.cancelFailed);
  }
}

/** Compares the TOFU token, or stores it with the first client. Undefined when the client may go on. */
async function bind(options: HandshakeOptions, tofuToken: string): Promise<HandshakeOutcome | undefined> {
  const { session, controller } = options;
  if (session.tofuToken !== undefined) {
    return isSame(session.tofuToken, tofuToken) ? undefined : notAllowed(session);
  }
  if (session.status !== 'pending') {
    return closed(
      new StileError('sessionNotPending', `session ${session.id} ended before it was first used`),
    );
  }
  try {
    await controller.activateSession(session.id, tofuToken);
    session.activated(tofuToken);
    return undefined;
  } catch (cause) {
    const { code } = toStileError(cause);
    const hasOwnText =
      code === 'tofuTokenNotAllowed' || code === 'sessionNotPending' || isControllerAway(code);
    return closed(cause, hasOwnText ? undefined : closeReasons.activateFailed);
  }
}

async function authorize(
  options: HandshakeOptions,
  message: ClientHandshakeMessage,
): Promise<HandshakeOutcome> {
  const { session, controller, peer } = options;
  try {
    const request = { sessionId: session.id, clientAddress: peer.host, clientPort: peer.port };
    const { connectionId, connectionsLeft } = await controller.authorizeConnection(request);
    const capabilities = message.capabilities.filter((name) => ownCapabilities.has(name));
    return { kind: 'authorized', connectionId, connectionsLeft, capabilities };
  } catch (error) {
    return closed(error);
  }
}

/** The controller did not answer: nothing is wrong with the session, and its client must not believe so. */
function isControllerAway(code: ErrorCode): boolean {
  return code === 'controllerUnreachable' || code === 'deadlineExceeded';
}

function notAllowed(session: ServedSession): HandshakeOutcome {
  return closed(new StileError('tofuTokenNotAllowed', `session ${session.id} is in use by another client`));
}

function isSame(known: string, shown: string): boolean {
  const [left, right] = [Buffer.from(known), Buffer.from(shown)];
  return left.length === right.length && timingSafeEqual(left, right);
}
