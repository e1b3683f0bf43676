/**
 * The start-up banner of `stile dev` and `stile server` (http-api.md §3.4): scripts look up `Generated … Id:` and the addresses of
 * the `Listener N:` lines, and wait for the last line.
 */

/** The last line of the banner: everything listens and a worker is connected. */
export const startedLine = '==> Stile server started! Log data will stream in below:';

/** One listener as the banner shows it. */
export interface BannerListener {
  readonly purpose: 'api' | 'cluster' | 'proxy' | 'ops';
  /** host:port really bound. */
  readonly address: string;
  /** Further facts, as `cors_enabled`. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** First letter of each word upper case, the rest lower case; a word begins after white space, a hyphen, a bracket or a slash. */
function titleCase(text: string): string {
  return text
    .toLowerCase()
    .replace(
      /(^|[\s\-[(/])(\p{L})/gu,
      (_all, before: string, letter: string) => before + letter.toUpperCase(),
    );
}

/** The line of the listener with its facts sorted by name. */
function listenerLine(listener: BannerListener): string {
  const facts = {
    addr: listener.address,
    max_request_duration: '1m30s',
    purpose: listener.purpose,
    ...listener.facts,
  };
  const parts = Object.entries(facts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}: "${value}"`);
  return `tcp (${parts.join(', ')})`;
}

/** The banner: keys sorted bytewise as written, then title-cased and right-aligned. */
export function renderBanner(
  facts: Readonly<Record<string, string>>,
  listeners: readonly BannerListener[],
): string {
  const purposes = ['api', 'cluster', 'ops', 'proxy'];
  const sorted = [...listeners].sort((a, b) => purposes.indexOf(a.purpose) - purposes.indexOf(b.purpose));
  const all: Record<string, string> = { ...facts };
  sorted.forEach((listener, index) => {
    all[`listener ${index + 1}`] = listenerLine(listener);
  });
  const keys = Object.keys(all).sort((a, b) => (a < b ? -1 : 1));
  const width = Math.max(...keys.map((key) => key.length)) + 2;
  const lines = keys.map((key) => `${titleCase(key).padStart(width)}: ${all[key] ?? ''}`);
  return ['==> Stile server configuration:', '', ...lines, '', startedLine, '', ''].join('\n');
}

/** What a worker without an activation token prints while it waits: scripts look up the lines with `Worker Auth`. */
export function renderRegistration(
  notice: { readonly request: string; readonly fingerprint: string },
  storagePath: string,
): string {
  return [
    '==> This worker waits for an administrator to approve it:',
    '',
    `  Worker Auth Registration Request: ${notice.request}`,
    `  Worker Auth Fingerprint:          ${notice.fingerprint}`,
    `  Worker Auth Storage Path:         ${storagePath}`,
    '',
    '    stile workers create worker-led -worker-generated-auth-token REQUEST',
    '',
    '    The answer must show the same fingerprint. Keep the request among those who approve it.',
    '',
  ].join('\n');
}
