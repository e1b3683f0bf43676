/** Property tests of the compressed answer: whatever is written comes out of any gunzip, each piece at once, and nothing is missing at the end. */
import { PassThrough } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  acceptsGzip,
  GzipResponse,
  SharedPieces,
} from '../../packages/controller/src/api/http/gzip-response.ts';

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.tuple(fc.string(), fc.integer({ min: 1, max: 20_000 })).map(([text, count]) => text.repeat(count)),
    fc
      .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.string({ unit: 'binary' }))
      .map(([id, data]) => `event: delta\nid: ${id}\ndata: ${data}\n\n`),
    fc.constantFrom('', '\ndata: ', ': heartbeat\n\n', '\ud800', 'x'.repeat(100_000)),
  ),
  { maxLength: 12 },
);

/** As UTF-8 has it: a lone surrogate cannot be sent. */
const sent = (text: string): string => Buffer.from(text).toString();

/** One for all answers, as in the controller. */
const shared = new SharedPieces();

describe('a compressed answer', () => {
  test('is the gzip of all that was written', () => {
    fc.assert(
      fc.property(texts, (written) => {
        const peer = new PassThrough({ highWaterMark: 2 ** 30 });
        const response = new GzipResponse(peer as never, shared);
        for (const text of written) response.write(text);
        response.end();
        const bytes = peer.read() as Buffer;
        expect(gunzipSync(bytes).toString()).toBe(written.map(sent).join(''));
      }),
      { numRuns: 200 },
    );
  });

  test('holds back nothing of a piece', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (written) => {
        const peer = new PassThrough();
        const gunzip = peer.pipe(createGunzip());
        const response = new GzipResponse(peer as never, shared);
        let read = '';
        gunzip.setEncoding('utf8');
        gunzip.on('data', (piece: string) => (read += piece));
        let expected = '';
        for (const text of written) {
          response.write(text);
          expected += sent(text);
          await expect.poll(() => read.length, { interval: 1 }).toBe(expected.length);
        }
        expect(read).toBe(expected);
        gunzip.destroy();
      }),
      { numRuns: 50 },
    );
  });
});

describe('who takes gzip', () => {
  const word = fc.constantFrom('gzip', 'GZIP', '*', ';q=', '0', '0.1', '1', ',', ' ', 'br');
  const header = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: word }));

  test('is who names it, and nobody who refuses it', () => {
    fc.assert(
      fc.property(header, (accepted) => {
        if (acceptsGzip({ 'accept-encoding': accepted })) expect(accepted).toMatch(/gzip/i);
        const others = accepted.replaceAll(/gzip/gi, 'x');
        expect(acceptsGzip({ 'accept-encoding': `gzip;q=0, ${others}` })).toBe(false);
        expect(acceptsGzip({ 'accept-encoding': `gzip, ${others}` })).toBe(true);
      }),
    );
    expect(acceptsGzip({})).toBe(false);
  });

  test('gets much less of what resembles itself', () => {
    const peer = new PassThrough({ highWaterMark: 2 ** 30 });
    const response = new GzipResponse(peer as never, shared);
    const rows = Array.from({ length: 500 }, (_, at) =>
      JSON.stringify({ id: `s_${at}`, scope_id: 'p_1234567890', status: 'active', version: at }),
    );
    const text = `event: snapshot\ndata: [${rows.join(',')}]\n\n`;
    response.write(text);
    response.end();
    expect((peer.read() as Buffer).length).toBeLessThan(text.length / 4);
  });
});
