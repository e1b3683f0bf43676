/** TLS 1.3 with a session's certificate on both ends (session-protocol.md §2.3): contexts made once a session, and the check of the client. */
import { constants, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext, type SecureContext } from 'node:tls';
import { StileError } from '@stile/protocol';
import { certificatePem, ed25519Pem, type Clock } from '@stile/runtime';
import type { ServedSession } from '../session/served-session.ts';

/** Bytes of an Ed25519 seed, the first half of the 64 of a session's key. */
const seedBytes = 32;
/** AES-128 first: its speed is the data path's; no cipher of TLS 1.3 is weak. */
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

function contextOf(session: ServedSession): SecureContext {
  return createSecureContext({
    cert: certificatePem(session.certificate),
    key: ed25519Pem(session.privateKey.subarray(0, seedBytes)),
    minVersion: 'TLSv1.3',
    ciphers,
    // Every connection shows its certificate: nobody comes back on an old handshake. `ca` stays unset: a list of authorities
    // makes real clients send no certificate (session-protocol.md §9.4).
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

/** Wraps accepted sockets; keeps one context for each session as long as the session is held. */
export class SessionTls {
  readonly #contexts = new WeakMap<ServedSession, SecureContext>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does the handshake on a socket whose ClientHello was put back. The TLS socket owns `socket`; it is left paused.
   * @throws {StileError} connectionReset (handshake failed, or given up), sessionNotAccepted (no certificate, another one, or not valid now)
   */
  async accept(socket: Socket, session: ServedSession): Promise<TLSSocket> {
    const tls = new TLSSocket(socket, {
      isServer: true,
      requestCert: true,
      // Checked below, byte for byte; a chain proves nothing here.
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      secureContext: this.#contextOf(session),
    });
    try {
      await untilSecure(tls);
      this.#requireSessionCertificate(tls, session);
      return tls;
    } catch (error) {
      tls.destroy();
      throw error;
    }
  }

  #contextOf(session: ServedSession): SecureContext {
    const known = this.#contexts.get(session);
    if (known !== undefined) return known;
    const context = contextOf(session);
    this.#contexts.set(session, context);
    return context;
  }

  /** Possession of the key was proven in the handshake; here it is settled that it is the key of this very certificate. */
  #requireSessionCertificate(tls: TLSSocket, session: ServedSession): void {
    const refused = (why: string): StileError =>
      new StileError('sessionNotAccepted', `session ${session.id}: ${why}`);
    const shown = tls.getPeerX509Certificate();
    if (shown === undefined) throw refused('the client showed no certificate');
    const isSame =
      shown.raw.length === session.certificate.length && timingSafeEqual(shown.raw, session.certificate);
    if (!isSame) throw refused('the client showed another certificate');
    const nowMs = this.#clock.nowUs() / 1000;
    if (nowMs < Date.parse(shown.validFrom) || nowMs * 1000 >= session.expiresAt)
      throw refused('its certificate is not valid now');
  }
}

function untilSecure(tls: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.on('error', (cause) =>
      reject(new StileError('connectionReset', 'the TLS handshake failed', { cause })),
    );
    tls.once('close', () =>
      reject(new StileError('connectionReset', 'the connection ended in the TLS handshake')),
    );
    tls.once('secure', () => {
      tls.pause();
      resolve();
    });
  });
}
