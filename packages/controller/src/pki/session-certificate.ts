/**
 * The certificate of one session: self-signed, Ed25519, the session id as its first name; both ends of the client-worker
 * link present it (session-protocol.md §1.3). Made while a session is authorized, so it has to be quick.
 */
import { signCertificate, randomSerial } from './certificate.ts';
import type { AlternativeName } from './certificate.ts';
import { generateEd25519 } from './ed25519.ts';
import type { Ed25519KeyPair } from './ed25519.ts';

/** The certificate is good from one minute before the session (session-protocol.md §1.3), microseconds. */
const backdateUs = 60_000_000;

/** What a session certificate is made from. */
export interface SessionCertificateRequest {
  readonly sessionId: string;
  /** Host parts of the worker addresses, without port or brackets. */
  readonly workerHosts: readonly string[];
  /** Epoch microseconds. */
  readonly createdAt: number;
  /** Epoch microseconds; the certificate ends at the whole second before it. */
  readonly expiresAt: number;
  /** The key to use instead of a fresh one; for known-answer tests. */
  readonly keyPair?: Ed25519KeyPair;
  /** The serial to use instead of a random one; for known-answer tests. */
  readonly serial?: Uint8Array;
}

/** A session's certificate and key. */
export interface SessionCertificate {
  /** DER. */
  readonly certificate: Buffer;
  /** 64 bytes: seed ‖ public key. Secret. */
  readonly privateKey: Buffer;
}

/** The name of a worker host: an IP address as bytes, anything else as DNS text. */
export function alternativeNameOf(host: string): AlternativeName {
  // A DNS name holds no colon and does not end in a number, so the shape decides.
  if (!host.includes(':') && !/^\d+\.\d+\.\d+\.\d+$/.test(host)) return { dns: host };
  // The URL parser refuses illegal addresses and gives the one canonical form of the others.
  const url = `http://${host.includes(':') ? `[${host}]` : host}`;
  if (!URL.canParse(url)) return { dns: host };
  const canonical = new URL(url).hostname;
  if (!canonical.startsWith('[')) return { ip: Uint8Array.from(canonical.split('.').map(Number)) };
  return { ip: ipv6Bytes(canonical.slice(1, -1)) };
}

/** The 16 bytes of a canonical IPv6 address: hexadecimal groups and at most one `::`. */
function ipv6Bytes(canonical: string): Uint8Array {
  const [head = '', tail = ''] = canonical.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail);
  const zeros = Array<number>(8 - left.length - right.length).fill(0);
  return Uint8Array.from([...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]));
}

/** A certificate for one session with a fresh key. About 110 µs, of which 85 are key generation and signature. */
export function issueSessionCertificate(request: SessionCertificateRequest): SessionCertificate {
  const keyPair = request.keyPair ?? generateEd25519();
  const certificate = signCertificate(
    {
      serial: request.serial ?? randomSerial(),
      issuer: '',
      subject: '',
      notBefore: request.createdAt - backdateUs,
      notAfter: request.expiresAt,
      publicKey: keyPair.publicKey,
      keyUsage: ['digitalSignature', 'keyEncipherment', 'keyAgreement', 'keyCertSign'],
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
      isAuthority: true,
      alternativeNames: [{ dns: request.sessionId }, ...request.workerHosts.map(alternativeNameOf)],
    },
    keyPair.privateKey,
  );
  return { certificate, privateKey: Buffer.concat([keyPair.seed, keyPair.publicKey]) };
}
