/** A real Chromium for end-to-end tests: one process, ended by its id, that no failed test leaves behind. */
import { chromium, type Browser, type BrowserContext, type BrowserServer } from 'playwright-core';
import { findProgram } from './required.ts';

/** A running browser. */
export interface TestBrowser {
  /** A fresh profile: no cookies, no storage. Certificates that sign themselves are taken. */
  readonly newProfile: () => Promise<BrowserContext>;
  /** Ends it, at last by force. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** Longest life of a browser, milliseconds: a test file that hangs must not keep one. */
const longestLifeMs = 10 * 60_000;
/** It is given so long to end by itself, milliseconds. */
const closeMs = 10_000;

async function end(server: BrowserServer, browser: Browser | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), closeMs);
  });
  const closed = (async (): Promise<'closed'> => {
    await browser?.close();
    await server.close();
    return 'closed';
  })();
  const outcome = await Promise.race([closed.catch(() => 'late' as const), late]);
  clearTimeout(timer);
  if (outcome === 'late') await server.kill();
}

/** Starts Debian's Chromium without a window. The caller stops it. */
export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = findProgram('chromium');
  if (executablePath === undefined) throw new Error('chromium is not installed');
  const server = await chromium.launchServer({
    executablePath,
    headless: true,
    timeout: 60_000,
    // Tests run as root in containers, where Chromium has no sandbox and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const watchdog = setTimeout(() => server.process().kill('SIGKILL'), longestLifeMs);
  watchdog.unref();
  let ending: Promise<void> | undefined;
  let browser: Browser | undefined;
  const stop = (): Promise<void> => {
    clearTimeout(watchdog);
    ending ??= end(server, browser);
    return ending;
  };
  try {
    browser = await chromium.connect(server.wsEndpoint(), { timeout: 30_000 });
  } catch (error) {
    await stop();
    throw error;
  }
  const connected = browser;
  return {
    newProfile: async () => {
      // The API's answers forbid all scripts and calls to the documents that they are; a page of ours would not.
      const context = await connected.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
      context.setDefaultTimeout(20_000);
      return context;
    },
    stop,
  };
}
