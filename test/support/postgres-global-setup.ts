/** Starts one PostgreSQL for a whole vitest run; test files find its url by `inject('postgresUrl')`. */
import type { TestProject } from 'vitest/node';
import { PostgresServer } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl?: string;
  }
}

/** Called by vitest before the first test file; what it gives is called after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await PostgresServer.start();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
