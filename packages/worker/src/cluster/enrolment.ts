/** How a worker gets and keeps its identity: its own key, a certificate for an activation token, a new one before the old ends. */
import { X509Certificate, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { StileError, decodeActivationToken } from '@stile/protocol';
import { RpcPeer, enrollMessage, enrollPath, renewMessage } from '@stile/protocol/rpc';
import type { EnrollResponse, RenewCertificateResponse } from '@stile/protocol/rpc';
import {
  Secret,
  formatHostPort,
  newEd25519Key,
  type Clock,
  type HostPort,
  type Logger,
} from '@stile/runtime';
import type { WebSocket } from 'ws';
import { openClusterSocket } from './cluster-socket.ts';
import type { WorkerIdentity } from './identity-store.ts';

/** How long the controller may take to answer, milliseconds. */
const callTimeoutMs = 10_000;

function newKey(): { readonly privateKey: KeyObject; readonly spki: Buffer } {
  const privateKey = newEd25519Key();
  return { privateKey, spki: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }) };
}

/** The identity of a key and what was issued for it. */
export function identityOf(
  workerId: string,
  key: KeyObject,
  issued: EnrollResponse | RenewCertificateResponse,
): WorkerIdentity {
  return {
    workerId,
    privateKey: new Secret(key.export({ format: 'pem', type: 'pkcs8' }).toString()),
    certificate: Buffer.from(issued.certificate),
    caCertificates: issued.caCertificates.map((der) => Buffer.from(der)),
  };
}

/** What every way of enrolment stands on. */
export interface EnrolmentGround {
  readonly upstreams: readonly HostPort[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What enrolment by an activation token needs. */
export interface EnrolmentOptions extends EnrolmentGround {
  readonly activationToken: Secret;
}

/**
 * Enrols with the first controller that answers.
 * @throws {StileError} permissionDenied (token unknown, used or expired, or another cluster), controllerUnreachable, aborted
 */
export async function enrol(options: EnrolmentOptions): Promise<WorkerIdentity> {
  const { caFingerprint, workerId } = decodeActivationToken(options.activationToken.reveal());
  let last: unknown;
  for (const address of options.upstreams) {
    try {
      const socket = await openClusterSocket({
        address,
        path: enrollPath,
        trust: { caFingerprint },
        signal: options.signal,
      });
      return await enrolOver(socket, workerId, options);
    } catch (error) {
      last = error;
      const isFinal =
        error instanceof StileError && (error.code === 'permissionDenied' || error.code === 'aborted');
      options.log.warn(
        { err: error, address: formatHostPort(address.host, address.port) },
        'enrolment failed',
      );
      if (isFinal) throw error;
    }
  }
  throw new StileError('controllerUnreachable', 'no controller of initial_upstreams can be reached', {
    cause: last,
  });
}

async function enrolOver(
  socket: WebSocket,
  workerId: string,
  options: EnrolmentOptions,
): Promise<WorkerIdentity> {
  const key = newKey();
  const activationToken = options.activationToken.reveal().trim();
  const signature = sign(null, enrollMessage(activationToken, key.spki), key.privateKey);
  const issued = await callOnce(socket, options, (peer) =>
    peer.call('enroll', { activationToken, publicKey: key.spki, signature }, options.signal),
  );
  if (issued.workerId !== workerId)
    throw new StileError('permissionDenied', 'the controller answered for another worker');
  return identityOf(workerId, key.privateKey, issued);
}

/**
 * Makes one call over a socket that serves no other purpose; takes ownership of it.
 * @throws {StileError} controllerUnreachable, what the controller answered, aborted
 */
export async function callOnce<T>(
  socket: WebSocket,
  { clock }: Pick<EnrolmentGround, 'clock'>,
  call: (peer: RpcPeer) => Promise<T>,
): Promise<T> {
  const peer = new RpcPeer({
    send: (bytes) => socket.send(bytes),
    handlers: {},
    callTimeoutMs,
    timers: clock,
  });
  const drop = (error: StileError): void => {
    peer.close(error);
    socket.terminate();
  };
  socket.on('message', (data: Buffer) => {
    try {
      peer.receive(data);
    } catch (cause) {
      drop(new StileError('controllerUnreachable', 'the controller sent what is no frame', { cause }));
    }
  });
  socket.on('close', () =>
    drop(new StileError('controllerUnreachable', 'the controller closed the enrolment')),
  );
  try {
    return await call(peer);
  } finally {
    drop(new StileError('aborted', 'enrolment is over'));
  }
}

/** A certificate for a fresh key, over the open link. @throws {StileError} what the controller answers */
export async function renew(peer: RpcPeer, identity: WorkerIdentity): Promise<WorkerIdentity> {
  const key = newKey();
  const signature = sign(null, renewMessage(key.spki), key.privateKey);
  const issued = await peer.call('renewCertificate', { publicKey: key.spki, signature });
  return identityOf(identity.workerId, key.privateKey, issued);
}

/** Whether less than `renewBeforeSeconds` of the certificate is left. */
export function isRenewalDue(identity: WorkerIdentity, renewBeforeSeconds: number, clock: Clock): boolean {
  const endsAtMs = Date.parse(new X509Certificate(identity.certificate).validTo);
  return endsAtMs - clock.nowUs() / 1000 < renewBeforeSeconds * 1000;
}
