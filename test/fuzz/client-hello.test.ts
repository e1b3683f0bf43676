// Property tests of the ClientHello reader: hostile bytes before any authentication.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { StileError } from '@stile/protocol';
import { parseClientHello, sessionIdOf } from '../../packages/worker/src/accept/client-hello.ts';

const sessionId = 's_1234567890';
let recorded: Buffer;

beforeAll(async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1', sessionId] });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  [recorded] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
});

/** The same handshake message spread over records of the given sizes. */
function respread(hello: Buffer, sizes: readonly number[]): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < message.length; i += 1) {
    const size = i < sizes.length ? (sizes[i] ?? 1) : message.length - at;
    const part = message.subarray(at, at + size);
    const head = Buffer.from([22, 3, 1, 0, 0]);
    head.writeUInt16BE(part.length, 3);
    records.push(head, part);
    at += part.length;
  }
  return Buffer.concat(records);
}

function outcome(bytes: Buffer): string {
  try {
    const hello = parseClientHello(bytes);
    return hello === undefined ? 'more' : (sessionIdOf(hello) ?? 'none');
  } catch (error) {
    expect(error).toBeInstanceOf(StileError);
    return 'refused';
  }
}

describe('ClientHello', () => {
  it('needs more at every cut before its end, and names the session at its end', () => {
    for (let cut = 0; cut < recorded.length; cut += 1)
      expect(outcome(recorded.subarray(0, cut))).toBe('more');
    expect(outcome(recorded)).toBe(sessionId);
    expect(outcome(Buffer.concat([recorded, Buffer.from('what follows')]))).toBe(sessionId);
  });

  it('is understood over several records', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 40 }), (sizes) => {
        expect(outcome(respread(recorded, sizes))).toBe(sessionId);
      }),
    );
  });

  it('over more records than any client needs is refused, so that single bytes cost little', () => {
    expect(
      outcome(
        respread(
          recorded,
          Array.from({ length: 500 }, () => 1),
        ),
      ),
    ).toBe('refused');
  });

  it('with any byte changed is a session, none, a wish for more, or a StileError', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), (place, byte) => {
        const changed = Buffer.from(recorded);
        changed[place % changed.length] = byte;
        outcome(changed);
      }),
      { numRuns: 1000 },
    );
  });

  it('of random bytes is never more than a StileError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        outcome(Buffer.concat([Buffer.from([22, 3, 1]), Buffer.from(bytes)]));
        outcome(Buffer.from(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
