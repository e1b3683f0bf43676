// The load generator of the API: keep-alive clients in a process of its own, so that it does not share the controller's
// event loop. Each client has one call under way at a time.
import { Agent, request } from 'node:http';
import { serve } from './serve.mjs';

/** One call. Resolves with status and body, whatever the status. */
function call({ agent, url, method, headers, body, localAddress }) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        agent,
        method,
        localAddress,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode, text }));
        response.on('error', reject);
      },
    );
    outgoing.setTimeout(60_000, () => outgoing.destroy(new Error(`no answer within a minute from ${url}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * Runs `clients` clients for `forMs` or `count` calls in all, whichever ends first. Only answers with `expected` count; the
 * others are told apart by status. `bodies` and `localAddresses` are taken in turn, if given.
 */
async function load({ url, method, headers, bodies, clients, forMs, count, expected, localAddresses }) {
  const agents = Array.from({ length: clients }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const times = [];
  const failures = {};
  let firstFailure;
  let started = 0;
  const limit = count ?? Number.POSITIVE_INFINITY;
  const start = performance.now();
  const end = start + (forMs ?? Number.POSITIVE_INFINITY);
  const client = async (agent, number) => {
    while (started < limit && performance.now() < end) {
      const body = bodies?.[started % bodies.length];
      started += 1;
      const begin = performance.now();
      const localAddress = localAddresses?.[number % localAddresses.length];
      const { status, text } = await call({ agent, url, method, headers, body, localAddress });
      if (status === expected) times.push(performance.now() - begin);
      else {
        failures[status] = (failures[status] ?? 0) + 1;
        firstFailure ??= text.slice(0, 500);
      }
    }
  };
  try {
    await Promise.all(agents.map(client));
  } finally {
    for (const agent of agents) agent.destroy();
  }
  const seconds = (performance.now() - start) / 1000;
  return { times: Float64Array.from(times), seconds, failures, firstFailure };
}

/** Follows list tokens for `pages` pages; the time of each page after the first. */
async function walk({ url, headers, pages }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  const seen = new Set();
  let items = 0;
  try {
    let token;
    for (let page = 0; page < pages; page += 1) {
      const next = token === undefined ? url : `${url}&list_token=${encodeURIComponent(token)}`;
      const begin = performance.now();
      const { status, text } = await call({ agent, url: next, method: 'GET', headers });
      if (page > 0) times.push(performance.now() - begin);
      if (status !== 200) throw new Error(`page ${page + 1}: ${status} ${text.slice(0, 500)}`);
      const answer = JSON.parse(text);
      for (const item of answer.items ?? []) seen.add(item.id);
      items += answer.items?.length ?? 0;
      token = answer.list_token;
      if (answer.response_type === 'complete') break;
    }
  } finally {
    agent.destroy();
  }
  return { times: Float64Array.from(times), items, distinct: seen.size };
}

serve({ load, walk });
