/**
 * The authorization token made ready for use: decoded, checked, and its certificate and key turned into what TLS takes
 * (session-protocol.md §1). Step 5 of the connection flow starts here; the token may come from another machine.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { certificatePem, ed25519Pem } from '@stile/runtime';
import { StileError } from '@stile/protocol/errors';
import { decodeAuthorizationToken, type SessionAuthorization } from '@stile/protocol/session-authorization';

/** What a connection to a worker needs. Holds the session's private key: never log it. */
export interface SessionCredentials {
  readonly authorization: SessionAuthorization;
  /** DER of the session certificate; both ends present exactly this. */
  readonly certificate: Buffer;
  readonly secureContext: SecureContext;
}

/** Bytes of an Ed25519 seed, the first half of the 64 in the token. */
const seedBytes = 32;

function invalid(message: string, cause?: unknown): StileError {
  return new StileError('invalidAuthorizationToken', message, { cause });
}

/** The certificate's names, split literally: no pattern or case rule is applied (session-protocol.md §9.7). */
function hasDnsName(certificate: X509Certificate, name: string): boolean {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return names.includes(`DNS:${name}`);
}

function parseCertificate(authorization: SessionAuthorization): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(authorization.certificate);
  } catch (cause) {
    throw invalid('error creating TLS configuration: unable to decode mTLS certificate', cause);
  }
  if (!hasDnsName(certificate, authorization.sessionId)) {
    throw invalid('the session certificate of the authorization token is for another session');
  }
  return certificate;
}

function secureContextOf(authorization: SessionAuthorization, certificate: X509Certificate): SecureContext {
  const pem = certificatePem(certificate.raw);
  try {
    return createSecureContext({
      cert: pem,
      ca: pem,
      key: ed25519Pem(authorization.privateKey.subarray(0, seedBytes)),
      minVersion: 'TLSv1.3',
    });
  } catch (cause) {
    throw invalid(
      'error creating TLS configuration: certificate and key of the authorization token do not fit',
      cause,
    );
  }
}

/**
 * Decodes and checks an authorization token. Expiry is not checked here: an expired token is a proper token.
 * @param token its text, or the decoded data
 * @throws {StileError} invalidAuthorizationToken
 */
export function openAuthorization(token: string | SessionAuthorization): SessionCredentials {
  const authorization = typeof token === 'string' ? decodeAuthorizationToken(token) : token;
  if (authorization.workerAddresses.length === 0) throw invalid('no workers found in authorization data');
  const certificate = parseCertificate(authorization);
  return {
    authorization,
    certificate: certificate.raw,
    secureContext: secureContextOf(authorization, certificate),
  };
}
