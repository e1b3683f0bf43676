/**
 * Worker-led enrolment (design.md §6): a worker without an activation token asks the controllers, again and again, whether an
 * administrator has approved its registration request. Nobody is trusted by the address alone: the answer counts when it proves
 * that its sender was given the request.
 */
import { X509Certificate, createPublicKey, sign } from 'node:crypto';
import { StileError, approvalProof, isApprovalProof, toStileError } from '@stile/protocol';
import { enrollPath, registerMessage } from '@stile/protocol/rpc';
import type { RegisterResponse } from '@stile/protocol/rpc';
import { formatHostPort } from '@stile/runtime';
import type { WebSocket } from 'ws';
import { openClusterSocket } from '../cluster/cluster-socket.ts';
import { callOnce, identityOf, type EnrolmentGround } from '../cluster/enrolment.ts';
import type { WorkerIdentity } from '../cluster/identity-store.ts';
import type { PendingRegistration } from './registration-store.ts';

/**
 * Asks each controller once; undefined when none of them has it approved.
 * @throws {StileError} controllerUnreachable (none can be reached), aborted
 */
export async function askForApproval(
  pending: PendingRegistration,
  ground: EnrolmentGround,
): Promise<WorkerIdentity | undefined> {
  let isReached = false;
  let last: unknown;
  for (const address of ground.upstreams) {
    const where = formatHostPort(address.host, address.port);
    try {
      let serverCertificate = Buffer.alloc(0);
      const anybody = (shown: Buffer): void => {
        serverCertificate = Buffer.from(shown);
      };
      const socket = await openClusterSocket({
        address,
        path: enrollPath,
        trust: { anybody },
        signal: ground.signal,
      });
      return await registerOver({ socket, serverCertificate }, pending, ground);
    } catch (error) {
      const { code } = toStileError(error);
      if (code === 'aborted') throw error;
      if (code === 'notFound') isReached = true;
      else {
        last = error;
        ground.log.warn({ err: error, address: where }, 'the registration request cannot be asked about');
      }
    }
  }
  if (isReached) return undefined;
  throw new StileError('controllerUnreachable', 'no controller of initial_upstreams can be reached', {
    cause: last,
  });
}

async function registerOver(
  server: { readonly socket: WebSocket; readonly serverCertificate: Buffer },
  pending: PendingRegistration,
  ground: EnrolmentGround,
): Promise<WorkerIdentity> {
  const publicKey = createPublicKey(pending.privateKey).export({ format: 'der', type: 'spki' });
  const signature = sign(null, registerMessage(publicKey, server.serverCertificate), pending.privateKey);
  const answer = await callOnce(server.socket, ground, (peer) =>
    peer.call('register', { publicKey, signature }, ground.signal),
  );
  requireProof(pending, answer);
  return identityOf(answer.workerId, pending.privateKey, answer);
}

/** @throws {StileError} permissionDenied when the answer is not from whoever was given the request, or not for this key */
function requireProof(pending: PendingRegistration, answer: RegisterResponse): void {
  const secret = Buffer.from(pending.secret.reveal(), 'base64');
  if (!isApprovalProof(approvalProof(secret, pending.publicKey, answer), answer.proof)) {
    throw new StileError(
      'permissionDenied',
      'the answer to the registration request does not come from the controller whose administrator approved it',
    );
  }
  const { publicKey } = new X509Certificate(answer.certificate);
  if (!publicKey.equals(createPublicKey(pending.privateKey))) {
    throw new StileError('permissionDenied', 'the certificate is for another key');
  }
}
