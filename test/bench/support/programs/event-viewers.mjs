// Many viewers of the event stream in one process: each on a socket of its own, reading all that comes.
import { request } from 'node:http';
import { createGunzip } from 'node:zlib';
import { SseParser } from '@stile/client/browser';
import { serve } from './serve.mjs';

const viewers = [];
/** From when on changes are timed, epoch milliseconds; those of before came with the snapshot. */
let timedFromMs = Infinity;
let delays = [];
let bytes = 0;

/** A viewer whose snapshot has come: resolves with how many rows it had and how long it took. */
function open({ address, token, query }) {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const url = new URL(`/v1/events?${query}`, address);
    // As browsers ask.
    const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip, deflate, br' };
    const sent = request(url, { agent: false, headers });
    sent.on('error', reject);
    sent.on('response', (message) => {
      if (message.statusCode !== 200) reject(new Error(`the stream was answered with ${message.statusCode}`));
      const parser = new SseParser();
      let rows = 0;
      message.on('error', () => undefined); // The bench has ended.
      message.on('data', (piece) => (bytes += piece.length));
      const text = message.pipe(createGunzip());
      text.on('error', () => undefined); // It was cut with the message.
      text.setEncoding('utf8');
      text.on('data', (piece) => {
        const nowMs = Date.now();
        for (const { event, data } of parser.push(piece)) {
          if (event === 'snapshot') rows += JSON.parse(data).rows.length;
          else if (event === 'snapshot-end') resolve({ rows, ms: performance.now() - startMs });
          else if (event === 'delta') note(JSON.parse(data).rows, nowMs);
        }
      });
      viewers.push(sent);
    });
    sent.end();
  });
}

function note(rows, nowMs) {
  for (const row of rows) {
    const changedMs = Date.parse(row.updated_time);
    if (changedMs >= timedFromMs) delays.push(nowMs - changedMs);
  }
}

serve({
  /** Opens them one after the other: snapshots of all at once are no state that lasts. */
  open: async ({ viewers: wanted }) => {
    const opened = [];
    for (const each of wanted) opened.push(await open(each));
    return opened;
  },
  begin: () => {
    timedFromMs = Date.now();
    delays = [];
    bytes = 0;
  },
  /** What came since `begin`. */
  end: () => {
    timedFromMs = Infinity;
    return { delays: Float64Array.from(delays), bytes };
  },
  close: () => {
    for (const each of viewers.splice(0)) each.destroy();
  },
});
